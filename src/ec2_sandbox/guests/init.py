"""The first process of a guest: boots it, starts what is asked for, shuts it down.

It runs in the jail, or beside the user's own processes where there is none; on any Python from
3.9 on, with nothing but its library. The host of all guests (``host.py``) holds the other end of
its link, and passes it the files that a session reads and writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ec2_sandbox.guests import machine_commands, process_trees
from ec2_sandbox.guests.process_trees import MarkedProcesses, PidNamespace, ProcessTree, send
from ec2_sandbox.guests.services import Services

METADATA = ("169.254.169.254", 80)
CONSOLE_BYTES_OF_A_PART = 64 * 1024  # as much as EC2 keeps of a console
LEFTOVERS_S = 10.0  # systemd-shutdown's patience with whatever is left (systemd-shutdown(8))
MOST_PROCESSES = 4096  # the default TasksMax of a login is of this order

CALL_OFF = "call off"
_CAP_SETPCAP, _CAP_NET_ADMIN, _PR_CAPBSET_DROP = 8, 12, 24
_SIOCSIFADDR = 0x8916  # sockios.h


class Init:
    """One guest while it runs."""

    def __init__(self, order: dict[str, Any], link: socket.socket) -> None:
        self.order, self.link = order, link
        self.root: str = order["root"]
        self.sessions: dict[int, subprocess.Popen[bytes]] = {}
        self.services = Services(self.root, self.start, self.say)
        self._sending, self._starting = threading.Lock(), threading.Lock()
        self._own: set[int] = set()
        self._is_ending = False
        self.tree: ProcessTree = (
            PidNamespace() if order["jailed"] else MarkedProcesses(order["mark"], os.getpid())
        )

    def tell(self, word: str, files: tuple[int, ...] = (), **facts: Any) -> None:
        """A message to the host, which may be gone."""
        message = json.dumps({"tell": word, **facts}).encode()
        with self._sending, contextlib.suppress(OSError):
            socket.send_fds(self.link, [message], list(files))

    def say(self, text: str) -> None:
        """A line on the console."""
        self.tell("console", text=f"{text[:4096]}\n")

    def start(self, argv: list[str], **how: Any) -> subprocess.Popen[bytes]:
        """A process in a session of its own."""
        env = {**self.order["env"], **how.pop("env", {})}
        how.setdefault("cwd", self.root or "/")
        with self._starting:
            process = subprocess.Popen(argv, env=env, start_new_session=True, **how)
            self._own.add(process.pid)
        return process

    def serve(self) -> None:
        """Take the host's orders until it is gone or the guest is off."""
        self._prepare()
        _in_thread(self._reap)
        _in_thread(self._answer_commands)
        if self.order["jailed"]:
            _in_thread(self._count_uptime)
            _in_thread(self._keep_logins)
        if sys.platform != "linux":
            _in_thread(self._watch_host)
        _in_thread(self._boot)
        while True:
            message, files, _, _ = socket.recv_fds(self.link, 1 << 18, 3)
            if not message:  # the host is gone, or the guest is off
                break
            order = json.loads(message)
            getattr(self, f"_{order.pop('do')}")(files, **order)
        if not self._is_ending:
            self.shut_down(0.0)

    def _prepare(self) -> None:
        """Names of commands, the metadata service's address, whom to adopt, what is too much."""
        os.umask(0o022)
        process_trees.control_process(process_trees.SET_CHILD_SUBREAPER, 1)
        process_trees.control_process(process_trees.SET_DEATH_SIGNAL, signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *_: _in_thread(self.shut_down, 0.0))
        if self.order["jailed"]:
            resource.setrlimit(resource.RLIMIT_NPROC, (MOST_PROCESSES, MOST_PROCESSES))
        commands = self.order["commands"]
        os.makedirs(commands, exist_ok=True)
        for name in machine_commands.NAMES:
            path = f"{commands}/{name}"
            with contextlib.suppress(OSError):
                os.remove(path)
            with open(path, "w", encoding="utf-8") as file:
                file.write(_COMMAND.format(python=sys.executable, source=self.order["source"]))
            os.chmod(path, 0o755)
        metadata = self._metadata_listener() if self.order["jailed"] else None
        self.tell("ready", (metadata.fileno(),) if metadata else ())

    def _metadata_listener(self) -> socket.socket | None:
        """The address of the service in this network namespace; the host answers there."""
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
                import fcntl

                address = socket.inet_aton(METADATA[0])
                fcntl.ioctl(
                    asked, _SIOCSIFADDR, struct.pack("16sH2s4s8x", b"lo:0", 2, b"", address)
                )
            listener = socket.socket()
            listener.bind(METADATA)
            listener.listen()
        except OSError as problem:
            self.say(f"the metadata service has no address here: {problem}")
            return None
        for capability in (_CAP_NET_ADMIN, _CAP_SETPCAP):
            process_trees.control_process(_PR_CAPBSET_DROP, capability)
        return listener

    def _boot(self) -> None:
        """What cloud-init and systemd do: hooks, ssh, units, and once in a life the scripts."""
        memory = f"{self.root}/var/lib/cloud/data/instance-id"
        try:
            is_first = _read(memory).strip() != self.order["instance_id"]
            self._authorize(is_first=is_first)
            self._run_parts("boothook")
            self.tell("up")
            self.services.boot()
            if is_first:
                self._run_parts("script")
                _write(memory, f"{self.order['instance_id']}\n")
        except Exception as problem:  # whatever stands in its way, its console tells
            self.say(f"the boot failed: {type(problem).__name__}: {problem}")
            self.tell("failed", why=str(problem))
        self.tell("booted")

    def _authorize(self, *, is_first: bool) -> None:
        """The launched key, as cloud-init writes it at the first boot."""
        path = f"{self.root}{self.order['home']}/.ssh/authorized_keys"
        if is_first and self.order["key"]:
            known = _read(path)
            if self.order["key"] not in known:
                _write(path, f"{known}{self.order['key']}\n", mode=0o600)
                os.chmod(os.path.dirname(path), 0o700)

    def _run_parts(self, kind: str) -> None:
        for number, (its_kind, text) in enumerate(self.order["parts"], 1):
            if its_kind != kind or self._is_ending:
                continue
            path = f"{self.root}/var/lib/cloud/instance/{kind}s/part-{number:03}"
            _write(path, text, mode=0o700)
            argv = [path] if text.startswith("#!") else ["/bin/sh", path]
            try:
                code = self._on_console(argv, {"INSTANCE_ID": self.order["instance_id"]})
            except OSError as problem:
                code = f"{problem.filename}: {problem.strerror}"
            if code:
                self.say(f"cloud-init: {kind} part-{number:03} failed: {code}")

    def _on_console(self, argv: list[str], env: dict[str, str]) -> int | str:
        """Run it; its output is the console's, as far as a console keeps it."""
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        process = self.start(argv, env=env, stdin=nothing, stdout=pipe, stderr=subprocess.STDOUT)
        shown = 0
        while process.stdout and (data := os.read(process.stdout.fileno(), 4096)):
            if shown <= CONSOLE_BYTES_OF_A_PART:
                self.tell("console", text=data.decode("utf-8", "replace"))
            shown += len(data)
        if shown > CONSOLE_BYTES_OF_A_PART:
            self.say(f"{shown:,} bytes of output: the rest is not shown")
        return process.wait()

    def _start(self, files: list[int], *, n: int, argv: list[str], env: dict[str, str]) -> None:
        """A session, over three pipes that came with it or a terminal of this guest's own."""
        how: dict[str, Any] = {}
        if not files:
            ours, theirs = os.openpty()
            self.tell("terminal", (ours,), n=n)
            os.close(ours)
            files, how = [theirs] * 3, {"preexec_fn": _take_terminal}
        how.update(stdin=files[0], stdout=files[1], stderr=files[2])
        home = f"{self.root}{self.order['home']}"
        try:
            process = self.start(argv, env=env, cwd=home if os.path.isdir(home) else "/", **how)
        except OSError as problem:
            with contextlib.suppress(OSError):
                os.write(files[2], f"{argv[0]}: {problem.strerror}\n".encode())
            self.tell("exit", n=n, code=127)
        else:
            self.sessions[n] = process
            _in_thread(self._await, n, process)
        finally:
            for each in set(files):
                os.close(each)

    def _await(self, n: int, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        del self.sessions[n]
        self.tell("exit", n=n, code=code)

    def _signal(self, _files: list[int], *, n: int, name: str) -> None:
        number = getattr(signal, f"SIG{name}", None)
        if number and n in self.sessions:
            with contextlib.suppress(OSError):
                os.killpg(self.sessions[n].pid, number)

    def _connect(self, _files: list[int], *, n: int, port: int) -> None:
        """A connection to a port of this guest, for whoever forwards it."""

        def connected() -> None:
            try:
                with socket.create_connection(("localhost", port), timeout=10) as link:
                    link.settimeout(None)
                    self.tell("connected", (link.fileno(),), n=n)
            except OSError as problem:
                self.tell("connected", n=n, error=str(problem))

        _in_thread(connected)

    def _timers(self, _files: list[int], *, uptime_s: float) -> None:
        """Run what is due after so many seconds of the sandbox's time since the boot."""

        def run() -> None:
            self.services.run_timers(uptime_s, lambda: self._is_ending)
            self.tell("timers")

        _in_thread(run)

    def _shutdown(self, _files: list[int], *, within_s: float) -> None:
        _in_thread(self.shut_down, within_s)

    def shut_down(self, within_s: float) -> None:
        """Tell everybody, wait, kill; then this process ends, and with it the guest."""
        ends = time.monotonic() + within_s
        self._is_ending = True
        told = self.tree.members() - self.services.members(self.tree)
        send(told, signal.SIGTERM)
        for session in list(self.sessions.values()):
            send([session.pid], signal.SIGHUP)  # an interactive shell hears nothing else
        self.services.stop_all(within_s)
        last = min(ends, time.monotonic() + LEFTOVERS_S)
        send(self.tree.members() - told, signal.SIGTERM)
        while self.tree.members() and time.monotonic() < last:
            time.sleep(process_trees.PAUSE_S)
        process_trees.kill_all(self.tree)
        self.link.shutdown(socket.SHUT_RDWR)

    def _watch_host(self) -> None:
        """Where the kernel does not tell of its end."""
        host = os.getppid()
        while os.getppid() == host:
            time.sleep(1)
        self.shut_down(0.0)

    def _count_uptime(self) -> None:
        began = time.monotonic()
        with open(f"{os.path.dirname(self.order['socket'])}/uptime", "r+b", buffering=0) as file:
            while True:
                passed_s = f"{time.monotonic() - began:.2f}"
                file.seek(0)
                file.write(f"{passed_s} {passed_s}\n".encode())
                time.sleep(1)

    def _keep_logins(self) -> None:
        """The ssh server is outside: here its connections are seen, as programs look for them."""
        with contextlib.suppress(OSError):
            listener = socket.create_server(("127.0.0.1", 22))
            while True:
                _in_thread(_hold, listener.accept()[0])

    def _answer_commands(self) -> None:
        path = self.order["socket"]
        with contextlib.suppress(OSError):
            os.remove(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        listener.bind(path)
        listener.listen()
        while True:
            _in_thread(self._answer_command, listener.accept()[0])

    def _answer_command(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError, ValueError):
            name, *words = json.loads(link.makefile().readline(1 << 16))
            how = _power(name, words)
            if how:
                self._power_later(how, words)
            told = (0, "") if how or name != "systemctl" else self.services.systemctl(words)
            link.sendall(json.dumps(told).encode())

    def _power_later(self, how: str, words: list[str]) -> None:
        """Now, or after the minutes that ``shutdown +55`` names; ``-c`` calls that off."""
        minutes = next((int(w[1:]) for w in words if w[:1] == "+" and w[1:].isdigit()), 0)
        if how == CALL_OFF:
            self.services.call_off("shutdown")
        elif minutes:
            act = partial(self.tell, "power", how=how)
            self.tell("wakes", at_s=self.services.put_off("shutdown", 60.0 * minutes, act))
        else:
            self.tell("power", how=how)

    def _reap(self) -> None:
        """Whoever lost its parent has none but us to be waited for."""
        while hasattr(os, "waitid"):
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                found = None
            with self._starting:
                if found and found.si_pid not in self._own:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(found.si_pid, os.WNOHANG)
                    continue
            time.sleep(0.05)


_COMMAND = """#!{python} -IS
import sys
sys.path.insert(0, {source!r})
from ec2_sandbox.guests.machine_commands import main
sys.exit(main(sys.argv))
"""


def _power(name: str, words: list[str]) -> str:
    """What becomes of the power, where a command asks for anything of it."""
    verb = next((word for word in words if word[:1] != "-"), "") if name == "systemctl" else name
    if verb == "shutdown":
        if "-c" in words:
            return CALL_OFF
        return "reboot" if "-r" in words else "poweroff"
    return {"halt": "poweroff"}.get(verb, verb if verb in machine_commands.POWER else "")


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _hold(link: socket.socket) -> None:
    with link, contextlib.suppress(OSError):
        link.recv(1)


def _in_thread(act: Callable[..., None], *given: Any) -> None:
    threading.Thread(target=act, args=given, daemon=True).start()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str, mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def main(order_file: str, link: str) -> None:
    """Be the guest that the file describes."""
    with open(order_file, encoding="utf-8") as file:
        order = json.load(file)
    Init(order, socket.socket(fileno=int(link))).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
