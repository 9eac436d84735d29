"""The simulated account as plain boto3 sees it: the stories' second opinion."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from typing import Any

from tests.conftest import Sandbox

OURS = {"Name": "tag:spotkeeper:managed", "Values": ["true"]}
REGION = "us-east-1"
CHEAPEST = "g5.xlarge@us-east-1c"

#: The market moves with the day on which the tests run; the pools that stories name do not.
PRICES = {
    CHEAPEST: "0.2716",
    "g5.xlarge@us-east-1d": "0.31",
    "g5.xlarge@us-east-1a": "0.42",
    "g5.xlarge@us-east-1b": "0.45",
    "g5.xlarge@us-east-1f": "0.48",
}


def instances(sandbox: Sandbox, region: str = REGION) -> list[dict[str, Any]]:
    """Every instance that has not ended, whoever's it is."""
    reservations = sandbox.client("ec2", region).describe_instances()["Reservations"]
    everything = [found for each in reservations for found in each["Instances"]]
    return [one for one in everything if one["State"]["Name"] not in {"terminated"}]


def usual_image(sandbox: Sandbox) -> dict[str, Any]:
    """The image that a launch takes where none is named."""
    images = sandbox.client("ec2").describe_images(Owners=["amazon"])["Images"]
    found: dict[str, Any] = next(
        each
        for each in images
        if "Deep Learning" in each["Name"] and each["Architecture"] == "x86_64"
    )
    return found


def requests(sandbox: Sandbox, region: str = REGION) -> list[dict[str, Any]]:
    """Every Spot request, ended ones included."""
    client = sandbox.client("ec2", region)
    found: list[dict[str, Any]] = client.describe_spot_instance_requests()["SpotInstanceRequests"]
    return found


def groups(sandbox: Sandbox, region: str = REGION) -> list[dict[str, Any]]:
    """The security groups that carry our tag."""
    found: list[dict[str, Any]] = sandbox.client("ec2", region).describe_security_groups(
        Filters=[OURS]
    )["SecurityGroups"]
    return found


def keys(sandbox: Sandbox, region: str = REGION) -> list[dict[str, Any]]:
    """The key pairs that carry our tag, with their public half."""
    found: list[dict[str, Any]] = sandbox.client("ec2", region).describe_key_pairs(
        Filters=[OURS], IncludePublicKey=True
    )["KeyPairs"]
    return found


def volumes(sandbox: Sandbox, region: str = REGION) -> list[dict[str, Any]]:
    """Every volume."""
    found: list[dict[str, Any]] = sandbox.client("ec2", region).describe_volumes()["Volumes"]
    return found


def schedules(sandbox: Sandbox, region: str = REGION) -> list[str]:
    """The names of the guard's schedules."""
    listed = sandbox.client("scheduler", region).list_schedules(GroupName="spotkeeper")
    return [one["Name"] for one in listed["Schedules"]]


def templates(sandbox: Sandbox, region: str = REGION) -> list[str]:
    """The ids of all launch templates."""
    found = sandbox.client("ec2", region).describe_launch_templates()["LaunchTemplates"]
    return [one["LaunchTemplateId"] for one in found]


def left(sandbox: Sandbox, *regions: str) -> list[str]:
    """Everything that costs money or was made by us; empty when all was given back."""
    found: list[str] = []
    for region in regions or (REGION,):
        found += [one["InstanceId"] for one in instances(sandbox, region)]
        found += [
            one["SpotInstanceRequestId"]
            for one in requests(sandbox, region)
            if one["State"] in {"open", "active", "disabled"}
        ]
        found += [one["VolumeId"] for one in volumes(sandbox, region)]
        found += [one["GroupId"] for one in groups(sandbox, region)]
        found += [one["KeyPairId"] for one in keys(sandbox, region)]
        found += schedules(sandbox, region)
        found += templates(sandbox, region)
    return found


def litter(sandbox: Sandbox, region: str = REGION) -> list[str]:
    """What of ours is no part of a machine that `spot up` makes: snapshots, interfaces, fleets."""
    client = sandbox.client("ec2", region)
    at_work = {"submitted", "active", "modifying"}
    fleets = client.describe_fleets()["Fleets"]
    cards = client.describe_network_interfaces(Filters=[OURS])["NetworkInterfaces"]
    snapshots = client.describe_snapshots(Filters=[OURS])["Snapshots"]
    return [
        *(one["FleetId"] for one in fleets if one["FleetState"] in at_work),
        *(one["NetworkInterfaceId"] for one in cards),
        *(one["SnapshotId"] for one in snapshots),
    ]


def everything_left(sandbox: Sandbox) -> list[str]:
    """What is left of every kind that anything of ours can be of."""
    return [*left(sandbox), *litter(sandbox)]


def tags(resource_id: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    """Tags as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in resource_id[key]}


def user_data(sandbox: Sandbox, instance_id: str, region: str = REGION) -> list[tuple[str, bytes]]:
    """The parts of the user data: content type and content."""
    answer = sandbox.client("ec2", region).describe_instance_attribute(
        InstanceId=instance_id, Attribute="userData"
    )
    message = message_from_bytes(b64decode(answer["UserData"]["Value"]))
    return [
        (part.get_content_type(), bytes(part.get_payload(decode=True)))
        for part in message.walk()
        if not part.is_multipart()
    ]


def image(sandbox: Sandbox, image_id: str, region: str = REGION) -> dict[str, Any]:
    """An image as EC2 describes it."""
    client = sandbox.client("ec2", region)
    found: dict[str, Any] = client.describe_images(ImageIds=[image_id])["Images"][0]
    return found


def pools(sandbox: Sandbox, instance_type: str, region: str = REGION) -> list[str]:
    """The pools of a type as TYPE@ZONE, cheapest first, by EC2's own history."""
    history = sandbox.client("ec2", region).describe_spot_price_history(
        InstanceTypes=[instance_type],
        ProductDescriptions=["Linux/UNIX"],
        StartTime=sandbox.control.now(),
    )["SpotPriceHistory"]
    rows = sorted(history, key=lambda row: float(row["SpotPrice"]))
    return [f"{instance_type}@{row['AvailabilityZone']}" for row in rows]


def launch_by_hand(sandbox: Sandbox, tags: Sequence[Mapping[str, str]]) -> str:
    """A Spot Instance that somebody launched without spotkeeper; its id."""
    launched = sandbox.client("ec2").run_instances(
        ImageId=amazon_image(sandbox),
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        InstanceMarketOptions={"MarketType": "spot"},
        TagSpecifications=[
            {"ResourceType": kind, "Tags": tags}
            for kind in ("instance", "volume", "spot-instances-request")
        ],
    )
    return str(launched["Instances"][0]["InstanceId"])


def amazon_image(sandbox: Sandbox, arch: str = "x86_64", region: str = REGION) -> str:
    """The id of an image of Amazon's."""
    name = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}"
    answer = sandbox.client("ssm", region).get_parameter(Name=name)
    return str(answer["Parameter"]["Value"])
