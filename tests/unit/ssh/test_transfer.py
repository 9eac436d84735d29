"""What rsync, tar and ssh say, in our words; and our words, as they read them."""

from pathlib import Path
from typing import IO, cast

import pytest

from spotkeeper.errors import CredentialsProblem, SpotkeeperError, Unreachable
from spotkeeper.ssh import transfer
from spotkeeper.ssh.shell import Login

LOGIN = Login("203.0.113.7", "ubuntu", "i-0abc", Path("/state/known hosts/train"))

#: Said by rsync 3.5, GNU tar 1.35 and OpenSSH 9 → the kind of error, and what is told of it.
SAID = {
    'rsync: [receiver] write failed on "/home/u/x": No space left on device (28)\n'
    "rsync error: error in file IO (code 11) at receiver.c(380) [receiver=3.5.0]\n"
    "rsync: connection unexpectedly closed (9337 bytes received so far) [sender]\n": (
        SpotkeeperError,
        "No space left on device",
    ),
    "tar: ./x: Wrote only 4096 of 10240 bytes\ntar: ./y: Cannot write: No space left on device\n"
    "tar: Exiting with failure status due to previous errors\n": (SpotkeeperError, "./x: Wrote"),
    "mkdir: cannot create directory '/data': Permission denied\n"
    "rsync: connection unexpectedly closed (0 bytes received so far) [sender]\n"
    "rsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]\n": (
        SpotkeeperError,
        "/data': Permission denied",
    ),
    'rsync: [sender] send_files failed to open "/a/b": Permission denied (13)\n'
    "rsync error: some files/attrs were not transferred (see previous errors) (code 23)\n": (
        SpotkeeperError,
        '/a/b": Permission denied',
    ),
    "client_loop: send disconnect: Broken pipe\r\n"
    "rsync: connection unexpectedly closed (36 bytes received so far) [sender]\n": (
        Unreachable,
        "The connection to train was lost",
    ),
    "Timeout, server 203.0.113.7 not responding.\r\n": (Unreachable, "to train was lost"),
    "ubuntu@203.0.113.7: Permission denied (publickey).\r\n": (
        CredentialsProblem,
        "not let ubuntu",
    ),
    "ssh: connect to host 203.0.113.7 port 22: Operation timed out\r\n": (
        Unreachable,
        "train does not answer at 203.0.113.7",
    ),
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("begins_anew", [False, True])
def test_the_first_reason_is_told_with_what_a_repeat_does(said: str, *, begins_anew: bool) -> None:
    kind, told = SAID[said]
    found = transfer._incomplete(LOGIN, said, begins_anew=begins_anew)
    assert type(found) is kind
    assert told in found.message
    assert ("begins anew" in found.next_step) == begins_anew
    assert "train" in found.paragraph()


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("-o", "-o"),
        ("a b", "'a b'"),
        ('UserKnownHostsFile="/a b"', "'UserKnownHostsFile=\"/a b\"'"),
        ("it's", "'it''s'"),
    ],
)
def test_rsyncs_own_quotes(word: str, quoted: str) -> None:
    assert transfer._rsync_word(word) == quoted


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("data", "./data"),
        ("~/data", "./data"),
        ("~", "./."),
        ("/data", "/data"),
        ("-x", "./-x"),
        ("a:b", "./a:b"),
    ],
)
def test_a_path_of_the_machine_is_no_option_and_no_host(path: str, remote: str) -> None:
    assert transfer.of_home(path) == remote


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("rsync  version 3.5.0  protocol version 32", True),
        ("rsync  version v4.0.1  protocol version 40", False),
        ("rsync  version 3.1.3  protocol version 31", True),
        ("rsync  version 2.6.9  protocol version 29", False),
        ("openrsync: protocol version 29", False),
    ],
)
def test_an_rsync_that_lacks_what_is_needed_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, good: bool
) -> None:
    program = tmp_path / "rsync"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert transfer._has_rsync() == good
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not transfer._has_rsync()


def test_the_progress_of_rsync_is_told_with_bytes_and_time_left(tmp_path: Path) -> None:
    (tmp_path / "said").write_text(
        "\r         32,768   0%    0.00kB/s    0:00:00  "
        "\r       31933312  53%    9.77MB/s    0:01:02 (xfr#1, to-chk=1/3)"
    )
    told: list[str] = []
    with (tmp_path / "said").open("rb") as file:
        transfer._watch(cast("IO[bytes]", file), told.append)
    assert told == ["31.9 MB, 53 %, 0:01:02 left"]
