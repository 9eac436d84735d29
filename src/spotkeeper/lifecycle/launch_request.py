"""What ``spot up`` was asked for, and what of it is wrong whatever AWS says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.guard import DEFAULT_ROLE
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.model.connect import Connect
from spotkeeper.model.duration import words
from spotkeeper.model.machine import Kind
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer
from spotkeeper.model.tags import (
    MAX_TAG_VALUE_LENGTH,
    MAX_TAGS,
    TAG_KEY_PATTERN,
    TAG_PREFIX,
    is_name,
)
from spotkeeper.timings import DEFAULT_LIFE, SHORTEST_IDLE, SHORTEST_LIFE

DEEP_LEARNING = "deep-learning"

#: What IAM takes (GetInstanceProfile, ``InstanceProfileName``).
PROFILE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")

#: gp3 volumes end at 64 TiB.
MAX_DISK_GIB = 65536


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What ``spot up`` was asked for, beyond the need for hardware.

    ``lasting`` is the time to the deadline, ``None`` for never; a budget brings the deadline
    forward. ``guard`` is what enforces it besides the machine's own timer, in the name of
    ``guard_role``, a role's name or ARN. ``role`` is the name of an instance profile for the
    machine. ``key_file`` is a public key of OpenSSH, ``key_name`` one that EC2 knows already.
    ``group_ids`` replaces the group that would be made. Its agent powers it off when it was
    ``idle`` for so long, and posts to ``notify_url``, which is shown nowhere: it may be what lets
    one in.
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
    role: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    key_file: Path | None = None
    key_name: str = ""
    connect: Connect = Connect.PUBLIC
    subnet_id: str | None = None
    group_ids: tuple[str, ...] = ()
    open_to_world: bool = False
    guard: str | None = None
    guard_role: str = DEFAULT_ROLE
    budget_usd: Decimal | None = None
    idle: timedelta | None = None
    notify_url: str = field(default="", repr=False)

    @property
    def behaviour(self) -> OnInterruption:
        """What EC2 does with the machine when it takes the capacity back."""
        if self.on_interruption is not None:
            return self.on_interruption
        return OnInterruption.STOP if self.kind is Kind.BOX else OnInterruption.TERMINATE

    def image_for(self, offer: Offer) -> str:
        """The image that was asked for, or the one that suits the hardware."""
        gpus = offer.hardware.gpus
        usual = DEEP_LEARNING if gpus and gpus.manufacturer == "NVIDIA" else "ubuntu"
        return self.image or usual


def check(launch_request: LaunchRequest) -> None:
    """Refuse what can be known to be wrong before anything is asked.

    Raises:
        BadInput: with the field and what it may be.
    """
    if not is_name(launch_request.name):
        raise BadInput(
            f"{launch_request.name!r} cannot be a machine's name",
            next_step="Use 1 to 39 lower-case letters, digits and hyphens, not a hyphen first.",
        )
    if launch_request.disk_gib is not None and not 1 <= launch_request.disk_gib <= MAX_DISK_GIB:
        raise BadInput(
            f"A disk of {launch_request.disk_gib} GB is not possible",
            next_step=f"Use --disk with 1 to {MAX_DISK_GIB} GB.",
        )
    if (
        launch_request.guard
        and launch_request.lasting is None
        and launch_request.budget_usd is None
    ):
        raise BadInput(
            f"--guard {launch_request.guard} ends the machine at its deadline, and --for none "
            "gives it none",
            next_step="Use --for with a time such as 8h, or leave --guard out.",
        )
    if launch_request.lasting is not None and launch_request.lasting < SHORTEST_LIFE:
        raise BadInput(
            f"--for {words(launch_request.lasting)} may be over before the machine has started",
            next_step=f"Use --for {words(SHORTEST_LIFE)} or more.",
        )
    if launch_request.idle is not None and launch_request.idle < SHORTEST_IDLE:
        raise BadInput(
            "--idle of less than a minute ends a machine before anybody can use it",
            next_step="Use --idle with a time such as 30m.",
        )
    check_way_in(
        launch_request.connect, launch_request.role, open_to_world=launch_request.open_to_world
    )
    _check_behaviour(launch_request)
    _check_tags(launch_request.tags)


def check_way_in(connect: Connect, role: str, *, open_to_world: bool = False) -> None:
    """Refuse what cannot be an instance profile's name, and a way that leads nowhere with it.

    Raises:
        BadInput: it is one of them.
    """
    if role and not PROFILE_NAME.fullmatch(role):
        raise BadInput(
            f"--role {role!r} cannot be an instance profile's name",
            next_step="Use what is behind the last / of its ARN; `aws iam list-instance-profiles` "
            "lists them.",
        )
    if open_to_world and connect is not Connect.PUBLIC:
        raise BadInput(
            f"--open-to-world and --connect {connect} exclude each other: the world cannot reach "
            "a machine without a public address",
            next_step="Leave one of them out.",
        )
    if connect is Connect.SSM and not role:
        raise BadInput(
            "--connect ssm needs a machine whose role lets it talk to Systems Manager",
            next_step="Name its instance profile with --role, or use --connect endpoint.",
        )


def _check_behaviour(launch_request: LaunchRequest) -> None:
    chosen = launch_request.on_interruption
    if chosen is None:
        return
    if launch_request.kind is Kind.ONCE and chosen is not OnInterruption.TERMINATE:
        raise BadInput(
            f"--once and --on-interruption {chosen} exclude each other: EC2 only ends a one-time "
            "machine",
            next_step="Leave --once out to keep the machine across interruptions.",
        )
    if launch_request.kind is Kind.BOX and chosen is OnInterruption.TERMINATE:
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
                next_step="The guard reads tags from the machine's metadata service, whose keys "
                "are letters, digits and + - = . _ : @ without spaces; those that start with aws: "
                f"or {TAG_PREFIX} are taken.",
            )
        if len(value) > MAX_TAG_VALUE_LENGTH or not value.isprintable():
            raise BadInput(
                f"The value of tag {key!r} is too long or not printable",
                next_step=f"Use up to {MAX_TAG_VALUE_LENGTH} printable characters.",
            )
