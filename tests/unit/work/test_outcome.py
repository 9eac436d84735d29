"""What an attempt came to, of every kind of end; and when a run is a loop."""

from dataclasses import replace

import pytest

from spotkeeper.work.outcome import AttemptEnd, failures, is_loop, judge, pause_s
from spotkeeper.work.run import Accepted, Asked, Ended, Outcome, Run, SetTaken, Starting

AT = 1000.0


def run_of(*, number: int = 1, asked: str = "", resumed: bool = False, began: float = AT) -> Run:
    """A run with one attempt under way, asked to end or not."""
    run = Run().after(Accepted(AT, "r")).after(Starting(began, number, "life", resumed))
    return run.after(Asked(AT, asked, AT + 60)) if asked else run


def outcome_of(run: Run, ending: AttemptEnd, *, retries: int = 0) -> Outcome:
    attempt = run.open_attempt
    assert attempt is not None
    return judge(run, attempt, ending, retries=retries).outcome


@pytest.mark.parametrize("code", range(256))
def test_an_exit_code_by_itself_is_finished_failed_or_a_wish_to_be_run_again(code: int) -> None:
    wanted = {0: Outcome.FINISHED, 75: Outcome.AGAIN}.get(code, Outcome.FAILED)
    run = run_of()
    verdict = judge(run, run.attempts[-1], AttemptEnd(AT + 500, code), retries=0)
    assert (verdict.outcome, verdict.words.split(",")[0]) == (wanted, f"exit {code}")


@pytest.mark.parametrize("number", [1, 6, 9, 11, 15, 40])
def test_an_end_by_a_signal_is_named(number: int) -> None:
    run = run_of()
    verdict = judge(run, run.attempts[-1], AttemptEnd(AT + 500, signal=number), retries=0)
    assert verdict.outcome is Outcome.FAILED
    assert ("SIG" in verdict.words) or verdict.words == "killed by signal 40"


@pytest.mark.parametrize("why", ["notice", "stop"])
@pytest.mark.parametrize(
    "ending", [AttemptEnd(AT, 0), AttemptEnd(AT, 1), AttemptEnd(AT, signal=15), AttemptEnd(AT)]
)
def test_whatever_follows_our_signal_is_an_interruption(why: str, ending: AttemptEnd) -> None:
    assert outcome_of(run_of(asked=why), ending) is Outcome.INTERRUPTED
    assert outcome_of(run_of(asked="cancel"), ending) is Outcome.CANCELLED
    assert outcome_of(run_of(asked=why), replace(ending, done=True)) is Outcome.FINISHED


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        (AttemptEnd(AT, 0), Outcome.READY),
        (AttemptEnd(AT, 1), Outcome.FAILED),
        (AttemptEnd(AT, 75), Outcome.FAILED),
        (AttemptEnd(AT), Outcome.INTERRUPTED),
    ],
)
def test_set_up_that_fails_by_itself_failed_and_a_machine_lost_in_it_did_not(
    ending: AttemptEnd, wanted: Outcome
) -> None:
    assert outcome_of(run_of(number=0), ending, retries=3) is wanted


def test_a_broken_machine_is_not_the_program_s_fault() -> None:
    run = run_of()
    verdict = judge(
        run, run.attempts[-1], AttemptEnd(AT, 1, fault="7 of 8 GPUs answer"), retries=0
    )
    assert (verdict.outcome, verdict.words) == (Outcome.UNFIT, "7 of 8 GPUs answer")


def test_the_words_of_an_end_name_what_is_known_of_it() -> None:
    run = run_of()
    ending = AttemptEnd(AT + 500, 1, out_of_memory="out of GPU memory")
    assert judge(run, run.attempts[-1], ending, retries=0).words == "exit 1, out of GPU memory"


@pytest.mark.parametrize(
    ("attempt", "resumed", "lived_s", "saved", "older", "wanted"),
    [
        (2, True, 30, False, 1, Outcome.OLDER_CHECKPOINT),
        (2, True, 30, False, 0, Outcome.FAILED),
        (2, True, 30, True, 1, Outcome.FAILED),
        (2, True, 300, False, 1, Outcome.FAILED),
        (2, False, 30, False, 1, Outcome.FAILED),
        (1, True, 30, False, 1, Outcome.FAILED),
    ],
)
def test_a_later_start_that_dies_at_once_gets_an_older_checkpoint_if_there_is_one(
    *, attempt: int, resumed: bool, lived_s: float, saved: bool, older: int, wanted: Outcome
) -> None:
    run = run_of(number=attempt, resumed=resumed)
    ending = AttemptEnd(AT + lived_s, 1, saved=saved, older_sets=older)
    assert outcome_of(run, ending) is wanted


def tried(*ends: tuple[Outcome, int | None], every_s: float = 60.0, sets: bool = False) -> Run:
    """A run with so many ended attempts and one under way."""
    run, at = Run().after(Accepted(AT, "r")), AT
    for number, (what, code) in enumerate(ends, start=1):
        run = run.after(Starting(at, number, "life"))
        if sets:
            run = run.after(SetTaken(at, number, str(number), 1, 1, 0.0))
        run = run.after(Ended(at + 1, number, what, "", code=code))
        at += every_s
    return run.after(Starting(at, len(ends) + 1, "life"))


def test_failures_are_retried_as_often_as_wanted_and_wishes_to_be_run_again_are_no_failures() -> (
    None
):
    run = tried((Outcome.AGAIN, 1), (Outcome.AGAIN, 75), (Outcome.INTERRUPTED, None))
    assert failures(run) == 1
    assert outcome_of(run, AttemptEnd(AT + 500, 1), retries=2) is Outcome.AGAIN
    assert outcome_of(run, AttemptEnd(AT + 500, 1), retries=1) is Outcome.FAILED


@pytest.mark.parametrize(
    ("what", "code", "count", "every_s", "sets", "is_one"),
    [
        (Outcome.AGAIN, 75, 4, 60, False, True),
        (Outcome.AGAIN, 75, 3, 60, False, False),
        (Outcome.AGAIN, 75, 4, 600, False, False),
        (Outcome.AGAIN, 75, 4, 60, True, False),
        (Outcome.INTERRUPTED, None, 8, 60, False, False),
        (Outcome.INTERRUPTED, None, 9, 60, False, True),
    ],
)
def test_many_starts_that_lead_nowhere_are_a_loop(
    *, what: Outcome, code: int | None, count: int, every_s: float, sets: bool, is_one: bool
) -> None:
    run = tried(*[(what, code)] * count, every_s=every_s, sets=sets)
    now = AT + count * every_s
    assert (is_loop(run.attempts, now) or is_loop(run.attempts, now, failed=True)) is is_one
    came_to = outcome_of(run, AttemptEnd(now, 75))
    assert came_to is (Outcome.FAILED if is_one else Outcome.AGAIN)


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        ([], 0.0),
        ([Outcome.INTERRUPTED], 0.0),
        ([Outcome.AGAIN], 2.0),
        ([Outcome.AGAIN] * 3, 8.0),
        ([Outcome.AGAIN] * 12, 60.0),
        ([Outcome.AGAIN, Outcome.INTERRUPTED], 0.0),
    ],
)
def test_what_fails_again_and_again_is_run_less_and_less_often(
    ends: list[Outcome], wanted: float
) -> None:
    assert pause_s(tried(*[(what, 1) for what in ends])) == wanted
