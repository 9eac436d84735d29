"""A machine to boot in a folder: the real script under a real bash, with stubs for what it calls.

Every stub writes the call it got into `calls`; the only other programs on the PATH are those of
coreutils that the script needs.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_string
from pathlib import Path

import pytest

from spotkeeper.agent import boot_script
from spotkeeper.lifecycle.userdata import compose
from spotkeeper.model.tags import tag_time

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the agent runs on Linux only")

REAL = ("bash", "sed", "base64", "mkdir", "cat", "chmod", "date")
TAG_PATH = "/latest/meta-data/tags/instance/spotkeeper:deadline"

#: Calls that change nothing.
_ASIDE = ("curl ", "wall ", "sleep ", "the end")

_RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'
#: Sleeps for no time at all while the file `minutes` has a line left; then it fails, and with it
#: the loop that it is in.
_SLEEP = (
    _RECORD
    + """
[ -s "$MINUTES" ] || { echo "the end" >> "$CALLS"; exit 1; }
sed -i 1d "$MINUTES"
"""
)
_METADATA = (
    _RECORD
    + f"""
for url in "$@"; do :; done
case "$url" in
  */api/token) echo a-token ;;
  *{TAG_PATH}) [ -f "$TAG" ] && cat "$TAG" || exit 22 ;;
esac
"""
)
_STUBS = {"curl": _METADATA, "sleep": _SLEEP}


def in_hours(hours: float) -> str:
    """A deadline so many hours from now, as it is written."""
    return tag_time(datetime.now(UTC) + timedelta(hours=hours))


@dataclass(frozen=True)
class Room:
    """A root folder, a PATH, and what was called."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def guard(self) -> Path:
        return self.root / "usr/local/sbin/spotkeeper-guard"

    @property
    def units(self) -> Path:
        return self.root / "etc/systemd/system"

    @property
    def calls(self) -> list[str]:
        """What the stubs were called with, in order; looking and sleeping left out."""
        record = self.folder / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        return [line for line in lines if not line.startswith(_ASIDE)]

    @property
    def looked_up(self) -> list[str]:
        """The calls of curl."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [line for line in lines if line.startswith("curl ")]

    @property
    def slept(self) -> list[str]:
        """The calls of sleep."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [line for line in lines if line.startswith("sleep ")]

    def forget(self) -> None:
        (self.folder / "calls").unlink(missing_ok=True)

    def tag(self, value: str) -> None:
        """What the deadline tag of the instance says; unreadable until it is set."""
        (self.folder / "tag").write_text(value)

    def let_pass(self, minutes: int) -> None:
        """Let so many minutes pass, on a machine without systemd, from its next boot on."""
        (self.folder / "minutes").write_text("one\n" * minutes)

    def wait_for_the_end(self) -> None:
        """Wait until all these minutes have passed; they do in the background."""
        record = self.folder / "calls"
        for _ in range(3_000):
            if record.exists() and "the end" in record.read_text():
                return
            time.sleep(0.01)
        raise AssertionError("nobody let the minutes pass")

    def boot(self, deadline: str) -> subprocess.CompletedProcess[str]:
        """Run the first part of the user data as cloud-init would."""
        message = message_from_string(compose(boot_script(), {"deadline": deadline}, None))
        body = next(part for part in message.walk() if not part.is_multipart())
        script = self.folder / "boothook"
        script.write_bytes(bytes(body.get_payload(decode=True)))
        return self.run("bash", script)

    def look(self) -> subprocess.CompletedProcess[str]:
        """Run the installed guard once."""
        return self.run(self.guard)

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.fspath(self.folder / "bin"),
            "SPOTKEEPER_ROOT": os.fspath(self.root),
            "CALLS": os.fspath(self.folder / "calls"),
            "TAG": os.fspath(self.folder / "tag"),
            "MINUTES": os.fspath(self.folder / "minutes"),
        }
        return subprocess.run(
            [os.fspath(each) for each in command],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


def furnished(folder: Path, stubs: Sequence[str]) -> Room:
    """A room with these stubs."""
    programs = folder / "bin"
    programs.mkdir()
    for name in REAL:
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / "basename").symlink_to(shutil.which("basename") or "basename")
    for name in stubs:
        stub = programs / name
        stub.write_text(_STUBS.get(name, _RECORD))
        stub.chmod(0o755)
    return Room(folder)
