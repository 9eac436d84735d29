"""Price histories out of files: nobody is asked, and nothing but the file is known."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from spotkeeper.errors import BadInput
from spotkeeper.market.catalog import exact_names
from spotkeeper.market.series import PoolHistory, moment, series
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import LINUX, Pool
from spotkeeper.store.price_files import read_dump
from spotkeeper.store.price_rows import Dump, PoolName, Rows

#: A zone's name begins with its region's: us-east-1a, us-west-2-lax-1a.
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """The histories of pools from ``begin`` to ``end``, by type, region and zone.

    ``rows``         how many were read, those of other pools included.
    ``interrupted``  somebody did not want to wait for the regions that are missing.
    """

    pools: tuple[PoolHistory, ...]
    begin: datetime
    end: datetime
    rows: int
    warnings: tuple[str, ...] = ()
    interrupted: bool = False


def from_file(
    path: Path,
    types: Sequence[str] = (),
    in_regions: Sequence[str] = (),
    days: int | None = None,
) -> PriceHistory:
    """What a file says of the pools whose type matches, in its last ``days``, or in all its time.

    Raises:
        NotFound: there is no such file.
        BadInput: it is no price history, not whole, or says nothing of what was asked for.
    """
    dump = read_dump(path, types)
    _refuse_unknown(path, dump, types)
    begin = dump.end - timedelta(days=days).total_seconds() if days else None
    pools = sorted(histories(dump.pools, end=dump.end, begin=begin), key=by_name)
    chosen = tuple(pool for pool in pools if not in_regions or pool.pool.region in in_regions)
    if not chosen:
        raise _nothing(path, dump, pools)
    first = min(each.series.begin for each in chosen)
    return PriceHistory(chosen, first, moment(dump.end), dump.rows, tuple(_told(dump)))


def histories(
    rows: Mapping[PoolName, Rows], *, end: float, begin: float | None = None, region: str = ""
) -> Iterator[PoolHistory]:
    """The rows of each pool as a series; a zone's name says its region where nobody else does."""
    for name, some in rows.items():
        times, usd = some.times.tolist(), some.usd_per_hour.tolist()
        found = _REGION.match(name.zone)
        named = region or (found[0] if found else "")
        zone = Zone(named, name.zone, name.zone_id or None)
        known = series(times, usd, end=end, begin=begin)
        yield PoolHistory(Pool(name.instance_type, zone, name.product or LINUX), known, len(times))


def by_name(history: PoolHistory) -> tuple[str, str, str, str]:
    """The order in which pools are shown."""
    zone = history.pool.zone
    return history.pool.instance_type, zone.region, zone.name, zone.id or ""


def _refuse_unknown(path: Path, dump: Dump, globs: Sequence[str]) -> None:
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in dump.types):
            near = difflib.get_close_matches(glob, sorted(dump.types), n=1, cutoff=0.5)
            exact = exact_names([glob])
            raise BadInput(
                f"{path} has no prices of {glob!r}" if exact else f"{path}: no type fits {glob!r}",
                next_step=f"Did you mean {near[0]}?"
                if near
                else "Leave TYPE out to see them all.",
            )


def _nothing(path: Path, dump: Dump, pools: Sequence[PoolHistory]) -> BadInput:
    if pools:
        known = sorted({each.pool.region for each in pools if each.pool.region})
        return BadInput(
            f"{path} names no zone of these regions",
            next_step=f"It has {', '.join(known)}." if known else "It names zones by id only.",
        )
    products = ", ".join(sorted(dump.others))
    return BadInput(
        f"{path} has no prices of {LINUX} for this, only of {products}",
        next_step=f"Ask EC2 with --product-descriptions {LINUX}.",
    )


def _told(dump: Dump) -> Iterator[str]:
    if dump.others:
        count = sum(dump.others.values())
        yield f"{count:,} rows are left out: they are of {', '.join(sorted(dump.others))}"
