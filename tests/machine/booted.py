"""Debian machines that really boot: systemd as PID 1, cloud-init, the user data of a launch.

A root is made once by mmdebstrap; each machine has it below an overlay of its own and is booted by
systemd-nspawn, whose end tells that it is off.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spotkeeper.agent import boot_script
from spotkeeper.lifecycle.userdata import compose
from spotkeeper.model.tags import tag_time

#: The release of Debian; another one by the environment.
SUITE = os.environ.get("SPOT_MACHINE_SUITE", "bookworm")
PACKAGES = "systemd-sysv,dbus,cloud-init,curl,iproute2"
PROGRAMS = ("systemd-nspawn", "mmdebstrap", "mount")

#: A machine that is not off after so many seconds is taken for one that stays on.
LONGEST_S = 900


def missing() -> str:
    """Why no machine can be booted here; empty if one can."""
    if os.geteuid() != 0:
        return "needs root"
    lacking = [name for name in PROGRAMS if not shutil.which(name)]
    return f"needs {', '.join(lacking)}" if lacking else ""


def debian(cache: Path) -> Path:
    """The root that all machines stand on; made where it is not there yet."""
    root, made = cache / SUITE, cache / f"{SUITE}.made"
    if not made.exists():
        shutil.rmtree(root, ignore_errors=True)
        asked = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        subprocess.run(asked, check=True, capture_output=True)
        made.touch()
    return root


def versions(root: Path) -> str:
    """What decides there."""
    form = "${Package} ${Version} "
    asked = ["chroot", str(root), "dpkg-query", "-W", "-f", form, "systemd", "cloud-init"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def in_seconds(seconds: float) -> datetime:
    """A deadline so many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Ended:
    """How a boot came to its end."""

    after_s: float
    at: datetime
    is_off: bool
    console: str


class Machine:
    """A root of its own, off until it is booted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root, self.changes, self.work = (folder / n for n in ("root", "changes", "work"))

    def write(self, path: str, text: str) -> None:
        """Put a file on its disk."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def unit(self, name: str, text: str, target: str = "multi-user.target") -> None:
        """A unit that the image starts."""
        self.write(f"etc/systemd/system/{name}", text)
        wants = self.root / f"etc/systemd/system/{target}.wants"
        wants.mkdir(exist_ok=True)
        (wants / name).symlink_to(f"../{name}")

    def given(
        self, deadline: datetime | None, user_data: bytes | None = None, instance: str = "i-1"
    ) -> None:
        """The user data of a launch, where cloud-init looks for it without a cloud."""
        composed = compose(boot_script(), {"deadline": tag_time(deadline)}, user_data)
        seed = "var/lib/cloud/seed/nocloud"
        self.write(f"{seed}/meta-data", f"instance-id: {instance}\n")
        self.write(f"{seed}/user-data", str(composed))

    def _started(self, *kernel: str, own_network: bool) -> "subprocess.Popen[bytes]":
        asked = ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--register=no"]
        asked += ["--kill-signal=SIGKILL"]  # at our SIGTERM its PID 1 is gone, and all the others
        asked += ["--keep-unit", "--console=read-only", *(["--private-network"] * own_network)]
        # Several that boot in one control group would take one another's units for their own.
        enter = (
            'for group in $GROUPS_OF_ITS_OWN; do echo $$ > "$group/cgroup.procs"; done; exec "$@"'
        )
        groups = [each / f"spotkeeper-{self.folder.name}" for each in _hierarchies()]
        for group in groups:
            group.mkdir(exist_ok=True)
        with (self.folder / "console").open("wb") as console:
            return subprocess.Popen(
                ["sh", "-c", enter, "sh", *asked, "--boot", *kernel],
                env={**os.environ, "GROUPS_OF_ITS_OWN": " ".join(map(str, groups))},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def boot(self, *kernel: str, own_network: bool = True, longest_s: float = LONGEST_S) -> Ended:
        """Boot it with this kernel command line; wait until it is off, or has been on for long."""
        began = datetime.now(UTC)
        process = self._started(*kernel, own_network=own_network)
        try:
            is_off = process.wait(longest_s) == 0
        except subprocess.TimeoutExpired:
            is_off = False
            process.terminate()
            process.wait()
        at = datetime.now(UTC)
        console = (self.folder / "console").read_text(errors="replace")
        return Ended((at - began).total_seconds(), at, is_off, console)


def _hierarchies() -> list[Path]:
    """Where systemd keeps its control groups, in the old way, the new one, or both."""
    top = Path("/sys/fs/cgroup")
    return [
        each
        for each in (top, top / "systemd", top / "unified")
        if (each / "cgroup.procs").exists()
    ]


@contextmanager
def machine(folder: Path, *below: Path) -> Iterator[Machine]:
    """A machine whose disk begins as the layers ``below`` say, the uppermost first."""
    made = Machine(folder)
    for each in (made.root, made.changes, made.work):
        each.mkdir(parents=True)
    layers = ":".join(map(str, below))
    options = f"lowerdir={layers},upperdir={made.changes},workdir={made.work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, made.root], check=True)
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", made.root], check=True)
        for hierarchy in _hierarchies():
            top = hierarchy / f"spotkeeper-{folder.name}"
            for group in sorted(top.rglob("*/"), reverse=True):
                group.rmdir()
            top.rmdir()
