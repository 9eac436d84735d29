"""The table is the specification; these tests hold what must be true of it as a whole."""

from pathlib import Path

import pytest

from ec2_sandbox.spot_requests.request_states import (
    CAUSES,
    MESSAGES,
    Effect,
    Move,
    Outcome,
    Refusal,
    RequestEvent,
    RequestKind,
    Situation,
)
from ec2_sandbox.spot_requests.request_table import TABLE, outcome

ROWS = [
    (kind, situation, event, found)
    for kind, rows in TABLE.items()
    for (situation, event), found in rows.items()
]
EC2_STATES = {"open", "active", "closed", "cancelled", "disabled", "failed"}
RUNNING = {
    Situation.RUNNING,
    Situation.NOTICED,
    Situation.STARTING,
    Situation.CANCELLED_RUNNING,
    Situation.CANCELLED_NOTICED,
}


@pytest.mark.parametrize(("kind", "situation", "event", "found"), ROWS)
def test_every_row_is_sound(
    kind: RequestKind, situation: Situation, event: RequestEvent, found: Outcome
) -> None:
    assert outcome(kind, situation, event) is found
    assert found.source.startswith("[")
    if isinstance(found, Refusal):
        assert event in {RequestEvent.USER_STOP, RequestEvent.USER_START}
        return
    assert found.state in EC2_STATES
    causes = {"no-capacity", "by-price"} if "stopped" in found.code else set(CAUSES.values())
    for cause in causes:
        assert found.code.format(cause=cause) in MESSAGES
    _check_instance(situation, found)


def _check_instance(situation: Situation, move: Move) -> None:
    """The instance is where the next situation says it is."""
    if move.effect in {Effect.TERMINATE, Effect.TERMINATE_BY_EC2}:
        assert move.then in {Situation.WAITING, Situation.ENDED}
    if move.effect in {Effect.LAUNCH, Effect.START}:
        assert move.then in {Situation.RUNNING, Situation.STARTING}
    if move.then in RUNNING and move.effect in {Effect.NONE, Effect.NOTICE}:
        assert situation in RUNNING


@pytest.mark.parametrize("kind", RequestKind)
def test_from_everywhere_cancel_then_terminate_ends_it(kind: RequestKind) -> None:
    for situation in Situation:
        now = situation
        for event in (RequestEvent.CANCEL, RequestEvent.USER_TERMINATE):
            found = outcome(kind, now, event)
            assert not isinstance(found, Refusal)
            now = found.then if found else now
        reached = any(here is situation for here, _ in TABLE[kind])
        assert now is Situation.ENDED or not reached


@pytest.mark.parametrize("kind", [RequestKind.BOX, RequestKind.AGAIN])
def test_terminating_a_persistent_one_without_cancelling_launches_anew(kind: RequestKind) -> None:
    found = outcome(kind, Situation.RUNNING, RequestEvent.USER_TERMINATE)
    assert isinstance(found, Move)
    assert found.then is Situation.WAITING
    placed = outcome(kind, found.then, RequestEvent.FULFIL)
    assert isinstance(placed, Move)
    again = outcome(kind, placed.then, RequestEvent.LAUNCH)
    assert isinstance(again, Move)
    assert again.effect is Effect.LAUNCH


def test_nothing_happens_after_the_end() -> None:
    assert not any(situation is Situation.ENDED for _, situation, _, _ in ROWS)


def test_every_word_is_used() -> None:
    moves = [found for _, _, _, found in ROWS if isinstance(found, Move)]
    shown = {move.code.format(cause=cause) for move in moves for cause in CAUSES.values()}
    shown |= {"pending-evaluation"}
    assert shown - set(MESSAGES) == {"instance-stopped-launch-group-constraint"}
    assert set(MESSAGES) - shown == set()
    assert {event for _, _, event, _ in ROWS} == set(RequestEvent)
    assert {move.then for move in moves} == set(Situation)
    assert {move.effect for move in moves} == set(Effect)


def as_markdown() -> str:
    lines = ["| request | situation | event | request state, code | instance | source |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [
        f"| {kind} | {situation} | {event} | {_shown(found)} | {found.source} |"
        for kind in RequestKind
        for situation in Situation
        for event in RequestEvent
        if (found := outcome(kind, situation, event))
    ]
    return "\n".join(lines)


def _shown(found: Outcome) -> str:
    if isinstance(found, Refusal):
        return f"refused: `{found.code}` | -"
    return f"{found.state}, `{found.code}` | {found.effect}"


def test_the_documentation_shows_this_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "sandbox" / "requests.md"
    assert as_markdown() in page.read_text()
