"""How offers are shown: the table, what stands under it, and why the first is the first."""

import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices
from spotkeeper.cli.terminal import plain_text, terminal_width
from spotkeeper.market.feeds import Progress
from spotkeeper.model.duration import words
from spotkeeper.model.instance_type import Arch
from spotkeeper.model.offer import Offer, Ranking, SortBy
from spotkeeper.model.record import Record
from spotkeeper.timings import JUST_NOW


def gpu(row: render.Row) -> str:
    """Count, model and GB of the GPUs, ``-`` for none; a fraction as in ``0.5x``."""
    if row["gpu_name"] is None:
        return render.UNKNOWN
    count = row["gpu_count"] or round(row["gpu_share"], 3)
    memory_gb = row["gpu_memory_gb"]
    size = render.UNKNOWN if memory_gb is None else f"{memory_gb:g}"
    return f"{count:g}x {row['gpu_name']} {size}"


#: What is said under the table of each fact, in this order; younger than this it is from now.
FACTS = {
    "spot_usd_per_hour": "prices",
    "on_demand_usd_per_hour": "On-Demand",
    "saving_percent": "savings",
    "hardware": "types",
    "interruption_band": "bands",
    "placement_score": "scores",
    "quota_free_vcpus": "quotas",
}
NAMES = {
    "spot-advisor": "Spot Advisor",
    "aws-public-spot-prices": "AWS's public file",
}

#: What is said of a term stands beside its name, on every line.
INDENT = " " * 13


def _price(title: str, key: str, *, spare: int = 0) -> render.Column:
    return render.Column(title, lambda row: render.price(row[key]), right=True, spare=spare)


def _number(title: str, key: str, spare: int) -> render.Column:
    return render.Column(title, lambda row: _whole(row[key]), right=True, spare=spare)


def _whole(value: float | None) -> str:
    return render.UNKNOWN if value is None else f"{value:.0f}"


def _size(row: render.Row) -> str:
    return f"{row['vcpus']}/{row['memory_gib']:g}"


def _zones(row: render.Row) -> str:
    return str(len(row["zones"])) if row["zones"] else render.UNKNOWN


GPU = render.Column("GPU, GB", gpu, wraps=True)
ZONE = render.Column("Zone", lambda row: str(row["zone"] or row["region"]))
ZONES = render.Column("Zones", _zones, right=True, spare=3)
#: Without it all is for x86_64.
ARCH = render.field("Arch", "arch")
COLUMNS = (
    render.field("Type", "instance_type"),
    ARCH,
    ZONE,
    ZONES,
    render.Column("vCPU\n/GiB", _size, right=True, spare=4),
    GPU,
    _price("Spot\n$/h", "spot_usd_per_hour"),
    _price("On-\nDemand", "on_demand_usd_per_hour", spare=2),
    _number("Saved\n%", "saving_percent", 5),
    render.field("Inter-\nrupted", "interruption_band", spare=6),
    _price("Expec-\nted", "expected_usd_per_useful_hour"),
)
SCORE = _number("Score\nof 10", "placement_score", 4)
FITS = _number("Quota\nfits", "quota_fits", 4)
PER_GPU = _price("$/h per\nGPU", "usd_per_gpu_hour", spare=1)
PER_VCPU = _price("$/h per\nvCPU", "usd_per_vcpu_hour", spare=1)


def columns(rows: Sequence[render.Row]) -> tuple[render.Column, ...]:
    """The columns that have something to show."""

    def known(key: str) -> bool:
        return any(row[key] is not None for row in rows)

    per = PER_GPU if known("usd_per_gpu_hour") else PER_VCPU
    shown = (
        (GPU, known("gpu_name")),
        (SCORE, known("placement_score")),
        (FITS, known("quota_fits")),
        (ZONES, any(len(row["zones"] or ()) > 1 for row in rows)),
        (ARCH, any(row["arch"] not in {None, Arch.X86_64} for row in rows)),
    )
    absent = {column for column, has_something in shown if not has_something}
    return tuple(each for each in (*COLUMNS, SCORE, FITS, per) if each not in absent)


def progress(choices: Choices) -> Progress | None:
    """Says on a terminal how many regions have answered."""
    if not sys.stderr.isatty():
        return None
    begun = time.monotonic()

    def told(answered: int, asked: int, prices: int) -> None:
        elapsed = timedelta(seconds=time.monotonic() - begun)
        text = f"{answered} of {asked} regions answered, {prices:,} prices"
        choices.talk.waiting(text, elapsed)

    return told


def say_rest(ranking: Ranking) -> None:
    """Under the table, on stderr: what comes last and why, what is not shown, the facts' ages."""
    for offer in ranking.offers:
        if offer.cooling:
            click.echo(plain_text(f"{offer.pool} comes last: {offer.cooling}"), err=True)
    pools = sum(len(offer.zones) or 1 for offer in ranking.offers)
    if pools < ranking.found:
        told = f"these are {pools:,} of {ranking.found:,} pools; --limit shows more"
        click.echo(plain_text(told), err=True)
    say_facts(ranking.offers, ranking.made_at)


def say_facts(
    offers: Iterable[Offer], now: datetime | None, facts: Collection[str] = FACTS
) -> None:
    """How old the facts are, and where those come from that EC2 did not tell."""
    by_age: dict[str, list[str]] = {}
    for fact, told in _ages(offers, now, facts):
        by_age.setdefault(told, []).append(fact)
    if by_age:
        ages = "; ".join(f"{', '.join(facts)} {told}" for told, facts in by_age.items())
        click.echo(plain_text(f"facts: {ages}"), err=True)


def _ages(
    offers: Iterable[Offer], now: datetime | None, facts: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Each fact, with its source where that is not EC2, and the age of the oldest of its kind."""
    oldest: dict[str, tuple[datetime, str]] = {}
    for source in (source for offer in offers for source in offer.sources):
        known = oldest.get(source.fact, (source.as_of, source.origin))
        oldest[source.fact] = min(known, (source.as_of, source.origin))
    for fact, name in FACTS.items():
        if now is not None and fact in oldest and fact in facts:
            as_of, origin = oldest[fact]
            by = f" ({NAMES[origin]})" if origin in NAMES else ""
            yield f"{name}{by}", age(now - as_of)


def age(length: timedelta) -> str:
    """How old something is, roughly."""
    return "now" if length < JUST_NOW else f"{words(length).split(' ', maxsplit=1)[0]} old"


def say_why(why: Record | None, refused: Mapping[str, int]) -> None:
    """The terms of the first offer, and how many pools fell to which rule."""
    import textwrap

    for line in terms(why) if why else ():
        for part in textwrap.wrap(plain_text(line), terminal_width(), subsequent_indent=INDENT):
            click.echo(plain_text(part))
    for reason, count in refused.items():
        click.echo(plain_text(f"refused {count:,}: {reason}"))


def terms(why: Record) -> Iterator[str]:
    """price x (1 + hazard x hours lost), each with where it comes from."""
    usd, lost = why["spot_usd_per_hour"], why["lost_hours_per_interruption"]
    yield f"Why {why['pool']} is first by {why['sorted_by']}:"
    yield f"  price      ${usd:g}/h"
    if why["sorted_by"] == SortBy.SAVING:
        yield f"  saving     {_saving(why)}"
    if why["interruptions_per_hour"] is None:
        yield "  risk       not known, so that the price alone counts"
        return
    yield f"  risk       {_hazard(why)}"
    restart, checkpoint = (_hours(why[f"{name}_hours"]) for name in ("restart", "checkpoint"))
    yield (
        f"  lost work  {_hours(lost)} an interruption: {restart} restart and half of a "
        f"checkpoint every {checkpoint}"
    )
    hazard, expected = why["interruptions_per_hour"], why["ranked_by_usd_per_hour"]
    sum_of_it = f"${usd:g} x (1 + {hazard:.4g} x {lost:.4g} h)"
    yield f"  expected   {sum_of_it} = ${render.price(expected)} an hour of kept work"


def _saving(why: Record) -> str:
    percent, listed = why["saving_percent"], why["on_demand_usd_per_hour"]
    if percent is None:
        return "not known"
    return f"{percent:.2f} % of " + (
        f"On-Demand, ${listed:g}/h" if listed else "On-Demand, as the Spot Advisor has it"
    )


def _hazard(why: Record) -> str:
    """The interruptions per hour, step after step."""
    band, score, own = why["band"], why["placement_score"], why["own_experience"]
    told = [
        f"{why['interruptions_per_hour']:.4g} interruptions/h in a run of "
        f"{_hours(why['run_hours'])}: {why['band_interruptions_per_hour']:.4g} "
        + (f"by the band {band}" if band else "since no band is known, the worst")
    ]
    if score is not None:
        told.append(f"x {why['score_factor']:.4g} by the placement score {score} of 10")
    if own is not None:
        told.append(
            f"x {why['own_factor']:.4g} by our own {own['interruptions']:.1f} interruptions in "
            f"{own['hours']:.0f} h (older ones count less)"
        )
    return ", ".join(told)


def _hours(hours: float) -> str:
    return words(timedelta(hours=hours))
