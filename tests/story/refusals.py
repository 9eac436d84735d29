"""What every refusal has in common."""

from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Answer

MAKES = {"CreateSecurityGroup", "ImportKeyPair", "RunInstances"}


def paragraph(answer: Answer, code: int) -> str:
    """The one paragraph of a refusal with this exit code; nothing else is on stdout."""
    assert answer.code == code, answer
    assert answer.out == ""
    assert "Traceback" not in answer.err
    told = [line for line in answer.err.splitlines() if line.startswith("spot: ")]
    assert len(told) == 1, answer.err
    assert answer.err.rstrip().endswith(told[0])
    what, _, next_step = told[0].partition(". ")
    assert what
    assert next_step
    assert all(character.isprintable() for character in told[0])
    return told[0]


def nothing_was_made(sandbox: Sandbox, *regions: str) -> bool:
    """Nothing was created, not even for a moment."""
    made = {operation for operation, _ in sandbox.control.calls()} & MAKES
    return not made and account.left(sandbox, *regions) == []
