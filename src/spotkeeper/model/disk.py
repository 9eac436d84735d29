"""A disk, and what it costs for as long as it exists, whether its machine runs or not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from spotkeeper.model.record import Record, number

#: AWS prices disks by the month, and its calculator counts 365 days of 24 hours in twelve of them
#: (calculator.aws, "730 hours in a month").
HOURS_PER_MONTH = Decimal(730)

#: As many places as the Price List has.
PLACES = Decimal("1E-10")

#: What a launch makes.
USUAL_TYPE = "gp3"


@dataclass(frozen=True, slots=True)
class DiskCost:
    """What disks cost while they exist, in US dollars; by the hour to compare with a machine."""

    usd_per_month: Decimal

    @property
    def usd_per_hour(self) -> Decimal:
        """The share of an hour."""
        return (self.usd_per_month / HOURS_PER_MONTH).quantize(PLACES)


@dataclass(frozen=True, slots=True)
class Disk:
    """An EBS volume as it is priced.

    ``volume_type``        ``VolumeType`` of the EC2 model.
    ``by_size_alone``      nothing is paid for its speed.
    """

    volume_type: str
    size_gib: int
    by_size_alone: bool = True

    def cost(self, usd_per_gib_month: Mapping[str, Decimal]) -> DiskCost | None:
        """What it costs at the prices of its region, by type; ``None`` where the size does not
        tell, or the price is not known."""
        usd = usd_per_gib_month.get(self.volume_type)
        return DiskCost(self.size_gib * usd) if usd is not None and self.by_size_alone else None


def cost_of_disks(disks: Sequence[Disk], prices: Mapping[str, Decimal]) -> DiskCost | None:
    """What some disks of one region cost; ``None`` where one is unknown, or there is none."""
    costs = [disk.cost(prices) for disk in disks]
    known = [cost.usd_per_month for cost in costs if cost is not None]
    return DiskCost(sum(known, Decimal(0))) if known and len(known) == len(costs) else None


def disks_noted(disks: Iterable[Disk]) -> str:
    """Disks as one text, as in ``gp3:100 st1:500``; without the type where the size alone does not
    tell the price."""
    return " ".join(f"{d.volume_type if d.by_size_alone else ''}:{d.size_gib}" for d in disks)


def noted_disks(text: str) -> tuple[Disk, ...]:
    """The disks of such a text."""
    parts = (each.partition(":") for each in text.split())
    return tuple(
        Disk(kind, int(size)) if size.isdecimal() else Disk("", 0) for kind, _, size in parts
    )


def disk_cost_told(cost: DiskCost | None) -> Record:
    """What disks cost while they exist, as ``--output json`` prints it."""
    return {
        "disk_usd_per_hour": number(cost.usd_per_hour if cost else None),
        "disk_usd_per_month": number(cost.usd_per_month if cost else None),
    }
