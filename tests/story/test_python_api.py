"""`from spotkeeper import Keeper`: the same verbs, for programs."""

import pytest
from tests.conftest import Sandbox
from tests.story import account

import spotkeeper
from spotkeeper import Keeper
from spotkeeper.errors import Declined, NotFound
from spotkeeper.keeper.wiring import Connection
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Plan
from spotkeeper.model.need import Need


@pytest.mark.usefixtures("home")
def test_a_program_finds_launches_lists_and_gives_back(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper = Keeper.connect(Connection(sandbox=True))
    need = Need(types=("g5.xlarge",), regions=("us-east-1",))

    ranking = keeper.find(need)
    assert str(ranking.offers[0].pool) == account.CHEAPEST
    [row] = keeper.prices(["g5.xlarge"], ["us-east-1"]).rows
    assert row.cheapest.price == ranking.offers[0].price

    plans: list[Plan] = []

    def agree(plan: Plan) -> bool:
        plans.append(plan)
        return True

    report = keeper.up(LaunchRequest("train", need), confirm=agree)
    assert report is not None
    assert plans[0].first.pool == ranking.offers[0].pool
    assert report.machine.name == "train"
    assert report.login is not None

    [listed] = keeper.machines(["us-east-1"]).reports
    assert listed.machine.instance == report.machine.instance
    assert keeper.machine("train").machine.state == "running"
    assert keeper.stop("train").machine.state == "stopped"
    assert keeper.start("train").machine.state == "running"

    ended = keeper.down(["train"])
    assert ended.outcome.left == []
    assert account.left(sandbox) == []
    with pytest.raises(NotFound):
        keeper.machine("train")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.usefixtures("home")
def test_a_program_that_declines_the_plan_has_changed_nothing(sandbox: Sandbox) -> None:
    keeper = Keeper.connect(Connection(sandbox=True))

    with pytest.raises(Declined):
        keeper.up(LaunchRequest("train", Need(types=("t3.micro",))), confirm=lambda _: False)

    assert account.left(sandbox) == []


def test_the_package_offers_the_keeper_and_its_version_only() -> None:
    assert spotkeeper.__all__ == ["Keeper", "__version__"]
    with pytest.raises(AttributeError):
        _ = spotkeeper.nothing
