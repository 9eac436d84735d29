"""What ``--output json`` and ``csv`` contain. These field names are a promise."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from spotkeeper.costs.report import Cost
from spotkeeper.keeper.answers import MachineReport, PriceRow
from spotkeeper.lifecycle.doctor import Check
from spotkeeper.lifecycle.giveback import Outcome
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.lifecycle.ports import Leftover, Thing
from spotkeeper.model.naming import tag_time
from spotkeeper.model.offer import Offer, Refusal

Record = dict[str, Any]


def offer(found: Offer) -> Record:
    """One offer."""
    hardware, zone, gpus = found.hardware, found.pool.zone, found.hardware.gpus
    return {
        "region": zone.region,
        "zone": zone.name,
        "zone_id": zone.id,
        "instance_type": hardware.name,
        "platform": found.pool.platform,
        "vcpus": hardware.vcpus,
        "memory_gib": hardware.memory_gib,
        "gpu_name": gpus.name if gpus else None,
        "gpu_count": hardware.gpu_count,
        "gpu_share": gpus.share if gpus else None,
        "gpu_memory_gib": gpus.memory_gib_each if gpus else None,
        "arch": hardware.arch,
        "spot_usd_per_hour": number(found.spot_usd_per_hour),
        "on_demand_usd_per_hour": number(found.on_demand_usd_per_hour),
        "saving_percent": number(found.saving_percent),
        "interruption_band": found.interruption_band,
        "interruption_percent_max": found.interruption_percent_max,
        "placement_score": found.placement_score,
        "expected_usd_per_useful_hour": number(found.expected_usd_per_useful_hour),
        "price_time": moment(found.price.since),
        "sources": [
            {"fact": source.fact, "origin": source.origin, "as_of": moment(source.as_of)}
            for source in found.sources
        ],
    }


def refusal(found: Refusal) -> Record:
    """One refused pool."""
    return {"pool": found.pool, "reason": found.reason}


def price_row(row: PriceRow) -> Record:
    """One type of the comparison."""
    cheapest = row.cheapest
    return {
        "instance_type": row.instance_type,
        "region": row.region,
        "on_demand_usd_per_hour": number(row.on_demand_usd_per_hour),
        "spot_usd_per_hour": number(cheapest.spot_usd_per_hour),
        "zone": cheapest.pool.zone.name,
        "zone_id": cheapest.pool.zone.id,
        "saving_percent": number(cheapest.saving_percent),
        "price_time": moment(cheapest.price.since),
    }


def machine(report: MachineReport) -> Record:
    """One machine."""
    found = report.machine
    instance, request = found.instance, found.request
    return {
        "name": found.name,
        "kind": found.kind.value,
        "state": found.state,
        "summary": found.summary(),
        "region": found.region,
        "zone": found.zone_name,
        "instance_type": found.instance_type,
        "instance_id": instance.id if instance else None,
        "request_id": request.id if request else instance.request_id if instance else None,
        "request_state": request.state.value if request else None,
        "request_status": request.status_code if request else None,
        "public_ip": instance.public_ip if instance else None,
        "volume_ids": list(instance.volume_ids) if instance else [],
        "ssh": report.login.line() if report.login else None,
        "launched_at": moment(instance.launched_at) if instance else None,
        "deadline": moment(found.deadline),
        "spot_usd_per_hour": number(report.spot_usd_per_hour),
        "on_demand_usd_per_hour": number(report.on_demand_usd_per_hour),
        "saving_percent": number(report.saving_percent),
        "max_price_usd_per_hour": number(report.max_usd_per_hour),
        "tags": dict(found.tags),
    }


def plan(found: Plan) -> Record:
    """A launch that was only planned."""
    return {
        "name": found.wish.name,
        "kind": found.wish.kind.value,
        "on_interruption": str(found.wish.behaviour),
        "image": found.image,
        "deadline": moment(found.deadline),
        "valid_until": moment(found.valid_until),
        "usd_per_day": number(found.usd_per_day),
        "max_price_usd_per_hour": number(found.candidates[0].max_usd_per_hour),
        "offer": offer(found.first),
        "pools": [str(candidate.offer.pool) for candidate in found.candidates],
    }


def thing(found: Thing) -> Record:
    """Something that was ended."""
    return {"kind": str(found.kind), "id": found.id, "region": found.region}


def leftover(found: Leftover) -> Record:
    """Something that could not be ended."""
    return {**thing(found.thing), "reason": found.reason}


def outcome(found: Outcome) -> Mapping[str, list[Record]]:
    """What ``down`` did."""
    return {
        "ended": [thing(each) for each in found.ended],
        "left": [leftover(each) for each in found.left],
    }


def cost(found: Cost) -> Record:
    """An estimate."""
    return {
        "name": found.name,
        "instance_type": found.instance_type,
        "zone": found.zone_name,
        "ran_seconds": int(found.ran.total_seconds()),
        "interruptions": found.interruptions,
        "spot_usd": number(found.spot_usd),
        "on_demand_usd": number(found.on_demand_usd),
        "saving_percent": number(found.saving_percent),
    }


def check(found: Check) -> Record:
    """One line of the doctor."""
    return {
        "name": found.name,
        "verdict": found.verdict.value,
        "told": found.told,
        "fix": found.fix or None,
    }


def number(amount: Decimal | None) -> float | None:
    """An amount as a JSON number; the shortest one that reads back the same."""
    return None if amount is None else float(amount)


def moment(at: datetime | None) -> str | None:
    """A time as JSON text, in UTC."""
    return None if at is None else tag_time(at)
