"""`spot push`, `spot pull` and `spot forward`, with a machine that really runs."""

import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.guest_machines import need, until
from tests.story.conftest import Spot

UNIT = "/etc/systemd/system/notebook.service"
SERVE = (
    "ExecStart=/usr/bin/python3 -m http.server 8888 --directory /home/ubuntu/train\\n"
    "[Install]\\nWantedBy=multi-user.target\\n"
)


@pytest.mark.soak
def test_files_go_there_and_come_back_and_a_port_stays_open_over_an_interruption(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("bwrap", "ssh", "git")
    sandbox.reset(guests="jailed", speed=1)
    order = ("--type", "g5.xlarge", "--region", "us-east-1", "--for", "8h")
    assert spot("up", "train", *order, "--yes").code == 0
    what_git_keeps_goes_there(spot, home)
    a_port_stays_open_until_ctrl_c(spot, sandbox)  # before an agent wants two real minutes
    what_was_made_there_comes_back(spot, home, monkeypatch)
    assert spot("stop", "train").code == 0
    for verb in (("push", "train", "project"), ("pull", "train"), ("forward", "train", "8888")):
        stopped = spot(*verb)
        assert stopped.code == 7
        assert "spot start train" in stopped.err


def what_git_keeps_goes_there(spot: Spot, home: Path) -> None:
    project = _project(home / "project")
    pushed = spot("push", "train", "project")
    assert pushed.code == 0, pushed.err
    assert "train: project is in train" in pushed.out
    assert _there(spot, "cd train && find . -type f | sort") == "./.gitignore\n./a b\n./code.py\n"
    (project / "a b").unlink()
    _there(spot, "mkdir train/output && touch train/output/model.pt")
    again = spot("push", "train", "project", "--delete", "--output", "json")
    assert again.items[0]["deleted"] == ["a b"]
    assert _there(spot, "ls train") == "code.py\noutput\n"
    whole = spot("push", "train", "project/output", "~/data")
    assert whole.code == 0, whole.err
    assert _there(spot, "cat data/mine") == "ignored, but named"


def what_was_made_there_comes_back(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = spot("pull", "train", "output", "--output", "json")
    assert pulled.items[0]["local"] == "output"
    assert (home / "output" / "model.pt").is_file()
    assert spot("pull", "train", "code.py", "fetched").code == 0
    assert (home / "fetched" / "code.py").read_text() == "print()\n"
    without = spot("pull", "train")
    assert without.code == 7
    assert "spot pull train FILE" in without.err
    shutil.rmtree(home / "output")
    command = ("sh", "-c", 'echo 0.1 > "$SPOT_OUTPUT_DIR/loss"; echo 7 > step')
    monkeypatch.chdir(home / "project")
    done = spot("run", "train", "--then", "keep", "--region", "us-east-1", "--", *command)
    monkeypatch.chdir(home)
    assert done.code == 0, done.err
    assert spot("pull", "train").code == spot("pull", "train", "work/step").code == 0
    assert ((home / "output/loss").read_text(), (home / "step").read_text()) == ("0.1\n", "7\n")


def a_port_stays_open_until_ctrl_c(spot: Spot, sandbox: Sandbox) -> None:
    _there(spot, f"printf '[Service]\\n{SERVE}' > {UNIT}; systemctl daemon-reload")
    _there(spot, "systemctl enable notebook; systemctl start notebook")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        here = taken.getsockname()[1]
        refused = spot("forward", "train", f"{here}:8888")
    assert refused.code == 2
    assert f"{here + 1}:8888" in refused.err

    line = [sys.executable, "-m", "spotkeeper", "forward", "train", f"{here}:8888"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*line, "--region", "us-east-1"], stdout=pipe, stderr=pipe, text=True
    )
    try:
        until(lambda: b"code.py" in _fetched(here), "the port")
        sandbox.control.interrupt("train")
        sandbox.control.advance(timedelta(minutes=3))
        until(lambda: not _fetched(here), "the interruption")
        until(lambda: b"code.py" in _fetched(here), "the port, again")
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert out == f"http://127.0.0.1:{here}/\n"
    assert "train answers again" in err
    assert process.returncode == 130


def _project(folder: Path) -> Path:
    (folder / "output").mkdir(parents=True)
    (folder / ".gitignore").write_text("output/\n")
    (folder / "code.py").write_text("print()\n")
    (folder / "a b").write_text("a file")
    (folder / "output" / "mine").write_text("ignored, but named")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def _fetched(port: int) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _there(spot: Spot, command: str) -> str:
    line = spot("ssh", "train", "--print", "--", command).out.strip()
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
