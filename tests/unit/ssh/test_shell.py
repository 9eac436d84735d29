"""The ssh command line: nothing in it can become an option or a second command."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.errors import NotFound
from spotkeeper.ssh.shell import Login, run

#: What `shlex` reads as a shell does; the rest is in test_hostile_line.py.
ARGUMENTS = st.text(st.one_of(st.characters(categories=["L", "M", "N", "P", "S"]), st.just(" ")))


def login(
    known_hosts: str = "/state/known_hosts/train",
    identity: str | None = None,
    tunnel: tuple[str, ...] = (),
) -> Login:
    return Login(
        address="203.0.113.5",
        user="ubuntu",
        instance_id="i-1",
        known_hosts=Path(known_hosts),
        identity=Path(identity) if identity else None,
        tunnel=tunnel,
    )


def test_the_command_pins_the_host_key_to_the_instance() -> None:
    assert login(identity="/keys/train").command() == [
        "ssh",
        "-i",
        "/keys/train",
        "-o",
        "UserKnownHostsFile=/state/known_hosts/train",
        "-o",
        "HostKeyAlias=i-1",
        "-o",
        "StrictHostKeyChecking=accept-new",
        "-o",
        "ForwardAgent=no",
        "-o",
        "IdentitiesOnly=yes",
        "-l",
        "ubuntu",
        "--",
        "203.0.113.5",
    ]


def test_without_a_known_private_key_ssh_chooses() -> None:
    assert "-i" not in login().command()


def test_the_options_end_before_the_host() -> None:
    command = login().command(["ls", "-l"])
    assert command[command.index("203.0.113.5") - 1] == "--"
    assert command[-2:] == ["ls", "-l"]


@pytest.mark.parametrize("remote", ["; reboot", "$(touch x)", "`id`", '"', "'", "a\nb", "-oX=y"])
def test_a_hostile_remote_command_stays_one_argument(remote: str) -> None:
    assert login().command([remote])[-1] == remote
    assert len(login().command([remote])) == len(login().command()) + 1


@given(remote=st.lists(ARGUMENTS))
def test_the_line_to_paste_is_the_same_command(remote: list[str]) -> None:
    assert shlex.split(login("/a b/c").line(remote)) == login("/a b/c").command(remote)


def test_a_path_with_a_blank_is_quoted_for_ssh() -> None:
    command = login("/home/my self/known_hosts").command()
    assert 'UserKnownHostsFile="/home/my self/known_hosts"' in command


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH here")
@pytest.mark.parametrize("path", ["/state/train", "/my home/état/train"])
def test_openssh_understands_it_as_meant(path: str, tmp_path: Path) -> None:
    """`ssh -G` prints what it would do, and connects to nothing."""
    (tmp_path / "my key").touch()
    program, *rest = login(path, identity=f"{tmp_path}/my key").command(["-oPort=1", "-v"])
    done = subprocess.run(
        [program, "-F", "none", "-G", *rest], capture_output=True, text=True, check=True
    )
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert told["hostname"] == "203.0.113.5"
    assert told["user"] == "ubuntu"
    assert told["port"] == "22"  # -oPort=1 belongs to the remote command
    assert told["hostkeyalias"] == "i-1"
    assert told["userknownhostsfile"].strip('"') == path
    assert told["identityfile"].strip('"') == f"{tmp_path}/my key"
    assert told["forwardagent"] == "no"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH here")
def test_openssh_reads_the_section_of_a_config_file_as_the_command(tmp_path: Path) -> None:
    tunnel = ("aws", "--profile", "my 100%p $(id)")
    made = login("/my home/train", identity=f"{tmp_path}/my key", tunnel=tunnel)
    (tmp_path / "my key").touch()
    (tmp_path / "config").write_text(made.config())
    asked = [(f"{tmp_path}/config", ["train"]), ("none", made.command(options=["-4"])[1:])]
    read = [
        subprocess.run(
            ["ssh", "-F", file, "-G", *words], capture_output=True, text=True, check=True
        ).stdout
        for file, words in asked
    ]
    facts = [
        {line.replace('"', "") for line in each.splitlines() if line[:5] not in ("host ", "addre")}
        for each in read
    ]
    assert facts[0] ^ facts[1] == set()
    assert "\nproxycommand aws --profile 'my 100%%p $(id)'\n" in read[0]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH."""
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    return tmp_path


def test_the_exit_code_of_ssh_is_ours(programs: Path) -> None:
    stub = programs / "ssh"
    stub.write_text('#!/bin/sh\n[ "$2" = "a b" ] && exit 42\nexit 1\n')
    stub.chmod(0o755)
    assert run(["ssh", "--", "a b"]) == 42


@pytest.mark.usefixtures("programs")
def test_a_computer_without_ssh_is_told_so() -> None:
    with pytest.raises(NotFound, match="no ssh") as caught:
        run(["ssh", "--", "203.0.113.5"])
    assert "--print" in caught.value.next_step
