"""The fault matrix: every operation that the tool calls, with everything that can go wrong.

``python -m tests.story.fault_matrix`` runs all of it and prints the table; with names of
operations only those. It takes about a quarter of an hour.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.conftest import QUIET, Sandbox
from tests.story import account
from tests.story.fault_kinds import KINDS, Kind
from tests.story.fault_trials import Laboratory, Result, Row, laboratory

from ec2_sandbox.client import daemon
from spotkeeper.aws.shapes import ssh_rule, tag_list
from spotkeeper.lifecycle.name_claim import claim_title
from spotkeeper.model.journal_entry import Ending, Settling
from spotkeeper.model.tags import TAG_CLAIM, TAG_MANAGED, TAG_NAME, TAG_OWNER, Caller
from spotkeeper.store.folders import Folders
from spotkeeper.store.journal import FileJournal

UP = "up train --type g5.xlarge --yes"
FIND = "find --type g5.xlarge"
DOWN = "down train --yes"
GUARDED = f"{UP} --guard scheduler"
EXTEND = "extend train +4h"
SWEEP = "sweep --apply"
STOPPED = (f"{UP} --for 1h", "stop train")


def lost_group(lab: Laboratory) -> None:
    """The group is made, and nobody hears of it."""
    lab.sandbox.control.fail("CreateSecurityGroup", "Unavailable", after_effect=True)


def too_late(lab: Laboratory) -> None:
    """The deadline of what was stopped is over."""
    lab.sandbox.control.advance(timedelta(hours=2))


def usual_quota(lab: Laboratory) -> None:
    """The account has no quota of its own."""
    lab.sandbox.control.fail("GetServiceQuota", "NoSuchResourceException", times=2)


def moved_house(lab: Laboratory) -> None:
    """The group was opened to an address that its user has no more."""
    [group] = account.groups(lab.sandbox)
    lab.sandbox.client("ec2").authorize_security_group_ingress(
        GroupId=group["GroupId"], IpPermissions=ssh_rule("203.0.113.9/32")
    )


def own_disk_key(lab: Laboratory) -> None:
    """Disks are encrypted with a key of the account's own."""
    key = lab.sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    lab.sandbox.client("ec2").modify_ebs_default_kms_key_id(KmsKeyId=key)


def own_role(lab: Laboratory) -> None:
    """A role that the machine is given, in a profile."""
    iam = lab.sandbox.client("iam")
    iam.create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="training")
    iam.add_role_to_instance_profile(InstanceProfileName="training", RoleName="trainer")


def owner_of(lab: Laboratory) -> str:
    """The owner id of whoever runs the commands."""
    told = lab.sandbox.client("sts").get_caller_identity()
    return Caller(told["Account"], told["Arn"], "aws").owner


def claimed(lab: Laboratory) -> None:
    """A claim of the name is left over from a launch elsewhere."""
    owner = owner_of(lab)
    tags = {TAG_MANAGED: "true", TAG_OWNER: owner, TAG_NAME: "train", TAG_CLAIM: "elsewhere"}
    lab.sandbox.client("ec2").create_launch_template(
        LaunchTemplateName=claim_title(owner, "train"),
        LaunchTemplateData={"InstanceType": "m5.large"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tag_list(tags)}],
    )
    later(lab)


def unclaimed(lab: Laboratory) -> None:
    """Somebody deleted the claims of all names."""
    client = lab.sandbox.client("ec2")
    for template in account.templates(lab.sandbox):
        client.delete_launch_template(LaunchTemplateId=template)


def ended_unseen(lab: Laboratory) -> None:
    """The machine was ended before EC2 listed it, so that its end found nothing."""
    journal = FileJournal(Folders.of_user(os.environ).practice.journal)
    for kind in (Ending, Settling):
        journal.append("train", kind(lab.sandbox.control.now()))
    later(lab)


def litter(lab: Laboratory) -> None:
    """Things of ours that no command makes, such as by hand with our tags."""
    client = lab.sandbox.client("ec2")
    tags = tag_list({TAG_MANAGED: "true", TAG_OWNER: owner_of(lab)})

    def tagged(kind: str) -> list[dict[str, object]]:
        return [{"ResourceType": kind, "Tags": tags}]

    subnet = client.describe_subnets()["Subnets"][0]
    client.create_network_interface(
        SubnetId=subnet["SubnetId"], TagSpecifications=tagged("network-interface")
    )
    volume = client.create_volume(
        AvailabilityZone=subnet["AvailabilityZone"], Size=1, TagSpecifications=tagged("volume")
    )
    client.create_snapshot(VolumeId=volume["VolumeId"], TagSpecifications=tagged("snapshot"))
    client.create_launch_template(
        LaunchTemplateName="fleet",
        LaunchTemplateData={
            "InstanceType": "m5.large",
            "ImageId": account.amazon_image(lab.sandbox),
        },
        TagSpecifications=tagged("launch-template"),
    )
    named = {"LaunchTemplateName": "fleet", "Version": "$Latest"}
    client.create_fleet(
        Type="maintain",
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": named}],
        TargetCapacitySpecification={
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot",
        },
        TagSpecifications=tagged("fleet"),
    )


def later(lab: Laboratory) -> None:
    """Nothing is too young to be told any more."""
    lab.sandbox.control.advance(timedelta(minutes=11))


FORGOTTEN = (GUARDED, Laboratory.move, later)
LITTER = (litter, later)

#: A new operation is one line more; a test tells when one is missing.
ROWS = (
    Row("DescribeRegions", "ls"),
    Row("GetCallerIdentity", UP),
    Row("DescribeSpotPriceHistory", FIND),
    Row("DescribeSpotPriceHistory", "prices g5.xlarge"),
    Row("DescribeInstanceTypes", FIND),
    Row("GetProducts", FIND),
    Row("GetSpotPlacementScores", "find --type g*.xlarge --score"),
    Row("GetServiceQuota", f"{FIND} --quota"),
    Row("GetAWSDefaultServiceQuota", f"{FIND} --quota", (usual_quota,)),
    Row("GetRole", "doctor --type m5.large"),
    Row("GetEbsDefaultKmsKeyId", "doctor --type m5.large"),
    Row("DescribeKey", "doctor --type m5.large", (own_disk_key,)),
    Row("ListGrants", "doctor --type m5.large", (own_disk_key,)),
    Row("DescribeSubnets", UP),
    Row("GetParameter", UP),
    Row("DescribeImages", UP),
    Row("GetInstanceProfile", f"{UP} --role training", (own_role,)),
    Row("ListAttachedRolePolicies", f"{UP} --role training --connect ssm", (own_role,)),
    Row("DescribeTags", UP),
    Row("CreateSecurityGroup", UP),
    Row("DescribeSecurityGroups", UP, (lost_group,)),
    Row("AuthorizeSecurityGroupIngress", UP),
    Row("ImportKeyPair", UP),
    Row("RunInstances", UP),
    Row("RunInstances", f"{UP} --once"),
    Row("RunInstances", "doctor --type m5.large"),
    Row("DescribeInstances", UP),
    Row("DescribeInstances", "ls", (UP,)),
    Row("DescribeSpotInstanceRequests", "ls", (UP,)),
    Row("DescribeInstances", "show train", (UP,)),
    Row("GetProducts", "show train", (*STOPPED, Laboratory.move)),
    Row("StopInstances", "stop train", (UP,)),
    Row("DescribeVolumes", "stop train", (UP,)),
    Row("StartInstances", "start train", STOPPED),
    Row("CreateTags", "start train", (*STOPPED, too_late)),
    Row("DescribeSecurityGroups", "start train", STOPPED),
    Row("AuthorizeSecurityGroupIngress", "start train", STOPPED),
    Row("RevokeSecurityGroupIngress", "start train", (*STOPPED, moved_house)),
    Row("CreateLaunchTemplate", UP),
    Row("DescribeLaunchTemplates", UP, (claimed,)),
    Row("DeleteLaunchTemplate", DOWN, (UP,)),
    Row("CreateSchedule", GUARDED),
    Row("CreateScheduleGroup", GUARDED),
    Row("GetSchedule", GUARDED),
    Row("CreateTags", EXTEND, (UP,)),
    Row("UpdateSchedule", EXTEND, (GUARDED,)),
    Row("ListSchedules", DOWN, (GUARDED,)),
    Row("DeleteSchedule", DOWN, (GUARDED,)),
    Row("DescribeTags", DOWN, (UP,)),
    Row("DescribeInstances", DOWN, (UP,)),
    Row("DescribeSpotInstanceRequests", DOWN, (UP,)),
    Row("CancelSpotInstanceRequests", DOWN, (UP,)),
    Row("TerminateInstances", DOWN, (UP,)),
    Row("DescribeVolumes", DOWN, (UP,)),
    Row("DeleteVolume", DOWN, (UP,)),
    Row("DeleteSecurityGroup", DOWN, (UP,)),
    Row("DeleteKeyPair", DOWN, (UP,)),
    Row("DescribeTags", SWEEP, FORGOTTEN),
    Row("DescribeSpotInstanceRequests", SWEEP, FORGOTTEN),
    Row("DescribeInstances", SWEEP, FORGOTTEN),
    Row("CancelSpotInstanceRequests", SWEEP, FORGOTTEN),
    Row("TerminateInstances", SWEEP, FORGOTTEN),
    Row("DescribeKeyPairs", SWEEP, FORGOTTEN),
    Row("DescribeLaunchTemplates", SWEEP, FORGOTTEN),
    Row("GetProducts", SWEEP, FORGOTTEN),
    Row("ListSchedules", SWEEP, FORGOTTEN),
    Row("DescribeNetworkInterfaces", SWEEP, LITTER),
    Row("DeleteNetworkInterface", SWEEP, LITTER),
    Row("DescribeSnapshots", SWEEP, LITTER),
    Row("DeleteSnapshot", SWEEP, LITTER),
    Row("DescribeFleets", SWEEP, LITTER),
    Row("DeleteFleets", SWEEP, LITTER),
)


class Cell(NamedTuple):
    """A trial that is to be made."""

    row: Row
    kind: Kind
    every: bool

    def __str__(self) -> str:
        return f"{self.row}: {self.kind.name}, {'every' if self.every else 'first'} call"

    def made(self, lab: Laboratory) -> Result:
        """Make the trial."""
        return lab.trial(self.row, self.kind, every=self.every)


def cells(rows: Sequence[Row] = ROWS) -> Iterator[Cell]:
    """All trials. What lasts by its nature is met by every call, the rest by one and by every."""
    for row in rows:
        for kind in KINDS:
            if kind.meets(row.operation):
                yield from (Cell(row, kind, every) for every in kind.scopes)


def few_cells() -> list[Cell]:
    """One trial for every operation, and every kind of fault in at least one of them."""
    chosen: list[Cell] = []
    rows = {row.operation: row for row in reversed(ROWS)}
    for number, row in enumerate(rows.values()):
        met = [cell.kind for cell in chosen]
        fitting = [kind for kind in KINDS if kind.meets(row.operation)]
        kind = min(fitting, key=lambda kind: (met.count(kind), kind.slow, len(kind.only or rows)))
        chosen.append(Cell(row, kind, kind.scopes[number % len(kind.scopes)]))
    return chosen


def table(results: dict[Cell, Result]) -> str:
    """Operations by faults; both scopes in one field, ``n/a`` with its reason below."""
    lines: list[str] = []
    for row in dict.fromkeys(cell.row for cell in results):
        lines.append(str(row))
        for kind in KINDS:
            ended = [results[cell].ended for cell in results if cell[:2] == (row, kind)]
            told = " / ".join(dict.fromkeys(ended)) or f"n/a: {row.operation} {kind.why_not}"
            lines.append(f"    {kind.name:<24} {told}")
    return "\n".join(lines)


def main(names: Sequence[str]) -> int:
    """Run the matrix, or the rows of some operations, and print it."""
    rows = [row for row in ROWS if not names or row.operation in names]
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        status = daemon.start(home, options=QUIET)
        try:
            with laboratory(Sandbox(status), Path(folder)) as lab:
                results = {cell: _told(cell, cell.made(lab)) for cell in cells(rows)}
        finally:
            daemon.stop(home)
    wrong = [f"{cell}: {each}" for cell, found in results.items() for each in found.wrong]
    print(table(results))  # noqa: T201
    print(f"{len(results)} trials, {len(wrong)} wrong", *wrong, sep="\n")  # noqa: T201
    return 1 if wrong else 0


def _told(cell: Cell, result: Result) -> Result:
    print(f"{cell}: {result.ended}", *result.wrong, file=sys.stderr)  # noqa: T201
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
