"""The sandbox as a background process: start, ensure, stop, status, reset.

Imports neither moto nor flask: this is the client's side. The daemon is ``python -m
ec2_sandbox``; it writes its process record when it is ready.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ec2_sandbox.client import control
from ec2_sandbox.client.home import (
    ACCESS_KEY,
    SECRET_KEY,
    Home,
    Process,
    own_version,
    without_port,
)
from ec2_sandbox.errors import SandboxProblem
from ec2_sandbox.guests.process_trees import MarkedProcesses, kill_all, mark_of
from ec2_sandbox.guests.user_data import digest
from ec2_sandbox.market import replay
from ec2_sandbox.options import SandboxOptions, SandboxStatus, checked

SOURCE = Path(__file__).parents[2]
#: `-P`: a file of the folder where it is started, say a queue.py, is none of its modules.
PROGRAM = (sys.executable, "-P", "-m", "ec2_sandbox")
REPRODUCIBLE = {"PYTHONHASHSEED": "0"}  # sets of texts are iterated in the same order every time
NEEDED = ("moto", "flask", "flask_cors", "asyncssh")
UNKNOWN_OPTIONS = "Another version's options were left out: {}."
#: Endpoints that clients of S3 read in place of ``AWS_ENDPOINT_URL``: Arrow's and the SDKs', those
#: of Rust, TensorFlow's, s5cmd's, fsspec's.
ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT",
    "S3_ENDPOINT",
    "S3_ENDPOINT_URL",
    "FSSPEC_S3_ENDPOINT_URL",
)
#: What may name another account or endpoint; Ansible refuses keys beside any profile.
UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
READY_WITHIN = 60.0  # seconds; a busy computer takes ten
STOPPED_WITHIN = 10.0
LOG_LINES_SHOWN = 8


def start(
    home: Path, *, options: SandboxOptions | None = None, tied: bool = False
) -> SandboxStatus:
    """Start the sandbox, or find it running. Without options: those last used.

    ``tied``: it ends with the process that starts it. ``SandboxProblem``: there is a world, and it
    was begun with other options.
    """
    _check_extra()
    options = _prepared(options) if options else None
    folder = Home(home)
    folder.create()
    with folder.locked():
        running = _of_this_version(folder)
        if options and without_port(options) != folder.options() and folder.has_world():
            raise SandboxProblem(
                f"The world in {home} was begun with other options, which it keeps",
                next_step="`spot sandbox reset` takes new ones, and begins a new world.",
            )
        if running:
            return _status(folder, running)
        if writer := folder.foreign_world():
            raise SandboxProblem(
                f"The world saved in {home} was written by another version ({writer}), which this "
                "one cannot read",
                next_step="`spot sandbox reset` begins a new one; the old one is forgotten.",
            )
        if unknown := folder.unusable_options():
            folder.add_note(UNKNOWN_OPTIONS.format(", ".join(unknown)))
        _end_orphans(folder)
        chosen = options or _prepared(folder.options())
        folder.remember_options(without_port(chosen))
        process = _spawn(folder, chosen, tied=tied)
        return _status(folder, process)


def ensure(home: Path) -> SandboxStatus:
    """The running sandbox, started when there is none."""
    return start(home)


def set_up(home: Path, script: str, **options: Any) -> None:
    """The options of a sandbox that was never set up; another keeps its own. The ``script`` is the
    caller's, and may be run in a guest that has no jail, with whatever comments behind it."""
    folder = Home(home)
    if not folder.is_set_up:
        folder.create()
        folder.remember_options(checked(options))
    folder.trust(digest(script))


def remembered(home: Path) -> SandboxStatus:
    """The sandbox as it was set up last, without asking whether it runs."""
    folder = Home(home)
    return SandboxStatus(
        home=home, running=False, options=folder.options(), port=folder.former_port()
    )


def stop(home: Path) -> SandboxStatus:
    """Stop the sandbox; its state stays. Safe to repeat."""
    folder = Home(home)
    if not home.exists():
        return SandboxStatus(home=home, running=False)
    with folder.locked():
        if running := _running(folder):
            _end(running)
        _end_orphans(folder)
        folder.forget_process()
    return SandboxStatus(home=home, running=False, options=folder.options())


def status(home: Path) -> SandboxStatus:
    """Whether it runs, and where; changes nothing but hands out the notes."""
    folder = Home(home)
    if running := _running(folder):
        return _status(folder, running)
    return SandboxStatus(
        home=home, running=False, options=folder.options(), notes=folder.take_notes()
    )


def reset(home: Path, *, options: SandboxOptions | None = None) -> SandboxStatus:
    """A fresh account and market on the same port; starts the sandbox when it is not running."""
    before, folder = status(home), Home(home)
    if home.exists():
        with folder.locked():
            if not _of_this_version(folder) and folder.foreign_world():
                folder.forget_world()
    chosen = _prepared(without_port(options or before.options))
    found = start(home)
    control.Control(found).reset(chosen)
    folder.remember_options(chosen)
    notes = (*before.notes, *found.notes, *folder.take_notes())
    return replace(found, options=chosen, notes=notes)


def environment(found: SandboxStatus) -> dict[str, str]:
    """What points any AWS tool at the sandbox, and at nothing else, once ``UNSET`` is unset.

    The user's own endpoints for single services would win over ``AWS_ENDPOINT_URL``.
    """
    single = {name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")}
    aws_file = str(Home(found.home).aws_file)
    return {
        **dict.fromkeys(sorted({"AWS_ENDPOINT_URL", *ENDPOINTS, *single}), found.url),
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CONFIG_FILE": aws_file,
        "AWS_SHARED_CREDENTIALS_FILE": aws_file,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "SPOT_SANDBOX": "1",
    }


def _prepared(options: SandboxOptions) -> SandboxOptions:
    """Checked; a replay file by its whole path, since the daemon may be elsewhere."""
    checked(asdict(options))
    if options.replay is None:
        return options
    path = Path(options.replay).expanduser().resolve()
    replay.check(path)
    return replace(options, replay=str(path))


def _check_extra() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SandboxProblem(
            f"The sandbox needs {', '.join(missing)}, which is not installed",
            next_step="pip install 'spotkeeper[sandbox]'",
        )


def _running(folder: Home) -> Process | None:
    """The daemon of the record, if it is that daemon which answers."""
    process = folder.process()
    if process and control.instance_at(_url(process)) == process.instance:
        return process
    return None


def _of_this_version(folder: Home) -> Process | None:
    """The daemon, unless it runs the code of before an upgrade: then it is ended."""
    running = _running(folder)
    if running is None or running.version == own_version():
        return running
    _end(running)
    return None


def _status(folder: Home, process: Process) -> SandboxStatus:
    return SandboxStatus(
        home=folder.path,
        running=True,
        options=folder.options(),
        port=process.port,
        pid=process.pid,
        token=process.token,
        notes=folder.take_notes(),
    )


def _url(process: Process) -> str:
    return f"http://127.0.0.1:{process.port}"


def _spawn(folder: Home, options: SandboxOptions, *, tied: bool) -> Process:
    port = _choose_port(folder, options)
    folder.forget_process()
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH", "")]))
    log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*PROGRAM, str(folder.path), f"--port={port}", *(["--tied"] if tied else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**_without_login(os.environ), "PYTHONPATH": path, **REPRODUCIBLE},
            start_new_session=True,
        )
    finally:
        os.close(log)
    return _await_ready(folder, child)


def _without_login(environment: Mapping[str, str]) -> dict[str, str]:
    """What a process that lives for days should not know: it needs no real account."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def _choose_port(folder: Home, options: SandboxOptions) -> int:
    """The port asked for or an error; else the former one, else any, with a note."""
    if options.port is not None:
        if not _is_free(options.port):
            raise SandboxProblem(
                f"Port {options.port} is taken by another program",
                next_step="Choose another --port, or leave it out.",
            )
        return options.port
    former = folder.former_port()
    if former is None or _is_free(former):
        return former or 0
    folder.add_note(
        f"Port {former} was taken, so the sandbox has a new one: "
        'run `eval "$(spot sandbox env)"` again where you use it.'
    )
    return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _await_ready(folder: Home, child: "subprocess.Popen[bytes]") -> Process:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and child.poll() is None:
        if running := _running(folder):
            child.returncode = 0  # it lives on; nobody waits for it here
            return running
        time.sleep(0.02)
    code = child.poll()
    if code is None:
        child.terminate()
    lines = folder.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    ended = f"ended with code {code}" if code is not None else f"took over {READY_WITHIN:.0f} s"
    raise SandboxProblem(
        f"The sandbox {ended} while starting. Its last words: " + " | ".join(lines),
        next_step=f"Read {folder.log}, then try `spot sandbox reset`.",
    )


def _end(process: Process) -> None:
    with suppress(SandboxProblem):  # it may be gone before its answer is
        control.call(_url(process), process.token, "stop", {})
    deadline = time.monotonic() + STOPPED_WITHIN
    while time.monotonic() < deadline:
        if not _is_alive(process):
            return
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)


def _end_orphans(folder: Home) -> None:
    """Whom a crash left of the guests, where there ever were any."""
    if folder.guests.exists():
        kill_all(MarkedProcesses(mark_of(folder.path)))


def _is_alive(process: Process) -> bool:
    if os.name != "posix":  # there signal 0 is no harmless question
        return control.instance_at(_url(process)) is not None
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)  # when it is this process's own child
    try:
        os.kill(process.pid, 0)
    except OSError:
        return False
    return True
