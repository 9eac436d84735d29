"""moto's own tests of EC2 over HTTP, from its source distribution, and why those fail that do.

The tests launch images that were never in an account, so an image of the sandbox stands in their
place; nothing else is changed. Each that fails stands, by its name, under the rule that it breaks.
One that fails and stands under none, or fails otherwise than its rule says, is a failure; so is
one that stands under a rule and passes.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

FILES = ("spot_instances", "fleets", "instances", "launch_templates", "key_pairs", "tags")
UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
IMAGE = f"resolve:ssm:{UBUNTU}"

FAILURE = re.compile(r"^FAILED \S*::(?P<test>\w+)(?P<said>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """What AWS does and moto does not, ``why`` with its source; what ``tests`` then meet."""

    why: str
    meets: str
    tests: str

    def covers(self, test: str, failure: str) -> bool:
        """Whether this failure of the test follows from the rule."""
        return test in self.tests.split() and bool(re.search(self.meets, failure))


RULES = (
    Rule(
        "an image must exist, so one of the sandbox stands in, which has another id "
        "(API reference, InvalidAMIID.NotFound)",
        r"== 'ami-12c6146b'|IndexError",
        "test_cancel_spot_instance_request test_request_spot_instances__instance_should_exist "
        "test_add_servers test_create_instance_with_default_options "
        "test_run_instances_default_response test_get_instances_filtering_by_image_id",
    ),
    Rule(
        "a key pair must exist (API reference, InvalidKeyPair.NotFound)",
        r"InvalidKeyPair\.NotFound",
        "test_launch_spot_instance_instance_lifecycle test_launch_instance_instance_lifecycle "
        "test_run_instance_with_keypair test_describe_instances_with_keypair_filter "
        "test_run_instance_with_block_device_mappings "
        "test_run_instance_with_block_device_mappings_missing_ebs "
        "test_run_instance_with_block_device_mappings_missing_size "
        "test_run_instance_with_block_device_mappings_using_no_device",
    ),
    Rule(
        "a fleet that ended in 2020 is not begun (our reading of CreateFleet, ValidUntil)",
        r"ValidUntil must be later than now",
        "test_request_fleet_using_launch_template_config__name test_create_fleet_api "
        "test_create_fleet_request_with_tags test_describe_fleet_instances_api "
        "test_create_fleet_request_with_instance_tags_and_fleet_type_instant "
        "test_create_fleet_using_launch_template_config__overrides",
    ),
    Rule(
        "an excess is ended by `termination`, not `terminate` (model, "
        "FleetExcessCapacityTerminationPolicy)",
        r"'terminate' for ExcessCapacityTerminationPolicy",
        "test_create_spot_fleet_with_lowest_price test_create_on_demand_fleet "
        "test_create_diversified_spot_fleet",
    ),
    Rule(
        "a fleet names its template's version; one type alone is for instant fleets (model, "
        "FleetLaunchTemplateSpecificationRequest and SingleInstanceType)",
        r"the parameter Version|SingleInstanceType and FleetType:maintain",
        "test_create_fleet_using_launch_template_config__overrides_single "
        "test_create_fleet_api_response",
    ),
    Rule(
        "CreateLaunchTemplate tags the template and a fleet of type request itself; instances are "
        "tagged by the template's data (model, TagSpecifications of both)",
        r"'instance' is not a valid taggable resource|'InvalidParameterValue' == 'DryRunOp",
        "test_create_fleet_request_rejects_instance_tags_when_type_request "
        "test_create_launch_template__dryrun test_create_launch_template_with_tag_spec "
        "test_delete_launch_template__dryrun",
    ),
    Rule(
        "a request says what to launch, and is valid for seven days where it does not say for how "
        "long (model, RequestSpotInstances)",
        r"the parameter LaunchSpecification|'ValidUntil' not in",
        "test_request_spot_instances_instance_lifecycle test_request_spot_instances_with_tags "
        "test_request_spot_instances_default_arguments",
    ),
    Rule(
        "kernels and dedicated hosts are not modelled, and that is said in a dry run too "
        "(docs/sandbox/differences.md)",
        r"UnsupportedOperation",
        "test_request_spot_instances test_run_instance_with_placement",
    ),
    Rule(
        "an Availability Zone is one of the region's; EC2 writes it in brackets (API reference, "
        "errors overview; public reports)",
        r"InvalidZone\.NotFound|\[us-west-1b\]",
        "test_run_instance_with_availability_zone_not_from_region "
        "test_run_instance_with_block_device_mappings_from_snapshot "
        "test_retrieved_volumes_must_contain_their_tags test_create_volume_with_tags "
        "test_create_snapshot_with_tags",
    ),
    Rule(
        "the zone must offer the type: m1.small is in none of eu-central-1 "
        "(DescribeInstanceTypeOfferings of AWS)",
        r"not supported in your requested Availability Zone",
        "test_run_instance_with_subnet test_run_instance_with_specified_private_ipv4 "
        "test_run_instance_mapped_public_ipv4",
    ),
    Rule(
        "an address lies in its subnet, and not among the first four or at the end (user guide of "
        "VPC, subnet sizing)",
        r"subnet's (address range|reserved address range)",
        "test_get_instances_filtering_by_private_dns "
        "test_get_instances_filtering_by_ni_private_dns "
        "test_run_instance_in_subnet_with_nic_private_ip "
        "test_run_instance_in_subnet_with_nic_private_ip_and_public_association "
        "test_describe_instances_filter_vpcid_via_networkinterface",
    ),
    Rule(
        "groups: the default one where none is named, by name and id; ids in a subnet, none "
        "beside interfaces, all of one network (model, RunInstances, GroupIdentifier)",
        r"'default'\}\] == \[\]|'GroupName|\[\{'GroupId|the parameter subnet|instance-level|"
        r"different networks",
        "test_modify_instance_attribute_security_groups test_get_instance_by_security_group "
        "test_run_instance_with_nic_autocreated test_run_instance_with_nic_preexisting "
        "test_run_multiple_instances_with_single_nic_template",
    ),
    Rule(
        "a root disk is a volume: it goes with its machine, is not taken from one that runs, and "
        "holds its device (user guide, preserving-volumes-on-termination, ebs-detaching-volume)",
        r"InvalidVolume\.NotFound|Unable to detach root volume|is already in use",
        "test_instance_terminate_keep_volumes_implicit test_instance_terminate_detach_volumes "
        "test_instance_attach_volume",
    ),
    Rule(
        "type, user data and the like change only while it is stopped (ModifyInstanceAttribute)",
        r"not in the 'stopped' state",
        "test_instance_attribute_instance_type test_instance_attribute_user_data "
        "test_create_instance_ebs_optimized",
    ),
    Rule(
        "states pass at once in this run (`--dwell 0`)",
        r"'deleted_terminating'|hutting-down'\}|'stopping'\}",
        "test_delete_fleet test_instance_launch_and_terminate test_instance_start_and_stop",
    ),
    Rule(
        "a default VPC has an internet gateway, and cannot be deleted before it (user guide of "
        "VPC, default VPC components)",
        r"DependencyViolation",
        "test_instance_without_default_subnet",
    ),
    Rule(
        "an instance profile that is not there is a wrong value to EC2 (public reports: Invalid "
        "IAM Instance Profile name)",
        r"'InvalidParameterValue' == 'NoSuchEntity'",
        "test_instance_iam_instance_profile",
    ),
)


def rule_of(test: str, failure: str) -> Rule | None:
    """The rule that a failure follows from."""
    return next((rule for rule in RULES if rule.covers(test, failure)), None)


def all_tests() -> set[str]:
    """Every test that stands under a rule."""
    return {test for rule in RULES for test in rule.tests.split()}


PLUGIN = """
import os
import botocore.client
_made = botocore.client.BaseClient._make_api_call
def _call(self, operation, given):
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    swaps = operation in {"RunInstances", "RequestSpotInstances"} or "test_fleets" in test
    if swaps or ("LaunchTemplate" in operation and "test_instances" in test):
        given = _swapped(given)
    return _made(self, operation, given)
def _swapped(one):
    if isinstance(one, dict):
        return {k: IMAGE if k == "ImageId" else _swapped(v) for k, v in one.items()}
    return [_swapped(v) for v in one] if isinstance(one, list) else one
botocore.client.BaseClient._make_api_call = _call
"""


def main() -> None:
    source = next((Path(os.environ["CLIENT"]) / "source").iterdir())
    Path("swapped_images.py").write_text(f"IMAGE = {IMAGE!r}\n{PLUGIN}")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--tb=no",
                "--color=no",
            ),
            *("-p", "swapped_images", "-rf"),
            *(str(source / "tests" / "test_ec2" / f"test_{name}.py") for name in FILES),
        ],
        cwd=source,
        env={
            **os.environ,
            "TEST_SERVER_MODE": "true",
            "TEST_SERVER_MODE_ENDPOINT": os.environ["AWS_ENDPOINT_URL"],
            "PYTHONPATH": str(Path.cwd()),
            "COLUMNS": "600",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    tell(done.stdout)


def tell(out: str) -> None:
    """A line for each test that passed or failed for no known reason, and for each rule."""
    passed = re.search(r"(\d+) passed", out)
    print("ok a test\n" * int(passed[1] if passed else 0), end="")
    rules: Counter[Rule] = Counter()
    stale = all_tests()
    for found in FAILURE.finditer(out):
        test, said = found["test"], found["said"]
        stale.discard(test)
        if rule := rule_of(test, said):
            rules[rule] += 1
        else:
            print(f"FAILED {test}{said[:300]}")
    for rule, number in rules.most_common():
        print(f"BY DESIGN {number} tests: {rule.why}")
    for test in sorted(stale):
        print(f"FAILED {test} stands under a rule and did not fail")
    if not passed:
        print(out[-3000:])


if __name__ == "__main__":
    main()
