"""The guests of this process's world: each running machine has one, and what it tells is heard.

``follow`` compares the world with what was ordered and orders the difference, so that it may be
called after any change. Times are the sandbox's, but for a guest that owes an answer: while it
boots, shuts down, or has listened for its notice, the clock goes with real time.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import traceback
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ec2_sandbox.client.home import Home
from ec2_sandbox.guests import jail, logins
from ec2_sandbox.guests.disks import Disks
from ec2_sandbox.guests.guest import Guest
from ec2_sandbox.guests.process_trees import MarkedProcesses, kill_all, mark_of
from ec2_sandbox.guests.user_data import Part, digest, parts
from ec2_sandbox.services.imds import servers
from ec2_sandbox.spot_requests import endings
from ec2_sandbox.spot_requests.spot_requests import request_of
from ec2_sandbox.world import instances, world

TICK_S = 0.25  # real seconds between two looks at the clock
WAIT_S = 0.02
TIMER_STEP_S = 15.0  # sandbox seconds; finer than any timer of a minute
TIMERS_S = 30.0  # real seconds, like those that follow: what a jump waits for timers
BOOT_S = 300.0  # what a jump waits for a boot whose scripts do not end
STOP_S = 150.0  # more than systemd's own patience with a unit
CLOSE_S = 10.0  # that the host may take for its end
OFF_S = 2.0  # once EC2 says that the machine is off
NO_JAIL = (
    "Machines run as your own processes, for there is no jail: {}. User data is not run, but for "
    "the script of the tool that you use; `--guests plain` runs it all."
)
NOTICE_PATH = "spot/instance-action"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Instance = Any  # moto's


class Guests:
    """All guests of one sandbox. Everything is called with the world's lock held."""

    def __init__(self, home: Path, lock: Any, save: Callable[[], None]) -> None:
        self._lock, self._save = lock, save
        self._home, self._said = Home(home), ""
        self.disks, self.mark = Disks(self._home.guests), mark_of(home)
        self._era = 0  # another one after a reset
        self._ordered: dict[str, Guest] = {}
        self._ended: dict[tuple[str, str], Guest] = {}  # shutting down, by id and run
        self._host: subprocess.Popen[bytes] | None = None

    @property
    def are_on(self) -> bool:
        """Whether machines of this world have guests."""
        return world().options.guests != "none"

    def follow(self) -> None:
        """Order what the world now wants."""
        if not self.are_on and not self._ordered:
            return
        known = {one.id: one for one in instances()}
        running = {k: one for k, one in known.items() if one.state == "running" and self.are_on}
        for instance_id, guest in list(self._ordered.items()):
            if instance_id not in running or _run_of(running[instance_id]) != guest.run:
                self._end(instance_id)
        for instance_id in {key for key, _ in self._ended}:
            self._end_soon(instance_id, known.get(instance_id))
        for instance_id, instance in running.items():
            if instance_id in self._ordered:
                self._open(instance)
            else:
                self._boot(instance)
        self.disks.follow(in_use={instance_id for instance_id, _ in self._ended})
        world().clock.hold(held=self.owes())

    def owes(self) -> bool:
        """Whether a guest owes an answer, so that the clock must not jump."""
        return bool(self._ended) or any(
            guest.is_awaited or (guest.has_listened and _is_noticed(servers.instance_of(key)))
            for key, guest in self._ordered.items()
        )

    def all(self) -> list[tuple[str, Guest]]:
        """Those that run, by the ids of their machines."""
        return list(self._ordered.items())

    def of(self, instance_id: str) -> Guest | None:
        """The guest of a machine; the last one, where it is off."""
        ended = (one for (key, _), one in reversed(self._ended.items()) if key == instance_id)
        return self._ordered.get(instance_id) or next(ended, None)

    def heard_question(self, instance_id: str, path: str) -> None:
        """The machine asked its metadata service."""
        guest = self._ordered.get(instance_id)
        if guest and path.rstrip("/").endswith(NOTICE_PATH):
            guest.has_listened = True
            world().clock.hold(held=self.owes())

    def reboot(self, instance_ids: list[str]) -> None:
        """As the machine itself would."""
        for instance_id in self._ordered.keys() & set(instance_ids):
            self._order("reboot", id=instance_id)

    def advance(self, target: datetime) -> None:
        """Move the clock; it stops where a guest owes an answer or has something to look at."""
        era = self._era
        while era == self._era:
            while self.owes() and world().now < target:
                self._wait()
            here, now = world(), world().now
            if now >= target:
                return
            agenda = here.agenda.heap[0][0] if here.agenda.heap else None
            stops = [moment for moment in (agenda, *self._moments()) if moment and moment > now]
            here.clock.advance(min([target, *stops]) - now)
            here.catch_up()
            self.follow()
            self._run_timers()
            began = time.monotonic()
            while any(guest.awaits_timers for guest in self._ordered.values()):
                if time.monotonic() > began + TIMERS_S:
                    break
                self._wait()

    def _moments(self) -> Iterator[datetime]:
        """Times that a machine set itself, and those that its tags tell: it knows of no others."""
        for guest in self._ordered.values():
            yield guest.booted_at + timedelta(seconds=guest.wakes_at_s)
        for instance in instances():
            if instance.id in self._ordered:
                for value in instance.ec2_backend.tags.get(instance.id, {}).values():
                    if _MOMENT.fullmatch(value):
                        yield datetime.fromisoformat(value)

    def _wait(self) -> None:
        """Let others have the world for a moment, and live through it."""
        self._lock.release()
        try:
            time.sleep(WAIT_S)
        finally:
            self._lock.acquire()
        world().catch_up()
        self._save() if world().history.unsaved else self.follow()

    def clear(self) -> None:
        """Another world begins: nobody of the former one is left, nor any disk."""
        self._era += 1
        self.close()
        self.disks.forget()

    def close(self) -> None:
        """Nobody is left, by whatever way; also of a process that crashed."""
        host, self._host = self._host, None
        self._ordered.clear()
        self._ended.clear()
        if host is None:
            return
        with suppress(OSError, AttributeError):
            host.stdin.close()  # type: ignore[union-attr] # one that was never opened needs none
        with suppress(subprocess.TimeoutExpired):
            host.wait(CLOSE_S)
        host.kill()
        host.wait()
        kill_all(MarkedProcesses(self.mark))

    def _boot(self, instance: Instance) -> None:
        own = world().options.has_own_addresses
        addresses = [instance.public_ip, instance.private_ip if own else None]
        addresses = [each for each in addresses if each] or ["127.0.0.1"]
        guest = Guest(
            _run_of(instance),
            addresses[0],
            logins.lets_in(instance),
            world().now,
            time.monotonic() + BOOT_S,
        )
        self._ordered[instance.id] = guest
        mode = world().options.guests
        why_not = jail.obstacle() if mode == "jailed" else ""
        mark = f"{self.mark}/{instance.id}"
        name, _, value = mark.partition("=")
        disk = self.disks.root_of(instance)
        user = logins.user_of(instance, disk)
        self._order(
            "boot",
            id=instance.id,
            run=guest.run,
            open=guest.is_open,
            jailed=mode == "jailed" and not why_not,
            disk=str(disk),
            volumes=self.disks.others_of(instance),
            addresses=addresses,
            instance_id=instance.id,
            hostname=instance.private_dns_name.partition(".")[0],
            metadata=servers.servers().endpoint(instance.id),
            user=user,
            home=f"/home/{user}",
            key=logins.public_key(instance),
            parts=self._runnable(instance, guest, why_not),
            mark=mark,
            env={name: value, "LANG": "C.UTF-8"},
            within_s=STOP_S,
        )

    def _runnable(self, instance: Instance, guest: Guest, no_jail: str) -> list[Part]:
        """What of its user data is run; its console tells of the rest."""
        found = parts(b64decode(str(instance.user_data or "")))
        told = [f"cloud-init: {part.text}" for part in found if part.kind == "said"]
        if no_jail:
            trusted = self._home.trusted()
            found = [part for part in found if digest(part.text) in trusted]
            told.append(NO_JAIL.format(no_jail))
            self._say_once(told[-1])
        guest.hear("console", text="".join(f"{line}\n" for line in told))
        return [part for part in found if part.kind != "said"]

    def _say_once(self, note: str) -> None:
        if note != self._said:
            self._said = note
            self._home.add_note(note)

    def _end(self, instance_id: str) -> None:
        guest = self._ordered.pop(instance_id)
        if not guest.is_off:
            self._ended[instance_id, guest.run] = guest
            self._order("shut_down", id=instance_id, within_s=STOP_S)

    def _end_soon(self, instance_id: str, instance: Instance | None) -> None:
        """EC2 says that the machine is off: it may take seconds more, no longer."""
        if instance is not None and instance.state not in {"stopped", "terminated"}:
            return
        for (key, _), guest in self._ended.items():
            if key == instance_id and not guest.is_over:
                guest.is_over = True
                self._order("shut_down", id=instance_id, within_s=OFF_S)

    def _open(self, instance: Instance) -> None:
        """Let the ssh server listen, or not, as the security groups now say."""
        guest, is_open = self._ordered[instance.id], logins.lets_in(instance)
        if is_open is not guest.is_open:
            guest.is_open = is_open
            self._order("open", id=instance.id, is_open=is_open)

    def _order(self, verb: str, **facts: Any) -> None:
        host = self._host if self._host and self._host.poll() is None else self._started()
        try:
            os.write(_pipe(host.stdin), json.dumps({"do": verb, **facts}).encode() + b"\n")
        except OSError:
            self._lost()

    def _started(self) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join(filter(None, [str(jail.SOURCE), os.environ.get("PYTHONPATH", "")]))
        self._host = host = subprocess.Popen(
            [sys.executable, "-P", "-m", "ec2_sandbox.guests.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        told: SimpleQueue[bytes] = SimpleQueue()
        for act in (self._read, self._listen):
            threading.Thread(target=act, args=(host, told), daemon=True).start()
        threading.Thread(target=self._tick, args=(host,), daemon=True).start()
        return host

    def _read(self, host: "subprocess.Popen[bytes]", told: "SimpleQueue[bytes]") -> None:
        """Take what the host tells, at once: it must never wait for whoever holds the lock."""
        for line in host.stdout or ():
            told.put(line)
        told.put(b"")

    def _listen(self, host: "subprocess.Popen[bytes]", told: "SimpleQueue[bytes]") -> None:
        """Hear it, until the host is gone."""
        while host is self._host and (line := told.get()):
            with self._lock, _survived():
                if host is self._host:
                    facts = json.loads(line)
                    self._hear(facts.pop("id"), facts.pop("run"), facts.pop("tell"), **facts)
        with self._lock:
            if host is self._host:
                self._lost()

    def _lost(self) -> None:
        """The host crashed: its guests did with it."""
        self._host = None
        kill_all(MarkedProcesses(self.mark))
        self._ended.clear()
        for guest in self._ordered.values():
            guest.hear("failed", why="the process that held it has ended")
            guest.hear("off")
        world().clock.hold(held=self.owes())

    def _hear(self, instance_id: str, run: str, word: str, **told: Any) -> None:
        guest = self._ordered.get(instance_id)
        if guest is None or guest.run != run:
            guest = self._ended.get((instance_id, run))
        if guest is None:
            return
        guest.hear(word, **told)
        if word == "off":
            self._ended.pop((instance_id, run), None)
            self.follow()
        elif word == "power" and (instance := servers.instance_of(instance_id)):
            world().catch_up()
            endings.guest_shutdown(instance)
            self._save()
        world().clock.hold(held=self.owes())

    def _tick(self, host: "subprocess.Popen[bytes]") -> None:
        """Guests live on when nobody calls."""
        while host is self._host:
            time.sleep(TICK_S)
            with self._lock, _survived():
                if host is not self._host:
                    return
                world().catch_up()
                if world().history.unsaved:
                    self._save()
                self._run_timers()

    def _run_timers(self) -> None:
        for instance_id, guest in self._ordered.items():
            uptime_s = (world().now - guest.booted_at).total_seconds()
            is_idle = not (guest.is_booting or guest.awaits_timers or guest.failure)
            if is_idle and uptime_s >= guest.timers_at + TIMER_STEP_S:
                guest.timers_at, guest.awaits_timers = uptime_s, True
                self._order("timers", id=instance_id, uptime_s=uptime_s)


def _run_of(instance: Instance) -> str:
    """Another one after every start."""
    return str(instance.launch_time)


def _is_noticed(instance: Instance) -> bool:
    request = request_of(instance) if instance else None
    return bool(request and request.notice_ends)


@contextmanager
def _survived() -> Iterator[None]:
    """A guest that tells nonsense must not silence the others."""
    try:
        yield
    except Exception:
        traceback.print_exc(file=sys.stderr)


def _pipe(end: Any) -> int:
    return int(end.fileno())


class _Served:
    """The guests of this process."""

    guests: Guests | None = None


def serve_with(guests: Guests) -> None:
    """From now on machines have guests, where the world's options say so."""
    _Served.guests = guests


def guests() -> Guests | None:
    """Those of this process; None where no application serves them."""
    return _Served.guests


def follow() -> None:
    """The world changed."""
    if _Served.guests is not None:
        _Served.guests.follow()
