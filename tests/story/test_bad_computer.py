"""This computer gets in the way: no sandbox extra, a taken port, damaged files, a closed pipe."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.refusals import paragraph

from ec2_sandbox.client import daemon

UP = ("up", "train", "--type", "t3.micro", "--yes", "--output", "json")
LS = ("ls", "--region", "us-east-1", "--output", "json")


def test_without_the_sandbox_extra_the_way_to_install_it_is_told(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOT_HOME", str(home / "own"))
    monkeypatch.setattr(daemon, "find_spec", lambda name: None if name == "moto" else True)

    for line in (("ls",), ("up", "train", "--gpus", "1", "--yes"), ("sandbox", "start")):
        told = paragraph(spot(*line), 1)
        assert "needs moto, which is not installed" in told
        assert "pip install 'spotkeeper[sandbox]'" in told


def test_a_port_that_is_taken_is_told(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOT_HOME", str(home / "own"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        told = paragraph(spot("sandbox", "start", "--port", str(port)), 1)

    assert f"Port {port} is taken by another program" in told
    assert "another --port" in told


@pytest.mark.soak
def test_a_sandbox_that_was_killed_or_damaged_comes_back(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOT_HOME", str(home / "own"))
    own = home / "own" / "state" / "sandbox"
    try:
        [machine] = spot(*UP).items
        first = daemon.status(own)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        os.waitpid(first.pid, 0)

        [seen] = spot(*LS).items
        assert seen["instance_id"] == machine["instance_id"]
        again = daemon.status(own)
        assert again.pid != first.pid
        assert again.port == first.port

        daemon.stop(own)
        snapshot = own / "state.snapshot"
        snapshot.write_bytes(snapshot.read_bytes()[:100])
        answer = spot(*LS)
        assert answer.code == 0, answer.err
        assert answer.items == []
        assert any("could not be used" in note for note in answer.document["warnings"])
        assert spot("sandbox", "advance", "10m").code == 0  # past the window of an unseen launch
        assert spot("down", "train", "--yes").code == 0
    finally:
        daemon.stop(own)


def test_a_damaged_journal_and_cache_stop_nothing(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    assert spot(*UP).code == 0
    for path in home.rglob("cache/**/*.json"):
        path.write_bytes(b'{"at": "2026')
    [journal] = home.rglob("train.jsonl")
    journal.write_bytes(b"\x00\xff" + journal.read_bytes()[40:-20])

    [seen] = spot(*LS).items
    assert seen["name"] == "train"
    again = spot(*UP)
    assert (again.code, again.error["kind"]) == (9, "name-taken")

    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


def test_a_disk_that_refuses_the_intent_stops_the_launch_before_anything_is_made(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    folder = home / "spot" / "state" / "practice"
    folder.mkdir(parents=True)
    (folder / "journal").write_text("a file where a folder belongs")

    answer = spot(*UP)

    assert answer.code == 1
    assert answer.error["kind"] == "store"
    assert str(folder / "journal") in answer.error["message"]
    assert account.left(sandbox) == []
    assert "RunInstances" not in {operation for operation, _ in sandbox.control.calls()}


def test_a_second_command_on_the_same_machine_waits_for_nobody(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    import fcntl

    assert spot(*UP).code == 0
    [lock] = home.rglob("train.lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = paragraph(spot("down", "train", "--yes"), 9)
    assert "Another spot command is working on train" in told
    assert len(account.instances(sandbox)) == 1


@pytest.mark.usefixtures("spot")
def test_a_reader_that_goes_away_is_no_error_worth_a_traceback() -> None:
    line = [sys.executable, "-m", "spotkeeper", "find", "--type", "c5.*", "--output", "json"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        told = child.stderr.read()
        child.wait()

    assert "Traceback" not in told
    assert "BrokenPipe" not in told
    assert "Exception" not in told
    assert child.returncode == 1
