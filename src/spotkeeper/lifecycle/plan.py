"""From a ranking to a plan: what will be asked of EC2, in which order, and what it costs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from spotkeeper.errors import BadInput, Interrupted, NoOffers, PriceTooLow, SpotkeeperError
from spotkeeper.lifecycle import guard
from spotkeeper.lifecycle.guard import DEFAULT_ROLE
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.model.disk import USUAL_TYPE, Disk, DiskCost
from spotkeeper.model.duration import words
from spotkeeper.model.machine import Kind
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.money import plain, usd_per_day
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Ranking
from spotkeeper.model.tags import (
    MAX_TAG_VALUE_LENGTH,
    MAX_TAGS,
    TAG_KEY_PATTERN,
    TAG_PREFIX,
    is_name,
)

#: How long a machine lives unless told otherwise: a forgotten one costs a day at the most.
DEFAULT_LIFE = timedelta(hours=24)

#: How long after the deadline a box's request, and so its stopped instance, is kept. The request's
#: ValidUntil cannot be moved later, and EC2 ends a stopped instance whose request expires.
KEEP_AFTER_DEADLINE = timedelta(days=7)

#: ValidUntil of a box that is to live for ever; EC2's documents disagree on the default.
FOR_EVER = timedelta(days=3650)

#: A machine needs minutes to start: less than this to its deadline is no life.
SHORTEST_LIFE = timedelta(minutes=10)

#: gp3 volumes end at 64 TiB.
MAX_DISK_GIB = 65536

#: Disk of a machine whose user did not say, unless its image needs more.
DEFAULT_DISK_GIB = 100
DEFAULT_DISK = Disk(USUAL_TYPE, DEFAULT_DISK_GIB)

#: Pools that one launch tries before it gives up.
MAX_POOLS = 25

NOTHING_FITS = "No pool fits"
NOTHING_YET = "Interrupted before a pool that fits had arrived"
LOOK_AGAIN = "Run the command again for the regions that are missing."

DEEP_LEARNING = "deep-learning"
UBUNTU = "ubuntu"

#: GPU families that the open driver of the Deep Learning images does not serve.
OLD_GPU_FAMILIES = frozenset({"g2", "g3", "g3s", "p2", "p3", "p3dn"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``spot up`` was asked for, beyond the need for hardware.

    ``lasting`` is the time to the deadline, ``None`` for never; a budget brings the deadline
    forward. ``guard`` is what enforces it besides the machine's own timer, in the name of
    ``guard_role``, a role's name or ARN. ``public_key`` is one line of
    OpenSSH, read from ``key_file`` where that is named; ``key_name`` is a key that EC2 knows
    already. ``group_ids`` replaces the group that would be made.
    """

    name: str
    need: Need
    kind: Kind = Kind.BOX
    on_interruption: OnInterruption | None = None
    max_price: MaxPrice | None = None
    lasting: timedelta | None = DEFAULT_LIFE
    image: str | None = None
    disk_gib: int | None = None
    user_script: bytes | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    key_file: Path | None = None
    public_key: str = ""
    key_name: str = ""
    subnet_id: str | None = None
    group_ids: tuple[str, ...] = ()
    open_to_world: bool = False
    guard: str | None = None
    guard_role: str = DEFAULT_ROLE
    budget_usd: Decimal | None = None

    @property
    def behaviour(self) -> OnInterruption:
        """What EC2 does with the machine when it takes the capacity back."""
        if self.on_interruption is not None:
            return self.on_interruption
        return OnInterruption.STOP if self.kind is Kind.BOX else OnInterruption.TERMINATE


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pool to try, with the maximum price to send (``None``: EC2's default, On-Demand), and
    until when the machine and its request live there."""

    offer: Offer
    max_usd_per_hour: Decimal | None = None
    deadline: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be asked of EC2: the candidates are tried in order until one is granted.

    ``not_after`` is the deadline that was typed; a budget may bring that of a pool forward.
    ``disk`` is that of the pool that is tried first, ``usd_per_gib_month`` the prices there.
    """

    wish: Wish
    candidates: tuple[Candidate, ...]
    not_after: datetime | None = None
    made_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    disk: Disk = DEFAULT_DISK
    usd_per_gib_month: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def disk_cost(self) -> DiskCost | None:
        """What its disk costs while it exists, when that is known."""
        return self.disk.cost(self.usd_per_gib_month)

    @property
    def first(self) -> Offer:
        """The offer that is tried first, the one whose price is shown."""
        return self.candidates[0].offer

    @property
    def deadline(self) -> datetime | None:
        """When the machine ends, in the pool that is tried first."""
        return self.candidates[0].deadline

    @property
    def valid_until(self) -> datetime | None:
        """Until when its request lives there; ``None`` where a request does not end."""
        return self.candidates[0].valid_until

    @property
    def lasting(self) -> timedelta | None:
        """From the plan to the deadline; ``None`` for ever."""
        return self.deadline - self.made_at if self.deadline and self.made_at else None

    @property
    def own_tags(self) -> Mapping[str, str]:
        """What a computer that knows nothing of the plan must know of guard and budget."""
        wish, tags = self.wish, dict[str, str]()
        if wish.guard:
            tags |= guard.guard_tags(wish.guard_role)
        if wish.budget_usd is not None:
            tags |= guard.budget_tags(wish.budget_usd, self.not_after)
        return tags

    @property
    def usd_per_day(self) -> Decimal:
        """A day at the first offer's price."""
        return usd_per_day(self.first.spot_usd_per_hour)

    @property
    def image(self) -> str:
        """The image asked for, or the one that suits the hardware."""
        return self.image_for(self.first)

    def image_for(self, offer: Offer) -> str:
        """The image for one offer."""
        if self.wish.image:
            return self.wish.image
        gpus = offer.hardware.gpus
        return DEEP_LEARNING if gpus and gpus.manufacturer == "NVIDIA" else UBUNTU


def check(wish: Wish) -> None:
    """Refuse what can be known to be wrong before anything is asked.

    Raises:
        BadInput: with the field and what it may be.
    """
    if not is_name(wish.name):
        raise BadInput(
            f"{wish.name!r} cannot be a machine's name",
            next_step="Use 1 to 39 lower-case letters, digits and hyphens, not a hyphen first.",
        )
    if wish.disk_gib is not None and not 1 <= wish.disk_gib <= MAX_DISK_GIB:
        raise BadInput(
            f"A disk of {wish.disk_gib} GB is not possible",
            next_step=f"Use --disk with 1 to {MAX_DISK_GIB} GB.",
        )
    if wish.lasting is not None and wish.lasting > FOR_EVER:
        raise BadInput(
            f"A deadline in {wish.lasting.days} days is too far away",
            next_step="Use --for with up to 3650d, or `none` for no deadline.",
        )
    if wish.guard and wish.lasting is None and wish.budget_usd is None:
        raise BadInput(
            f"--guard {wish.guard} ends the machine at its deadline, and --for none gives it none",
            next_step="Use --for with a time such as 8h, or leave --guard out.",
        )
    _check_behaviour(wish)
    _check_tags(wish.tags)


def make_plan(wish: Wish, ranking: Ranking, *, now: datetime) -> Plan:
    """Decide which pools are tried, and until when the machine lives.

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
    offers = _able(wish, ranking.offers)
    candidates = tuple(
        candidate for offer in offers if (candidate := _candidate(wish, offer)) is not None
    )
    if not candidates:
        raise _price_too_low(wish, offers)
    now = now.replace(microsecond=0)  # tags and ValidUntil are in whole seconds
    dated = tuple(_dated(wish, candidate, now) for candidate in candidates)
    return Plan(
        wish,
        _affordable(wish, dated, now)[:MAX_POOLS],
        not_after=_not_after(wish, now),
        made_at=now,
        disk=Disk(USUAL_TYPE, disk_gib(wish, 0)),
        warnings=(*ranking.warnings, *_warnings(wish, candidates[0].offer)),
    )


def _not_after(wish: Wish, now: datetime) -> datetime | None:
    return None if wish.lasting is None else now + wish.lasting


def _dated(wish: Wish, candidate: Candidate, now: datetime) -> Candidate:
    """The candidate with its deadline: what was typed, or the end of the budget if that is first;
    the pools differ in price."""
    deadline = _not_after(wish, now)
    if wish.budget_usd is not None:
        usd_per_hour = candidate.offer.spot_usd_per_hour
        spent = guard.budget_deadline(wish.budget_usd, usd_per_hour, now=now)
        deadline = guard.earliest(deadline, spent)
    if wish.kind is not Kind.BOX:
        return replace(candidate, deadline=deadline)
    valid_until = deadline + KEEP_AFTER_DEADLINE if deadline else now + FOR_EVER
    return replace(candidate, deadline=deadline, valid_until=valid_until)


def _affordable(
    wish: Wish, candidates: tuple[Candidate, ...], now: datetime
) -> tuple[Candidate, ...]:
    """The candidates that the budget pays for long enough to be of use."""
    if wish.budget_usd is None:
        return candidates
    usd = wish.budget_usd
    found = tuple(
        each
        for each in candidates
        if guard.budget_deadline(usd, each.offer.spot_usd_per_hour, now=now) - now >= SHORTEST_LIFE
    )
    if not found:
        cheapest = min(each.offer.spot_usd_per_hour for each in candidates)
        raise BadInput(
            f"A budget of ${plain(usd)} lasts less than {words(SHORTEST_LIFE)} in every pool that "
            f"fits; the cheapest costs ${plain(cheapest)}/h",
            next_step="Raise --budget, or allow cheaper types.",
        )
    return found


def disk_gib(wish: Wish, image_gib: int) -> int:
    """The size of the root volume.

    Raises:
        BadInput: the image does not fit on the disk asked for.
    """
    if wish.disk_gib is None:
        return max(DEFAULT_DISK_GIB, image_gib)
    if wish.disk_gib < image_gib:
        raise BadInput(
            f"The image needs a disk of {image_gib} GB, {wish.disk_gib} GB were asked for",
            next_step=f"Use --disk {image_gib} or more.",
        )
    return wish.disk_gib


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


def _check_behaviour(wish: Wish) -> None:
    chosen = wish.on_interruption
    if chosen is None:
        return
    if wish.kind is Kind.ONCE and chosen is not OnInterruption.TERMINATE:
        raise BadInput(
            f"--once and --on-interruption {chosen} exclude each other: EC2 only ends a one-time "
            "machine",
            next_step="Leave --once out to keep the machine across interruptions.",
        )
    if wish.kind is Kind.BOX and chosen is OnInterruption.TERMINATE:
        raise BadInput(
            "A box cannot end on interruption: EC2 refuses persistent requests that terminate",
            next_step="Add --once, or use --on-interruption stop.",
        )


def _check_tags(tags: Mapping[str, str]) -> None:
    reserved = len(TAG_PREFIX) + 2
    if len(tags) > MAX_TAGS - reserved:
        raise BadInput(f"{len(tags)} tags are too many", next_step="EC2 allows 50 on a thing.")
    for key, value in tags.items():
        if not TAG_KEY_PATTERN.fullmatch(key) or key.lower().startswith(("aws:", TAG_PREFIX)):
            raise BadInput(
                f"{key!r} cannot be a tag's key",
                next_step="Use letters, digits and + - = . _ : @, not starting with aws: or "
                f"{TAG_PREFIX}",
            )
        if len(value) > MAX_TAG_VALUE_LENGTH or not value.isprintable():
            raise BadInput(
                f"The value of tag {key!r} is too long or not printable",
                next_step=f"Use up to {MAX_TAG_VALUE_LENGTH} printable characters.",
            )


def _able(wish: Wish, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    if wish.behaviour is not OnInterruption.HIBERNATE:
        return offers
    able = tuple(offer for offer in offers if offer.hardware.hibernation_supported)
    if not able:
        raise BadInput(
            f"{offers[0].pool.instance_type} cannot hibernate (no GPU type can)",
            next_step="Use --on-interruption stop: the disk stays, the memory does not.",
        )
    return able


def _candidate(wish: Wish, offer: Offer) -> Candidate | None:
    if wish.max_price is None:
        return Candidate(offer)
    limit = wish.max_price.resolve(offer.spot_usd_per_hour, offer.on_demand_usd_per_hour)
    return None if limit is None or limit < offer.spot_usd_per_hour else Candidate(offer, limit)


def _price_too_low(wish: Wish, offers: tuple[Offer, ...]) -> PriceTooLow:
    cheapest = min(offers, key=lambda offer: offer.spot_usd_per_hour)
    limit = wish.max_price and wish.max_price.resolve(
        cheapest.spot_usd_per_hour, cheapest.on_demand_usd_per_hour
    )
    told = f"${plain(limit)}/h" if limit else "from an On-Demand price that is not known"
    return PriceTooLow(
        f"The maximum price, {told}, is below the cheapest Spot price now, "
        f"${plain(cheapest.spot_usd_per_hour)}/h for {cheapest.pool}",
        region=cheapest.pool.region,
    )


def _warnings(wish: Wish, offer: Offer) -> tuple[str, ...]:
    told = []
    old = offer.hardware.family in OLD_GPU_FAMILIES
    if old and wish.image in (None, DEEP_LEARNING):
        told.append(
            f"the Deep Learning image has no driver for {offer.hardware.family}; bring an image "
            "with --image ami-..."
        )
    if wish.max_price is not None:
        told.append("a maximum price makes interruptions more frequent (AWS advises against it)")
    return tuple(told)
