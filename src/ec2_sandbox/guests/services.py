"""The services and timers of a guest, as its own unit files say. Standard library, Python 3.9."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ec2_sandbox.guests import units
from ec2_sandbox.guests.process_trees import PAUSE_S, ProcessTree, environment, send
from ec2_sandbox.guests.units import Unit

MARK = "EC2_GUEST_UNIT"
TIMER_PATIENCE_S = 20.0  # what a jump of the clock waits for a timer's service
ACTIVE, INACTIVE, NOT_FOUND = 0, 3, 4  # exit codes of systemctl(1)


@dataclass
class Service:
    """A unit that was started, until it is over."""

    unit: Unit
    stopping: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    main: subprocess.Popen[bytes] | None = None


@dataclass
class Timer:
    """An active timer; times are of the sandbox, in seconds after the boot."""

    unit: Unit
    next_s: float
    act: Callable[[], None] | None = None  # once, in place of a service


class Services:
    """What systemd does for a guest, as far as its units ask for it."""

    def __init__(
        self, root: str, start: Callable[..., subprocess.Popen[bytes]], say: Callable[[str], None]
    ) -> None:
        self._root, self._spawn, self._say = root, start, say
        self._services: dict[str, Service] = {}
        self._timers: dict[str, Timer] = {}
        self._is_ending = False
        self._lock = threading.RLock()
        self._uptime_s = 0.0  # as it was last told, in the sandbox's time

    def boot(self) -> None:
        """Start what is enabled."""
        for name in units.enabled(self._root):
            self.start(name)

    def start(self, name: str) -> int:
        """Start a service or a timer that is not active yet."""
        unit = units.load(self._root, name)
        if unit is None:
            self._say(f"systemd: Unit {name} not found.")
            return NOT_FOUND
        with self._lock:
            if name.endswith(".timer"):
                first = Timer(unit, unit.seconds("OnBootSec", unit.seconds("OnActiveSec", 0.0)))
                self._timers.setdefault(name, first)
            elif not self._is_active(name):
                self._services[name] = service = Service(unit)
                threading.Thread(target=self._live, args=(service,), daemon=True).start()
        return 0

    def put_off(self, name: str, by_s: float, act: Callable[[], None]) -> float:
        """Do it once, later; says when, in seconds after the boot."""
        self._timers[name] = Timer(Unit(name), self._uptime_s + by_s, act)
        return self._timers[name].next_s

    def call_off(self, name: str) -> None:
        """Not any more."""
        self._timers.pop(name, None)

    def _is_active(self, name: str) -> bool:
        service = self._services.get(name)
        return name in self._timers or bool(service and not service.over.is_set())

    def _live(self, service: Service) -> None:
        """Start it, and again as ``Restart`` says, until it is stopped."""
        unit = service.unit
        while not service.stopping.is_set():
            succeeded = self._once(service)
            restart = unit.one("Restart", "no")
            again = restart == "always" or (restart == "on-failure" and not succeeded)
            if not again or service.stopping.wait(unit.seconds("RestartSec", 0.1)):
                break
        service.over.set()

    def _once(self, service: Service) -> bool:
        unit = service.unit
        commands = [*unit.commands("ExecStartPre"), *unit.commands("ExecStart")]
        for argv, counts in commands:
            if service.stopping.is_set():
                return True
            own = f"{self._root}{argv[0]}"  # where the machine's root is a folder
            try:
                argv[0] = own if os.path.exists(own) else argv[0]
                service.main = self._spawn(argv, env=_environment(unit), stdin=subprocess.DEVNULL)
                code = service.main.wait()
            except OSError as problem:
                code = 203  # EXIT_EXEC of systemd.exec(5)
                self._say(f"systemd: {unit.name}: {argv[0]}: {problem.strerror}")
            if code and counts and not service.stopping.is_set():
                self._say(f"systemd: {unit.name}: Main process exited, status={code}")
                return False
        return True

    def stop(self, name: str, within_s: float = float("inf")) -> int:
        """Tell it to end, wait as long as it may take, kill what ``KillMode`` names."""
        self._timers.pop(name, None)
        service = self._services.get(name)
        if service is None or service.over.is_set():
            return 0
        service.stopping.set()
        unit, main = service.unit, service.main
        wanted = getattr(signal, unit.one("KillSignal", "SIGTERM"), signal.SIGTERM)
        _signal(main, wanted, whole=unit.one("KillMode", "control-group") == "control-group")
        limit_s = min(within_s, unit.seconds("TimeoutStopSec", units.DEFAULT_STOP_S))
        if not service.over.wait(limit_s):
            _signal(main, signal.SIGKILL, whole=unit.one("KillMode") != "process")
            service.over.wait(1.0)
        return 0

    def stop_all(self, within_s: float) -> None:
        """All at once, at the shutdown; who asks is told of it."""
        self._is_ending = True
        threads = [
            threading.Thread(target=self.stop, args=(name, within_s)) for name in self._services
        ]
        self._timers.clear()
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def members(self, tree: ProcessTree) -> set[int]:
        """The processes of services, which end as their units say."""
        mark = f"{MARK}=".encode()
        marked = {p for p in tree.members() if any(v.startswith(mark) for v in environment(p))}
        return marked | {s.main.pid for s in self._services.values() if s.main}

    def run_timers(self, uptime_s: float, is_over: Callable[[], bool]) -> None:
        """Start the services of the timers that are due, and wait for them for a while."""
        started = []
        self._uptime_s = uptime_s
        for name, timer in list(self._timers.items()):
            if uptime_s >= timer.next_s and timer.act:
                self.call_off(name)
                timer.act()
            elif uptime_s >= timer.next_s:
                every_s = timer.unit.seconds("OnUnitActiveSec", float("inf"))
                timer.next_s = uptime_s + every_s
                service = timer.unit.one("Unit", name.replace(".timer", ".service"))
                if not self._is_active(service) and self.start(service) == 0:
                    started.append(service)
        ends = time.monotonic() + TIMER_PATIENCE_S
        while any(map(self._is_active, started)) and time.monotonic() < ends and not is_over():
            time.sleep(PAUSE_S)

    def systemctl(self, words: list[str]) -> tuple[int, str]:
        """The exit code and the output of a command line."""
        verb, *names = [word for word in words if word[:1] != "-"] or ["list-units"]
        names = [name if "." in name else f"{name}.service" for name in names]
        acts: dict[str, Callable[[str], int]] = {
            "start": self.start,
            "stop": self.stop,
            "restart": self._restart,
            "enable": self._enable,
            "disable": self._disable,
        }
        if verb in acts:
            codes = [acts[verb](name) for name in names]
            if verb == "enable" and "--now" in words:
                codes += [self.start(name) for name in names]
            if verb in {"start", "restart"} and "--no-block" not in words:
                self._await_oneshots(names)
            return max(codes, default=0), ""
        return self._told(verb, names)

    def _await_oneshots(self, names: list[str]) -> None:
        """``systemctl start`` of such a service ends with it."""
        for service in filter(None, map(self._services.get, names)):
            if service.unit.one("Type") == "oneshot":
                service.over.wait(units.DEFAULT_STOP_S)

    def _told(self, verb: str, names: list[str]) -> tuple[int, str]:
        if verb in {"is-active", "status"}:
            active = [self._is_active(name) for name in names]
            told = "".join(f"{'active' if each else 'inactive'}\n" for each in active)
            return (ACTIVE if all(active) else INACTIVE), told
        if verb == "is-enabled":
            on = [name in units.enabled(self._root) for name in names]
            return int(not all(on)), "".join("enabled\n" if e else "disabled\n" for e in on)
        if verb == "list-units":
            return 0, "".join(f"{name}\n" for name in self._services if self._is_active(name))
        if verb == "is-system-running":
            return int(self._is_ending), "stopping\n" if self._is_ending else "running\n"
        known = {"daemon-reload": "", "reset-failed": ""}
        return int(verb not in known), known.get(verb, f"Unknown command verb {verb}.\n")

    def _restart(self, name: str) -> int:
        self.stop(name)
        return self.start(name)

    def _enable(self, name: str) -> int:
        unit = units.load(self._root, name)
        if unit is None:
            return 1
        units.enable(self._root, unit)
        return 0

    def _disable(self, name: str) -> int:
        units.disable(self._root, name)
        return 0


def _environment(unit: Unit) -> dict[str, Any]:
    pairs = (pair for line in unit.settings.get("Environment", []) for pair in line.split())
    own = dict(pair.strip('"').split("=", 1) for pair in pairs if "=" in pair)
    return {**own, MARK: unit.name}


def _signal(process: subprocess.Popen[bytes] | None, number: int, *, whole: bool) -> None:
    if process is None or process.poll() is not None:
        return
    if whole:  # each service has a session, and so a group, of its own
        send([-process.pid], number)
    else:
        process.send_signal(number)
