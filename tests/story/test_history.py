"""The life of a machine, told from this computer's journal."""

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.refusals import paragraph

TYPE = ("--type", "g5.xlarge")


@pytest.mark.soak
def test_a_whole_life_is_told_in_order_also_when_it_is_over(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.control.drain(account.CHEAPEST)
    assert spot("up", "train", *TYPE, "--yes").code == 0
    spot("sandbox", "advance", "2h")
    assert spot("stop", "train").code == 0
    assert spot("down", "train", "--yes").code == 0

    answer = spot("show", "train", "--history", "--output", "json")
    assert answer.document["kind"] == "history"
    assert [
        each["what"] for each in answer.items if each["what"] not in {"claimed", "released"}
    ] == [
        "intent",
        "refused",
        "intent",
        "launched",
        "ready",
        "stopped",
        "ending",
        "settled",
    ]
    told = {each["what"]: each for each in answer.items}
    assert told["refused"]["text"] == "EC2 refused g5.xlarge in us-east-1c: no capacity"
    assert 7200 <= told["stopped"]["ran_seconds"] < 7300
    assert told["stopped"]["spot_usd"] == pytest.approx(0.31 * 2, rel=0.05)
    assert {each["life"] for each in answer.items} == {1}
    assert all(each["at"].endswith("Z") for each in answer.items)

    monkeypatch.setenv("COLUMNS", "80")
    table = spot("show", "train", "--history")
    assert "EC2 refused g5.xlarge" in table.out
    assert "stopped by you" in table.out


def test_a_name_without_a_past_is_not_found(spot: Spot) -> None:
    assert "spot ls" in paragraph(spot("show", "never", "--history"), 7)
    assert "--history" in paragraph(spot("show", "never", "--all"), 2)
