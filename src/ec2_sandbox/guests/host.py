"""The process that holds all guests: their ssh servers, and the links to their first processes.

``python -m ec2_sandbox.guests.host``, started by the daemon and told by it in lines of JSON what
to boot and what to shut down. It ends, and every guest with it, when the daemon is gone.
"""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ec2_sandbox.guests import jail, ssh_server
from ec2_sandbox.guests.process_trees import ControlGroup, MarkedProcesses, kill_all

MOST_BYTES = 8 << 20  # of a line: user data, decoded, is the longest part of one
SIGKILL = 9
TOLD_ON = {"console", "booted", "failed", "power", "timers", "wakes"}  # of what a guest may say
#: macOS has no SEQPACKET; its guests see the end of this process otherwise.
LINK = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
MOST_ON_CONSOLE = 256 * 1024  # bytes that a guest's services may say in one life
GRACE_S = 1.0  # beyond what a guest was given for its shutdown


class HostedGuest:
    """One machine from its boot until it is off."""

    def __init__(self, order: dict[str, Any], tell: Any) -> None:
        self.order, self._tell_daemon = order, tell
        self.disk: Path = Path(order["disk"])
        self.user, self.home = order["user"], order["home"]
        self.is_open: bool = order["open"]
        self.is_rebooting = self.is_up = self.is_ending = False
        self.connections: set[Any] = set()
        self._server: Any = None
        self._metadata: asyncio.Server | None = None
        self._listening = asyncio.Lock()
        self._waiting: dict[tuple[str, int], asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self._process: asyncio.subprocess.Process | None = None
        is_plain = not order["jailed"]
        self._group = ControlGroup.made(f"ec2-guest-{order['id']}") if is_plain else None

    @property
    def root(self) -> Path | None:
        """The disk, where that is all of the machine that can be seen."""
        return Path(self.order["disk"]) if self.order["jailed"] else None

    @property
    def shown_home(self) -> str:
        """The user's folder, as the machine's own programs name it."""
        return self.home if self.order["jailed"] else f"{self.disk}{self.home}"

    @property
    def keys_file(self) -> Path:
        """Whose keys may come in."""
        return Path(self.disk, self.home.lstrip("/"), ".ssh/authorized_keys")

    def tell(self, word: str, **facts: Any) -> None:
        """To the daemon."""
        own = {"id": self.order["id"], "run": self.order["run"], "tell": word}
        self._tell_daemon({**facts, **own})

    async def live(self) -> None:
        """Boot, be there, and be off; again after a reboot."""
        while True:
            self.is_rebooting = self.is_up = self.is_ending = False
            folder = Path(tempfile.mkdtemp(prefix="ec2-guest-"))
            try:
                await self._one_life(folder)
            except OSError as problem:
                self.tell("failed", why=f"it cannot be started: {problem}")
            finally:
                await self._close()
                shutil.rmtree(folder, ignore_errors=True)
            if not self.is_rebooting:
                return

    async def _one_life(self, folder: Path) -> None:
        self.link, theirs = socket.socketpair(socket.AF_UNIX, LINK)
        order = {**self.order, "env": dict(self.order["env"])}
        jail.prepare_disk(self.disk, order)
        wrap = jail.jailed if order["jailed"] else jail.plain
        argv = wrap(folder, self.disk, order, theirs.fileno())
        order["env"] |= {"HOME": f"{order['root']}/root", "USER": "root", "LOGNAME": "root"}
        (folder / "order.json").write_text(json.dumps(order))
        loop = asyncio.get_running_loop()
        self._process = await asyncio.create_subprocess_exec(
            *argv,
            pass_fds=[theirs.fileno()],
            env={"PATH": jail.PATH, "LANG": "C.UTF-8", **_mark(order["mark"])},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        theirs.close()
        if self._group:
            self._group.add(self._process.pid)
        loop.add_reader(self.link, self._hear)
        shown = 0
        while self._process.stderr and (data := await self._process.stderr.read(4096)):
            if (shown := shown + len(data)) <= MOST_ON_CONSOLE:  # the rest is read for nothing
                self.tell("console", text=data.decode("utf-8", "replace"))
        code = await self._process.wait()
        loop.remove_reader(self.link)
        if code and not self.is_ending:
            self.tell("failed", why=f"its first process ended with {code}")

    def _hear(self) -> None:
        """A message of the guest's first process."""
        with suppress(OSError, ValueError):
            message, files, _, _ = socket.recv_fds(self.link, 1 << 18, 1, socket.MSG_DONTWAIT)
            told = json.loads(message)
            word = told.pop("tell")
            if word in {"exit", "connected", "terminal"}:
                future = self._future(word, told["n"])
                if not future.done():
                    future.set_result((told, files))
                return
            self._later(self._react(word, told, files))

    async def _react(self, word: str, told: dict[str, Any], files: list[int]) -> None:
        if word == "ready" and files:
            listener = socket.socket(fileno=files[0])
            self._metadata = await asyncio.start_server(self._ask_metadata, sock=listener)
        elif word == "up":
            self.is_up = True
            await self._reconsider()
        elif word == "power" and told["how"] == "reboot":
            self.reboot()
        elif word in TOLD_ON:
            self.tell(word, **told)

    def open(self, is_open: bool) -> None:  # noqa: FBT001
        """The security groups let this computer in, or no longer."""
        self.is_open = is_open
        self._later(self._reconsider())

    def _later(self, act: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(act)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reconsider(self) -> None:
        """Listen while the machine is up and its security groups let this computer in."""
        async with self._listening:
            if self.is_open and self.is_up and self._server is None:
                try:
                    self._server = await self._listen()
                except OSError as problem:
                    self.tell("failed", why=str(problem))
                    return
                port = self._server.sockets[0].getsockname()[1]
                line, fingerprint = ssh_server.public_key(self._host_key)
                self.tell("listening", port=port, host_key=line, fingerprint=fingerprint)
            elif not self.is_open and self._server is not None:
                self._server.close()
                self._server = None
                self.tell("closed")

    @property
    def _host_key(self) -> Path:
        return self.disk.parent / "host_key"  # where the guest cannot put a link

    async def _listen(self) -> Any:
        """At port 22, or where that is not to be had at any other."""
        addresses, key = self.order["addresses"], self._host_key
        for at in ((addresses, ssh_server.SSH_PORT), (addresses[:1], 0)):
            with suppress(OSError):
                return await ssh_server.listen(self, at, key, self.connections)
        raise OSError(f"no port of {addresses[0]} can be had")

    def run(self, argv: list[str], env: dict[str, str], files: list[int]) -> int:
        """Start a session's program, over three pipes or a terminal of its own; its number."""
        self._number += 1
        self._order({"do": "start", "n": self._number, "argv": argv, "env": env}, files)
        for each in files:
            os.close(each)
        return self._number

    async def ended(self, session: int) -> int:
        """Its exit code; below zero for a signal."""
        told, _ = await self._told("exit", session)
        return int(told["code"])

    async def terminal(self, session: int) -> int:
        """The end of its terminal that is not the program's."""
        _, files = await self._told("terminal", session)
        if not files:
            raise OSError("the machine is off")
        return int(files[0])

    async def connect(self, port: int) -> socket.socket:
        """A connection to a port of the guest."""
        self._number += 1
        self._order({"do": "connect", "n": self._number, "port": port})
        told, files = await self._told("connected", self._number)
        if not files:
            raise OSError(told.get("error", "the machine is off"))
        return socket.socket(fileno=files[0])

    async def _told(self, word: str, number: int) -> Any:
        """What the guest tells of a session or a connection, and the files that come along."""
        try:
            return await self._future(word, number)
        finally:
            self._waiting.pop((word, number), None)

    def _future(self, word: str, number: int) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        return self._waiting.setdefault((word, number), loop.create_future())

    def _order(self, order: dict[str, Any], files: list[int] | None = None) -> None:
        with suppress(OSError):
            message = [json.dumps(order).encode()]
            socket.send_fds(self.link, message, files or [], socket.MSG_DONTWAIT)

    def signal(self, number: int, name: str) -> None:
        """To a session."""
        self._order({"do": "signal", "n": number, "name": name})

    def timers(self, uptime_s: float) -> None:
        """Let it run what is due."""
        self._order({"do": "timers", "uptime_s": uptime_s})

    def reboot(self) -> None:
        """Off, and on again with another boot id."""
        self.shut_down(self.order["within_s"])
        self.is_rebooting = True

    def shut_down(self, within_s: float) -> None:
        """Tell it to end, and see to it."""
        self.is_ending, self.is_rebooting = True, False
        self._order({"do": "shutdown", "within_s": within_s})
        kill_later = asyncio.get_running_loop().call_later
        kill_later(within_s + GRACE_S, _kill, self._process)

    def kill(self) -> None:
        """At once; what is jailed goes with its first process."""
        self.is_ending = True
        _kill(self._process)

    async def _close(self) -> None:
        for connection in list(self.connections):
            connection.abort()
        for server in (self._server, self._metadata):
            if server is not None:
                server.close()
        self._server = self._metadata = None
        self.link.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_result(({"code": 255}, []))
        self._waiting.clear()
        if not self.order["jailed"]:
            await asyncio.to_thread(kill_all, MarkedProcesses(self.order["mark"]))
        if self._group:
            await asyncio.to_thread(kill_all, self._group)
            self._group.remove()

    async def _ask_metadata(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """From the guest's network to the service of this machine."""
        url = urlsplit(self.order["metadata"])
        with suppress(OSError):
            theirs, ours = await asyncio.open_connection(url.hostname, url.port)
            await asyncio.gather(ssh_server.pump(reader, ours), ssh_server.pump(theirs, writer))
            ours.close()
        writer.close()


def _kill(process: asyncio.subprocess.Process | None) -> None:
    if process and process.returncode is None:
        process.send_signal(SIGKILL)


class Host:
    """All guests, by the ids of their machines."""

    def __init__(self) -> None:
        self.guests: dict[str, HostedGuest] = {}
        self._lives: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, message: dict[str, Any]) -> None:
        """A line for the daemon."""
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    async def serve(self) -> None:
        """Until the daemon closes its end."""
        reader = asyncio.StreamReader(limit=MOST_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := await reader.readline():
            order = json.loads(line)
            verb = order.pop("do")
            if verb == "boot":
                self._boot(order)
            elif guest := self.guests.get(order.pop("id")):
                getattr(guest, verb)(**order)
        for guest in self.guests.values():
            guest.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _boot(self, order: dict[str, Any]) -> None:
        guest = HostedGuest(order, self.tell)
        former = self.guests.get(order["id"])
        self.guests[order["id"]] = guest
        task = asyncio.create_task(self._live(guest, former))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, guest: HostedGuest, former: HostedGuest | None) -> None:
        """One after the other: a disk has one machine at a time."""
        if former is not None and not former.is_ending:
            former.kill()
        async with self._lives.setdefault(guest.order["id"], asyncio.Lock()):
            if not guest.is_ending:
                await guest.live()
        guest.tell("off")


def _mark(mark: str) -> dict[str, str]:
    name, _, value = mark.partition("=")
    return {name: value}


def main() -> None:
    """Hold guests until the daemon is gone."""
    asyncio.run(Host().serve())


if __name__ == "__main__":
    main()
