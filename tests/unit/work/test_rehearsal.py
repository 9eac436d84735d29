"""When a rehearsal interrupts, and what it makes of what it saw."""

from dataclasses import replace

import pytest

from spotkeeper.work.rehearsal import Interruption, Moment, Rehearsed, moments, verdict
from spotkeeper.work.run import RunState

ONE = Interruption(
    1, is_hard=False, at_step=7, told_s=0.2, saved_s=1.1, lost_steps=0, resumed_at=8
)
ASKED = "EOFError: EOF when reading a line"
GOOD = Rehearsed(RunState.FINISHED, "exit 0", (ONE,), 1, ((1, 7), (8, 12)), has_saved=True)
SLOW = replace(GOOD, steps=((1, 2, 3), (2, 3, 4)))


@pytest.mark.parametrize(
    ("seen", "survives", "sentence"),
    [
        (GOOD, True, "it survives"),
        (SLOW, True, "it survives, but runs 2 steps again that a save at the notice would keep"),
        (replace(SLOW, interruptions=(replace(ONE, is_hard=True),)), True, "it survives"),
        (replace(GOOD, steps=((), ())), True, "it survives"),
        (
            replace(GOOD, steps=((1, 7), (1, 12))),
            False,
            "it saves, but begins at its first step again",
        ),
        (
            replace(GOOD, has_saved=False, steps=((1, 7), (1, 12))),
            False,
            "it saves nothing, and begins again each time",
        ),
        (
            replace(GOOD, interruptions=(replace(ONE, told_s=None),), steps=((1, 12), ())),
            False,
            "nobody in it listens to the signal, and it was over before it would have been "
            "killed, so nothing was shown; give it more to do, or less --grace",
        ),
        (
            replace(GOOD, has_saved=False, steps=((), ())),
            False,
            "it saves nothing, and begins again each time",
        ),
        (
            replace(GOOD, has_saved=False),
            False,
            "it goes on from a place of its own, which is not SPOT_CHECKPOINT_DIR and is not "
            "watched",
        ),
        (
            replace(GOOD, has_saved=False, elsewhere=("./ckpt", "./runs")),
            False,
            "it saves to ./ckpt, ./runs, which is not kept, and begins again each time",
        ),
        (
            replace(GOOD, state=RunState.FAILED, words="exit 1"),
            False,
            "it cannot go on from what it saved (exit 1)",
        ),
        (
            replace(
                GOOD,
                state=RunState.FAILED,
                words="exit 1",
                last_words="RuntimeError: DataLoader "
                "worker (pid 9) is killed by signal: Terminated.",
            ),
            False,
            "your data workers were ended by the signal, and the save with them",
        ),
        (
            replace(GOOD, interruptions=(), state=RunState.FAILED, words="exit 3"),
            False,
            "it fails by itself (exit 3), before any notice",
        ),
        (
            replace(GOOD, interruptions=(), state=RunState.FAILED, last_words=ASKED),
            False,
            "it asks a question, and nobody is there to answer",
        ),
        (
            replace(GOOD, interruptions=()),
            False,
            "it was over before a notice could reach it, so nothing was shown; give it more to do",
        ),
    ],
)
def test_what_was_seen_gets_its_verdict(seen: Rehearsed, survives: bool, sentence: str) -> None:  # noqa: FBT001
    found = verdict(seen)
    assert (found.survives, found.sentence) == (survives, sentence)
    assert len(found.mend) in {0, 2}


def test_the_sums_and_remarks_tell_what_was_seen_and_no_more() -> None:
    assert GOOD.sums() == "0 steps lost, 0 twice, 4 of 12 done, a save is 1.1 s"
    assert replace(GOOD, steps=((), ())).sums() == "a save is 1.1 s"
    assert replace(GOOD, interruptions=()).sums() == ""
    assert GOOD.remarks() == []
    left = replace(ONE, left=("tee",))
    odd = replace(GOOD, interruptions=(left,), asked_for=3, steps=((), ()), left=("sleep",))
    assert replace(odd, elsewhere=("./runs",)).remarks() == [
        "it was over after 1 of 3 interruptions",
        'its output tells no steps (like "step 12"), so none could be counted',
        "left running when time was up, and killed: tee",
        "left running when the command had ended: sleep",
        "not kept for the next attempt: ./runs",
    ]
    assert ONE.to_dict()["told_seconds"] == 0.2
    assert repr(ONE).startswith("<Interruption attempt=1")


def test_the_same_seed_draws_the_same_moments_and_others_differ() -> None:
    assert moments(7, 5) == moments(7, 5)
    assert len({tuple(moments(seed, 1)) for seed in range(20)}) > 10
    drawn = [each for seed in range(40) for each in moments(seed, 3, steps=30)]
    assert {each.steps == 0 for each in drawn} == {True, False}
    assert {each.in_silence for each in drawn} == {True, False}
    assert max(each.steps for each in drawn) <= 10
    assert all(moments(seed, 1)[0].steps >= 1 for seed in range(40))


@pytest.mark.parametrize(
    ("moment", "since_step_s", "since_word_s", "age_s", "is_now"),
    [
        (Moment(3, 0.1), 0.1, 0.0, 1.0, True),
        (Moment(3, 0.1), 0.05, 0.0, 1.0, False),
        (Moment(3, 0.1), None, 0.0, 1.0, False),
        (Moment(3, 0.1), None, 0.0, 99.0, True),
        (Moment(3, 0.1, in_silence=True), 5.0, 0.0, 6.0, False),
        (Moment(3, 0.1, in_silence=True), 5.0, 0.5, 6.0, True),
    ],
)
def test_a_moment_comes_at_its_step_in_its_silence_or_at_last(
    moment: Moment,
    since_step_s: float | None,
    since_word_s: float,
    age_s: float,
    is_now: bool,  # noqa: FBT001
) -> None:
    seen = moment.is_now(since_step_s=since_step_s, since_word_s=since_word_s, age_s=age_s)
    assert seen is is_now
