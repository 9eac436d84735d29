"""The doctor: every check in the order of a launch, each with its fix."""

from dataclasses import replace

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.market import AWS_KEY, FakeAccount
from tests.fakes.talk import FakeReach

from spotkeeper.errors import (
    ExpiredCredentials,
    NoOffers,
    PermissionDenied,
    QuotaReached,
    SpotkeeperError,
    StoreProblem,
)
from spotkeeper.lifecycle.doctor import Check, CheckStatus, Doctor, Examined
from spotkeeper.lifecycle.ports import DiskKey

REGION = geography.REGION
GPU_QUOTA = "L-3819A6DF"


def examined(
    cloud: FakeCloud,
    *types: str,
    region: str = REGION,
    role: bool = True,
    key: DiskKey = AWS_KEY,
    key_problem: SpotkeeperError | None = None,
) -> dict[str, Check]:
    def key_told() -> str:
        if key_problem:
            raise key_problem
        return "ssh-ed25519 from ~/.ssh"

    doctor = Doctor(
        cloud=cloud,
        account=FakeAccount(cloud, role=role, key=key),
        region=region,
        hardware=lambda: [geography.HARDWARE[name] for name in types],
        key_told=key_told,
        require=FakeReach().require,
    )
    return {check.name: check for check in doctor.examine(Examined("ubuntu"))}


def test_a_healthy_account_is_told_so_line_by_line() -> None:
    checks = examined(FakeCloud(), "g5.xlarge")
    assert list(checks) == [
        "credentials",
        "region",
        "network",
        "image",
        "key",
        "permission to launch",
        "Spot role",
        "disk key",
        "quota for g5.xlarge",
    ]
    assert {check.verdict for check in checks.values()} == {CheckStatus.OK}
    assert all(check.told for check in checks.values())


def test_without_a_login_nothing_else_is_asked() -> None:
    cloud = FakeCloud()
    cloud.refusals["caller"] = ExpiredCredentials("expired")
    checks = examined(cloud, "g5.xlarge")
    assert list(checks) == ["credentials"]
    assert checks["credentials"].verdict is CheckStatus.BROKEN
    assert "Log in" in checks["credentials"].fix


def test_a_closed_region_ends_the_examination_with_its_fix() -> None:
    cloud = FakeCloud()
    cloud.open_regions = ("eu-west-1",)
    checks = examined(cloud, "g5.xlarge")
    assert checks["region"].verdict is CheckStatus.BROKEN
    assert checks["region"].fix
    assert "network" not in checks


def test_where_nobody_tells_the_regions_the_examination_goes_on() -> None:
    cloud = FakeCloud()
    cloud.refusals["regions"] = PermissionDenied("may not ask")
    checks = examined(cloud, "g5.xlarge")
    assert checks["region"].verdict is CheckStatus.WARNING
    assert checks["permission to launch"].verdict is CheckStatus.OK


def test_a_broken_check_never_hides_the_next() -> None:
    cloud = FakeCloud(denied=["may_launch"])
    cloud.no_network.add(REGION)
    checks = examined(cloud, "m5.large", role=False, key_problem=StoreProblem("no ssh-keygen"))
    assert checks["network"].verdict is CheckStatus.BROKEN
    assert "create-default-vpc" in checks["network"].fix
    assert checks["key"].verdict is CheckStatus.BROKEN
    assert checks["permission to launch"].verdict is CheckStatus.BROKEN
    assert "spot policy up" in checks["permission to launch"].fix
    assert checks["Spot role"].verdict is CheckStatus.WARNING
    assert "create-service-linked-role" in checks["Spot role"].fix
    assert checks["quota for m5.large"].verdict is CheckStatus.OK


@pytest.mark.parametrize("limit", [0, 3])
def test_a_quota_that_is_too_small_is_broken_with_the_command_to_raise_it(limit: float) -> None:
    cloud = FakeCloud()
    cloud.ec2.quotas[GPU_QUOTA] = limit
    check = examined(cloud, "g5.xlarge")["quota for g5.xlarge"]
    assert check.verdict is CheckStatus.BROKEN
    assert f"of {limit:g} vCPUs" in check.told
    assert GPU_QUOTA in check.fix
    assert "request-service-quota-increase" in check.fix


def test_a_quota_that_just_fits_is_enough() -> None:
    cloud = FakeCloud()
    cloud.ec2.quotas[GPU_QUOTA] = 4
    assert examined(cloud, "g5.xlarge")["quota for g5.xlarge"].verdict is CheckStatus.OK


class Closed(FakeAccount):
    """Quotas and roles that may not be read."""

    def spot_role_exists(self) -> bool:
        raise PermissionDenied("iam:GetRole")

    def spot_quota_vcpus(self, region: str, code: str) -> float | None:
        if code == GPU_QUOTA:
            raise PermissionDenied("servicequotas:GetServiceQuota")
        return None


def test_what_may_not_be_read_is_a_warning() -> None:
    cloud = FakeCloud()
    doctor = Doctor(
        cloud=cloud,
        account=Closed(cloud),
        region=REGION,
        hardware=lambda: [geography.HARDWARE[name] for name in ("g5.xlarge", "m5.large")],
        key_told=lambda: "a key",
        require=FakeReach().require,
    )
    checks = {check.name: check for check in doctor.examine(Examined("ubuntu"))}
    for name in ("Spot role", "quota for g5.xlarge", "quota for m5.large"):
        assert checks[name].verdict is CheckStatus.WARNING


def test_a_family_without_a_known_quota_is_a_warning() -> None:
    cloud = FakeCloud()
    strange = geography.hardware("q1.large", 2, 4)
    doctor = Doctor(
        cloud=cloud,
        account=FakeAccount(cloud),
        region=REGION,
        hardware=lambda: [strange],
        key_told=lambda: "a key",
        require=FakeReach().require,
    )
    checks = {check.name: check for check in doctor.examine(Examined("ubuntu"))}
    assert checks["quota for q1.large"].verdict is CheckStatus.WARNING


def test_no_such_type_is_an_error_not_a_check() -> None:
    with pytest.raises(NoOffers):
        examined(FakeCloud())


def test_the_doctor_changes_nothing() -> None:
    cloud = FakeCloud()
    cloud.refusals["may_launch"] = QuotaReached("x")
    examined(cloud, "g5.xlarge")
    changing = {"run", "create_group", "import_key", "open_ssh", "retag", "terminate", "cancel"}
    assert not changing & set(cloud.calls)


OWN_KEY = DiskKey("arn:aws:kms:us-east-1:123456789012:key/own", is_aws_managed=False)


@pytest.mark.parametrize(
    ("key", "verdict", "fix"),
    [
        (OWN_KEY, CheckStatus.OK, ""),
        (replace(OWN_KEY, state="PendingDeletion"), CheckStatus.BROKEN, "reset-ebs-default"),
        (replace(OWN_KEY, spot_role_granted=False), CheckStatus.WARNING, "aws kms create-grant"),
    ],
)
def test_a_key_of_ones_own_must_be_enabled_and_granted_to_spots_role(
    key: DiskKey, verdict: CheckStatus, fix: str
) -> None:
    check = examined(FakeCloud(), "g5.xlarge", key=key)["disk key"]
    assert check.verdict is verdict
    assert key.id in check.told
    assert fix in check.fix
    if verdict is CheckStatus.WARNING:
        role = "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
        assert f"--grantee-principal arn:aws:iam::123456789012:{role}" in check.fix
        assert f"--key-id {key.id}" in check.fix


def test_a_key_that_nobody_may_look_at_hides_no_other_check() -> None:
    cloud = FakeCloud(denied=["disk_key"])
    checks = examined(cloud, "g5.xlarge")
    assert checks["disk key"].verdict is CheckStatus.WARNING
    assert "quota for g5.xlarge" in checks
