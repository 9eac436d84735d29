"""What already exists under a name."""

from collections.abc import Iterable

from spotkeeper.errors import Busy, NameTaken
from spotkeeper.lifecycle.ports import Cloud, Journal
from spotkeeper.model.machine import Machine, pair
from spotkeeper.model.resource import ResourceKind, TaggedResource
from spotkeeper.model.tags import TAG_NAME, TAG_OWNER

#: Kinds of things that cost money.
BILLED = frozenset({ResourceKind.REQUEST, ResourceKind.INSTANCE, ResourceKind.VOLUME})


def machines(cloud: Cloud, region: str, owner: str, name: str | None = None) -> list[Machine]:
    """The owner's machines in a region, ended ones included while EC2 still lists them.

    Raises:
        SpotkeeperError: EC2 does not list them all.
    """
    seen = cloud.observe(region, owner, name)
    if seen.problem:
        raise seen.problem
    return list(pair(seen.instances, seen.requests))


def is_held(journal: Journal, name: str) -> bool:
    """Whether another command of this computer works on a name now."""
    try:
        with journal.lock(name):
            return False
    except Busy:
        return True


def refuse_taken(
    cloud: Cloud, region: str, *, owner: str, name: str, tagged_resources: Iterable[TaggedResource]
) -> None:
    """Refuse a name that still costs something in the region.

    Tags outlive what they were on for a while, so a match is looked at before it counts.

    Raises:
        NameTaken: with what is there.
    """
    wanted = {TAG_NAME: name, TAG_OWNER: owner}
    matches = [
        tagged
        for tagged in tagged_resources
        if tagged.resource_id.kind in BILLED and wanted.items() <= tagged.tags.items()
    ]
    if not matches:
        return
    for machine in machines(cloud, region, owner, name):
        if machine.alive:
            raise name_taken(machine)
    for volume in cloud.volumes(region, owner, name):
        raise NameTaken(
            f"A disk of an earlier {name} is left in {region}: {volume.id}, "
            f"{volume.disk.size_gib} GB",
            next_step=f"Save what you need from it, then run `spot down {name}`.",
            region=region,
        )


def name_taken(machine: Machine) -> NameTaken:
    """The error for a name in use, with what is there."""
    there = machine.instance or machine.request
    return NameTaken(
        f"There already is a {machine.kind} {machine.name} ({there.id if there else ''}): "
        f"{machine.instance_type} in {machine.zone_name or machine.region}, {machine.summary()}",
        next_step=f"Use `spot show {machine.name}`, end it with `spot down {machine.name}`, or "
        "pick another name.",
        region=machine.region,
    )
