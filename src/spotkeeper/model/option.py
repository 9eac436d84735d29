"""What a machine may be asked for by: one record for command line, file, program and help."""

from dataclasses import dataclass
from enum import Enum

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
    """``word`` is the keyword of a program; ``flag`` the long name on the command line, and the
    key of ``spot.toml`` unless it is not ``in_file``; numbers reach from 0 to ``most``."""

    word: str
    flag: str
    takes: Takes
    shown: str | None
    help: str
    choices: tuple[str, ...] = ()
    most: int | None = None
    in_file: bool = True


_TEXT, _WHOLE, _NUMBER, _USD, _PRICE, _SWITCH, _TEXTS = Takes

REGIONS = Option("regions", "region", _TEXTS, "NAME", "Region; `any` for all enabled.")
PROFILE = Option("profile", "profile", _TEXT, "NAME", "AWS profile to use.")

#: What hardware, and where.
NEED = (
    Option("types", "type", _TEXTS, "GLOB", "Type, as in 'g5.*'."),
    Option("exclude", "exclude", _TEXTS, "GLOB", "Types to leave out."),
    Option("zones", "zone", _TEXTS, "ZONE", "Zone name or id."),
    Option("gpus", "gpus", _WHOLE, "N", "At least so many GPUs.", most=10_000),
    Option("gpu", "gpu", _TEXT, "NAME", "GPU model, such as A10G."),
    Option(
        "gpu_memory_gb",
        "gpu-memory",
        _NUMBER,
        "GB",
        "Per GPU, as the card is sold.",
        most=1_000_000,
    ),
    Option("vcpus", "vcpus", _WHOLE, "N", "At least so many vCPUs.", most=1_000_000),
    Option("memory_gib", "memory", _NUMBER, "GIB", "At least so much.", most=1_000_000),
    Option("arch", "arch", _TEXT, None, "Architecture.", choices=tuple(map(str, Arch))),
    Option(
        "max_spot_usd_per_hour", "max-hourly", _USD, "USD", "Only pools up to this Spot price."
    ),
    Option(
        "max_interruption_percent",
        "max-interruption",
        _WHOLE,
        "PERCENT",
        "Only types that EC2 interrupted no more often last month.",
        most=100,
    ),
)

#: What a launch is told besides.
LAUNCH = (
    Option("once", "once", _SWITCH, None, "Gone when interrupted, instead of a box that is kept."),
    Option(
        "on_interruption",
        "on-interruption",
        _TEXT,
        None,
        "What EC2 does with it.",
        choices=("stop", "hibernate", "terminate"),
    ),
    Option("max_price", "max-price", _PRICE, "P", "0.50, spot+5%, od or od-20%; none by default."),
    Option("lasting", "for", _TEXT, "8h", "Deadline, 24h by default; `none` for never."),
    Option("budget_usd", "budget", _USD, "USD", "Deadline when so much is spent on compute."),
    Option("guard", "guard", _TEXT, None, "End it from outside as well.", choices=("scheduler",)),
    Option(
        "guard_role", "guard-role", _TEXT, "ROLE", "Of that guard; spotkeeper-guard by default."
    ),
    Option("image", "image", _TEXT, "IMAGE", "deep-learning, ubuntu, amazon-linux or ami-..."),
    Option("disk_gb", "disk", _WHOLE, "GB", "Root disk, 100 by default."),
    Option(
        "user_data",
        "user-data",
        _TEXT,
        "FILE",
        "For the first boot: a script, or whatever cloud-init takes.",
    ),
    Option("tags", "tag", _TEXTS, "K=V", "Tag for all that is made.", in_file=False),
    Option("key_file", "key", _TEXT, "FILE.pub", "Public key; one in ~/.ssh by default."),
    Option("subnet_id", "subnet", _TEXT, "ID", "Subnet, instead of the default VPC's."),
    Option("group_ids", "security-group", _TEXTS, "ID", "Your own group."),
    Option(
        "open_to_world",
        "open-to-world",
        _SWITCH,
        None,
        "Let every address reach ssh. Not advised.",
        in_file=False,
    ),
)

OPTIONS = (*NEED, REGIONS, *LAUNCH, PROFILE)
