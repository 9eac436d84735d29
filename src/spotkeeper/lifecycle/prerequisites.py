"""What a machine stands on in a region: subnet, security group and key."""

from collections.abc import Mapping
from dataclasses import dataclass

from spotkeeper.errors import NoSubnet, Refused
from spotkeeper.lifecycle.plan import Wish
from spotkeeper.lifecycle.ports import Cloud, Holding, Subnet, ThingKind
from spotkeeper.lifecycle.token import short_hash
from spotkeeper.model.tags import TAG_KEY, TAG_OWNER, TAG_VPC, shared_tags

EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where and with what a machine of a region is launched."""

    subnets: Mapping[str, Subnet]
    group_ids: tuple[str, ...]
    key_name: str

    def subnet_in(self, zone_name: str) -> Subnet:
        """The subnet of a zone.

        Raises:
            NoSubnet: there is none.
        """
        if zone_name not in self.subnets:
            raise NoSubnet(f"There is no subnet to use in {zone_name}")
        return self.subnets[zone_name]


class GroundKeeper:
    """Makes the ground of a region once, and again when EC2 says it is gone."""

    def __init__(self, cloud: Cloud, *, owner: str, wish: Wish, caller_cidr: str) -> None:
        self._cloud = cloud
        self._owner = owner
        self._wish = wish
        self._cidr = EVERYWHERE if wish.open_to_world else caller_cidr
        self._ready: dict[str, Ground] = {}

    @property
    def brought(self) -> bool:
        """Whether the user names a part of the ground, which waiting then does not bring."""
        wish = self._wish
        return bool(wish.group_ids or wish.key_name or wish.subnet_id)

    def ground(self, region: str, holdings: tuple[Holding, ...]) -> Ground:
        """The ground of a region; what ``holdings`` shows to exist is not created again.

        Raises:
            Refused: there is no default VPC, and no subnet was named.
        """
        if region not in self._ready:
            self._ready[region] = self._prepare(region, holdings)
        return self._ready[region]

    def forget(self, region: str) -> None:
        """Make the region's ground anew next time."""
        self._ready.pop(region, None)

    def _prepare(self, region: str, holdings: tuple[Holding, ...]) -> Ground:
        subnets = self._cloud.subnets(region, self._wish.subnet_id)
        if not subnets:
            raise no_default_vpc(region)
        mine = [holding for holding in holdings if holding.tags.get(TAG_OWNER) == self._owner]
        return Ground(
            {subnet.zone.name: subnet for subnet in subnets},
            self._wish.group_ids or (self._group(region, subnets[0].vpc_id, mine),),
            self._wish.key_name or self._key(region, mine),
        )

    def _group(self, region: str, vpc_id: str, mine: list[Holding]) -> str:
        found = (
            holding.thing.id
            for holding in mine
            if holding.thing.kind == ThingKind.GROUP and holding.tags.get(TAG_VPC) == vpc_id
        )
        group_id = next(found, None) or self._cloud.create_group(
            region,
            f"spotkeeper-{short_hash(self._owner)}",
            vpc_id=vpc_id,
            tags={**shared_tags(self._owner), TAG_VPC: vpc_id},
        )
        self._cloud.open_ssh(region, group_id, self._cidr)
        return group_id

    def _key(self, region: str, mine: list[Holding]) -> str:
        name = key_name(self._owner, self._wish.public_key)
        known = {h.tags.get(TAG_KEY) for h in mine if h.thing.kind == ThingKind.KEY}
        if name not in known:
            self._cloud.import_key(
                region,
                name,
                public_key=self._wish.public_key,
                tags={**shared_tags(self._owner), TAG_KEY: name},
            )
        return name


def key_name(owner: str, public_key: str) -> str:
    """The name under which EC2 knows a public key of an owner; another key is another name."""
    material = " ".join(public_key.split()[:2])  # the comment is not part of the key
    return f"spotkeeper-{short_hash(owner)}-{short_hash(material)}"


def no_default_vpc(region: str) -> Refused:
    """The error for an account without a default VPC in a region."""
    return Refused(
        f"There is no default VPC with subnets in {region}",
        next_step=f"Create one with `aws ec2 create-default-vpc --region {region}`, or name a "
        "subnet with --subnet.",
        region=region,
    )
