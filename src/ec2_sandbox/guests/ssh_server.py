"""The ssh server of one guest: who may come in, and what a session is. AsyncSSH speaks SSH."""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable, Coroutine
from contextlib import suppress
from errno import EINVAL, ELOOP
from functools import partial
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any

import asyncssh

from ec2_sandbox.guests import jail

if TYPE_CHECKING:
    from ec2_sandbox.guests.host import HostedGuest

LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", ""}
MOST_KEYS_BYTES = 64 * 1024
SSH_PORT = 22
LINKS_FOLLOWED = 40  # the kernel's own limit (path_resolution(7))
Signal = Callable[[str], None]  # to a session, by the signal's name
INTERRUPT, END_OF_INPUT = b"\x03", b"\x04"  # what a terminal makes of Ctrl-C and Ctrl-D
LAST_WORDS_S = 0.3  # of a terminal whose program has ended


class GuestSshServer(asyncssh.SSHServer):
    """Keys only, of one user; forwards only to the guest itself."""

    def __init__(self, machine: "HostedGuest", connections: set[Any]) -> None:
        self._machine, self._connections = machine, connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """It goes when the machine goes, and is seen in it."""
        self._connection = conn
        self._shown = asyncio.create_task(self._machine.connect(SSH_PORT))
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left of it."""
        self._shown.add_done_callback(_close)
        self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """With the keys that the user has on the disk now."""
        keys = _keys(self._machine.keys_file) if username == self._machine.user else []
        if keys:
            with suppress(ValueError):
                self._connection.set_authorized_keys(
                    asyncssh.import_authorized_keys("".join(keys))
                )
        return True

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Any:
        """``-L`` and ``-D``: this machine's own ports."""
        return self._forward(dest_port) if dest_host in LOOPBACK else False

    def _forward(self, port: int) -> Callable[..., Coroutine[Any, Any, None]]:
        async def forwarded(reader: Any, writer: Any) -> None:
            try:
                link = await self._machine.connect(port)
            except OSError:
                writer.close()
                return
            theirs, ours = await asyncio.open_connection(sock=link)
            await asyncio.gather(pump(reader, ours), pump(theirs, writer))
            ours.close()
            writer.close()

        return forwarded


def _close(shown: "asyncio.Task[socket.socket]") -> None:
    if not shown.cancelled() and not shown.exception():
        shown.result().close()


def _keys(path: Path) -> list[str]:
    """The lines that are keys; one that is none does not lock the others out."""
    lines = (
        jail.read_own(path, MOST_KEYS_BYTES).decode("utf-8", "replace").splitlines(keepends=True)
    )
    return [line for line in lines if _is_key(line)]


def _is_key(line: str) -> bool:
    try:
        return bool(line.strip()) and bool(asyncssh.import_authorized_keys(line))
    except ValueError:
        return False


async def serve_session(machine: "HostedGuest", process: Any) -> None:
    """One ``ssh`` with its command or shell."""
    shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
    login = ["-l"] if machine.root is None else []
    argv = [shell, "-c", process.command] if process.command else [shell, *login]
    user = machine.user
    env = {"USER": user, "LOGNAME": user, "HOME": machine.shown_home, "SHELL": shell}
    peer, own = (process.get_extra_info(name) for name in ("peername", "sockname"))
    env["SSH_CONNECTION"] = f"{peer[0]} {peer[1]} {own[0]} {own[1]}"
    env |= {k: v for k, v in process.env.items() if k == "LANG" or k.startswith("LC_")}
    try:
        if process.term_type:
            code = await _with_terminal(machine, process, argv, env | {"TERM": process.term_type})
        else:
            code = await _with_pipes(machine, process, argv, env)
    except (OSError, asyncssh.Error):
        code = 255
    if code < 0:
        process.exit_with_signal(Signals(-code).name.removeprefix("SIG"))
    else:
        process.exit(code)


async def _with_pipes(
    machine: "HostedGuest", process: Any, argv: list[str], env: dict[str, str]
) -> int:
    stdin, stdout, stderr = os.pipe(), os.pipe(), os.pipe()
    session = machine.run(argv, env, [stdin[0], stdout[1], stderr[1]])
    outputs = [
        asyncio.create_task(pump(await _reader(end), sink, close=False))
        for end, sink in ((stdout[0], process.stdout), (stderr[0], process.stderr))
    ]
    signal = partial(machine.signal, session)
    typing = asyncio.create_task(_type(process, signal, await _writer(stdin[1])))
    try:
        await asyncio.gather(*outputs)
        return await machine.ended(session)
    finally:
        typing.cancel()


async def _with_terminal(
    machine: "HostedGuest", process: Any, argv: list[str], env: dict[str, str]
) -> int:
    session = machine.run(argv, env, [])
    ours = await machine.terminal(session)
    _resize(ours, process.term_size)
    keyboard = await _writer(os.dup(ours))
    output = asyncio.create_task(pump(await _reader(ours), process.stdout, close=False))
    signal = partial(machine.signal, session)
    typing = asyncio.create_task(_type(process, signal, keyboard, ours))
    try:
        ended = await machine.ended(session)
        with suppress(TimeoutError):
            await asyncio.wait_for(output, LAST_WORDS_S)
        return ended
    finally:
        typing.cancel()
        keyboard.close()


async def _type(
    process: Any, signal: Signal, sink: asyncio.StreamWriter, terminal: int | None = None
) -> None:
    """What the user types, and what else the client says meanwhile."""
    while (data := await _typed(process, signal, terminal)) is not None:
        with suppress(OSError):
            sink.write(data)
            await sink.drain()
    if terminal is None:
        sink.close()
    else:
        sink.write(END_OF_INPUT)


async def _typed(process: Any, signal: Signal, terminal: int | None) -> bytes | None:
    """The next bytes; None at their end."""
    try:
        return await process.stdin.read(1 << 16) or None
    except asyncssh.TerminalSizeChanged as change:
        if terminal is not None:
            _resize(terminal, change.term_size)
    except asyncssh.SignalReceived as told:
        signal(told.signal)
    except asyncssh.BreakReceived:
        return INTERRUPT
    except (OSError, asyncssh.Error):
        return None
    return b""


def _resize(terminal: int, size: Any) -> None:
    width, height, *_ = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height or 24, width or 80, 0, 0))


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    file = os.fdopen(descriptor, "rb", 0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return reader


async def _writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    file = os.fdopen(descriptor, "wb", 0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, file)
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def pump(source: Any, sink: Any, *, close: bool = True) -> None:
    """Carry all of it over; ``close``: and then its end."""
    with suppress(OSError, asyncssh.Error):  # the other side is gone, or a terminal ended
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    if close:
        with suppress(OSError, NotImplementedError):
            sink.write_eof()


class GuestFiles(asyncssh.SFTPServer):
    """SFTP over the disk; no link of the guest leads out of it."""

    def __init__(self, channel: Any, machine: "HostedGuest") -> None:
        super().__init__(channel)
        self._home, self._root = os.fsencode(machine.shown_home), machine.root

    def exit(self) -> None:
        """With a status: without one OpenSSH's scp fails after all was copied."""
        if not self.channel.is_closing():
            self.channel.exit(0)

    def map_path(self, path: bytes) -> bytes:
        """The file here; a link at the end of the path is not followed."""
        return self._here(self._resolved(path, follows=False))

    def _here(self, path: bytes) -> bytes:
        return path if self._root is None else os.fsencode(self._root) + path

    def _resolved(self, path: bytes, *, follows: bool = True) -> bytes:
        """The path in the guest without links, as the guest itself would take it."""
        waiting = [part for part in os.path.join(self._home, path).split(b"/") if part]
        done: list[bytes] = []
        links = 0
        while waiting:
            part = waiting.pop(0)
            if part in (b".", b".."):
                done = done[:-1] if part == b".." else done
                continue
            here = self._here(b"/" + b"/".join([*done, part]))
            if (waiting or follows) and os.path.islink(here):
                links += 1
                if links > LINKS_FOLLOWED:
                    raise OSError(ELOOP, os.strerror(ELOOP))
                target = os.readlink(here)
                done = [] if target.startswith(b"/") else done
                waiting = [each for each in target.split(b"/") if each] + waiting
            else:
                done.append(part)
        return b"/" + b"/".join(done)

    def realpath(self, path: bytes) -> bytes:
        """As the guest calls it."""
        return self._resolved(path)

    def readlink(self, path: bytes) -> bytes:
        """The link's own text."""
        return os.readlink(self.map_path(path))

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """With the text that was given."""
        os.symlink(oldpath, self.map_path(newpath))

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        """A file, behind a link too."""
        return super().open(self._file(path), pflags, attrs)

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: Any) -> Any:
        """The same in later versions of the protocol."""
        return super().open56(self._file(path), desired_access, flags, attrs)

    def _file(self, path: bytes) -> bytes:
        """Where a plain file is or may be: others would hold up every guest."""
        found = self._resolved(path)
        here = self._here(found)
        if os.path.lexists(here) and not os.path.isfile(here):
            raise OSError(EINVAL, "this is no plain file")
        return found

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """To what the name leads to in the guest."""
        super().link(self._resolved(oldpath), newpath)

    def stat(self, path: bytes) -> Any:
        """Of what a link leads to."""
        return super().stat(self._resolved(path))

    def setstat(self, path: bytes, attrs: Any) -> Any:
        """The same."""
        return super().setstat(self._resolved(path), attrs)

    def scandir(self, path: bytes) -> Any:
        """The same."""
        return super().scandir(self._resolved(path))


async def listen(
    machine: "HostedGuest", at: tuple[list[str], int], host_key: Path, connections: set[Any]
) -> Any:
    """Serve the guest at addresses and a port; OSError where they are not to be had."""
    if not host_key.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(host_key))
        host_key.chmod(0o600)

    async def session(process: Any) -> None:
        await serve_session(machine, process)

    return await asyncssh.listen(
        *at,
        server_factory=lambda: GuestSshServer(machine, connections),
        server_host_keys=[str(host_key)],
        process_factory=session,
        sftp_factory=lambda channel: GuestFiles(channel, machine),
        encoding=None,
        line_editor=False,
        allow_scp=False,
        reuse_address=True,
        keepalive_interval=60,
    )


def public_key(host_key: Path) -> tuple[str, str]:
    """The host key as known_hosts has it, and its fingerprint."""
    key = asyncssh.read_private_key(str(host_key))
    return key.export_public_key().decode().strip(), key.get_fingerprint()
