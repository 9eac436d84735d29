"""`spot doctor` names what is missing, with its fix."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story.computer import as_if_aws, usual_key
from tests.story.conftest import Spot
from tests.story.test_bad_account import delete_default_vpc

DOCTOR = ("doctor", "--output", "json")


def verdicts(items: list[dict[str, Any]]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in items}


def test_an_account_that_is_ready_gets_ok_on_every_line(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    usual_key(home)

    answer = spot(*DOCTOR)

    assert answer.code == 0, answer.err
    assert answer.document["kind"] == "checks"
    assert set(verdicts(answer.items).values()) == {"ok"}
    names = " ".join(verdicts(answer.items))
    for subject in ("credentials", "region", "network", "image", "key", "permission", "role"):
        assert subject in names
    told = {check["name"]: check["told"] for check in answer.items}
    assert "123456789012" in told["credentials"]
    assert "vCPUs" in told["quota for g5.xlarge"]
    assert "ssh-ed25519" in told["key"]

    changed = {"Create", "Run", "Import", "Delete", "Authorize", "Put", "Request"}
    made = [name for name, _ in sandbox.control.calls() if name.startswith(tuple(changed))]
    assert made == ["RunInstances"]  # with DryRun
    lines = spot("doctor").out.splitlines()
    assert lines[0].startswith("ok       credentials: account 123456789012")
    assert all(line.startswith("ok ") for line in lines)


def test_a_new_account_is_told_its_quota_and_its_missing_role(
    spot: Spot, sandbox: Sandbox
) -> None:
    sandbox.reset(account="fresh")

    answer = spot(*DOCTOR)

    assert answer.code == 1
    checks = {check["name"]: check for check in answer.items}
    assert checks["quota for g5.xlarge"]["verdict"] == "broken"
    assert "0 of 0 vCPUs" in checks["quota for g5.xlarge"]["told"]
    fix = checks["quota for g5.xlarge"]["fix"]
    assert "request-service-quota-increase" in fix
    assert "L-3819A6DF" in fix
    assert "--region us-east-1" in fix
    assert checks["quota for m5.large"]["verdict"] == "ok"
    assert checks["Spot role"]["verdict"] == "warning"
    assert "create-service-linked-role" in checks["Spot role"]["fix"]


def test_what_runs_counts_against_the_quota(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.quota("L-3819A6DF", 7)
    assert spot("up", "train", "--type", "g5.xlarge", "--yes").code == 0

    answer = spot(*DOCTOR, "--type", "g5.xlarge")

    assert answer.code == 1
    [quota] = [check for check in answer.items if check["name"].startswith("quota")]
    assert "4 of 7 vCPUs used, it needs 4" in quota["told"]


def test_a_missing_network_and_a_denied_launch_are_broken_lines_of_their_own(
    spot: Spot, sandbox: Sandbox
) -> None:
    delete_default_vpc(sandbox)
    sandbox.control.fail("RunInstances", "UnauthorizedOperation", http_status=403)
    sandbox.control.fail("GetRole", "AccessDenied", http_status=403)
    sandbox.control.fail("GetServiceQuota", "AccessDeniedException", http_status=403, times=2)

    answer = spot(*DOCTOR, "--type", "m5.large")

    assert answer.code == 1
    checks = {check["name"]: check for check in answer.items}
    assert checks["network"]["verdict"] == "broken"
    assert "create-default-vpc" in checks["network"]["fix"]
    assert checks["permission to launch"]["verdict"] == "broken"
    assert "spot policy up" in checks["permission to launch"]["fix"]
    assert checks["Spot role"]["verdict"] == "warning"
    assert checks["quota for m5.large"]["verdict"] == "warning"
    assert checks["credentials"]["verdict"] == checks["image"]["verdict"] == "ok"


def test_a_region_that_is_not_enabled_is_a_broken_line(spot: Spot) -> None:
    answer = spot(*DOCTOR, "--region", "af-south-1")

    assert answer.code == 1
    assert verdicts(answer.items)["region"] == "broken"
    assert "Enable the region" in answer.items[-1]["fix"]


def test_without_credentials_the_first_line_is_broken_with_the_way_to_log_in(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_aws(sandbox, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    answer = spot(*DOCTOR, "--region", "us-east-1")

    assert answer.code in {1, 4}
    [check] = answer.items
    assert (check["name"], check["verdict"]) == ("credentials", "broken")
    assert "aws configure sso" in check["fix"]


def test_an_image_that_nobody_knows_is_a_broken_line(spot: Spot) -> None:
    answer = spot(*DOCTOR, "--image", "windows", "--type", "m5.large")

    assert answer.code == 1
    assert verdicts(answer.items)["image"] == "broken"


@pytest.mark.soak
def test_a_disk_key_of_ones_own_is_looked_at_and_its_grant_is_spelled_out(
    spot: Spot, sandbox: Sandbox
) -> None:
    def told() -> dict[str, Any]:
        answer = spot(*DOCTOR, "--type", "m5.large")
        return {check["name"]: check for check in answer.items}["disk key"]

    assert told()["verdict"] == "ok"
    kms = sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    sandbox.client("ec2").modify_ebs_default_kms_key_id(KmsKeyId=key)

    warned = told()

    assert warned["verdict"] == "warning"
    line = shlex.split(warned["fix"].partition("aws kms ")[2])
    grant = {name: line[line.index(name) + 1] for name in ("--key-id", "--grantee-principal")}
    operations = line[line.index("--operations") + 1 :]
    assert grant["--key-id"] == key
    kms.create_grant(
        KeyId=key, GranteePrincipal=grant["--grantee-principal"], Operations=operations
    )
    assert told()["verdict"] == "ok"
