"""Which regions a command means, and what is said of those that do not answer."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import edges
from tests.fakes.geography import CALLER
from tests.fakes.journal import MemoryJournal
from tests.unit.model.make import NOON

from spotkeeper.errors import (
    CredentialsProblem,
    ExpiredCredentials,
    NoCredentials,
    NotFound,
    PermissionDenied,
    Refused,
    RegionNotEnabled,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.keeper.regions import EnabledRegions, by_reason, in_each, listed
from spotkeeper.model.journal_entry import Intent
from spotkeeper.model.launch import LaunchToken

NAMES = ("us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1")


def enabled(home: Path, problem: SpotkeeperError, default: str | None) -> EnabledRegions:
    def ask() -> tuple[str, ...]:
        raise problem

    around = edges(FakeCloud(), home=home)
    known = replace(around, known_regions=lambda: NAMES, default_region=default)
    return EnabledRegions(replace(known, enabled_regions=ask))


@pytest.mark.parametrize(
    "problem",
    [kind("no") for kind in (PermissionDenied, RegionNotEnabled, Unreachable, Refused, NotFound)],
)
@pytest.mark.parametrize(
    ("default", "tried"),
    [
        ("eu-west-1", ("us-east-1", "eu-west-1")),
        ("cn-north-1", ("cn-north-1",)),
        (None, ("us-east-1", "eu-west-1")),
    ],
)
def test_where_nobody_tells_the_regions_all_of_the_partition_are_tried(
    tmp_path: Path, problem: SpotkeeperError, default: str | None, tried: tuple[str, ...]
) -> None:
    regions = enabled(tmp_path, problem, default)
    assert regions() == tried
    assert [*regions.warnings] == ["all regions were tried: no"]


def test_without_a_login_no_region_is_tried(tmp_path: Path) -> None:
    with pytest.raises(NoCredentials):
        enabled(tmp_path, NoCredentials("who?"), None)()


def answered(**problems: SpotkeeperError) -> tuple[list[str], list[SpotkeeperError]]:
    def look(region: str) -> str:
        if problem := problems.get(region):
            raise problem
        return region

    return in_each(["a", "b"], look)


def test_a_region_that_does_not_take_the_keys_does_not_hide_the_others() -> None:
    found, failed = answered(b=CredentialsProblem("AuthFailure"))
    assert found == ["a"]
    assert [each.region for each in failed] == ["b"]


@pytest.mark.parametrize("problem", [NoCredentials("who?"), ExpiredCredentials("old")])
def test_a_login_that_is_over_is_over_everywhere(problem: SpotkeeperError) -> None:
    with pytest.raises(type(problem)):
        answered(b=problem)


def test_where_no_region_answers_the_first_problem_is_raised() -> None:
    with pytest.raises(PermissionDenied):
        answered(a=PermissionDenied("no"), b=Unreachable("silence"))


def test_regions_with_the_same_reason_are_told_together_and_the_reason_names_none() -> None:
    problems = [
        Unreachable("https://ec2.eu-south-1.x hung up", region="eu-south-1"),
        Unreachable("https://ec2.eu-south-2.x hung up", region="eu-south-2"),
        PermissionDenied("DescribeTags in eu-west-1: not authorized", region="eu-west-1"),
        Unreachable("DescribeTags in sa-east-1: no answer", region="sa-east-1"),
        PermissionDenied("DescribeTags in us-east-1: not authorized", region="us-east-1"),
    ]
    assert by_reason(problems) == (
        "eu-south-1, eu-south-2: https://ec2.<region>.x hung up",
        "eu-west-1, us-east-1: DescribeTags in the region: not authorized",
        "sa-east-1: DescribeTags in sa-east-1: no answer",
    )


def test_a_region_where_something_of_ours_is_counts_though_it_was_switched_off(
    tmp_path: Path,
) -> None:
    journal = MemoryJournal()
    for name, region in (("here", "us-east-1"), ("there", "me-south-1"), ("china", "cn-north-1")):
        journal.append(name, Intent(NOON, region, token=LaunchToken(name)))
    for owner, region in ((CALLER.owner, "af-south-1"), ("2:user/else", "eu-south-1")):
        name = region[:2]
        journal.append(name, Intent(NOON, region, token=LaunchToken(name), owner=owner))
    around = edges(FakeCloud(), home=tmp_path, journal=journal)
    assert listed((), around) == (*around.enabled_regions(), "af-south-1", "me-south-1")
    assert listed(("us-east-1",), around) == ("us-east-1",)
