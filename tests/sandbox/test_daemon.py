"""The background process: one per home, survives its own death, keeps its state and port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError
from tests.conftest import Sandbox

from ec2_sandbox.client import daemon
from ec2_sandbox.client.control import Control, call
from ec2_sandbox.client.home import Home
from ec2_sandbox.errors import SandboxProblem
from ec2_sandbox.options import SandboxOptions, SandboxStatus

pytestmark = pytest.mark.sandbox


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    daemon.stop(tmp_path / "home")


def groups(status: SandboxStatus) -> set[str]:
    ec2 = Sandbox(status).client("ec2")
    return {found["GroupName"] for found in ec2.describe_security_groups()["SecurityGroups"]}


def kill(status: SandboxStatus) -> None:
    assert status.pid
    os.kill(status.pid, signal.SIGKILL)
    while daemon.status(status.home).running:
        time.sleep(0.01)


def test_a_killed_daemon_comes_back_with_its_state_and_port(home: Path) -> None:
    first = daemon.start(home, options=SandboxOptions(scenario="article", seed=7))
    Sandbox(first).client("ec2").create_security_group(GroupName="g", Description="d")
    kill(first)
    assert not daemon.status(home).running
    second = daemon.ensure(home)
    assert (second.port, second.options) == (first.port, first.options)
    assert groups(second) == {"default", "g"}
    daemon.stop(home)
    daemon.stop(home)
    assert not daemon.status(home).running


def test_a_damaged_snapshot_is_moved_aside_and_told_once(home: Path) -> None:
    first = daemon.start(home)
    Sandbox(first).client("ec2").create_security_group(GroupName="g", Description="d")
    kill(first)
    snapshot = home / "state.snapshot"
    snapshot.write_bytes(snapshot.read_bytes()[:-20])
    second = daemon.ensure(home)
    assert "damaged" in second.notes[0]
    assert groups(second) == {"default"}
    assert (home / "state.unusable").exists()
    assert daemon.status(home).notes == ()


@pytest.mark.soak
def test_no_answered_call_is_lost_when_it_is_killed_in_a_storm_of_calls(home: Path) -> None:
    status = daemon.start(home)
    answered: list[str] = []

    def create(number: int) -> None:
        client = Sandbox(status).client("ec2")
        with suppress(BotoCoreError, ResponseParserError):  # half an answer is none
            for index in range(100):
                name = f"g{number}-{index}"
                client.create_security_group(GroupName=name, Description="d")
                answered.append(name)

    threads = [Thread(target=create, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while len(answered) < 20:
        time.sleep(0.01)
    kill(status)
    for thread in threads:
        thread.join()
    again = daemon.ensure(home)
    assert again.notes == ()
    assert set(answered) <= groups(again)


@pytest.mark.soak
def test_the_history_goes_on_after_a_kill_and_begins_anew_at_a_reset(home: Path) -> None:
    still = SandboxOptions(speed=0, begins="2026-01-05T08:00:00+00:00")
    first = daemon.start(home, options=still)
    Control(first).quota("L-3819A6DF", 8)
    Control(first).advance(timedelta(hours=1))
    kill(first)
    with (home / "history.jsonl").open("a") as file:
        file.write('{"half a line of a call that was never answered')
    second = daemon.ensure(home)
    told = [event["sentence"] for event in Control(second).events()]
    assert told == ["quota L-3819A6DF is 8 vCPU (control)", "asked for: advance 1h"]
    Control(second).price("g5.xlarge@us-east-1a", "0.5")
    assert [event["sentence"] for event in Control(second).events()][:2] == told
    assert len((home / "history.jsonl").read_text().splitlines()) == 3
    daemon.reset(home)
    assert Control(second).events() == []
    assert (home / "history.jsonl").read_text() == ""


@pytest.mark.soak
def test_a_history_that_was_cut_is_told(home: Path) -> None:
    first = daemon.start(home)
    Control(first).quota("L-3819A6DF", 8)
    kill(first)
    (home / "history.jsonl").write_text("")
    assert "history" in daemon.ensure(home).notes[0]


@pytest.mark.soak
def test_another_versions_options_are_left_out_and_told(home: Path) -> None:
    daemon.stop(home)
    Home(home).create()
    stored = {"seed": 5, "scenario": "of the future", "flavour": "sweet", "speed": -3}
    (home / "options.json").write_text(json.dumps(stored))
    found = daemon.start(home)
    assert found.options == SandboxOptions(seed=5)
    for word in ("of the future", "flavour", "speed"):
        assert word in found.notes[0]
    daemon.stop(home)
    assert daemon.start(home).notes == ()


@pytest.mark.parametrize("record", ["", "[]", '{"pid": 1}', "null", "\xff"])
def test_a_record_that_another_version_wrote_is_no_process(home: Path, record: str) -> None:
    Home(home).create()
    (home / "process.json").write_text(record)
    (home / "options.json").write_text(record)
    assert not daemon.status(home).running
    assert daemon.status(home).options == SandboxOptions()


@pytest.mark.soak
def test_other_services_that_were_used_are_kept_too(home: Path) -> None:
    first = Sandbox(daemon.start(home))
    first.client("s3").create_bucket(Bucket="bucket")
    first.client("s3").put_object(Bucket="bucket", Key="key", Body=b"content")
    assert first.client("s3").head_object(Bucket="bucket", Key="key")["ContentLength"] == 7
    first.client("events").put_rule(Name="rule", EventPattern='{"source":["aws.ec2"]}')
    kill(first.status)
    second = Sandbox(daemon.ensure(home))
    read = second.client("s3").get_object(Bucket="bucket", Key="key")["Body"].read()
    assert read == b"content"
    assert [rule["Name"] for rule in second.client("events").list_rules()["Rules"]] == ["rule"]
    second.control.reset()
    assert second.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.soak
def test_a_former_port_that_is_taken_is_replaced_and_told(home: Path) -> None:
    first = daemon.start(home)
    daemon.stop(home)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        with pytest.raises(SandboxProblem, match="taken"):
            daemon.start(home, options=SandboxOptions(port=first.port))
        second = daemon.ensure(home)
    assert second.port != first.port
    assert str(first.port) in second.notes[0]


def test_two_processes_at_once_make_one_daemon(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ec2_sandbox.client import daemon;"
        "print(daemon.ensure(Path(sys.argv[1])).pid)"
    )
    source = str(Path(daemon.__file__).parents[2])
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": source},
        )
        for _ in range(2)
    ]
    pids = {starter.communicate()[0] for starter in starters}
    assert len(pids) == 1


def test_a_daemon_that_cannot_start_shows_its_last_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = home.parent / "broken"
    (broken / "moto").mkdir(parents=True)
    (broken / "moto" / "__init__.py").write_text("raise ImportError('broken on purpose')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(SandboxProblem, match="broken on purpose"):
        daemon.start(home)


def test_a_missing_extra_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "find_spec", lambda name: None if name == "flask" else name)
    with pytest.raises(SandboxProblem, match="flask") as caught:
        daemon.start(home)
    assert caught.value.next_step == "pip install 'spotkeeper[sandbox]'"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_everything_is_private(running_sandbox: SandboxStatus) -> None:
    home = running_sandbox.home
    assert home.stat().st_mode & 0o777 == 0o700
    files = [path for path in home.iterdir() if not path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert running_sandbox.token not in repr(running_sandbox)


def test_control_needs_the_token(running_sandbox: SandboxStatus) -> None:
    with pytest.raises(SandboxProblem, match="token"):
        call(running_sandbox.url, "wrong", "now", {})


def test_control_needs_a_running_sandbox(tmp_path: Path) -> None:
    with pytest.raises(SandboxProblem, match="not running"):
        Control(daemon.status(tmp_path / "nowhere"))


def test_options_for_a_running_sandbox_are_not_taken_silently(
    running_sandbox: SandboxStatus,
) -> None:
    with pytest.raises(SandboxProblem, match="other options") as caught:
        daemon.start(running_sandbox.home, options=SandboxOptions(seed=99))
    assert "`spot sandbox reset`" in str(caught.value.next_step)


def test_a_reset_keeps_the_process_and_forgets_the_rest(running_sandbox: SandboxStatus) -> None:
    Sandbox(running_sandbox).client("ec2").create_security_group(GroupName="g", Description="d")
    after = daemon.reset(running_sandbox.home, options=SandboxOptions(account="fresh"))
    assert (after.pid, after.port) == (running_sandbox.pid, running_sandbox.port)
    assert after.options.account == "fresh"
    assert groups(after) == {"default"}


def test_the_environment_points_every_sdk_at_the_sandbox(
    running_sandbox: SandboxStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "the-users-own")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "https://elsewhere.example")
    for name, value in daemon.environment(running_sandbox).items():
        monkeypatch.setenv(name, value)
    for name in daemon.UNSET:
        monkeypatch.delenv(name, raising=False)
    import boto3

    client = boto3.Session().client("ec2")
    assert client.meta.endpoint_url == running_sandbox.url
    assert client.describe_vpcs()["Vpcs"]
