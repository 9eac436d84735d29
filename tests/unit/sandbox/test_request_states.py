"""The table is the specification; these tests hold what must be true of it as a whole."""

from pathlib import Path

import pytest

from spotkeeper.sandbox.requests.request_states import (
    MESSAGES,
    TABLE,
    Effect,
    Event,
    Kind,
    Move,
    Outcome,
    Refusal,
    Situation,
    as_markdown,
    outcome,
)

ROWS = [
    (kind, situation, event, found)
    for kind, rows in TABLE.items()
    for (situation, event), found in rows.items()
]
EC2_STATES = {"open", "active", "closed", "cancelled", "disabled"}
RUNNING = {
    Situation.RUNNING,
    Situation.NOTICED,
    Situation.CANCELLED_RUNNING,
    Situation.CANCELLED_NOTICED,
}


@pytest.mark.parametrize(("kind", "situation", "event", "found"), ROWS)
def test_every_row_is_sound(
    kind: Kind, situation: Situation, event: Event, found: Outcome
) -> None:
    assert outcome(kind, situation, event) is found
    assert found.source.startswith("[")
    if isinstance(found, Refusal):
        assert event in {Event.USER_STOP, Event.USER_START}
        return
    assert found.state in EC2_STATES
    for cause in ("no-capacity", "by-price"):
        assert found.code.format(cause=cause) in MESSAGES
    _check_instance(situation, found)


def _check_instance(situation: Situation, move: Move) -> None:
    """The instance is where the next situation says it is."""
    if move.effect in {Effect.TERMINATE, Effect.TERMINATE_BY_EC2}:
        assert move.then in {Situation.WAITING, Situation.ENDED}
    if move.effect in {Effect.LAUNCH, Effect.START}:
        assert move.then is Situation.RUNNING
    if move.then in RUNNING and move.effect in {Effect.NONE, Effect.NOTICE}:
        assert situation in RUNNING


@pytest.mark.parametrize("kind", Kind)
def test_from_everywhere_cancel_then_terminate_ends_it(kind: Kind) -> None:
    for situation in {situation for situation, _ in TABLE[kind]} - {Situation.WAITING}:
        now = situation
        for event in (Event.CANCEL, Event.USER_TERMINATE):
            found = outcome(kind, now, event)
            assert not isinstance(found, Refusal)
            now = found.then if found else now
        assert now is Situation.ENDED


def test_terminating_a_box_without_cancelling_launches_anew() -> None:
    found = outcome(Kind.BOX, Situation.RUNNING, Event.USER_TERMINATE)
    assert isinstance(found, Move)
    assert found.then is Situation.WAITING
    again = outcome(Kind.BOX, found.then, Event.FULFIL)
    assert isinstance(again, Move)
    assert again.effect is Effect.LAUNCH


def test_nothing_happens_after_the_end() -> None:
    assert not any(situation is Situation.ENDED for _, situation, _, _ in ROWS)


def test_the_documentation_shows_this_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "sandbox.md"
    assert as_markdown() in page.read_text()
