"""Filters: the paths that their names spell, and what a pattern matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2_sandbox.ec2 import listings
from ec2_sandbox.ec2.filter_paths import IRREGULAR
from ec2_sandbox.ec2.responses import SandboxEC2Response
from ec2_sandbox.protocol.filters import matches


@pytest.mark.parametrize(
    ("operation", "name", "path"),
    [
        ("DescribeVolumes", "attachment.instance-id", ("Attachments", "InstanceId")),
        ("DescribeSubnets", "defaultForAz", ("DefaultForAz",)),
        ("DescribeSubnets", "availability-zone", ("AvailabilityZone",)),
        ("DescribeVpcs", "isDefault", ("IsDefault",)),
        ("DescribeSecurityGroups", "ip-permission.cidr", ("IpPermissions", "IpRanges", "CidrIp")),
        ("DescribeKeyPairs", "fingerprint", ("KeyFingerprint",)),
    ],
)
def test_a_name_is_a_path(operation: str, name: str, path: tuple[str, ...]) -> None:
    assert listings.path_of(operation, name) == ".".join(path)


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeAddresses",
        "DescribeAvailabilityZones",
        "DescribeInstanceStatus",
        "DescribeInstanceTypes",
        "DescribeInternetGateways",
        "DescribeKeyPairs",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSubnets",
        "DescribeVolumes",
        "DescribeVolumesModifications",
        "DescribeVpcs",
    ],
)
def test_every_filter_of_the_model_is_understood(operation: str) -> None:
    listing = listings.listing_of(operation)
    assert listing is not None
    unknown = [name for name, path in listing.paths.items() if path is None]
    assert [name for name in unknown if not name.startswith("tag")] == []
    assert listing.paths


@pytest.mark.parametrize("operation", IRREGULAR)
def test_an_irregular_path_exists(operation: str) -> None:
    listing = listings.listing_of(operation)
    assert listing is not None
    for path in IRREGULAR[operation].values():
        shape = listing.item
        for member in path or ():
            while shape.type_name == "list":
                shape = shape.member
            shape = shape.members[member]


def test_what_is_listed_is_answered() -> None:
    assert hasattr(SandboxEC2Response, "describe_volumes")
    assert listings.listing_of("CreateVolume") is None
    assert listings.listing_of("DescribeAccountAttributes") is None


@given(st.text(alphabet=r"ab*?\\", max_size=8))
def test_an_escaped_text_matches_itself_alone(text: str) -> None:
    escaped = "".join(f"\\{letter}" for letter in text)
    assert matches(text, [escaped])
    assert not matches(f"{text}x", [escaped])


@pytest.mark.parametrize(
    ("value", "pattern", "fits"),
    [
        ("us-east-1a", "us-*", True),
        ("us-east-1a", "us-east-1?", True),
        ("us-east-1ab", "us-east-1?", False),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        (True, "true", True),
        (10, "10", True),
        (None, "*", False),
        (["x", "y"], "y", True),
        ("a\\", "a\\", True),
    ],
)
def test_a_pattern_is_ec2s_not_a_regular_expression(
    value: object, pattern: str, *, fits: bool
) -> None:
    assert matches(value, [pattern]) is fits
