"""The ssh line under every payload: one argument stays one, and is what was meant."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests import hostile
from tests.unit.model.make import instance

from spotkeeper.model.machine import Machine
from spotkeeper.model.tags import TAG_USER
from spotkeeper.ssh import shell
from spotkeeper.ssh.shell import Login

ARGUMENTS = [payload for payload in hostile.payloads() if hostile.is_argument(payload)]
LOGIN = Login("203.0.113.5", "ubuntu", "i-1", Path("/state/known_hosts/train"))


def test_what_follows_the_host_is_the_payload_and_nothing_else() -> None:
    for payload in ARGUMENTS:
        command = LOGIN.command([payload])
        assert command == [*LOGIN.command(), payload]
        assert command[-3:-1] == ["--", "203.0.113.5"]


def test_an_address_stands_where_no_option_is_read() -> None:
    for payload in ARGUMENTS:
        assert replace(LOGIN, address=payload).command()[-2:] == ["--", payload]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_a_shell_reads_the_printed_line_as_the_same_command(tmp_path: Path) -> None:
    """The real bash reads all lines at once, with a stand-in for ssh that writes words down."""
    lines = [LOGIN.line([payload]) for payload in ARGUMENTS]
    assert not any(hostile.unsafe(line, lines=False) for line in lines)
    script = "ssh() { printf '%s\\0' \"${@: -1}\"; }\n" + "\n".join(lines)
    done = subprocess.run(
        ["bash", "--norc"],
        input=script.encode("utf-8", "surrogateescape"),
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(payload) for payload in ARGUMENTS]
    assert list(tmp_path.iterdir()) == []


def test_a_user_of_a_tag_is_a_plain_word() -> None:
    """OpenSSH puts the user into ProxyCommand and LocalCommand, which a shell runs."""
    for payload in hostile.payloads():
        made = Machine(instance(tags={TAG_USER: payload}), None)
        assert made.login in {"ec2-user", payload}
        assert made.login.isascii()
        assert made.login.replace("_", "a").replace("-", "a").isalnum()
        assert not made.login.startswith("-")


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH here")
@pytest.mark.parametrize("folder", ["100%", "%h%u", "a b", "a%b c", "é"])
def test_openssh_finds_the_file_in_a_folder_of_any_name(folder: str) -> None:
    path = Path("/state") / folder / "train"
    command = replace(LOGIN, known_hosts=path).command()
    told = subprocess.run(
        [command[0], "-G", *command[1:]],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    ).stdout
    assert f"\nuserknownhostsfile {path}\n" in told


def test_only_ssh_is_started_and_never_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run(command: list[str], **options: object) -> "subprocess.CompletedProcess[str]":
        assert options == {"check": False}
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    for payload in ARGUMENTS:
        shell.run(LOGIN.command([payload]))
    assert {command[0] for command in started} == {"/usr/bin/ssh"}
    assert [command[-1] for command in started] == ARGUMENTS
