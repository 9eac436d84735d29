"""Nouns for tests: every field that a test does not care about has a plain value."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.machine import Instance, InstanceState
from spotkeeper.model.offer import Offer, SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.model.spot_request import RequestState, SpotRequest
from spotkeeper.store.journal import VERSION, entries

E = TypeVar("E", bound=Entry)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A10G = Gpus("A10G", "NVIDIA", 1, 22_888)  # as EC2 lists it: sold as 24 GB, 22.4 GiB

_G5 = InstanceType(
    name="g5.xlarge",
    vcpus=4,
    memory_mib=16 * 1024,
    archs=("x86_64",),
    gpus=A10G,
    spot_supported=True,
    hibernation_supported=False,
)

_INSTANCE = Instance(
    id="i-1",
    region="us-east-1",
    zone_name="us-east-1a",
    instance_type="g5.xlarge",
    state=InstanceState.RUNNING,
    launched_at=NOON,
    lifecycle="spot",
    request_id="sir-1",
)

_REQUEST = SpotRequest(
    id="sir-1",
    region="us-east-1",
    state=RequestState.ACTIVE,
    status_code="fulfilled",
    status_since=NOON,
    persistent=True,
    interruption_behavior="stop",
    created_at=NOON,
    instance_id="i-1",
    instance_type="g5.xlarge",
    zone_name="us-east-1a",
)


def hardware(name: str = "g5.xlarge", **fields: Any) -> InstanceType:
    """An instance type; a g5.xlarge unless told otherwise."""
    return replace(_G5, name=name, **fields)


def instance(id_: str = "i-1", **fields: Any) -> Instance:
    """A running Spot instance of the request sir-1."""
    return replace(_INSTANCE, id=id_, **fields)


def request(id_: str = "sir-1", **fields: Any) -> SpotRequest:
    """A fulfilled persistent request."""
    return replace(_REQUEST, id=id_, **fields)


def pool(name: str = "g5.xlarge", zone: str = "us-east-1a", zone_id: str | None = None) -> Pool:
    """A Linux pool; the region is that of the zone."""
    return Pool(name, Zone(zone[:-1], zone, zone_id))


def offer(
    usd: str = "0.40",
    *,
    on_demand: str | None = "1.006",
    at: Pool | None = None,
    row: InstanceType | None = None,
) -> Offer:
    """An offer of a g5.xlarge, or of the pool and hardware named."""
    place = at or pool()
    return Offer(
        row or hardware(place.instance_type),
        SpotPrice(place, Decimal(usd), NOON),
        None if on_demand is None else Decimal(on_demand),
    )


def entry_of(kind: type[E], at: datetime, fields: Mapping[str, str] = MappingProxyType({})) -> E:
    """An entry as a line of the journal says it; fields that the kind has not are passed over."""
    record = {"v": VERSION, "at": at.isoformat(), "what": kind.kind, **fields}
    text = json.dumps(record).encode()
    [found] = entries(b"%08x %s\n" % (zlib.crc32(text), text), written=at)
    assert isinstance(found, kind)
    return found
