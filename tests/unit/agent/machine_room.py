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

REAL = ("bash", "sed", "base64", "mkdir", "cat", "chmod", "mv", "dd", "date")
SYSTEMD = ("systemctl", "shutdown", "wall", "reboot", "sleep")
TAG_PATH = "/latest/meta-data/tags/instance/spotkeeper:deadline"
OFF = ["shutdown -h now"]

#: Calls that change nothing.
_ASIDE = ("curl ", "wall ", "sleep ", "the end")

_RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'
#: Sleeps for no time at all. A minute passes while the file `minutes` has a line left; then it
#: fails, and with it the loop that it is in. What waits for the end of a shutdown is ended by it,
#: unless there is a file `hangs`.
_SLEEP = (
    _RECORD
    + """
case $1 in
  60)
    [ -s "$MINUTES" ] || { echo "the end" >> "$CALLS"; exit 1; }
    sed -i 1d "$MINUTES" ;;
  180 | 300)
    until grep -q ^shutdown "$CALLS"; do /bin/sleep 0.01; done
    [ -e "$HANGS" ] ;;
esac
"""
)
#: The metadata service: `tag` is what it says, at the time in `date`, after so many failures as
#: `failures` has lines.
_METADATA = (
    _RECORD
    + f"""
if [ -s "$FAILURES" ]; then sed -i 1d "$FAILURES"; exit 28; fi
for url in "$@"; do :; done
body=a-token status='200 OK'
case $url in *{TAG_PATH}) body=$(cat "$TAG" 2>/dev/null) || status='404 Not Found' ;; esac
date=$(cat "$DATE" 2>/dev/null || date -u '+%a, %d %b %Y %H:%M:%S GMT')
printf 'HTTP/1.1 %s\r\nDate: %s\r\n\r\n%s' "$status" "$date" "$body"
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
    def memory(self) -> Path:
        """The last deadline that was known."""
        return self.root / "etc/spotkeeper/deadline"

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

    def tag(self, value: str | None) -> None:
        """What the deadline tag of the instance says; unreadable until it is set."""
        (self.folder / "tag").unlink(missing_ok=True)
        if value is not None:
            self.write("tag", value)

    def write(self, name: str, text: str) -> None:
        """A file that a stub reads."""
        (self.folder / name).write_text(text)

    def let_pass(self, minutes: int) -> None:
        """Let so many minutes pass, on a machine without systemd, from its next boot on."""
        self.write("minutes", "one\n" * minutes)

    def wait_for_the_end(self) -> None:
        """Wait until all these minutes have passed; they do in the background."""
        record = self.folder / "calls"
        for _ in range(3_000):
            if record.exists() and "the end" in record.read_text():
                return
            time.sleep(0.01)
        raise AssertionError("nobody let the minutes pass")

    def boot(self, deadline: str, instance: str = "i-1") -> subprocess.CompletedProcess[str]:
        """Run the first part of the user data as cloud-init would."""
        message = message_from_string(str(compose(boot_script(), {"deadline": deadline}, None)))
        body = next(part for part in message.walk() if not part.is_multipart())
        script = self.folder / "boothook"
        script.write_bytes(bytes(body.get_payload(decode=True)))
        return self.run("bash", script, INSTANCE_ID=instance)

    def look(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the installed guard once."""
        return self.run(self.guard, **environment)

    def run(self, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the machine, and what it leaves behind with an open output."""
        names = ("calls", "tag", "date", "failures", "minutes", "hangs")
        environment = {name.upper(): os.fspath(self.folder / name) for name in names}
        environment |= {
            "PATH": os.fspath(self.folder / "bin"),
            "SPOTKEEPER_ROOT": os.fspath(self.root),
        }
        return subprocess.run(
            [os.fspath(each) for each in command],
            env=environment | more,
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
    for name in (*REAL, "basename", "grep"):
        (programs / name).symlink_to(shutil.which(name) or name)
    for name in stubs:
        stub = programs / name
        stub.write_text(_STUBS.get(name, _RECORD))
        stub.chmod(0o755)
    return Room(folder)
