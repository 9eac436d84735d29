"""Placement scores: the same question for the same need, and few new ones a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from tests.unit.aws.recorder import RecordingSession
from tests.unit.model.make import NOON

from spotkeeper.aws.scores import NEW_QUESTIONS, PlacementScores
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import PermissionDenied, Refused
from spotkeeper.market.risk import MOST_TYPES
from spotkeeper.store.cache import Cache

ROWS = [
    {"Region": "us-east-1", "AvailabilityZoneId": "use1-az1", "Score": 9},
    {"Region": "us-east-1", "AvailabilityZoneId": "use1-az2", "Score": 3},
    {"Region": "us-east-1", "Score": 5},
]
THREE = ("g5.xlarge", "g6.xlarge", "g4dn.xlarge")


class Desk:
    """A feed with its memory on disk, and a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now: datetime = NOON
        self.session = RecordingSession(GetSpotPlacementScores=[{"SpotPlacementScores": ROWS}])
        self._folder = folder

    def ask(
        self,
        ranked: Sequence[str] = THREE,
        regions: Sequence[str] = ("us-east-1",),
        *,
        refresh: bool = False,
    ) -> dict[str, int]:
        memory = Cache(self._folder, lambda: self.now, refresh=refresh)
        ledger = Cache(self._folder, lambda: self.now)
        session = cast("AwsSession", self.session)
        feed = PlacementScores(session, memory, ledger, lambda: self.now)
        self.answer = feed.scores(ranked, regions)
        return dict(self.answer.value.by_zone_id)

    @property
    def asked(self) -> list[tuple[list[str], list[str]]]:
        return [(body["InstanceTypes"], body["RegionNames"]) for _, body in self.session.calls]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_one_machine_in_one_zone_of_any_of_the_types_is_asked_for(desk: Desk) -> None:
    assert desk.ask() == {"use1-az1": 9, "use1-az2": 3}
    assert desk.answer.value.types == set(THREE)
    [(operation, body)] = desk.session.calls
    assert operation == "GetSpotPlacementScores"
    assert body == {
        "InstanceTypes": sorted(THREE),
        "TargetCapacity": 1,
        "SingleAvailabilityZone": True,
        "RegionNames": ["us-east-1"],
    }


def test_the_order_of_a_question_makes_no_new_one(desk: Desk) -> None:
    both = ("us-east-1", "eu-west-1")
    desk.ask(regions=both)
    desk.ask(tuple(reversed(THREE)), tuple(reversed(both)))
    assert desk.asked == [(sorted(THREE), sorted(both))]


def test_an_answer_is_remembered_for_a_quarter_of_an_hour(desk: Desk) -> None:
    desk.ask()
    desk.now += timedelta(minutes=14)
    desk.ask()
    assert desk.answer.as_of == NOON
    assert len(desk.asked) == 1
    desk.now += timedelta(minutes=2)
    desk.ask()
    assert desk.answer.as_of == desk.now
    assert len(desk.asked) == 2


def test_of_many_types_only_the_best_are_asked_for(desk: Desk) -> None:
    names = [f"m{number}.large" for number in range(9)]
    desk.ask(names)
    assert desk.asked[0][0] == sorted(names[:MOST_TYPES])


def test_an_earlier_question_is_asked_again_while_its_types_are_among_the_best(desk: Desk) -> None:
    desk.ask()
    desk.now += timedelta(hours=1)
    desk.ask(("p3.2xlarge", *THREE))
    assert desk.asked[1] == desk.asked[0]
    desk.ask(("p3.2xlarge", *THREE[1:]))
    assert "p3.2xlarge" in desk.asked[2][0]


def test_new_questions_of_a_day_are_counted_whatever_is_refreshed(desk: Desk) -> None:
    for number in range(NEW_QUESTIONS):
        desk.ask(regions=(f"us-east-{number}",), refresh=True)
        desk.now += timedelta(minutes=1)
    with pytest.raises(Refused, match="a new one is possible after 12:00 UTC"):
        desk.ask(regions=("eu-west-1",), refresh=True)
    assert len(desk.asked) == NEW_QUESTIONS
    desk.ask(regions=("us-east-0",), refresh=True)
    desk.now = NOON + timedelta(hours=24)
    desk.ask(regions=("eu-west-1",))
    assert desk.asked[-1][1] == ["eu-west-1"]


def test_a_question_that_ec2_refused_is_counted_too(desk: Desk) -> None:
    refusals = ["us-east-1", "us-east-2"]
    desk.session.answers["GetSpotPlacementScores"] = [PermissionDenied("no")]
    for region in refusals * 2:
        with pytest.raises(PermissionDenied):
            desk.ask(regions=(region,))
    desk.session.answers["GetSpotPlacementScores"] = [{"SpotPlacementScores": ROWS}]
    for number in range(NEW_QUESTIONS - len(refusals)):
        desk.ask(regions=(f"eu-west-{number}",))
    with pytest.raises(Refused):
        desk.ask(regions=("eu-north-1",))
