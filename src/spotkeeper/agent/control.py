"""What the agent can be asked from outside: one command each, one line of JSON as the answer.

Nothing here does anything itself: a command lays down a file that the serving agent finds, or
reads what it wrote. So each may be repeated, and none needs the agent to be alive.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
import time

from spotkeeper.agent import folders
from spotkeeper.agent.disk import Storage, make_folder, read_text
from spotkeeper.agent.holder import end_file
from spotkeeper.agent.log import LogReader
from spotkeeper.agent.machine import Home, RunFolder, boot_id, is_locked, take_lock
from spotkeeper.work.contract import RunSpec, answer, longest_secret, masked
from spotkeeper.work.run import Accepted, Run, read

#: Sent at once, at most, so that neither side ever holds a whole log.
LOG_BYTES = 1 << 20


class RequestRefused(Exception):
    """What was asked cannot be done; the message says why."""


def prepare(home: Home, run_id: str, user: str | None) -> str:
    """Make the folders of a run, for the code to be pushed into.

    Raises:
        RequestRefused: a run is on the machine that is not over, or there is no such user.
    """
    _refuse_second(home)
    folder, owner = home.run(run_id), _owner(user)
    for above in (home.folder, os.path.dirname(folder.folder), folder.folder):
        os.chmod(make_folder(above), 0o711)
    paths = folder.paths
    seen = (paths.checkpoint, paths.output, paths.exchange)
    for path in (paths.code, paths.work, paths.venv, *seen):
        folders.make_usable(path, owner)
    return answer(code=paths.code, output=paths.output, checkpoint=paths.checkpoint)


def start(home: Home, spec: RunSpec) -> str:
    """Accept a run whose folders were prepared; the serving agent finds it.

    Raises:
        RequestRefused: a run is on the machine that is not over, or its folders were not prepared.
    """
    lock = take_lock(f"{home.folder}/start.lock", waits=True)
    assert lock is not None  # noqa: S101 - it waited for it
    try:
        if home.current_run() != spec.run_id:
            _accept(home, spec)
    finally:
        os.close(lock)
    return answer(run_id=spec.run_id)


def _accept(home: Home, spec: RunSpec) -> None:
    disk, folder = Storage(home.ballast), home.run(spec.run_id)
    _refuse_second(home)
    if not os.path.isdir(folder.paths.code):
        raise RequestRefused(f"the folders of {spec.run_id} were not prepared")
    former = home.run(home.current_run() or spec.run_id)
    paths = former.paths
    for needless in (former.sets, paths.work, paths.venv, former.spec):  # results and output stay
        folders.remove_all(needless)
    disk.replace(folder.spec, spec.to_json().encode())
    disk.replace(folder.record, b"")
    disk.append(folder.record, Accepted(time.time(), spec.run_id).to_json())
    disk.replace(home.current, spec.run_id.encode())


def _refuse_second(home: Home) -> None:
    current = home.current_run()
    if current and not read_run(home.run(current)).is_over:
        raise RequestRefused(f"the run {current} is on this machine and not over")


def _owner(user: str | None) -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(user) if user is not None else None
    except KeyError:
        raise RequestRefused(f"this machine has no user {user}") from None
    return (entry.pw_uid, entry.pw_gid) if entry else None


def cancel(home: Home) -> str:
    """Ask for the end of the run; one that is over stays as it ended.

    Raises:
        RequestRefused: there is no run.
    """
    Storage(home.ballast).replace(_current(home).cancel, b"")
    return status(home)


def configure(home: Home, settings: bytes) -> str:
    """Keep what was said of the machine: ``name``, ``idle_s``, ``notify_url``; what is not said
    now stays as it was."""
    make_folder(home.folder)
    known = {**json.loads(read_text(home.settings) or "{}"), **json.loads(settings)}
    Storage().replace(home.settings, json.dumps(known).encode())
    return answer()


def status(home: Home) -> str:
    """The lines of the run's record, which ``work/run.py`` reads, and what can be seen now;
    ``record`` is null before the first run."""
    current = home.current_run()
    seen = {"at": time.time(), "boot": boot_id(), "agent_serves": is_locked(home.lock)}
    if not current:
        return answer(**seen, record=None)
    folder = home.run(current)
    run = read_run(folder)
    attempt = folder.attempt(run.attempts[-1].number if run.attempts else 0)
    return answer(
        **seen,
        record=read_text(folder.record).splitlines(),
        log_bytes=LogReader(f"{attempt}/log").end,
        command_has_ended=bool(read_text(end_file(attempt)).strip()),
        progress=read_text(folder.paths.progress)[:32].strip(),
    )


def read_run(folder: RunFolder) -> Run:
    """The run that a folder's record tells."""
    return read(read_text(folder.record).splitlines())


def logs(
    home: Home, *, attempt: int | None, place: int, lines: int, since: float, raw: bool
) -> None:
    """Write one piece of an attempt's output: a line of JSON that says which, then the bytes.

    ``place`` counts bytes of the whole output; ``lines`` or ``since`` (seconds since 1970) find
    one. ``next`` of the answer is where to go on, ``is_last`` whether nothing will follow there.
    Values that the user named are shown as ``***`` unless the output is wanted ``raw``.

    Raises:
        RequestRefused: there is no run.
    """
    folder = _current(home)
    run = read_run(folder)
    number = attempt if attempt is not None else (run.attempts[-1].number if run.attempts else 0)
    is_open = run.open_attempt is not None and run.open_attempt.number == number
    log = LogReader(f"{folder.attempt(number)}/log")
    if lines:
        place = log.place_of_last_lines(lines)
    elif since:
        place = log.place_at(since)
    begin, data = log.read(place, LOG_BYTES)
    following = begin + len(data)
    if not raw:
        data, following = _masked(log, folder, begin, data)
    is_last = not is_open and following >= log.end
    told = {"attempt": number, "place": begin, "next": following, "end": log.end}
    head = answer(run_id=run.run_id, **told, is_last=is_last)
    sys.stdout.buffer.write(head.encode() + b"\n" + data)


def _masked(log: LogReader, folder: RunFolder, begin: int, data: bytes) -> tuple[bytes, int]:
    """The piece without secrets, and the place behind what it stands for."""
    text = read_text(folder.spec)
    secrets = RunSpec.from_json(text).secrets if text else {}
    _, more = log.read(begin + len(data), longest_secret(secrets))
    shown, used = masked(data, more, secrets)
    return shown, begin + used


def _current(home: Home) -> RunFolder:
    current = home.current_run()
    if not current:
        raise RequestRefused("no run was ever started on this machine")
    return home.run(current)
