"""A session that calls every operation that the sandbox answers itself, at least once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from tests.conftest import Sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ZONE = "us-east-1a"
QUOTA = "L-34B43A08"
KINDS = ("instance", "volume", "spot-instances-request", "network-interface")
TAGS = [{"Key": "Name", "Value": "it's <mine> & yours"}]
NEEDS = {
    "VCpuCount": {"Min": 2, "Max": 4},
    "MemoryMiB": {"Min": 4096},
}
REFUSED: dict[str, dict[str, Any]] = {
    "request_spot_fleet": {
        "SpotFleetRequestConfig": {"IamFleetRole": "arn:aws:iam::1:role/r", "TargetCapacity": 1}
    },
    "describe_spot_fleet_requests": {},
    "describe_spot_fleet_instances": {"SpotFleetRequestId": "sfr-1"},
    "cancel_spot_fleet_requests": {"SpotFleetRequestIds": ["sfr-1"], "TerminateInstances": True},
    "modify_spot_fleet_request": {"SpotFleetRequestId": "sfr-1"},
}


class Told(NamedTuple):
    """One answer as it came over the wire."""

    service: str
    operation: Any
    status: int
    body: bytes


def hears(client: Any) -> list[Told]:
    """Collects every answer that the client gets from now on."""
    heard: list[Told] = []

    def note(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        service = operation_model.service_model.service_name
        status, body = response_dict["status_code"], response_dict["body"]
        heard.append(Told(service, operation_model, status, body))

    client.meta.events.register("before-parse", note)
    return heard


def session(sandbox: Sandbox, client: Callable[[str], Any]) -> None:
    """The whole session; whatever it makes is thrown away with the sandbox's next reset."""
    Session(sandbox, client("ec2")).run()
    _prices(client("pricing"))
    _quotas(client("service-quotas"))


class Session:
    """EC2, from the catalogue to the end of everything that was made."""

    def __init__(self, sandbox: Any, ec2: Any) -> None:
        self.sandbox = sandbox
        self.ec2 = ec2

    def run(self) -> None:
        self.look_around()
        box = self.launch(SpotInstanceType="persistent", InstanceInterruptionBehavior="stop")
        once = self.launch()
        on_demand = self.launch_on_demand()
        self.look_at_machines()
        self.change_settings(on_demand)
        self.disks(on_demand)
        self.addresses_and_groups(on_demand)
        self.stop_and_start(box, on_demand)
        self.interrupted(box, once)
        self.requests()
        self.fleets()
        self.not_modelled()
        self.end([box, once, on_demand])

    def look_around(self) -> None:
        self.ec2.describe_regions(AllRegions=True)
        self.ec2.describe_availability_zones()
        self.ec2.describe_instance_types()
        self.ec2.describe_instance_types(InstanceTypes=["p3.2xlarge", "g6f.large", "inf2.xlarge"])
        for kind in ("region", "availability-zone", "availability-zone-id"):
            self.ec2.describe_instance_type_offerings(LocationType=kind)
        self.ec2.describe_images()
        self.ec2.describe_vpcs()
        self.ec2.describe_subnets()
        self.ec2.describe_spot_price_history(MaxResults=5)
        types = ["m5.large", "c5.large", "r5.large"]
        for single in (False, True):
            self.ec2.get_spot_placement_scores(
                InstanceTypes=types,
                TargetCapacity=2,
                SingleAvailabilityZone=single,
                RegionNames=["us-east-1", "eu-west-1"],
            )
        self.ec2.get_instance_types_from_instance_requirements(
            ArchitectureTypes=["x86_64"],
            VirtualizationTypes=["hvm"],
            InstanceRequirements=NEEDS,
        )

    def launch(self, **options: Any) -> str:
        return self._launched(
            InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options},
            TagSpecifications=[{"ResourceType": kind, "Tags": TAGS} for kind in KINDS],
        )

    def launch_on_demand(self) -> str:
        disk = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10, "VolumeType": "io2"}}
        disk["Ebs"]["Iops"] = 500  # type: ignore[index]
        return self._launched(
            BlockDeviceMappings=[disk],
            Monitoring={"Enabled": True},
            MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
            UserData="#!/bin/sh\necho hello\n",
            ClientToken="everything",
        )

    def _launched(self, **wanted: Any) -> str:
        answer = self.ec2.run_instances(
            ImageId=IMAGE,
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": ZONE},
            **wanted,
        )
        return str(answer["Instances"][0]["InstanceId"])

    def look_at_machines(self) -> None:
        self.ec2.describe_instances()
        self.wait(minutes=1)
        self.ec2.describe_instances()
        self.ec2.describe_instance_status(IncludeAllInstances=True)
        self.wait(minutes=10)
        self.ec2.describe_instance_status()
        self.ec2.describe_spot_instance_requests()
        self.ec2.describe_volumes()
        self.ec2.describe_network_interfaces()
        self.ec2.describe_tags()

    def change_settings(self, instance: str) -> None:
        for attribute in (
            "instanceType",
            "userData",
            "groupSet",
            "blockDeviceMapping",
            "disableApiTermination",
        ):
            self.ec2.describe_instance_attribute(InstanceId=instance, Attribute=attribute)
        self.ec2.modify_instance_attribute(InstanceId=instance, SourceDestCheck={"Value": False})
        self.ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
        self.ec2.unmonitor_instances(InstanceIds=[instance])
        self.ec2.monitor_instances(InstanceIds=[instance])
        self.ec2.get_console_output(InstanceId=instance)
        self.ec2.reboot_instances(InstanceIds=[instance])
        self.ec2.create_tags(Resources=[instance], Tags=TAGS)

    def disks(self, instance: str) -> None:
        volume = self.ec2.create_volume(
            AvailabilityZone=ZONE,
            Size=5,
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": TAGS}],
        )["VolumeId"]
        self.wait(minutes=1)
        self.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdg")
        self.ec2.modify_volume(VolumeId=volume, Size=6)
        self.wait(hours=7)
        self.ec2.describe_volumes_modifications(VolumeIds=[volume])
        snapshot = self.ec2.create_snapshot(VolumeId=volume, Description="<d>")["SnapshotId"]
        self.ec2.create_snapshots(InstanceSpecification={"InstanceId": instance})
        self.wait(hours=1)
        self.ec2.describe_snapshots(OwnerIds=["self"])
        self.ec2.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot)
        self.ec2.delete_snapshot(SnapshotId=snapshot)
        self.ec2.detach_volume(VolumeId=volume)
        self.wait(minutes=1)
        self.ec2.delete_volume(VolumeId=volume)

    def addresses_and_groups(self, instance: str) -> None:
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        found = self.ec2.associate_address(AllocationId=address, InstanceId=instance)
        self.ec2.describe_addresses()
        self.ec2.disassociate_address(AssociationId=found["AssociationId"])
        self.ec2.release_address(AllocationId=address)
        group = self.ec2.create_security_group(GroupName="everything", Description="all of it")
        self.ec2.describe_security_groups()
        self.ec2.delete_security_group(GroupId=group["GroupId"])
        key = self.ec2.create_key_pair(KeyName="everything", KeyType="ed25519")["KeyPairId"]
        self.ec2.describe_key_pairs()
        self.ec2.delete_key_pair(KeyPairId=key)

    def stop_and_start(self, *instances: str) -> None:
        self.ec2.stop_instances(InstanceIds=list(instances))
        self.ec2.describe_instances()
        self.wait(minutes=5)
        self.ec2.describe_instances()
        self.ec2.start_instances(InstanceIds=list(instances))
        self.wait(minutes=5)

    def interrupted(self, *instances: str) -> None:
        for instance in instances:
            self.sandbox.control.interrupt(instance)
        self.ec2.describe_spot_instance_requests()
        self.wait(minutes=5)
        self.ec2.describe_instances()
        self.ec2.describe_spot_instance_requests()
        self.wait(minutes=30)
        self.ec2.describe_instances()

    def requests(self) -> None:
        answer = self.ec2.request_spot_instances(
            SpotPrice="0.001",
            LaunchSpecification={"ImageId": IMAGE, "InstanceType": "m5.large"},
        )
        request = answer["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
        self.wait(minutes=1)
        self.ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request])
        self.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])

    def fleets(self) -> None:
        data = {"ImageId": IMAGE, "InstanceType": "c5.large"}
        template = self.ec2.create_launch_template(
            LaunchTemplateName="everything", LaunchTemplateData=data
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.ec2.create_launch_template_version(
            LaunchTemplateId=template,
            SourceVersion="1",
            LaunchTemplateData={"InstanceType": "m5.large", "UserData": "IyEvYmluL3NoCg=="},
        )
        self.ec2.describe_launch_templates()
        self.ec2.describe_launch_template_versions(LaunchTemplateId=template)
        self.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
        made = [self._fleet(template, kind) for kind in ("instant", "request", "maintain")]
        self.wait(minutes=5)
        self.ec2.describe_fleets()
        self.ec2.describe_fleets(FleetIds=made)
        begin = self.sandbox.control.now() - timedelta(hours=1)
        for fleet in made[1:]:
            self.ec2.describe_fleet_instances(FleetId=fleet)
            self.ec2.describe_fleet_history(FleetId=fleet, StartTime=begin)
        capacity = {"TotalTargetCapacity": 2}
        self.ec2.modify_fleet(FleetId=made[2], TargetCapacitySpecification=capacity)
        self.wait(minutes=5)
        self.ec2.delete_fleets(FleetIds=[*made, f"fleet-{'0' * 8}"], TerminateInstances=True)
        self.ec2.describe_fleets(FleetIds=made)
        self.ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1"])
        self.ec2.delete_launch_template(LaunchTemplateId=template)

    def _fleet(self, template: str, kind: str) -> str:
        overrides = [
            {"InstanceType": "m5.large", "AvailabilityZone": ZONE},
            {"InstanceType": "c5.large", "AvailabilityZone": ZONE, "MaxPrice": "0.001"},
        ]
        answer = self.ec2.create_fleet(
            Type=kind,
            LaunchTemplateConfigs=[
                {
                    "LaunchTemplateSpecification": {
                        "LaunchTemplateId": template,
                        "Version": "$Latest",
                    },
                    "Overrides": overrides,
                }
            ],
            TargetCapacitySpecification={
                "TotalTargetCapacity": 1,
                "DefaultTargetCapacityType": "spot",
            },
        )
        return str(answer["FleetId"])

    def not_modelled(self) -> None:
        for name, arguments in REFUSED.items():
            try:
                getattr(self.ec2, name)(**arguments)
            except ClientError as refused:
                assert refused.response["Error"]["Code"] == "UnsupportedOperation"  # noqa: PT017
            else:
                raise AssertionError(f"{name} is modelled: take it out of REFUSED")

    def end(self, instances: list[str]) -> None:
        self.ec2.terminate_instances(InstanceIds=instances)
        self.ec2.describe_instances()
        self.wait(minutes=5)
        self.ec2.describe_instances()
        self.ec2.describe_spot_instance_requests()

    def wait(self, **length: float) -> None:
        self.sandbox.control.advance(timedelta(**length))


def _prices(pricing: Any) -> None:
    pricing.describe_services(ServiceCode="AmazonEC2")
    pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="instanceType")
    for page in _first(pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2")):
        assert page["PriceList"]


def _quotas(quotas: Any) -> None:
    of_ec2 = {"ServiceCode": "ec2"}
    quotas.list_services()
    quotas.list_service_quotas(**of_ec2)
    quotas.list_aws_default_service_quotas(**of_ec2)
    quotas.get_service_quota(**of_ec2, QuotaCode=QUOTA)
    quotas.get_aws_default_service_quota(**of_ec2, QuotaCode=QUOTA)
    asked = quotas.request_service_quota_increase(
        **of_ec2, QuotaCode=QUOTA, DesiredValue=10_000.0
    )["RequestedQuota"]["Id"]
    quotas.get_requested_service_quota_change(RequestId=asked)
    quotas.list_requested_service_quota_change_history(**of_ec2)
    quotas.list_requested_service_quota_change_history_by_quota(**of_ec2, QuotaCode=QUOTA)


def _first(pages: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Two pages show whether one follows the other."""
    yield from (page for page, _ in zip(pages, range(2), strict=False))
