"""The environment that a login shell gives its user, asked for without a terminal."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping

#: What a login shell may take to tell its environment.
TIMEOUT_S = 30.0

_NOT_KEPT = {"_", "SHLVL", "OLDPWD"}


def login_environment(user: str | None) -> dict[str, str]:
    """What a login shell of the user sets; the least that is needed where it says nothing."""
    entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    shell = entry.pw_shell or "/bin/sh"
    least = {
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
        "LOGNAME": entry.pw_name,
        "SHELL": shell,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
    }
    tell = "printf '\\0'; env -0"  # what the shell says before that is a greeting
    asked = ["su", "-l", user, "-c", tell] if user else [shell, "-lc", tell]
    try:
        done = subprocess.run(
            asked,
            env=least,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return least
    pairs = done.stdout.decode("utf-8", "surrogateescape").split("\0")[1:]
    told = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {**least, **{key: value for key, value in told.items() if key not in _NOT_KEPT}}


def activated(environment: Mapping[str, str], venv: str) -> Mapping[str, str]:
    """With the virtual environment that set-up made, if it made one."""
    if not os.path.exists(f"{venv}/bin/python"):
        return environment
    path = f"{venv}/bin:{environment.get('PATH', '')}"
    return {**environment, "VIRTUAL_ENV": venv, "PATH": path}
