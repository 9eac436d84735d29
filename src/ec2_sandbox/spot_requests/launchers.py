"""How a Spot request makes its instance, the first time or again, and shows what it asks for."""

from dataclasses import dataclass
from typing import Any

from ec2_sandbox.market.pools import Pool
from ec2_sandbox.spot_requests import made_instances
from ec2_sandbox.spot_requests.launch_orders import LaunchOrder, check_sources

# Storage of volumes of one type in one region: 50 TiB
# (UserGuide/ebs-resource-quotas.html, the default for gp2 and gp3).
STORAGE_GB = 50 * 1024
LIMITED_TYPES = ("gp2", "gp3")


@dataclass(frozen=True)
class OrderLauncher:
    """Launches one instance of an order at a time."""

    order: LaunchOrder
    backend: Any

    @property
    def pools(self) -> list[Pool]:
        """Where the order allows it."""
        return self.order.pools

    def check(self) -> None:
        """EC2's error when what it launches from is gone."""
        check_sources(self.order, self.backend)

    def is_over_limit(self) -> bool:
        """Whether one more instance's disks exceed the account's storage."""
        return any(self._wanted(kind) > self._left(kind) for kind in LIMITED_TYPES)

    def _wanted(self, volume_type: str) -> int:
        return sum(disk.size_gb for disk in self.order.disks if disk.volume_type == volume_type)

    def _left(self, volume_type: str) -> int:
        volumes = self.backend.volumes.values()
        used: int = sum(v.size for v in volumes if v.volume_type == volume_type)
        return STORAGE_GB - used

    def launch(self, pool: Pool) -> Any:
        """A new instance with the tags of the first."""
        return made_instances.make_instances(self.order, pool, self.backend, count=1).instances[0]

    def described(self, instance: Any) -> dict[str, Any]:
        """The LaunchSpecification as DescribeSpotInstanceRequests shows it."""
        order, params = self.order, self.order.params
        zone = instance.placement.zone if instance else _only(order.zones)
        subnet_id = instance.subnet_id if instance else order.subnet_id
        monitored = (params.get("Monitoring") or {}).get("Enabled")
        return {
            "ImageId": order.image.id,
            "InstanceType": order.instance_type,
            "KeyName": params.get("KeyName"),
            "Placement": {"AvailabilityZone": zone} if zone else None,
            "SubnetId": subnet_id,
            "EbsOptimized": bool(params.get("EbsOptimized")),
            "Monitoring": {"Enabled": bool(monitored)},
            "IamInstanceProfile": params.get("IamInstanceProfile"),
            "BlockDeviceMappings": params.get("BlockDeviceMappings"),
            "NetworkInterfaces": params.get("NetworkInterfaces"),
            "SecurityGroups": self._groups(instance),
        }

    def _groups(self, instance: Any) -> list[dict[str, str]]:
        find = self.backend.get_security_group_by_name_or_id
        groups = instance.security_groups if instance else map(find, self.order.group_ids)
        return [{"GroupId": group.id, "GroupName": group.name} for group in groups if group]


def _only(zones: tuple[str, ...]) -> str | None:
    return zones[0] if len(zones) == 1 else None
