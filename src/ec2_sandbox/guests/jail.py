"""The command line that starts a guest's first process, in a jail of bubblewrap or without one.

In the jail: the guest's own disk, processes, network and users; of the system its programs only,
read-only. Everybody in it is one user, root and the login user alike.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from ec2_sandbox.guests import machine_commands, units

SOURCE = Path(__file__).parents[2]
RUN = "/run/ec2-guest"
SHOWN_SOURCE = "/run/ec2-sandbox"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROBE_S = 10.0

#: Folders of the disk that the guest has as its own.
OWN = ("etc", "home", "mnt", "opt", "root", "srv", "tmp", "usr/local/sbin", "var")
SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")

#: Of the system's /etc: what programs need and nothing that is secret.
SHOWN_OF_ETC = (
    *("alternatives", "ca-certificates", "ld.so.cache", "localtime", "os-release", "pki"),
    *("protocols", "services", "ssl"),
)

_ISOLATED = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-ipc"),
    *("--unshare-cgroup-try", "--as-pid-1", "--die-with-parent", "--clearenv"),
    *("--uid", "0", "--gid", "0"),
)
_CAPABILITIES = ("CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SETPCAP")

_START = (
    "import sys; sys.path.insert(0, {source!r}); "
    "from ec2_sandbox.guests.init import main; main({order!r}, {link!r})"
)


@cache
def obstacle() -> str:
    """Why there can be no jail here; "" where there can."""
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap (bwrap) is not installed"
    tried = [program, *_ISOLATED, *_system(), "--proc", "/proc", "/usr/bin/env", "true"]
    try:
        done = subprocess.run(tried, capture_output=True, text=True, check=False, timeout=PROBE_S)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"bubblewrap does not start: {problem}"
    return done.stderr.strip() and f"bubblewrap is not allowed here: {done.stderr.strip()}"


def prepare_disk(disk: Path, order: dict[str, Any]) -> None:
    """The folders and names of its first day; later the guest may have put links anywhere."""
    if (disk / "etc").exists():
        return
    for name in (*OWN, units.FOLDER, order["home"].lstrip("/")):
        (disk / name).mkdir(mode=0o755, parents=True, exist_ok=True)
    user, home = order["user"], order["home"]
    texts = {
        "passwd": f"{user}:x:0:0::{home}:/bin/bash\nroot:x:0:0::/root:/bin/bash\n",
        "group": f"root:x:0:\n{user}:x:0:\n",
        "hosts": f"127.0.0.1 localhost {order['hostname']}\n",
        "hostname": f"{order['hostname']}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    for name, text in texts.items():
        (disk / "etc" / name).write_text(text)


def read_own(path: Path, most_bytes: int) -> bytes:
    """A file of a guest, who may have put anything there; nothing where it is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(most_bytes) or b""
    except OSError:
        return b""


def jailed(run: Path, disk: Path, order: dict[str, Any], link: int) -> list[str]:
    """The command line; ``order`` learns where things are inside."""
    order |= {
        "root": "",
        "commands": "/usr/local/sbin",
        "socket": machine_commands.SOCKET,
        "source": SHOWN_SOURCE,
    }
    order["env"] |= {"PATH": PATH}
    (run / "uptime").write_text("0.00 0.00\n")  # its first process counts; the kernel's is ours
    (run / "boot_id").write_text(f"{uuid4()}\n")
    python = sys.base_prefix
    own_python = Path("/usr/bin/python3").exists()
    mounts = [
        *_system(),
        *(() if own_python else ("--ro-bind", python, "/python")),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run"),
        *("--ro-bind", str(run / "uptime"), "/proc/uptime"),
        *("--ro-bind", str(run / "boot_id"), "/proc/sys/kernel/random/boot_id"),
        *_joined("--bind", [(str(disk / name), f"/{name}") for name in OWN]),
        *_joined("--ro-bind-try", [(f"/etc/{name}", f"/etc/{name}") for name in SHOWN_OF_ETC]),
        *_joined("--bind-try", [(there, f"/mnt/{name}") for name, there in order["volumes"]]),
        *("--bind", str(run), RUN),
        *("--ro-bind", str(SOURCE / "ec2_sandbox"), f"{SHOWN_SOURCE}/ec2_sandbox"),
    ]
    capabilities = _joined("--cap-add", [(name,) for name in _CAPABILITIES])
    start = _START.format(source=SHOWN_SOURCE, order=f"{RUN}/order.json", link=str(link))
    program = "/usr/bin/python3" if own_python else f"/python/bin/{Path(sys.executable).name}"
    bwrap = shutil.which("bwrap") or "bwrap"
    named = ("--hostname", order["hostname"], "--chdir", "/")
    return [bwrap, *_ISOLATED, *capabilities, *mounts, *named, program, "-IS", "-c", start]


def plain(run: Path, disk: Path, order: dict[str, Any], link: int) -> list[str]:
    """The same without a jail: the user's own processes, whose machine's root is its disk."""
    order |= {
        "root": str(disk),
        "commands": str(run / "bin"),
        "socket": str(run / "init"),
        "source": str(SOURCE),
    }
    order["env"] |= {
        "PATH": f"{run / 'bin'}:{os.environ.get('PATH', PATH)}",
        machine_commands.SOCKET_VARIABLE: order["socket"],
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": order["metadata"],
        "SPOTKEEPER_ROOT": str(disk),  # where the guard of that tool has its files
    }
    start = _START.format(source=str(SOURCE), order=str(run / "order.json"), link=str(link))
    return [sys.executable, "-IS", "-c", start]


def _system() -> list[str]:
    """The programs of this computer, read-only."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words


def _joined(option: str, given: list[tuple[str, ...]]) -> list[str]:
    return [word for values in given for word in (option, *values)]
