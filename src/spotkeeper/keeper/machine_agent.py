"""The agent of a machine, asked over ssh: laid down, asked, and its refusals in words."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from spotkeeper.agent.build import packed_agent
from spotkeeper.agent.install import UNIT
from spotkeeper.agent.main import REFUSED
from spotkeeper.errors import NotFound, Refused, SpotkeeperError, Unreachable
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.ssh.remote import run_remote
from spotkeeper.ssh.shell import Login
from spotkeeper.work.contract import RunSpec

#: The unit tells how the agent is called, so that one of another version is asked as well.
_ASK = (
    rf"a=$(sed -n 's/^ExecStart=\(.*\) serve$/\1/p' {UNIT} 2>/dev/null); "
    '[ -n "$a" ] || exit 94; exec sudo -n $a '
)

#: The file comes over the same connection; it is no file of ours until its sha256 is right. A
#: sandbox's machine without a jail has a root of its own: /etc there is that of this computer.
_INSTALL = (
    '[ -z "$SPOTKEEPER_ROOT" ] || exit 96; '
    "command -v python3 >/dev/null || exit 91; "
    "python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || exit 92; "
    "sudo -n true || exit 93; "
    't=$(mktemp) && cat >"$t" && echo "{sha256}  $t" | sha256sum -c --status || '
    '{{ rm -f "$t"; exit 95; }}; '
    'sudo -n python3 "$t" install; s=$?; rm -f "$t"; exit $s'
)

_NO_AGENT = 94

#: How every answer of an agent begins.
_ANSWER = b'{"schema":'

#: Why a machine cannot do what it is asked, by the code that its shell ends with.
_WHY: Mapping[int, tuple[str, str]] = {
    91: ("has no python3", "Install Python 3.9 or newer there, or use another --image."),
    92: (
        "has a python3 older than 3.9",
        "Install Python 3.9 or newer there, or use another --image.",
    ),
    93: (
        "lets its login user become root by no sudo without a password",
        "The agent is a service of the machine: use an --image that allows it, as AWS's do.",
    ),
    96: (
        "is a machine of a sandbox without a jail: a run would change this computer",
        "Install bubblewrap (bwrap), then `spot sandbox reset`.",
    ),
    95: ("did not receive the agent whole", "Run the command again."),
}


class MachineAgent:
    """The agent of one machine."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def install(self) -> None:
        """Have this version's agent serve there.

        Raises:
            Refused: the machine lacks what the agent needs.
            SpotkeeperError: as ``ask``.
        """
        data, sha256 = packed_agent()
        self._told(_INSTALL.format(sha256=sha256), data)

    def have(self, talk: Talk, **settings: object) -> None:
        """Have this version's agent serve there, with what it is to know of the machine.

        Raises:
            SpotkeeperError: as ``install`` and ``ask``.
        """
        if not self.is_current():
            talk.say(f"{self._login.name}: laying down the agent")
            self.install()
        self.ask("configure", given=json.dumps(settings).encode())

    def is_current(self) -> bool:
        """Whether the agent that is there is this version's, and serves."""
        try:
            same = self.ask("version")["sha256"] == packed_agent()[1]
            return same and bool(self.status()["agent_serves"])
        except NotFound:
            return False

    def status(self) -> dict[str, Any]:
        """What it knows of its run; ``record`` is ``None`` before the first."""
        return self.ask("status")

    def prepare(self, run_id: str) -> str:
        """The folder into which the code is to be pushed."""
        return str(self.ask("prepare", run_id, "--user", self._login.user)["code"])

    def start(self, spec: RunSpec) -> None:
        """Accept a run; nothing of it is on a command line."""
        self.ask("start", given=spec.to_json().encode())

    def ask(self, *words: str, given: bytes = b"") -> dict[str, Any]:
        """What the agent answers to a verb.

        Raises:
            NotFound: no agent was ever laid down there.
            Refused: the agent will not, and why.
            SpotkeeperError: the machine could not be asked.
        """
        return self._told(_ASK + shlex.join(words), given)[0]

    def logs(self, *words: str) -> tuple[dict[str, Any], bytes]:
        """A piece of the output: which one, and its bytes.

        Raises:
            SpotkeeperError: as ``ask``.
        """
        return self._told(_ASK + shlex.join(("logs", *words)))

    def _told(self, script: str, given: bytes = b"") -> tuple[dict[str, Any], bytes]:
        name = self._login.name
        code, out, err = run_remote(self._login, ("sh", "-c", script), stdin=given)
        if code == _NO_AGENT:
            raise NotFound(
                f"No command was ever run on {name} with `spot run`",
                next_step=f"Run one with `spot run {name} -- COMMAND`.",
            )
        if code in _WHY:
            why, step = _WHY[code]
            raise Refused(f"{name} {why}", next_step=step)
        _, begins, answer = out.partition(_ANSWER)  # a login shell may say something first
        line, _, rest = (begins + answer).partition(b"\n")
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            raise Unreachable(
                f"The agent of {name} gave no answer: {_last_line(err) or f'exit {code}'}",
                next_step=f"See `spot ssh {name} -- journalctl -u spotkeeper-agent`.",
            ) from None
        if code == REFUSED:
            raise Refused(f"{name} refuses: {found['refused']}", next_step="See `spot show`.")
        if code:
            raise SpotkeeperError(f"The agent of {name} failed: {_last_line(err)}")
        return found, rest


def _last_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
