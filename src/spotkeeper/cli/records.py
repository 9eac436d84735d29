"""What ``--output json`` and ``csv`` contain. These field names are a promise."""

from __future__ import annotations  # a command imports only the classes that it shows

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from spotkeeper.model.tags import TAG_GUARD, tag_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from spotkeeper.costs.history import Chapter
    from spotkeeper.costs.usage import Cost
    from spotkeeper.keeper.results import ExtendReport, MachineReport, PriceRow, SweepReport
    from spotkeeper.lifecycle.doctor import Check
    from spotkeeper.lifecycle.plan import Plan
    from spotkeeper.lifecycle.ports import Leftover, ResourceId
    from spotkeeper.lifecycle.sweep import Classification, ForgottenRequest
    from spotkeeper.lifecycle.teardown import Outcome
    from spotkeeper.model.disk import DiskCost
    from spotkeeper.model.offer import Explanation, Offer, Refusal
    from spotkeeper.model.place import Zone

Record = dict[str, Any]

HOUR = timedelta(hours=1)


def offer(found: Offer) -> Record:
    """One offer."""
    hardware, zone, gpus = found.hardware, found.pool.zone, found.hardware.gpus
    known = not hardware.partial
    return {
        "region": zone.region,
        "zone": zone_name(zone),
        "zone_id": zone.id,
        "instance_type": hardware.name,
        "platform": found.pool.platform,
        "vcpus": hardware.vcpus,
        "memory_gib": hardware.memory_gib,
        "gpu_name": gpus.name if gpus else None,
        "gpu_count": hardware.gpu_count if known else None,
        "gpu_share": gpus.share if gpus else None,
        "gpu_memory_gib": gpus.memory_gib_each if gpus else None,
        "arch": hardware.arch if known else None,
        "spot_usd_per_hour": number(found.spot_usd_per_hour),
        "on_demand_usd_per_hour": number(found.on_demand_usd_per_hour),
        "saving_percent": number(found.saving_percent),
        "interruption_band": found.interruption_band,
        "interruption_percent_max": found.interruption_percent_max,
        "placement_score": found.placement_score,
        "expected_usd_per_useful_hour": number(found.expected_usd_per_useful_hour),
        "price_time": moment(found.price.since),
        "usd_per_gpu_hour": number(found.usd_per_gpu_hour),
        "usd_per_vcpu_hour": number(found.usd_per_vcpu_hour),
        "quota_free_vcpus": found.quota_free_vcpus,
        "quota_fits": found.fits,
        "cooling": found.cooling or None,
        "sources": _sources(found),
    }


def _sources(found: Offer) -> list[Record]:
    """Where each fact comes from, and of when it is."""
    return [
        {"fact": source.fact, "origin": source.origin, "as_of": moment(source.as_of)}
        for source in found.sources
    ]


def explanation(found: Explanation, by: str) -> Record:
    """Why an offer is the first ``by`` what was asked for: every number of the formula."""
    work, steps, own = found.work, found.steps, None
    if steps and (steps.hours or steps.interruptions):
        own = {"interruptions": steps.interruptions, "hours": steps.hours}
    hazard = steps.final if steps else None
    usd = float(found.offer.spot_usd_per_hour)
    return {
        "pool": str(found.offer.pool),
        "sorted_by": by,
        "spot_usd_per_hour": usd,
        "on_demand_usd_per_hour": number(found.offer.on_demand_usd_per_hour),
        "saving_percent": number(found.offer.saving_percent),
        "interruptions_per_hour": hazard,
        "band": steps.band.label if steps and steps.band else None,
        "band_interruptions_per_hour": steps.by_band if steps else None,
        "placement_score": steps.score if steps else None,
        "score_factor": _ratio(steps.by_score, steps.by_band) if steps else None,
        "own_experience": own,
        "own_factor": _ratio(steps.final, steps.by_score) if steps else None,
        "restart_hours": work.restart / HOUR,
        "checkpoint_hours": work.checkpoint / HOUR,
        "run_hours": work.run / HOUR,
        "lost_hours_per_interruption": work.lost_hours,
        "ranked_by_usd_per_hour": usd * (1 + (hazard or 0) * work.lost_hours),
    }


def _ratio(after: float, before: float) -> float | None:
    return after / before if before else None


def zone_name(zone: Zone) -> str | None:
    """The zone's name; none where a whole region is meant."""
    return None if zone.is_whole_region else zone.name


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
        "zone": zone_name(cheapest.pool.zone),
        "zone_id": cheapest.pool.zone.id,
        "saving_percent": number(cheapest.saving_percent),
        "price_time": moment(cheapest.price.since),
        "sources": _sources(cheapest),
    }


def machine(report: MachineReport) -> Record:
    """One machine."""
    from spotkeeper.lifecycle.guard import budget_of

    found = report.machine
    budget = budget_of(found.tags)
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
        "guard": found.tags.get(TAG_GUARD),
        "budget_usd": number(budget.usd) if budget else None,
        "spent_usd": number(report.spent_usd),
        "spot_usd_per_hour": number(report.spot_usd_per_hour),
        "on_demand_usd_per_hour": number(report.on_demand_usd_per_hour),
        "saving_percent": number(report.saving_percent),
        **_disk_cost(report.disks),
        "max_price_usd_per_hour": number(report.max_price_usd_per_hour),
        "tags": dict(found.tags),
    }


def _disk_cost(found: DiskCost | None) -> Record:
    """What disks cost while they exist."""
    return {
        "disk_usd_per_hour": number(found.usd_per_hour if found else None),
        "disk_usd_per_month": number(found.usd_per_month if found else None),
    }


def extension(found: ExtendReport) -> Record:
    """A machine whose deadline was moved."""
    left = found.remaining
    return {
        **machine(found.report),
        "deadline_before": moment(found.before),
        "remaining_seconds": None if left is None else int(left.total_seconds()),
        "usd_until_deadline": number(found.usd_until_deadline),
    }


def plan(found: Plan) -> Record:
    """A launch that was only planned."""
    return {
        "name": found.launch_request.name,
        "kind": found.launch_request.kind.value,
        "on_interruption": str(found.launch_request.behaviour),
        "image": found.image,
        "deadline": moment(found.deadline),
        "guard": found.launch_request.guard,
        "budget_usd": number(found.launch_request.budget_usd),
        "valid_until": moment(found.valid_until),
        "usd_per_day": number(found.usd_per_day),
        "disk_gib": found.disk.size_gib,
        **_disk_cost(found.disk_cost),
        "max_price_usd_per_hour": number(found.candidates[0].max_price_usd_per_hour),
        "offer": offer(found.first),
        "pools": [str(candidate.offer.pool) for candidate in found.candidates],
    }


def resource_id(found: ResourceId) -> Record:
    """Something that was ended."""
    return {"kind": str(found.kind), "id": found.id, "region": found.region}


def leftover(found: Leftover) -> Record:
    """Something that could not be ended."""
    return {**resource_id(found.resource_id), "reason": found.reason}


def outcome(found: Outcome) -> Mapping[str, list[Record]]:
    """What ``down`` did."""
    return {
        "ended": [resource_id(each) for each in found.ended],
        "left": [leftover(each) for each in found.left],
    }


def swept(found: SweepReport) -> Mapping[str, list[Record]]:
    """What ``sweep`` found, and ended."""
    judged = {each.resource_id: each for each in found.found}
    kept = ("kept", "spared")
    return {
        "ended": [resource_id(each) for each in found.ended],
        "left": [_judged(each, judged.get(each.resource_id), found) for each in found.left],
        "kept": [_judged(each, each, found) for each in found.found if each.verdict in kept],
        "others": [_stranger(each, found) for each in found.others],
    }


def _judged(
    told: Leftover | Classification, classification: Classification | None, found: SweepReport
) -> Record:
    """A thing of ours with what is known of it."""
    resource = classification.resource if classification else None
    return {
        **resource_id(told.resource_id),
        "reason": told.reason,
        "name": (resource.name or None) if resource else None,
        "verdict": str(classification.verdict) if classification else None,
        "age_seconds": _age(resource.born if resource else None, found),
        "usd_per_hour": number(resource.usd_per_hour if resource else None),
    }


def _stranger(other: ForgottenRequest, found: SweepReport) -> Record:
    """A request of somebody else; without an instance it costs nothing."""
    instance = other.instance
    return {
        **resource_id(other.resource_id),
        "reason": other.reason,
        "instance_id": instance.resource_id.id if instance else None,
        "age_seconds": _age(other.born, found),
        "usd_per_hour": number(instance.usd_per_hour) if instance else 0.0,
        "command": other.command,
    }


def _age(born: datetime | None, found: SweepReport) -> int | None:
    if born is None or found.asked_at is None:
        return None
    return max(0, int((found.asked_at - born).total_seconds()))


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


def chapter(found: Chapter) -> Record:
    """One thing that happened to a machine; what ran and what it cost is what ended with it."""
    stretch = found.stretch
    return {
        "at": moment(found.at),
        "what": found.what,
        "text": found.text,
        "life": found.life,
        "ran_seconds": int((stretch.end - stretch.begin).total_seconds()) if stretch else None,
        "spot_usd": number(found.spot_usd),
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
