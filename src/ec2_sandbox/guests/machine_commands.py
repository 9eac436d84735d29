"""The commands of a guest that stand for the system's own. Standard library, Python 3.9.

``systemctl``, ``shutdown`` and their kin ask the guest's first process; ``sudo`` and ``su`` run
what they are given, for in a guest everybody is the same user.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import sys

SOCKET_VARIABLE = "EC2_GUEST_SOCKET"
SOCKET = "/run/ec2-guest/init"
POWER = ("shutdown", "poweroff", "halt", "reboot")
RUN_AS = ("sudo", "su")
NAMES = ("systemctl", "wall", *POWER, *RUN_AS)

_SUDO_TAKES = {"-u", "-g", "-C", "-D", "-h", "-p", "-R", "-r", "-t", "-T", "-U"}


def main(argv: list[str]) -> int:
    """Be the command that ``argv[0]`` names."""
    name = os.path.basename(argv[0])
    if name == "sudo":
        return _sudo(argv[1:])
    if name == "su":
        return _su(argv[1:])
    if name == "wall":  # nobody of this computer is to be told
        return 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(os.environ.get(SOCKET_VARIABLE, SOCKET))
        link.sendall(json.dumps([name, *argv[1:]]).encode() + b"\n")
        told = json.loads(link.makefile().read() or "[1, ''] ")
    sys.stdout.write(told[1])
    return int(told[0])


def _sudo(words: list[str]) -> int:
    user, shell = "root", False
    while words and (words[0].startswith("-") or "=" in words[0].partition("/")[0]):
        word, *words = words
        if word == "--":
            break
        if word in _SUDO_TAKES and words:
            user, words = (words[0] if word == "-u" else user), words[1:]
        elif "=" in word and not word.startswith("-"):
            name, _, value = word.partition("=")
            os.environ[name] = value
        shell = shell or word in {"-i", "-s"}
    if shell or not words:
        words = ["/bin/bash", "-l", *(["-c", " ".join(words)] if words else [])]
    return _run(user, words)


def _su(words: list[str]) -> int:
    command = words[words.index("-c") + 1] if "-c" in words[:-1] else ""
    named = [word for word in words if not word.startswith("-") and word != command]
    return _run(named[0] if named else "root", ["/bin/bash", "-l", *_with(command)])


def _with(command: str) -> list[str]:
    return ["-c", command] if command else []


def _run(user: str, words: list[str]) -> int:
    if SOCKET_VARIABLE not in os.environ:  # in a jail; elsewhere that is the home of somebody real
        with contextlib.suppress(KeyError):
            os.environ["HOME"] = pwd.getpwnam(user).pw_dir
    os.environ.update(USER=user, LOGNAME=user)
    try:
        os.execvp(words[0], words)
    except OSError as problem:
        sys.stderr.write(f"{words[0]}: {problem.strerror}\n")
        return 127
