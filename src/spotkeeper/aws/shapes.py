"""EC2's own shapes: what it is asked, and its answers read. No calls are made here."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from spotkeeper.lifecycle.ports import LaunchOrder, OnInterruption, SshGroup
from spotkeeper.lifecycle.refusals import reason_code
from spotkeeper.model.connect import Connect, ConnectEndpoint
from spotkeeper.model.disk import USUAL_TYPE, Disk
from spotkeeper.model.machine import Instance, InstanceState, Kind, Volume
from spotkeeper.model.money import plain
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.spot_request import RequestState, SpotRequest
from spotkeeper.model.tags import TAG_NAME, TAG_OWNER

#: What RunInstances makes and tags in the same call (RunInstances, ``TagSpecifications``).
TAGGED_AT_LAUNCH = (
    ResourceKind.INSTANCE,
    ResourceKind.VOLUME,
    ResourceKind.INTERFACE,
    ResourceKind.REQUEST,
)

#: EC2 takes letters, digits, blanks and ._-:/()#,@[]+=&;{}!$* here (CreateSecurityGroup), which
#: botocore's model does not say.
GROUP_DESCRIPTION = "ssh to the spotkeeper machines of one owner"
RULE_DESCRIPTION = "ssh for spotkeeper"

Body = dict[str, Any]
Shape = Mapping[str, Any]


def run_instances(order: LaunchOrder) -> Body:
    """The body of RunInstances: one Spot instance, tagged, encrypted, IMDSv2 only."""
    box = order.kind is Kind.BOX
    body: Body = {
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": order.token,
        "ImageId": order.image.id,
        "InstanceType": order.pool.instance_type,
        "UserData": order.user_data,
        "InstanceInitiatedShutdownBehavior": "stop" if box else "terminate",
        "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": spot_options(order)},
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
            "InstanceMetadataTags": "enabled",  # the guard reads its deadline there
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": order.image.root_device,
                "Ebs": {
                    "VolumeSize": order.disk_gib,
                    "VolumeType": "gp3",
                    "Encrypted": True,
                    # A box's disk outlives an instance that EC2 ends; `spot down` deletes it.
                    "DeleteOnTermination": not box,
                },
            }
        ],
        "TagSpecifications": tag_specifications(order.tags, *TAGGED_AT_LAUNCH),
        **_network(order),
    }
    if order.key_name:
        body["KeyName"] = order.key_name
    if order.role:
        body["IamInstanceProfile"] = {"Name": order.role}
    if order.on_interruption is OnInterruption.HIBERNATE:
        body["HibernationOptions"] = {"Configured": True}
    return body


def _network(order: LaunchOrder) -> Body:
    """Where it is, behind which groups, and whether it has a public address: a subnet's own choice
    (``MapPublicIpOnLaunch``) may be another than what was planned. EC2 takes subnet and groups
    within the interface alone then."""
    interface: Body = {
        "DeviceIndex": 0,
        "SubnetId": order.subnet_id,
        "AssociatePublicIpAddress": order.connect is Connect.PUBLIC,
    }
    groups = {"Groups": list(order.group_ids)} if order.group_ids else {}
    return {"NetworkInterfaces": [interface | groups]}


def spot_options(order: LaunchOrder) -> Body:
    """``SpotMarketOptions``. ValidUntil goes with persistent requests only, and always with them;
    EC2's documents disagree on its default."""
    persistent = order.kind is Kind.BOX
    options: Body = {
        "SpotInstanceType": "persistent" if persistent else "one-time",
        "InstanceInterruptionBehavior": str(order.on_interruption),
    }
    if persistent and order.valid_until is not None:
        options["ValidUntil"] = order.valid_until
    if order.max_price_usd_per_hour is not None:
        options["MaxPrice"] = plain(order.max_price_usd_per_hour)
    return options


def tag_specifications(tags: Mapping[str, str], *kinds: str) -> list[Body]:
    """The same tags for several kinds of things."""
    return [{"ResourceType": str(kind), "Tags": tag_list(tags)} for kind in kinds]


def tag_list(tags: Mapping[str, str]) -> list[Body]:
    """Tags in EC2's shape."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_filters(owner: str, name: str | None) -> list[Body]:
    """Filters for what an owner has, of one name or of all."""
    filters = [{"Name": f"tag:{TAG_OWNER}", "Values": [owner]}]
    if name is not None:
        filters.append({"Name": f"tag:{TAG_NAME}", "Values": [name]})
    return filters


def ssh_rule(source: str) -> list[Body]:
    """``IpPermissions`` that let one address, or what is in one group, reach port 22."""
    ranges, field = ("Ipv6Ranges", "CidrIpv6") if ":" in source else ("IpRanges", "CidrIp")
    if source.startswith("sg-"):
        ranges, field = "UserIdGroupPairs", "GroupId"
    described = {field: source, "Description": RULE_DESCRIPTION}
    return [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, ranges: [described]}]


def connect_endpoint(described: Shape) -> ConnectEndpoint:
    """``Ec2InstanceConnectEndpoint`` of DescribeInstanceConnectEndpoints."""
    return ConnectEndpoint(
        described["InstanceConnectEndpointId"],
        tuple(described.get("SecurityGroupIds", ())),
        bool(described.get("PreserveClientIp")),
    )


def ssh_group(described: Shape) -> SshGroup:
    """``SecurityGroup`` of DescribeSecurityGroups: what ``ssh_rule`` made of it."""
    return SshGroup(
        described["GroupId"],
        tuple(
            address.get("CidrIp") or address["CidrIpv6"]
            for rule in described.get("IpPermissions", ())
            if (rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")) == ("tcp", 22, 22)
            for address in (*rule.get("IpRanges", ()), *rule.get("Ipv6Ranges", ()))
            if address.get("Description") == RULE_DESCRIPTION
        ),
    )


#: Volume types whose speed is paid for, and what of it is in the price of a gp3's size
#: (EBS pricing).
PAID_FOR_SPEED = frozenset({"io1", "io2"})
INCLUDED_IOPS = 3_000
INCLUDED_MIB_PER_SECOND = 125


def tags(described: Iterable[Shape] | None) -> dict[str, str]:
    """EC2's list of keys and values as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in described or ()}


def instance(described: Shape, region: str) -> Instance:
    """``Instance`` of DescribeInstances and RunInstances."""
    reason = described.get("StateReason") or {}
    return Instance(
        id=described["InstanceId"],
        region=region,
        zone_name=described["Placement"]["AvailabilityZone"],
        instance_type=described["InstanceType"],
        state=InstanceState(described["State"]["Name"]),
        launched_at=described["LaunchTime"],
        lifecycle=described.get("InstanceLifecycle"),
        request_id=described.get("SpotInstanceRequestId"),
        public_ip=described.get("PublicIpAddress"),
        image_id=described.get("ImageId"),
        key_name=described.get("KeyName"),
        state_reason=reason_code(reason.get("Code", ""), reason.get("Message", "")),
        state_message=reason.get("Message", ""),
        volume_ids=tuple(
            mapping["Ebs"]["VolumeId"]
            for mapping in described.get("BlockDeviceMappings", ())
            if "Ebs" in mapping
        ),
        role=described.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
        group_ids=tuple(group["GroupId"] for group in described.get("SecurityGroups", ())),
        tags=tags(described.get("Tags")),
    )


def spot_request(described: Shape, region: str) -> SpotRequest:
    """``SpotInstanceRequest`` of DescribeSpotInstanceRequests."""
    status = described.get("Status", {})
    specification = described.get("LaunchSpecification", {})
    price = described.get("SpotPrice")
    return SpotRequest(
        id=described["SpotInstanceRequestId"],
        region=region,
        state=RequestState(described["State"]),
        status_code=status.get("Code", described["State"]),
        status_since=status.get("UpdateTime", described["CreateTime"]),
        persistent=described.get("Type") == "persistent",
        interruption_behavior=described.get("InstanceInterruptionBehavior", "terminate"),
        created_at=described["CreateTime"],
        instance_id=described.get("InstanceId"),
        instance_type=specification.get("InstanceType"),
        zone_name=described.get("LaunchedAvailabilityZone")
        or specification.get("Placement", {}).get("AvailabilityZone"),
        valid_until=described.get("ValidUntil"),
        max_price_usd_per_hour=Decimal(price) if price else None,
        tags=tags(described.get("Tags")),
    )


def volume(described: Shape, region: str) -> Volume:
    """``Volume`` of DescribeVolumes."""
    return Volume(
        id=described["VolumeId"],
        region=region,
        state=described["State"],
        disk=disk(described),
        tags=tags(described.get("Tags")),
    )


def disk(described: Shape) -> Disk:
    """What ``Volume`` of DescribeVolumes costs by. io1, io2, and gp3 beyond what is included, are
    paid for their speed as well."""
    kind = described.get("VolumeType", "")
    iops, mib_per_second = described.get("Iops") or 0, described.get("Throughput") or 0
    fast = iops > INCLUDED_IOPS or mib_per_second > INCLUDED_MIB_PER_SECOND
    by_size_alone = kind not in PAID_FOR_SPEED and not (kind == USUAL_TYPE and fast)
    return Disk(kind, int(described["Size"]), by_size_alone)
