"""What a refusal by AWS means, and what to do next for the command that met it. Pure."""

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from spotkeeper.errors import EndedWhileStarting, NoCapacity, SpotkeeperError
from spotkeeper.lifecycle.refusal_table import (
    ADVICE,
    COMMAND_OF,
    EXPLAINED,
    FOR_A_LAUNCH,
    KEPT,
    LATER,
    LAUNCH_OPTIONS,
    LAUNCHING,
    LOST,
    POLICY_OF,
    ROWS,
    SILENT,
    STATE_REASON,
    Row,
)

if TYPE_CHECKING:  # a look at the market needs the words of refusals, but no machine
    from spotkeeper.model.machine import Instance

HTTP_SERVER_ERROR = 500


class RefusedCall(NamedTuple):
    """AWS's refusal of a call, in its own words.

    ``command`` is what the user typed; where nobody knows, it is taken from the operation.
    """

    operation: str
    region: str
    code: str
    words: str = ""
    status: int = 400
    command: str = ""

    @property
    def verb(self) -> str:
        """The command that the advice is for; empty for a call that any of them makes."""
        return self.command or COMMAND_OF.get(self.operation, "")


def refusal(said: RefusedCall) -> SpotkeeperError:
    """The error for a refusal by AWS, with its own words."""
    row = meaning(said)
    told = f"{said.words or 'no message'} ({said.code or said.status})"
    return row.error(
        f"{said.operation} in {said.region}: {told}",
        next_step=advice(row, said),
        region=said.region,
        aws_code=said.code,
        scope=row.scope,
    )


def ended(instance: "Instance", wanted: str, command: str) -> SpotkeeperError:
    """The error for an instance that EC2 ended, or stopped again, before a command had brought it
    where it was wanted: what its state reason says decides."""
    code = instance.state_reason
    said = RefusedCall(
        STATE_REASON, instance.region, code, instance.state_message, command=command
    )
    row = meaning(said) if code else Row("", EndedWhileStarting)
    done = "ended" if instance.ended else "stopped"
    return row.error(
        f"EC2 {done} {instance.id} in {instance.zone_name} before it was {wanted}: "
        f"{instance.reason or 'it does not say why'}",
        next_step=advice(row, said),
        region=instance.region,
        aws_code=code,
        scope=row.scope,
    )


def meaning(said: RefusedCall) -> Row:
    """The row of the table that a refusal belongs to."""
    found = next((row for row in ROWS if _fits(row, said)), None)
    if found is not None:
        return found
    if said.status >= HTTP_SERVER_ERROR:
        return LOST
    return EXPLAINED if said.words else SILENT


def _fits(row: Row, said: RefusedCall) -> bool:
    """Whether a refusal has this meaning; ``Client.`` or ``Server.`` may stand before a code."""
    bare = said.code.removeprefix("Client.").removeprefix("Server.")
    return (
        (_matches(row.codes, said.code) or _matches(row.codes, bare))
        and _matches(row.operations, said.operation)
        and re.search(row.words, said.words, re.IGNORECASE) is not None
    )


def _matches(patterns: str, text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns.split())


def advice(row: Row, said: RefusedCall) -> str | None:
    """What to do next; ``None`` for the error's usual advice."""
    kinds, verb = row.error.__mro__, said.verb
    own = next((ADVICE[kind, verb] for kind in kinds if (kind, verb) in ADVICE), None)
    step = row.next_step or own
    if step is None and issubclass(row.error, NoCapacity) and verb not in LAUNCHING:
        step = LATER
    step = step and FOR_A_LAUNCH.sub(r"\1" if verb in LAUNCHING else "", step)
    if verb == "start" and LAUNCH_OPTIONS.search(step or row.error.default_next_step):
        step = KEPT
    again = f"run `spot {verb}` again" if verb else "repeat the command"
    return step and step.format(again=again, region=said.region, policy=_policy_for(said))


def _policy_for(said: RefusedCall) -> str:
    """The command whose policy allows the call; a launch is one whoever only asks about it."""
    from spotkeeper.lifecycle.grants import COMMANDS  # for a refusal only

    verb = COMMAND_OF.get(said.operation, said.verb)
    return POLICY_OF.get(said.operation) or (verb if verb in COMMANDS else "up")


#: EC2 begins the message of a state reason with the code that is true of it, where that is another
#: one than the reason's own.
_TRUE_CODE = re.compile(r"(Client|Server)\.[\w.]+(?=: )")


def reason_code(code: str, words: str) -> str:
    """The code that says why EC2 ended an instance."""
    told = _TRUE_CODE.match(words)
    return told[0] if told else code
