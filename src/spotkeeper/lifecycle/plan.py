"""From a ranking to a plan: what will be asked of EC2, in which order, and what it costs. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from types import MappingProxyType
from typing import NamedTuple

from spotkeeper.errors import BadInput, Interrupted, NoOffers, PriceTooLow, SpotkeeperError
from spotkeeper.lifecycle import guard
from spotkeeper.lifecycle.launch_request import DEEP_LEARNING, LaunchRequest
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.model.connect import Connect
from spotkeeper.model.disk import USUAL_TYPE, Disk, DiskCost, cost_of_disks, disk_cost_told
from spotkeeper.model.duration import words
from spotkeeper.model.instance_type import OLD_GPU_FAMILIES
from spotkeeper.model.machine import Kind
from spotkeeper.model.money import CENT, PUBLIC_IPV4_USD_PER_HOUR, rate, total, usd_per_day
from spotkeeper.model.offer import Offer, Ranking
from spotkeeper.model.record import Record, Result, moment, number
from spotkeeper.model.tags import connect_tags
from spotkeeper.timings import FOR_EVER, KEEP_AFTER_DEADLINE, SHORTEST_LIFE

#: Disk of a machine whose user did not say, unless its image needs more.
DEFAULT_DISK_GIB = 100
DEFAULT_DISK = Disk(USUAL_TYPE, DEFAULT_DISK_GIB)

#: Pools that one launch tries before it gives up.
MAX_POOLS = 25

NOTHING_FITS = "No pool fits"
NOTHING_YET = "Interrupted before a pool that fits had arrived"
LOOK_AGAIN = "Run the command again for the regions that are missing."

#: A disk's price is for a month and is charged by the second, so that an hour of February costs
#: most (https://aws.amazon.com/ebs/pricing/).
HOURS_PER_SHORTEST_MONTH = 28 * 24


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pool to try, with the maximum price to send (``None``: EC2's default, On-Demand), and
    until when the machine and its request live there."""

    offer: Offer
    max_price_usd_per_hour: Decimal | None = None
    deadline: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Result):
    """What will be asked of EC2: the candidates are tried in order until one is granted.

    ``not_after`` is the deadline that was typed; a budget may bring that of a pool forward.
    ``disk`` is the root, ``further_disks`` are the image's own, of the pool that is tried first;
    ``usd_per_gib_month`` are the prices there.
    ``guard_role_arn`` is the role in whose name the guard outside of the machine ends it.
    ``owner`` is whoever it was made for.
    """

    _headline = (
        "name",
        "offer.instance_type",
        "offer.zone",
        "offer.spot_usd_per_hour",
        "deadline",
    )

    launch_request: LaunchRequest
    candidates: tuple[Candidate, ...]
    not_after: datetime | None = None
    made_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    disk: Disk = DEFAULT_DISK
    further_disks: tuple[Disk, ...] = ()
    usd_per_gib_month: Mapping[str, Decimal] = field(default_factory=dict)
    guard_role_arn: str = ""
    owner: str = ""

    def check(self, owner: str, now: datetime) -> None:
        """Refuse a plan that a program has kept for too long, or from the sandbox.

        Raises:
            BadInput: it is another account's, or the machine's time would be over.
        """
        name = self.launch_request.name
        if owner != self.owner:
            raise BadInput(
                f"The plan of {name} was made for {self.owner}, not for {owner}",
                next_step="Make it anew with the keeper that is to launch it.",
            )
        ends = [each.deadline for each in self.candidates if each.deadline]
        if ends and min(ends) <= now:
            raise BadInput(
                f"The deadline of the plan of {name} has passed", next_step="Make it anew."
            )

    @property
    def disk_cost(self) -> DiskCost | None:
        """What its disks cost while they exist, when that is known of all."""
        return cost_of_disks((self.disk, *self.further_disks), self.usd_per_gib_month)

    @property
    def first(self) -> Offer:
        """The offer that is tried first, the one whose price is shown."""
        return self.candidates[0].offer

    def dearer(self, now: Iterable[Decimal]) -> Decimal | None:
        """The dearest price of now, if it is above all that is shown: whoever says yes to a plan
        agrees to the dearest of its pools, and to a maximum price."""
        shown = max(
            each.max_price_usd_per_hour or each.offer.spot_usd_per_hour for each in self.candidates
        )
        dearest = max((shown, *now))
        return dearest if dearest > shown else None

    @property
    def deadline(self) -> datetime | None:
        """When the machine ends, in the pool that is tried first."""
        return self.candidates[0].deadline

    @property
    def lasting(self) -> timedelta | None:
        """From the plan to the deadline; ``None`` for ever."""
        return self.deadline - self.made_at if self.deadline and self.made_at else None

    @property
    def own_tags(self) -> Mapping[str, str]:
        """What a computer that knows nothing of the plan must know of guard, budget and login."""
        launch_request, tags = self.launch_request, dict[str, str]()
        if launch_request.guard:
            tags |= guard.guard_tags(self.guard_role_arn)
        tags |= connect_tags(launch_request.connect)
        if launch_request.budget_usd is not None:
            tags |= guard.budget_tags(launch_request.budget_usd, self.not_after)
        return tags

    @property
    def usd_per_day(self) -> Decimal:
        """A day at the first offer's price."""
        return usd_per_day(self.first.spot_usd_per_hour)

    @property
    def at_today_usd(self) -> Decimal | None:
        """What machine, disk and public address cost until the deadline at today's price, in the
        pool that is tried first; ``None`` as for ``at_most_usd``."""
        usd = self._until_deadline_usd(self.candidates[0], self.first.spot_usd_per_hour)
        return None if usd is None else usd.quantize(CENT, ROUND_CEILING)

    @property
    def at_most_usd(self) -> Decimal | None:
        """What machine, disk and public address cost until the deadline at the most, in the
        dearest of the pools: at the maximum price, or at On-Demand, which EC2 does not go beyond;
        rounded up to the cent. ``None`` without a deadline, or where a price is not known, as that
        of disks is in another region than the first pool's."""
        sums = [
            self._until_deadline_usd(
                each, each.max_price_usd_per_hour or each.offer.on_demand_usd_per_hour
            )
            for each in self.candidates
        ]
        known = [usd for usd in sums if usd is not None]
        return max(known).quantize(CENT, ROUND_CEILING) if len(known) == len(sums) else None

    def _until_deadline_usd(self, candidate: Candidate, usd: Decimal | None) -> Decimal | None:
        elsewhere = candidate.offer.pool.region != self.first.pool.region
        if not (usd and self.disk_cost and candidate.deadline and self.made_at) or elsewhere:
            return None
        hours = Decimal((candidate.deadline - self.made_at) // timedelta(seconds=1)) / 3600
        disk = self.disk_cost.usd_per_month / HOURS_PER_SHORTEST_MONTH
        return hours * (usd + disk + self.address_usd_per_hour)

    @property
    def address_usd_per_hour(self) -> Decimal:
        """A public address costs by the hour; of other ways nothing is the machine's own."""
        public = self.launch_request.connect is Connect.PUBLIC
        return PUBLIC_IPV4_USD_PER_HOUR if public else Decimal(0)

    @property
    def image(self) -> str:
        """The image asked for, or the one that suits the hardware."""
        return self.launch_request.image_for(self.first)

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {
            "name": self.launch_request.name,
            "kind": self.launch_request.kind.value,
            "on_interruption": str(self.launch_request.behaviour),
            "image": self.image,
            "role": self.launch_request.role or None,
            "connect": str(self.launch_request.connect),
            "deadline": moment(self.deadline),
            "guard": self.launch_request.guard,
            "budget_usd": number(self.launch_request.budget_usd),
            "valid_until": moment(self.candidates[0].valid_until),
            "usd_per_day": number(self.usd_per_day),
            "at_today_usd": number(self.at_today_usd),
            "at_most_usd": number(self.at_most_usd),
            "disk_gib": self.disk.size_gib,
            "further_disks_gib": [disk.size_gib for disk in self.further_disks],
            **disk_cost_told(self.disk_cost),
            "max_price_usd_per_hour": number(self.candidates[0].max_price_usd_per_hour),
            "offer": self.first.to_dict(),
            "pools": [str(candidate.offer.pool) for candidate in self.candidates],
        }


class Launchable(NamedTuple):
    """The candidates that have what a launch needs, and of the first what it would have: the disks
    and what they cost there. ``warnings`` tell what the others lack."""

    candidates: tuple[Candidate, ...]
    disk: Disk = DEFAULT_DISK
    further_disks: tuple[Disk, ...] = ()
    usd_per_gib_month: Mapping[str, Decimal] = MappingProxyType({})
    warnings: tuple[str, ...] = ()


def make_plan(
    launch_request: LaunchRequest,
    ranking: Ranking,
    *,
    now: datetime,
    guard_role_arn: str = "",
    look: Callable[[tuple[Candidate, ...]], Launchable] = Launchable,
) -> Plan:
    """Decide which pools are tried, and until when the machine lives; ``look`` tells which of them
    have what a launch needs.

    Raises:
        NoOffers: no pool passes; the message counts the refusals by rule.
        PriceTooLow: only the maximum price stands in the way; the message has the number.
        BadInput: none of the types can hibernate.
        Interrupted: whoever pressed Ctrl-C during the look does not want to pay for half of it.
    """
    if ranking.interrupted:
        raise Interrupted(
            "Interrupted while looking at the market: nothing was begun",
            next_step="Run the command again when ready.",
        )
    if not ranking.offers:
        raise no_offers(ranking)
    offers = _able(launch_request, ranking.offers)
    candidates = tuple(
        candidate
        for offer in offers
        if (candidate := _candidate(launch_request, offer)) is not None
    )
    if not candidates:
        raise _price_too_low(launch_request, offers)
    now = now.replace(microsecond=0)  # tags and ValidUntil are in whole seconds
    dated = tuple(_dated(launch_request, candidate, now) for candidate in candidates)
    found = look(_affordable(launch_request, dated, now)[:MAX_POOLS])
    first = found.candidates[0].offer
    return Plan(
        launch_request,
        found.candidates,
        not_after=_not_after(launch_request, now),
        made_at=now,
        disk=found.disk,
        further_disks=found.further_disks,
        usd_per_gib_month=found.usd_per_gib_month,
        guard_role_arn=guard_role_arn,
        warnings=(*ranking.warnings, *found.warnings, *_warnings(launch_request, first)),
    )


def _not_after(launch_request: LaunchRequest, now: datetime) -> datetime | None:
    return None if launch_request.lasting is None else now + launch_request.lasting


def _dated(launch_request: LaunchRequest, candidate: Candidate, now: datetime) -> Candidate:
    """The candidate with its deadline: what was typed, or the end of the budget if that is first;
    the pools differ in price."""
    deadline = _not_after(launch_request, now)
    if launch_request.budget_usd is not None:
        usd_per_hour = candidate.offer.spot_usd_per_hour
        spent = guard.budget_deadline(launch_request.budget_usd, usd_per_hour, now=now)
        deadline = guard.earliest(deadline, spent)
    if launch_request.kind is not Kind.BOX:
        return replace(candidate, deadline=deadline)
    valid_until = deadline + KEEP_AFTER_DEADLINE if deadline else now + FOR_EVER
    return replace(candidate, deadline=deadline, valid_until=valid_until)


def _affordable(
    launch_request: LaunchRequest, candidates: tuple[Candidate, ...], now: datetime
) -> tuple[Candidate, ...]:
    """The candidates that the budget pays for long enough to be of use."""
    if launch_request.budget_usd is None:
        return candidates
    usd = launch_request.budget_usd
    found = tuple(
        each
        for each in candidates
        if guard.budget_deadline(usd, each.offer.spot_usd_per_hour, now=now) - now >= SHORTEST_LIFE
    )
    if not found:
        cheapest = min(each.offer.spot_usd_per_hour for each in candidates)
        raise BadInput(
            f"A budget of {total(usd)} lasts less than {words(SHORTEST_LIFE)} in every pool that "
            f"fits; the cheapest costs {rate(cheapest)}",
            next_step="Raise --budget, or allow cheaper types.",
        )
    return found


def disk_gib(launch_request: LaunchRequest, image_gib: int) -> int:
    """The size of the root volume.

    Raises:
        BadInput: the image does not fit on the disk asked for.
    """
    if launch_request.disk_gib is None:
        return max(DEFAULT_DISK_GIB, image_gib)
    if launch_request.disk_gib < image_gib:
        raise BadInput(
            f"The image needs a disk of {image_gib} GB, {launch_request.disk_gib} GB were "
            "asked for",
            next_step=f"Use --disk {image_gib} or more.",
        )
    return launch_request.disk_gib


def no_offers(ranking: Ranking) -> SpotkeeperError:
    """The error for an empty ranking: how many pools fell to which rule.

    Of a market that was seen in part nobody can say that nothing fits: after Ctrl-C it is
    ``Interrupted``.
    """
    counts = dict(ranking.refused_by_reason)
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    told = NOTHING_YET if ranking.interrupted else NOTHING_FITS
    told += f". Refused: {reasons}" if reasons else ""
    if ranking.warnings:
        told += f" ({'; '.join(ranking.warnings)})"
    if ranking.interrupted:
        return Interrupted(told, next_step=LOOK_AGAIN, details={"refused": counts})
    return NoOffers(told, details={"refused": counts})


def _able(launch_request: LaunchRequest, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """The offers that can do what is wanted on interruption. EC2 writes the memory of a machine
    that hibernates to its root volume ("Hibernation prerequisites", EC2 User Guide)."""
    if launch_request.behaviour is not OnInterruption.HIBERNATE:
        return offers
    able = tuple(offer for offer in offers if offer.hardware.hibernation_supported)
    if not able:
        raise BadInput(
            f"{offers[0].pool.instance_type} cannot hibernate (no GPU type can)",
            next_step="Use --on-interruption stop: the disk stays, the memory does not.",
        )
    disk_gib = launch_request.disk_gib or DEFAULT_DISK_GIB
    roomy = tuple(offer for offer in able if offer.hardware.memory_gib < disk_gib)
    if not roomy:
        least = min(able, key=lambda offer: offer.hardware.memory_gib).hardware
        raise BadInput(
            f"{least.name} has {least.memory_gib:g} GiB of memory, which a disk of {disk_gib} GB "
            "does not hold beside the system when it hibernates",
            next_step=f"Use --disk {int(least.memory_gib) + DEFAULT_DISK_GIB} or more.",
        )
    return roomy


def _candidate(launch_request: LaunchRequest, offer: Offer) -> Candidate | None:
    if launch_request.max_price is None:
        return Candidate(offer)
    limit = launch_request.max_price.resolve(offer.spot_usd_per_hour, offer.on_demand_usd_per_hour)
    return None if limit is None or limit < offer.spot_usd_per_hour else Candidate(offer, limit)


def _price_too_low(launch_request: LaunchRequest, offers: tuple[Offer, ...]) -> PriceTooLow:
    cheapest = min(offers, key=lambda offer: offer.spot_usd_per_hour)
    limit = launch_request.max_price and launch_request.max_price.resolve(
        cheapest.spot_usd_per_hour, cheapest.on_demand_usd_per_hour
    )
    told = rate(limit) if limit else "from an On-Demand price that is not known"
    return PriceTooLow(
        f"The maximum price, {told}, is below the cheapest Spot price now, "
        f"{rate(cheapest.spot_usd_per_hour)} for {cheapest.pool}",
        region=cheapest.pool.region,
    )


def _warnings(launch_request: LaunchRequest, offer: Offer) -> tuple[str, ...]:
    told = []
    old = offer.hardware.family in OLD_GPU_FAMILIES
    if old and launch_request.image in (None, DEEP_LEARNING):
        told.append(
            f"the Deep Learning image has no driver for {offer.hardware.family}; bring an image "
            "with --image ami-..."
        )
    if launch_request.connect is not Connect.PUBLIC:
        told.append("it reaches the internet only where its subnet has a NAT gateway")
    if launch_request.max_price is not None:
        told.append("a maximum price makes interruptions more frequent (AWS advises against it)")
    return tuple(told)
