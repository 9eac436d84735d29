"""Payloads typed, configured and tagged, through whole commands: text, never deeds."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from tests import hostile
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import as_if_aws, usual_key
from tests.story.conftest import Answer, Spot
from tests.story.test_ssh import fake_ssh

#: What is told wrongly on purpose, and must be refused by name.
REFUSED = {1, 2, 4, 5, 7, 8}

#: A payload for every part of a command line; `{}` is where it stands.
UP = ("up", "train", "--type=t3.micro", "--dry-run")
LINES = (
    ("up", "--type=t3.micro", "--dry-run", "--", "{}"),
    ("up", "train", "--dry-run", "--type={}"),
    ("up", "train", "--dry-run", "--gpu={}"),
    (*UP, "--exclude={}"),
    (*UP, "--zone={}"),
    (*UP, "--arch={}"),
    (*UP, "--memory={}"),
    (*UP, "--max-hourly={}"),
    (*UP, "--max-price={}"),
    (*UP, "--for={}"),
    (*UP, "--image={}"),
    (*UP, "--image=ami-{}"),
    (*UP, "--disk={}"),
    (*UP, "--user-data={}"),
    (*UP, "--tag={}=x"),
    (*UP, "--tag=x={}"),
    (*UP, "--tag={}"),
    (*UP, "--key={}"),
    (*UP, "--subnet={}"),
    (*UP, "--security-group={}"),
    (*UP, "--config={}"),
    (*UP, "--region={}"),
    ("find", "--type={}"),
    ("find", "--type=t3.micro", "--limit={}"),
    ("find", "--type=t3.micro", "--sort={}"),
    ("find", "--type=t3.micro", "--output={}"),
    ("prices", "--region=us-east-1", "--", "{}"),
    ("prices", "t3.micro", "--region=us-east-1", "--days={}"),
    ("prices", "--from={}"),
    ("ls", "--region={}"),
    ("show", "--", "{}"),
    ("ssh", "--print", "--", "{}"),
    ("stop", "--", "{}"),
    ("down", "--yes", "--", "{}"),
    ("sweep", "--region={}"),
    ("extend", "--", "{}", "1h"),
    ("extend", "train", "--", "{}"),
    ("show", "--history", "--", "{}"),
    ("doctor", "--image={}"),
    ("doctor", "--type={}"),
    ("policy", "--", "{}"),
    ("policy", "up", "--region={}"),
    ("sandbox", "interrupt", "--", "{}"),
    ("sandbox", "price", "{}", "0.5"),
    ("sandbox", "fail-next", "--", "{}", "x"),
    ("sandbox", "advance", "--", "{}"),
    ("{}",),
)


@pytest.fixture(autouse=True)
def key(home: Path) -> None:
    """A key of the user's own, so that none has to be made."""
    usual_key(home)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every program that is started is written down; none may be but ssh."""
    seen: list[Any] = []
    start = subprocess.Popen.__init__

    def watched(process: Any, command: Any, *rest: Any, **options: Any) -> None:
        assert not options.get("shell")
        seen.append(command)
        start(process, command, *rest, **options)

    def forbidden(*arguments: Any) -> int:
        raise AssertionError(f"os.system{arguments}")

    monkeypatch.setattr(subprocess.Popen, "__init__", watched)
    monkeypatch.setattr(os, "system", forbidden)
    yield seen
    assert [command for command in seen if Path(command[0]).name != "ssh"] == []


def harmless(answer: Answer, home: Path, *told: object) -> None:
    """Nothing was executed, nothing on the terminal acts, nothing crashed."""
    assert answer.code in REFUSED | {0}, (told, answer)
    assert not hostile.unsafe(answer.out + answer.err), told
    assert "Traceback" not in answer.err
    assert not list(home.rglob(hostile.CANARY)), told


def filled(line: tuple[str, ...], payload: str) -> list[str]:
    return [part.replace("{}", payload) for part in line]


@pytest.mark.soak
def test_every_part_of_a_command_line_takes_payloads(spot: Spot, home: Path) -> None:
    payloads = cycle(
        payload for payload in hostile.payloads()[::7] if hostile.is_argument(payload)
    )
    for line in LINES:
        for _ in range(2):
            payload = next(payloads)
            harmless(spot(*filled(line, payload)), home, line, payload)


@pytest.mark.soak
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_part_of_a_command_line_takes_every_payload(
    spot: Spot, home: Path, line: tuple[str, ...]
) -> None:
    for payload in hostile.payloads():
        if hostile.is_argument(payload):
            harmless(spot(*filled(line, payload)), home, line, payload)


#: What the environment says, which somebody else may have written.
ENVIRONMENT = (
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"),
    *("AWS_ENDPOINT_URL_EC2", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"),
    *("SPOT_ADVISOR_URL", "SPOT_CHECKIP_URL", "NO_COLOR"),
)
ASKING = (
    ("find", "--type=t3.micro", "--region=us-east-1"),
    ("ls", "--region=us-east-1", "--debug"),
    ("policy", "up"),
    ("find", "--type=t3.micro", "--profile={}"),
    ("ls", "--endpoint-url={}"),
    ("doctor", "--region={}"),
)


def surroundings(spot: Spot, home: Path, payload: str, name: str, line: tuple[str, ...]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, payload)
        harmless(spot(*filled(line, payload)), home, name, line, payload)


@pytest.mark.soak
def test_the_environment_may_say_anything(
    spot: Spot, home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_aws(sandbox, monkeypatch)
    payloads = cycle(payload for payload in hostile.payloads()[::11] if _is_short(payload))
    lines = cycle(ASKING)
    for name in ENVIRONMENT:
        for _ in range(2):
            surroundings(spot, home, next(payloads), name, next(lines))


@pytest.mark.soak
@pytest.mark.parametrize("name", ENVIRONMENT)
def test_the_environment_may_say_everything(
    spot: Spot, home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    as_if_aws(sandbox, monkeypatch)
    for payload, line in zip(hostile.payloads(), cycle(ASKING), strict=False):
        if _is_short(payload):
            surroundings(spot, home, payload, name, line)


def _is_short(payload: str) -> bool:
    return hostile.is_argument(payload) and len(payload) < 1_000


def _told_by_ec2(payload: str) -> bool:
    """Whether XML 1.0 can carry it, and EC2 would take it for a tag."""
    odd = {"\ufffe", "\uffff", "\x7f"}
    plain = all((each >= " " or each in "\t\n\r") and each not in odd for each in payload)
    return plain and hostile.is_text(payload) and len(payload) <= 256


#: Every so many of the sample, and more of it in `make soak`.
STEPS = [15, pytest.param(3, marks=pytest.mark.soak)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.soak
def test_the_tags_of_a_machine_may_say_anything(
    spot: Spot, sandbox: Sandbox, home: Path, step: int
) -> None:
    [machine] = spot("up", "train", "--type=t3.micro", "--yes", "--output=json").items
    ec2 = sandbox.client("ec2")
    here = "--region=us-east-1"
    for payload in filter(_told_by_ec2, hostile.sample()[::step]):
        told = {"spotkeeper:user": payload, "spotkeeper:deadline": payload, "x": payload}
        tags = [{"Key": key, "Value": value} for key, value in told.items()]
        ec2.create_tags(Resources=[machine["instance_id"]], Tags=tags)
        seen = account.tags(account.instances(sandbox)[0])["x"]
        answers = [spot("ls", here), spot("show", "train", here), spot("ssh", "train", "--print")]
        for answer in answers:
            harmless(answer, home, payload)
        words = shlex.split(answers[-1].out)
        assert words[words.index("-l") + 1] in {"ec2-user", payload}
        [row] = spot("ls", here, "--output=json").items
        assert row["tags"]["x"] == seen
        assert row["ssh"] == answers[-1].out.strip()
    down = spot("down", "train", "--yes")
    harmless(down, home)
    assert down.code == 0, down.err
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_a_machine_renamed_by_somebody_else_is_shown_and_given_back(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    ec2 = sandbox.client("ec2")
    [machine] = spot("up", "train", "--type=t3.micro", "--yes", "--output=json").items
    for payload in ("../../etc/passwd", "$(touch hostile-canary)\u202e"):
        tags = [{"Key": "spotkeeper:name", "Value": payload}]
        ec2.create_tags(Resources=[machine["instance_id"], machine["request_id"]], Tags=tags)
        for output in ("table", "json", "csv"):
            harmless(spot("ls", "--region=us-east-1", f"--output={output}"), home, payload)
        harmless(spot("sweep", "--region=us-east-1"), home, payload)
    down = spot("down", "--all", "--yes")
    harmless(down, home)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.soak
def test_what_ec2_says_of_a_failure_may_be_anything(
    spot: Spot, sandbox: Sandbox, home: Path, step: int
) -> None:
    for payload in filter(_told_by_ec2, hostile.sample()[:: step // 3]):
        sandbox.control.fail("DescribeTags", "UnauthorizedOperation", message=payload)
        answer = spot("stop", "train", "--region=us-east-1", "--debug")
        harmless(answer, home, payload)
        assert answer.code == 7
    sandbox.control.fail("DescribeTags", "Odd\u202e{0}%s", message="\u202e$(id)")
    answer = spot("stop", "train", "--region=us-east-1", "--output=json")
    assert answer.error["message"].count("\u202e$(id)") == 1
    assert answer.err.isascii()


@pytest.mark.soak
def test_the_users_script_reaches_the_machine_byte_for_byte_and_no_shell_here(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    usual = [payload.encode() for payload in hostile.sample() if hostile.is_text(payload)]
    script = b"#!/bin/sh\n" + b"\n".join(each for each in usual if len(each) < 300)
    (home / "setup.sh").write_bytes(script)
    line = ("up", "train", "--type=t3.micro", "--user-data=setup.sh", "--yes", "--output=json")

    up = spot(*line)

    harmless(up, home)
    [machine] = up.items
    parts = account.user_data(sandbox, machine["instance_id"])
    assert parts[1] == ("text/x-shellscript", (home / "setup.sh").read_bytes())


@pytest.mark.soak
def test_ssh_is_started_with_the_payload_as_one_argument_after_the_host(
    spot: Spot,
    sandbox: Sandbox,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    started: list[Any],
) -> None:
    group = sandbox.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
    own = f"--security-group={group}"
    [machine] = spot("up", "train", "--type=t3.micro", own, "--yes", "--output=json").items
    as_if_aws(sandbox, monkeypatch)
    monkeypatch.setenv("SPOT_HOME", str(home / "spot"))
    fake_ssh(home, monkeypatch)
    payloads = [payload for payload in hostile.sample() if _is_short(payload)]

    assert spot("ssh", "train", "--", *payloads).code == 0

    [command] = started
    assert command[0] == str(home / "bin" / "ssh")
    at = command.index(machine["public_ip"])
    assert command[at - 1] == "--"
    assert command[at + 1 :] == payloads
    assert not list(home.rglob(hostile.CANARY))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.soak
def test_a_configuration_file_may_hold_anything(
    spot: Spot, sandbox: Sandbox, home: Path, step: int
) -> None:
    """Refused before the first call to AWS, or asked with DryRun."""
    keys = ("type", "image", "subnet", "security-group", "zone", "for", "key", "user-data", "gpu")
    places = cycle([*((key, "machine") for key in keys), ("Owner", "tags"), ("run", "work")])
    for payload in filter(hostile.is_text, hostile.sample()[::step]):
        (key, section), text = next(places), json.dumps(payload, ensure_ascii=False)
        vcpus = "vcpus = 1\n" if section == "machine" else "[machine]\nvcpus = 1\n"
        escaped = text.replace("\x7f", "\\u007F")
        head = vcpus if section != "machine" else ""
        body = f"{head}[{section}]\n{'' if head else vcpus}{key} = {escaped}\n"
        (home / "spot.toml").write_text(body, encoding="utf-8", newline="")
        harmless(spot("up", "train", "--region=us-east-1", "--dry-run"), home, key, payload)
    (home / "spot.toml").unlink()
    fields = cycle(["Name", "Owner", "Key_Name", "AMI_Id"])
    for payload, key in zip(hostile.sample()[::step], fields, strict=False):
        (home / "old.json").write_text(json.dumps({"Name": "x", key: payload}))
        line = ("up", "--type=t3.micro", "--region=us-east-1", "--config=old.json", "--dry-run")
        harmless(spot(*line), home, key, payload)
