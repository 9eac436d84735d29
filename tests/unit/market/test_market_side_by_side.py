"""Several questions at once, and what becomes of a refusal."""

import threading

import pytest

from spotkeeper.market.market import AT_ONCE, answers


def test_the_answers_come_in_the_order_of_the_questions() -> None:
    assert answers(len, ["ccc", "a", "bb", "a"]) == {"ccc": 3, "a": 1, "bb": 2}
    assert list(answers(len, ["ccc", "a"])) == ["ccc", "a"]
    assert answers(len, []) == {}


def test_as_many_are_asked_at_once_as_may_be() -> None:
    meeting = threading.Barrier(AT_ONCE, timeout=20)
    assert answers(lambda _: meeting.wait() >= 0, range(AT_ONCE)) == dict.fromkeys(
        range(AT_ONCE), True
    )


def test_more_questions_than_askers_are_all_answered() -> None:
    asked = range(5 * AT_ONCE)
    assert answers(lambda number: number * 2, asked) == {number: number * 2 for number in asked}


def test_the_first_refusal_is_raised_after_all_were_asked() -> None:
    heard: list[int] = []

    def ask(number: int) -> int:
        heard.append(number)
        if number in {2, 4}:
            raise ValueError(f"no {number}")
        return number

    with pytest.raises(ValueError, match="no 2"):
        answers(ask, range(6))
    assert sorted(heard) == list(range(6))


def test_a_problem_that_is_an_answer_is_one() -> None:
    found = answers(ValueError, ["a"])
    assert isinstance(found["a"], ValueError)
