"""What the entries of the journal say about a name."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON, entry_of

from spotkeeper.model.journal_entry import (
    KINDS,
    Damaged,
    Ending,
    Entry,
    Intent,
    Launched,
    LaunchRefused,
    Ready,
    Seen,
    Settled,
    Settling,
)
from spotkeeper.model.lives import (
    attempts,
    cut_off,
    each_life,
    given_back,
    is_damaged,
    is_open,
    is_settling,
    known_tokens,
    last_intent_at,
    last_launch,
    latest,
    ready_tokens,
    regions,
    this_life,
    told_lives,
    unfinished,
)
from spotkeeper.timings import LONGEST_CALL

SETTLED = Settled(NOON)
DAMAGED = Damaged(NOON)


def intent(launch: str = "t", region: str = "us-east-1", **fields: str) -> Intent:
    return entry_of(Intent, NOON, {"token": launch, "region": region, **fields})


def ended_by(what: type[Entry], launch: str = "t") -> Entry:
    return entry_of(what, NOON, {"token": launch})


def test_a_life_begins_after_the_name_was_gone_for_certain() -> None:
    second = intent("two")
    assert this_life([intent("one"), SETTLED, second]) == (second,)


def test_lives_follow_each_other_and_the_last_may_be_on() -> None:
    first, second = intent("one"), intent("two")
    assert list(each_life([first, SETTLED, SETTLED, second])) == [
        (first, SETTLED),
        (SETTLED,),
        (second,),
    ]
    assert list(each_life([])) == []


def test_what_was_started_again_after_its_end_began_is_not_given_back() -> None:
    entries = [intent("one"), ended_by(Launched, "one"), Ending(NOON)]
    assert given_back(entries) == {"one"}
    assert given_back([*entries, ended_by(Ready, "one")]) == frozenset()


def test_a_launch_without_an_outcome_may_have_happened_until_it_was_given_up() -> None:
    begun = intent("one")

    def given_up(after: timedelta) -> Entry:
        return Ending(NOON + after)

    soon, late = timedelta(seconds=20), timedelta(hours=2)
    assert last_intent_at([begun, given_up(soon)]) == NOON + soon
    assert last_intent_at([begun, given_up(late)]) == NOON + LONGEST_CALL
    assert last_intent_at([begun, ended_by(Launched, "one"), given_up(soon)]) == NOON


def test_a_damaged_line_counts_until_the_name_is_gone_for_certain() -> None:
    entries = [intent(attempt="1"), DAMAGED]
    assert is_damaged(entries)
    assert is_open([DAMAGED])
    assert not is_damaged([*entries, SETTLED])
    assert not is_damaged([SETTLED])


def test_a_damaged_line_may_have_been_an_intent() -> None:
    entries = [intent(attempt="1"), Settling(NOON), DAMAGED]
    assert not is_settling(entries)
    assert last_intent_at([DAMAGED]) == NOON
    assert attempts(entries) == 2
    assert attempts([*entries, SETTLED]) == 2


def test_a_settled_name_is_not_open() -> None:
    assert is_open([intent()])
    assert not is_open([intent(), SETTLED])
    assert not is_open([])


@given(st.lists(st.sampled_from(KINDS)))
def test_a_life_is_the_tail_of_the_record(kinds: list[type[Entry]]) -> None:
    entries = [entry_of(what, NOON) for what in kinds]
    life = this_life(entries)
    assert list(life) == entries[len(entries) - len(life) :]
    assert all(not isinstance(entry, Settled) for entry in life)


def test_a_life_as_it_is_told_is_over_when_its_machine_was_given_back() -> None:
    def launch(token: str, *, ready: bool = True) -> list[Entry]:
        granted = entry_of(Launched, NOON, {"token": token, "instance": f"i-{token}"})
        return [intent(token), granted, *([ended_by(Ready, token)] if ready else [])]

    end, late = [Ending(NOON), Settling(NOON)], entry_of(Seen, NOON, {"instance": "i-one"})
    one, two = [*launch("one"), *end], launch("two")
    assert list(told_lives([*one, *two, late])) == [(*one, late), tuple(two)]
    assert latest([*one, *two, late]) == tuple(two)
    assert latest([*one, SETTLED]) == latest([]) == ()
    undone = [*launch("one", ready=False), *end]  # by the launch itself, which goes on elsewhere
    assert list(told_lives([*undone, *two])) == [(*undone, *two)]


@given(st.lists(st.sampled_from(KINDS)))
def test_every_entry_is_of_one_life_that_is_told(kinds: list[type[Entry]]) -> None:
    entries = [entry_of(what, NOON) for what in kinds]
    assert sum(map(len, told_lives(entries))) == len(entries)


def test_settling_is_not_the_end_of_a_life() -> None:
    assert is_open([intent(), Settling(NOON)])


def test_an_intent_without_an_outcome_is_unfinished() -> None:
    assert unfinished([intent()]) == (intent(),)
    assert unfinished([intent(), ended_by(Launched)]) == ()
    assert unfinished([intent(), ended_by(LaunchRefused)]) == ()


def test_only_the_intent_of_the_same_token_is_finished() -> None:
    assert unfinished([intent("one"), intent("two"), ended_by(LaunchRefused, "one")]) == (
        intent("two"),
    )


def test_an_intent_of_an_earlier_life_is_over() -> None:
    assert unfinished([intent(), SETTLED]) == ()


def test_every_region_of_this_life_is_remembered_once_in_order() -> None:
    entries = [
        intent(region="eu-west-1"),
        SETTLED,
        intent(region="us-west-2"),
        intent(region="us-east-1"),
        intent(region="us-west-2"),
        Seen(NOON),
    ]
    assert regions(entries) == ("us-west-2", "us-east-1")


def test_the_last_intent_is_the_latest() -> None:
    later = Intent(NOON + timedelta(minutes=1))
    seen = Seen(NOON + timedelta(hours=1))
    assert last_intent_at([later, intent(), seen]) == later.at
    assert last_intent_at([seen]) is None


def test_attempts_are_counted_over_all_lives() -> None:
    assert (
        attempts([intent(attempt="1"), SETTLED, intent(attempt="10"), intent(attempt="9")]) == 10
    )
    assert attempts([intent(), intent(attempt="x")]) == 0


def test_a_field_that_is_missing_is_empty() -> None:
    assert Seen(NOON).region == ""


def launched(launch: str) -> tuple[Entry, ...]:
    """A launch that came to its end."""
    return (intent(launch), ended_by(Launched, launch), ended_by(Ready, launch))


def ending(*only: str) -> Entry:
    return entry_of(Ending, NOON, {"only": " ".join(only)} if only else {})


def test_a_launch_is_ready_when_its_user_was_told_and_until_its_ending_begins() -> None:
    assert ready_tokens(launched("a")[:2]) == frozenset()
    assert ready_tokens(launched("a")) == {"a"}
    assert ready_tokens([*launched("a"), ending()]) == frozenset()
    assert ready_tokens([*launched("a"), SETTLED]) == frozenset()


def test_an_ending_of_some_launches_leaves_the_others_ready() -> None:
    entries = [*launched("a"), *launched("b"), ending("a")]
    assert ready_tokens(entries) == {"b"}
    assert given_back(entries) == {"a"}


def test_a_launch_after_an_ending_is_ready_again() -> None:
    entries = [*launched("a"), ending(), Settling(NOON), *launched("b")]
    assert ready_tokens(entries) == {"b"}
    assert given_back(entries) == {"a"}


def test_what_was_gone_for_certain_was_given_back_and_is_still_known() -> None:
    entries = [*launched("a"), SETTLED, intent("b")]
    assert given_back(entries) == {"a"}
    assert known_tokens(entries) == {"a", "b"}


def test_a_ready_entry_without_a_token_means_the_last_launch() -> None:
    entries = [intent("a"), ended_by(Launched, "a"), Ready(NOON)]
    assert ready_tokens(entries) == {"a"}
    assert last_launch(entries) == "a"
    assert last_launch([*entries, SETTLED]) == ""


def test_a_launch_is_cut_off_between_the_grant_and_its_end() -> None:
    entries = launched("a")
    assert [cut_off(entries[:count]) for count in (1, 2, 3)] == ["", "a", ""]
    assert cut_off([*entries[:2], ending()]) == ""
    assert cut_off([*entries[:2], SETTLED]) == ""


def test_what_ec2_launched_by_itself_is_the_last_that_came_into_being() -> None:
    begun = intent()
    later = begun.at + timedelta(minutes=3)
    assert last_intent_at([begun, Settling(NOON, born=later)]) == later
    assert last_intent_at([begun, Settling(NOON)]) == begun.at
