"""Request bodies: what EC2 is asked, in its own shapes. No calls are made here."""

from collections.abc import Mapping
from typing import Any

from spotkeeper.lifecycle.ports import LaunchOrder, OnInterruption, ThingKind
from spotkeeper.model.machine import Kind
from spotkeeper.model.money import plain
from spotkeeper.model.tags import TAG_NAME, TAG_OWNER

#: What RunInstances makes and tags in the same call (AWS.md 1.5).
TAGGED_AT_LAUNCH = (
    ThingKind.INSTANCE,
    ThingKind.VOLUME,
    ThingKind.INTERFACE,
    ThingKind.REQUEST,
)

#: EC2 takes letters, digits, blanks and ._-:/()#,@[]+=&;{}!$* here (CreateSecurityGroup), which
#: botocore's model does not say.
GROUP_DESCRIPTION = "ssh to the spotkeeper machines of one owner"
RULE_DESCRIPTION = "ssh for spotkeeper"

Body = dict[str, Any]


def run_instances(order: LaunchOrder) -> Body:
    """The body of RunInstances: one Spot instance, tagged, encrypted, IMDSv2 only."""
    box = order.kind is Kind.BOX
    body: Body = {
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": order.token,
        "ImageId": order.image.id,
        "InstanceType": order.pool.instance_type,
        "SubnetId": order.subnet_id,
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
    }
    if order.group_ids:
        body["SecurityGroupIds"] = list(order.group_ids)
    if order.key_name:
        body["KeyName"] = order.key_name
    if order.on_interruption is OnInterruption.HIBERNATE:
        body["HibernationOptions"] = {"Configured": True}
    return body


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
    if order.max_usd_per_hour is not None:
        options["MaxPrice"] = plain(order.max_usd_per_hour)
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


def ssh_rule(cidr: str) -> list[Body]:
    """``IpPermissions`` that let one address reach port 22."""
    described = {"CidrIp": cidr, "Description": RULE_DESCRIPTION}
    return [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [described]}]
