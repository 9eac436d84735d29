"""Files to and from a machine: rsync where both sides have it, else tar; always over ssh."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from spotkeeper.errors import BadInput, NotFound, SpotkeeperError
from spotkeeper.ssh.remote import run_remote, ssh_line, started, trouble, unattended

if TYPE_CHECKING:
    from spotkeeper.ssh.shell import Login

#: Is told how far it is.
Told = Callable[[str], None]

#: Before 3.1 there is no ``--info``; another program of the name says "openrsync".
_RSYNC = re.compile(r"rsync +version (?:3\.[1-9]|[4-9]|\d\d)")

#: Half a file waits in a folder beside its place, so that a repeat goes on with it and nobody
#: takes it for the whole.
_RSYNC_OPTIONS = (
    *("-rlpt", "-s", "--partial-dir=.rsync-partial"),
    *("--info=progress2", "--no-human-readable", "--outbuf=L"),
)

#: Exit codes of rsync(1): all there, or all but what vanished from here meanwhile.
_RSYNC_DONE = frozenset({0, 24})
#: The shell found no rsync on the machine.
_NO_RSYNC = 127

#: Exit codes of tar: all there, or all, and something changed meanwhile.
_TAR_DONE = frozenset({0, 1})
_TOLD_EVERY_S = 0.2

#: Where a program names its own reason, the connection that it then closes is none.
_OWN_WORDS = ("No space left", "denied\n", "denied (13)", "Read-only file system", "cannot create")
#: What follows the reason.
_SUMMARIES = ("rsync error:", "rsync: connection unexpectedly", "rsync: [sender] write error")

_PROGRESS = re.compile(rb"(\d+) +(\d+)% +\S+ +(\d+:\d\d:\d\d)")

_RECEIVE = 'mkdir -p -- "$1" || exit 2; exec tar -xpof - -C "$1"'
_LIST = 'cd -- "$1" 2>/dev/null || exit 0; exec find . -mindepth 1 -printf "%y%P\\\\0"'
_REMOVE = 'cd -- "$1" && exec xargs -0 rm -rf --'
_KIND = 'if [ -d "$1" ]; then echo folder; elif [ -e "$1" ] || [ -L "$1" ]; then echo file; fi'


def push(
    login: Login,
    source: Path,
    destination: str,
    *,
    files: Sequence[str] | None = None,
    told: Told,
) -> None:
    """Bring what is in a folder, or some ``files`` of it, or one file, into a folder of a machine,
    which is made where it is missing. A relative one is of the login's home.

    Links stay links, and modes, times and empty folders stay. What is there already is not sent
    again by rsync, and a repeat goes on where the last one was interrupted.

    Raises:
        BadInput: there is no such file or folder.
        SpotkeeperError: the connection was lost, or something could not be read or written.
    """
    source, names = _names(source, files)
    asked = (login, source, of_home(destination), names, told)
    if not (_has_rsync() and _push_by_rsync(*asked)):
        _push_by_tar(*asked)


def pull(login: Login, remote: str, local: Path | None, *, told: Told) -> Path:
    """Bring a file, or what is in a folder of a machine, into a folder of this computer, which is
    given; nothing outside of it is written, wherever links lead. By default a folder comes into
    one of its name, a file into the working folder.

    Raises:
        NotFound: the machine has nothing of that name.
        SpotkeeperError: as ``push``.
    """
    remote = of_home(remote)
    code, kind, err = run_remote(login, ("sh", "-c", _KIND, "sh", remote))
    if code or not kind:
        raise NotFound(
            f"There is no {remote} on {login.name}{_reason(err)}",
            next_step=f"See what there is: `spot ssh {login.name} -- sudo ls "
            f"{shlex.quote(str(PurePosixPath(remote).parent))}`.",
        )
    folder = kind.strip() == b"folder"
    local = local or Path(PurePosixPath(remote).name if folder else ".")
    try:
        local.mkdir(parents=True, exist_ok=True)
        mode = local.stat().st_mode
    except OSError as problem:
        raise BadInput(f"{local} cannot be a folder: {problem.strerror}") from problem
    asked = (login, remote, local, folder, told)
    try:
        if not (_has_rsync() and _pull_by_rsync(*asked)):
            _pull_by_tar(*asked)
    finally:
        local.chmod(mode & 0o7777)  # it is the user's, and not what was pulled
    return local


def superfluous(
    login: Login, source: Path, destination: str, files: Sequence[str] | None = None
) -> list[str]:
    """What a folder of a machine has and the source, or its ``files``, have not; also what is a
    folder on one side alone. Of a folder's content the folder alone is named."""
    here = dict(_entries(*_names(source, files)))
    code, out, err = run_remote(login, ("sh", "-c", _LIST, "sh", of_home(destination)))
    if code:
        raise _incomplete(login, err.decode(errors="replace"))
    there = {os.fsdecode(each[1:]): each[:1] == b"d" for each in out.split(b"\0") if each}
    more = {name for name, is_folder in there.items() if here.get(name) != is_folder}
    return sorted(name for name in more if more.isdisjoint(_parents(name)))


def remove(login: Login, destination: str, names: Iterable[str]) -> None:
    """Delete what ``superfluous`` named."""
    stdin = b"".join(b"./" + os.fsencode(name) + b"\0" for name in names)
    code, _, err = run_remote(
        login, ("sh", "-c", _REMOVE, "sh", of_home(destination)), stdin=stdin
    )
    if code:
        raise _incomplete(login, err.decode(errors="replace"))


def of_home(path: str) -> str:
    """A path as a machine's programs take it: ``~`` is for shells, a dash for options."""
    path = path.removeprefix("~/") if path != "~" else "."
    return path if path.startswith("/") else f"./{path}"


def _parents(name: str) -> list[str]:
    return [str(each) for each in PurePosixPath(name).parents][:-1]


def _names(source: Path, files: Sequence[str] | None) -> tuple[Path, list[str]]:
    """A folder, and what is to be taken of it."""
    source = Path(os.path.abspath(source.expanduser()))  # noqa: PTH100 - the last link is not followed
    try:
        if source.is_dir():
            return source, sorted(_content(source) if files is None else files)
        source.lstat()
    except OSError as problem:
        raise BadInput(f"Cannot read {source}: {problem.strerror}") from problem
    return source.parent, [source.name]


def _entries(source: Path, names: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Everything at and below the names, and what leads there; whether it is a folder."""
    for name in names:
        yield from ((each, True) for each in _parents(name))
        path = source / name
        is_folder = path.is_dir() and not path.is_symlink()
        yield name, is_folder
        if is_folder:
            yield from _entries(source, (f"{name}/{each}" for each in _content(path)))


def _content(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def _has_rsync() -> bool:
    if not (program := shutil.which("rsync")):
        return False
    asked = [program, "--version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return bool(_RSYNC.match(said.stdout))


def _push_by_rsync(
    login: Login, source: Path, destination: str, names: Sequence[str], told: Told
) -> bool:
    make = f"--rsync-path=mkdir -p -- {shlex.quote(destination)} && rsync"
    # Names, even of all that a folder has: the machine's folder keeps its own mode, which may be
    # that of a home. With a slash, which rsync takes away, none of them begins a comment.
    wanted = b"".join(b"/" + os.fsencode(name) + b"\0" for name in names)
    places = (f"{source}/", f"{login.address}:{destination}/")
    return _rsync(login, ("--files-from=-", "--from0", make), places, told, wanted)


def _pull_by_rsync(login: Login, remote: str, local: Path, folder: bool, told: Told) -> bool:  # noqa: FBT001
    places = (f"{login.address}:{remote}{'/' * folder}", f"{local.absolute()}/")
    return _rsync(login, (), places, told)


def _rsync(
    login: Login, options: Sequence[str], places: Sequence[str], told: Told, stdin: bytes = b""
) -> bool:
    """Whether there is an rsync on the machine, too: then it is done."""
    client = " ".join(map(_rsync_word, login.client(unattended(login))))
    command = ("rsync", *_RSYNC_OPTIONS, *options, "-e", client, "--", *places)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(stdin)
        given.seek(0)
        with started(command, given, errors) as process:
            _watch(cast("IO[bytes]", process.stdout), told)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if process.returncode == _NO_RSYNC:
        return False
    if process.returncode not in _RSYNC_DONE:
        raise _incomplete(login, said)
    return True


def _rsync_word(word: str) -> str:
    """As rsync reads its ``-e``: blanks and quotes within quotes, a quote in them doubled."""
    plain = not any(each.isspace() or each in "'\"" for each in word)
    return word if plain else "'{}'".format(word.replace("'", "''"))


def _watch(stdout: IO[bytes], told: Told) -> None:
    """Tell what rsync says of its progress, to its end."""
    while piece := os.read(stdout.fileno(), 1 << 16):
        for sent, percent, left in _PROGRESS.findall(piece)[-1:]:
            told(f"{int(sent) / 1e6:,.1f} MB, {int(percent)} %, {left.decode()} left")


def _push_by_tar(
    login: Login, source: Path, destination: str, names: Sequence[str], told: Told
) -> None:
    entries = list(dict.fromkeys(name for name, _ in _entries(source, names)))
    total = sum(_size(source / name) for name in entries)
    receive = ("sh", "-c", _RECEIVE, "sh", destination)
    with (
        _tar(login, receive, subprocess.PIPE) as process,
        contextlib.suppress(BrokenPipeError),
        cast("IO[bytes]", process.stdin) as pipe,
    ):
        sink = _Counted(pipe, told, total)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for name in entries:
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    archive.add(source / name, f"./{name}", recursive=False, filter=_sendable)


def _pull_by_tar(login: Login, remote: str, local: Path, folder: bool, told: Told) -> None:  # noqa: FBT001
    place, name = os.path.split(f"{remote}/." if folder else remote)
    send = ("tar", "--format=posix", "-C", place or "/", "-cf", "-", "--", name)
    with _tar(login, send, subprocess.DEVNULL) as process:
        stream = _Counted(cast("IO[bytes]", process.stdout), told)
        with (
            contextlib.suppress(tarfile.ReadError),  # it broke off: tar or ssh says why
            tarfile.open(fileobj=stream, mode="r|") as archive,  # type: ignore[call-overload]
        ):
            archive.extractall(local, members=_fresh(archive, local), filter="tar")


def _fresh(archive: tarfile.TarFile, local: Path) -> Iterator[tarfile.TarInfo]:
    """The members, each in a place where nothing is written through a link or over a file that
    somebody reads."""
    for member in archive:
        if member.name == "." or not _sendable(member):
            continue
        path = local / member.name
        if not path.parent.resolve().is_relative_to(local.resolve()):
            raise tarfile.OutsideDestinationError(member, str(path))
        if path.is_symlink() or not (member.isdir() or path.is_dir()):
            path.unlink(missing_ok=True)
        yield member


@contextlib.contextmanager
def _tar(login: Login, command: Sequence[str], stdin: int) -> Iterator[subprocess.Popen[bytes]]:
    """A tar of the machine; when the block is over it must have come to a good end."""
    with tempfile.TemporaryFile() as errors:
        with started(ssh_line(login, command), stdin, errors) as process:
            try:
                yield process
            except (OSError, tarfile.TarError) as problem:
                raise SpotkeeperError(
                    f"Not everything came over: {problem}",
                    next_step="Mend that and repeat the command; what came over stays.",
                ) from problem
        errors.seek(0)
        if process.returncode not in _TAR_DONE:
            raise _incomplete(login, errors.read().decode(errors="replace"), begins_anew=True)


def _sendable(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Not sockets and devices: rsync leaves them out, too."""
    known = member.isreg() or member.isdir() or member.issym() or member.islnk()
    return member if known else None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


class _Counted:
    """A stream that tells how much went through it, and how long the rest may take."""

    def __init__(self, stream: IO[bytes], told: Told, total: int = 0) -> None:
        self._stream, self._told, self._total = stream, told, total
        self._began = self._told_at = time.monotonic()
        self._done = 0

    def write(self, data: bytes) -> int:
        self._count(len(data))
        return self._stream.write(data)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data

    def _count(self, size: int) -> None:
        self._done += size
        now = time.monotonic()
        if now - self._told_at < _TOLD_EVERY_S:
            return
        self._told_at = now
        left = max(0, self._total - self._done) / self._done * (now - self._began)
        rest = f", {timedelta(seconds=round(left))} left" if self._total else ""
        self._told(f"{self._done / 1e6:,.1f} MB{rest}")


def _incomplete(login: Login, said: str, *, begins_anew: bool = False) -> SpotkeeperError:
    """Why not everything came over, from what the programs said of it."""
    repeated = (
        "without rsync on both sides it begins anew" if begins_anew else "it goes on where it was"
    )
    lines = [line for line in said.splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith(_SUMMARIES)]
    if not any(word in said for word in _OWN_WORDS) and (problem := trouble(login, said)):
        problem.next_step = f"{problem.next_step} Then repeat the command: {repeated}."
        return problem
    return SpotkeeperError(
        f"Not everything came over between this computer and {login.name}: "
        f"{(own or lines or ['no reason was given'])[0].strip()}",
        next_step=f"Mend that and repeat the command: {repeated}.",
    )


def _reason(err: bytes) -> str:
    said = err.decode(errors="replace").strip()
    return f": {said.splitlines()[-1]}" if said else ""
