"""Unit files of systemd, as far as services and their timers need. Standard library, Python 3.9.

The settings are those of systemd.service(5), systemd.kill(5) and systemd.timer(5); others are
read and left alone.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field

FOLDER = "etc/systemd/system"
DEFAULT_STOP_S = 90.0  # DefaultTimeoutStopSec of systemd-system.conf(5)

_SECONDS = {"": 1, "s": 1, "sec": 1, "ms": 0.001, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Unit:
    """One file: the values of each setting, in order."""

    name: str
    settings: dict[str, list[str]] = field(default_factory=dict)

    def one(self, setting: str, otherwise: str = "") -> str:
        """The last value, which is the one that counts."""
        return (self.settings.get(setting) or [otherwise])[-1]

    def seconds(self, setting: str, otherwise: float) -> float:
        """A length of time, as systemd.time(7) writes it: 5, 1min 30s, infinity."""
        text = self.one(setting)
        if text == "infinity":
            return float("inf")
        parts = re.findall(r"([0-9.]+)\s*([a-z]*)", text)
        if not parts or any(unit not in _SECONDS for _, unit in parts):
            return otherwise
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)

    def commands(self, setting: str) -> list[tuple[list[str], bool]]:
        """The command lines, each with whether its failure counts (no ``-`` before it)."""
        found = []
        for line in self.settings.get(setting, []):
            words = shlex.split(line.lstrip("-@:+!"))
            counts = "-" not in line[: len(line) - len(line.lstrip("-@:+!"))]
            found.append(([word.replace("%%", "%").replace("$$", "$") for word in words], counts))
        return found


def parsed(name: str, text: str) -> Unit:
    """The unit of a file's text; an empty value forgets those before it."""
    settings: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key[:1] in ("#", ";"):
            continue
        if value.strip():
            settings.setdefault(key.strip(), []).append(value.strip())
        else:
            settings.pop(key.strip(), None)
    return Unit(name, settings)


def load(root: str, name: str) -> Unit | None:
    """The unit of the machine's own folder; None where there is no such file."""
    try:
        with open(os.path.join(root, FOLDER, name), encoding="utf-8", errors="replace") as file:
            return parsed(name, file.read())
    except OSError:
        return None


def enabled(root: str) -> list[str]:
    """The units that a boot starts, by the links that ``systemctl enable`` made."""
    folder = os.path.join(root, FOLDER)
    wants = [name for name in _listed(folder) if name.endswith((".wants", ".requires"))]
    return sorted({unit for name in wants for unit in _listed(os.path.join(folder, name))})


def enable(root: str, unit: Unit) -> None:
    """Make the links that its ``[Install]`` names."""
    folder = os.path.join(root, FOLDER)
    for target in unit.one("WantedBy").split():
        link = os.path.join(folder, f"{target}.wants", unit.name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            os.symlink(f"../{unit.name}", link)


def disable(root: str, name: str) -> None:
    """Take the links away."""
    folder = os.path.join(root, FOLDER)
    for wants in _listed(folder):
        link = os.path.join(folder, wants, name)
        if wants.endswith(".wants") and os.path.lexists(link):
            os.remove(link)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
