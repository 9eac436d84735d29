"""What a machine may be asked for by: one record for command line, file, program and help."""

from dataclasses import dataclass
from enum import Enum

from spotkeeper.model.connect import Connect
from spotkeeper.model.instance_type import Arch


class Takes(Enum):
    """What an option takes, in the words of a message."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    USD = "number of dollars"
    PRICE = "price"
    SWITCH = "true or false"
    TEXTS = "list"


@dataclass(frozen=True, slots=True)
class Option:
    """``word`` is the keyword of a program; ``typed`` the long name on the command line where that
    is another; numbers reach from 0 to ``most``; what is not ``in_file`` is no key of
    ``spot.toml``."""

    word: str
    takes: Takes
    shown: str | None
    help: str
    typed: str = ""
    choices: tuple[str, ...] = ()
    most: int | None = None
    in_file: bool = True

    @property
    def flag(self) -> str:
        """The long name on the command line, and the key of ``spot.toml``."""
        return self.typed or self.word.replace("_", "-")


BEHAVIOURS = ("stop", "hibernate", "terminate")
MANY = 1_000_000
_TEXT, _WHOLE, _NUMBER, _USD, _PRICE, _SWITCH, _TEXTS = Takes

REGIONS = Option("regions", _TEXTS, "NAME", "Region, or several; `any` for all enabled.", "region")
PROFILE = Option("profile", _TEXT, "NAME", "AWS profile to use.")

#: What hardware, and where.
NEED = (
    Option("types", _TEXTS, "GLOB", "Instance types, as in 'g5.*'.", "type"),
    Option("exclude", _TEXTS, "GLOB", "Instance types to leave out."),
    Option("zones", _TEXTS, "ZONE", "Zone name or id.", "zone"),
    Option("gpus", _WHOLE, "N", "At least so many GPUs.", most=10_000),
    Option("gpu", _TEXT, "NAME", "GPU model, such as A10G."),
    Option(
        "gpu_memory_gb",
        _NUMBER,
        "GB",
        "Memory of each GPU, as it is sold.",
        "gpu-memory",
        most=MANY,
    ),
    Option("vcpus", _WHOLE, "N", "At least so many vCPUs.", most=MANY),
    Option("memory_gib", _NUMBER, "GIB", "At least so much memory.", "memory", most=MANY),
    Option(
        "arch",
        _TEXT,
        None,
        "Processor; x86_64 where GPUs are asked for.",
        choices=tuple(map(str, Arch)),
    ),
    Option("max_spot_usd_per_hour", _USD, "USD", "Pools up to this Spot price.", "max-hourly"),
    Option(
        "max_interruption_percent",
        _WHOLE,
        "PERCENT",
        "Types that EC2 interrupted no more often last month.",
        "max-interruption",
        most=100,
    ),
)

#: What a launch is told besides.
LAUNCH = (
    Option("once", _SWITCH, None, "Gone when interrupted, instead of a box that is kept."),
    Option(
        "on_interruption",
        _TEXT,
        None,
        "What EC2 does with it; stop by default.",
        choices=BEHAVIOURS,
    ),
    Option("max_price", _PRICE, "P", "Pay at most 0.50, spot+5%, od or od-20%."),
    Option("lasting", _TEXT, "8h", "Deadline, 24h by default; `none` for never.", "for"),
    Option("budget_usd", _USD, "USD", "Deadline when so much is spent on compute.", "budget"),
    Option("idle", _TEXT, "30m", "Power it off when nobody used it for so long."),
    Option("notify_url", _TEXT, "URL", "Where to post what becomes of its runs.", "notify"),
    Option(
        "guard",
        _TEXT,
        None,
        "End it from outside too, if its timer fails.",
        choices=("scheduler",),
    ),
    Option("guard_role", _TEXT, "ROLE", "Role of that guard; spotkeeper-guard by default."),
    Option("image", _TEXT, "IMAGE", "deep-learning, ubuntu, amazon-linux or ami-..."),
    Option("disk_gb", _WHOLE, "GB", "Root disk, 100 by default.", "disk"),
    Option("user_data", _TEXT, "FILE", "For the first boot: a script, or what cloud-init takes."),
    Option("role", _TEXT, "NAME", "Instance profile for the machine; none by default."),
    Option("tags", _TEXTS, "K=V", "Tag for all that is made.", "tag", in_file=False),
    Option("key_file", _TEXT, "FILE.pub", "Your public ssh key; one in ~/.ssh by default.", "key"),
    Option(
        "connect",
        _TEXT,
        None,
        "How the machine is reached; `public` address by default.",
        choices=tuple(map(str, Connect)),
    ),
    Option("subnet_id", _TEXT, "ID", "Subnet, in place of the default VPC's.", "subnet"),
    Option(
        "group_ids",
        _TEXTS,
        "ID",
        "Security group, in place of one for you alone.",
        "security-group",
    ),
    Option("open_to_world", _SWITCH, None, "Let everybody reach ssh. Not advised.", in_file=False),
)

OPTIONS = (*NEED, REGIONS, *LAUNCH, PROFILE)
