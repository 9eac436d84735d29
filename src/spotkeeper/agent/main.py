"""The command line of the agent's file; what each command does stands in ``agent/control.py``."""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from spotkeeper.agent import control
from spotkeeper.agent.attempts import Attempts
from spotkeeper.agent.control import RequestRefused
from spotkeeper.agent.disk import Storage, make_folder
from spotkeeper.agent.holder import hold
from spotkeeper.agent.install import install
from spotkeeper.agent.machine import HOME, Home, Host, own_file, take_lock
from spotkeeper.agent.serve import LOOK_S, Agent, Duty
from spotkeeper.work.contract import RunSpec, UnreadableSpec, answer

#: The exit code of what is refused; standard output then says ``{"refused": why}``.
REFUSED = 3

Asked = argparse.Namespace

ANSWERS: Mapping[str, Callable[[Home, Asked], str]] = {
    "prepare": lambda home, asked: control.prepare(home, asked.run_id, asked.user),
    "start": lambda home, _: control.start(home, RunSpec.from_json(sys.stdin.read())),
    "status": lambda home, _: control.status(home),
    "cancel": lambda home, _: control.cancel(home),
    "configure": lambda home, _: control.configure(home, sys.stdin.buffer.read()),
    "install": lambda home, _: install(home, _digest()),
    "version": lambda *_: answer(sha256=_digest(), python=sys.version.split()[0]),
}


def main(arguments: Sequence[str], *, duties: Sequence[type[Duty]]) -> int:
    """Do what is asked; the exit code."""
    asked = _parser().parse_args(arguments)
    home = Home(asked.home)
    try:
        if asked.verb == "hold":
            hold(asked.folder)
        elif asked.verb == "serve":
            serve(home, asked, duties)
        elif asked.verb == "logs":
            wanted = {key: getattr(asked, key) for key in ("attempt", "place", "lines", "since")}
            control.logs(home, raw=asked.raw, **wanted)
        else:
            _say(ANSWERS[asked.verb](home, asked))
    except (RequestRefused, UnreadableSpec) as problem:
        _say(answer(refused=str(problem)))
        return REFUSED
    return 0


def serve(home: Home, asked: Asked, duties: Sequence[type[Duty]]) -> None:
    """Be the agent of this machine until it ends; not where another one serves it."""
    make_folder(home.folder)
    if take_lock(home.lock) is None:
        return
    disk = Storage(home.ballast)
    machine = Host(boot=asked.boot, power_off=asked.power_off, is_stand_in=asked.stand_in)
    agent = Agent(home, machine, lambda run_id: Attempts(disk, run_id), disk=disk, duties=duties)
    agent.look_s = asked.look_s
    signal.signal(signal.SIGTERM, lambda *_: agent.end())
    agent.serve(parent=asked.parent)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _digest() -> str:
    with open(own_file(), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spot-agent", allow_abbrev=False)
    parser.add_argument("--home", default=HOME)
    verbs = parser.add_subparsers(dest="verb", required=True)
    named = {verb: verbs.add_parser(verb) for verb in (*ANSWERS, "logs", "serve", "hold")}
    named["hold"].add_argument("folder")
    named["prepare"].add_argument("run_id")
    named["prepare"].add_argument("--user")
    logs, serving = named["logs"], named["serve"]
    logs.add_argument("--attempt", type=int)
    logs.add_argument("--place", type=int, default=0)
    logs.add_argument("--lines", type=int, default=0)
    logs.add_argument("--since", type=float, default=0.0)
    logs.add_argument("--raw", action="store_true")
    serving.add_argument("--boot", default="")
    serving.add_argument("--power-off", default="shutdown -h now")
    serving.add_argument("--stand-in", action="store_true")
    serving.add_argument("--parent", type=int, default=0)
    serving.add_argument("--look-s", type=float, default=LOOK_S)
    return parser
