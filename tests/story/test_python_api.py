"""`import spotkeeper`: the same verbs, for programs."""

import inspect
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

import spotkeeper

PUBLIC = {
    *("connect", "Keeper", "__version__"),
    # what the verbs answer with
    *("Ranking", "Offer", "PriceComparison", "PriceRow", "PriceHistory", "PoolHistory", "Plan"),
    *("LaunchedMachine", "MachineList", "MachineReport", "RememberedList", "MachineHistory"),
    *("Chapter", "Login", "ExtendReport", "DownReport", "SweepReport", "ResourceId", "Leftover"),
    *(
        "Cost",
        "CostReport",
        "CostRow",
        "Check",
        "RehearsalReport",
        "BacktestReport",
        "RunReport",
        "RunLog",
        "StartedRun",
    ),
    *("Pushed", "Pulled"),
    # what they raise: one for each exit code
    *("SpotkeeperError", "BadInput", "Declined", "CredentialsProblem", "NoCapacity"),
    *("QuotaReached", "NotFound", "LeftBehind", "NameTaken", "Interrupted"),
}
VERBS = {
    *(
        "find",
        "prices",
        "price_history",
        "plan",
        "dry_run",
        "dearer_now",
        "up",
        "ls",
        "last_listing",
        "show",
    ),
    *("history", "ssh", "stop", "start", "extend", "down", "everything", "sweep", "doctor"),
    *("policy", "warnings", "rehearse", "backtest", "run", "logs", "cancel", "boxes", "costs"),
    *("push", "pull", "forward"),
}


@pytest.fixture
def keeper(home: object, sandbox: Sandbox) -> spotkeeper.Keeper:
    return spotkeeper.connect(region="us-east-1", sandbox=True)


def test_these_names_are_public_and_no_others() -> None:
    assert set(spotkeeper.__all__) == set(dir(spotkeeper)) == PUBLIC
    assert all(getattr(spotkeeper, name) is not None for name in PUBLIC)
    assert not hasattr(spotkeeper, "launch")
    public = [name for name in dir(spotkeeper.Keeper) if not name.startswith("_")]
    assert set(public) == VERBS


def test_importing_it_imports_nothing_else() -> None:
    def imported(program: str) -> set[str]:
        line = [sys.executable, "-X", "importtime", "-c", program]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        return {row.rpartition("|")[2].strip() for row in done.stderr.splitlines()}

    assert imported("import spotkeeper") - imported("import typing") == {"spotkeeper"}


def test_all_that_a_verb_answers_with_is_public() -> None:
    plain = {"str", "None", "Any", "Decimal", "Mapping", "tuple"}
    for verb in VERBS - {"warnings"}:
        told = inspect.signature(getattr(spotkeeper.Keeper, verb)).return_annotation
        assert set(re.findall(r"\w+", told)) <= PUBLIC | plain, verb
    for name in PUBLIC - {"connect", "__version__"}:
        for base in getattr(getattr(spotkeeper, name), "__orig_bases__", ()):
            [of] = base.__args__  # a list of results
            assert getattr(of, "__name__", of) in PUBLIC


def test_each_exit_code_has_one_error() -> None:
    errors = [getattr(spotkeeper, name) for name in PUBLIC if not name.startswith("_")]
    kinds = [each for each in errors if inspect.isclass(each)]
    codes = [each.exit_code for each in kinds if issubclass(each, spotkeeper.SpotkeeperError)]
    assert sorted(codes) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 130]


def test_a_program_finds_launches_lists_and_gives_back(
    keeper: spotkeeper.Keeper, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    ranking = keeper.find(types=["g5.xlarge"], regions=["us-east-1"])
    assert str(ranking[0].pool) == account.CHEAPEST
    [row] = keeper.prices(["g5.xlarge"], ["us-east-1"]).rows
    assert row.cheapest.price == ranking[0].price

    plan = keeper.plan("train", types=["g5.xlarge"], regions=["us-east-1"], lasting="8h")
    assert plan.first.pool == ranking[0].pool
    assert account.left(sandbox) == []  # nothing has been made yet
    report = keeper.up(plan)
    assert report.machine.name == "train"
    assert report.login is not None

    [listed] = keeper.ls(["us-east-1"])
    assert listed.machine.instance == report.machine.instance
    assert keeper.show("train").machine.state == "running"
    assert keeper.stop("train").machine.state == "stopped"
    assert keeper.start("train").machine.state == "running"
    extended = keeper.extend("train", "4h")
    assert extended.usd_until_deadline is not None

    assert keeper.down(["train"]).left == ()
    assert account.left(sandbox) == []
    with pytest.raises(spotkeeper.NotFound) as caught:
        keeper.show("train")
    assert caught.value.next_step in "".join(caught.value.__notes__)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_ctrl_c_in_a_block_gives_the_machine_back(
    keeper: spotkeeper.Keeper, sandbox: Sandbox
) -> None:
    plan = keeper.plan("dev", types=["m5.large"])
    with pytest.raises(KeyboardInterrupt), keeper.up(plan):
        raise KeyboardInterrupt
    assert account.left(sandbox) == []


def test_amounts_may_be_numbers_or_text(keeper: spotkeeper.Keeper) -> None:
    for amount in (0.5, "0.5", Decimal("0.5"), 1):
        found = keeper.find(types=["g5.*"], max_spot_usd_per_hour=amount)
        assert all(offer.spot_usd_per_hour <= Decimal(str(amount)) for offer in found)


#: What goes on while two answers are waited for, besides the clock.
MOVING = re.compile("series|percent|age|seconds|usd|at_risk|wait|saved")
TIME = re.compile(r"\d{4}-\d\d-\d\dT")


def still(told: Any) -> Any:
    """A record without what a moment changes; its keys all stay."""
    if isinstance(told, dict):
        return {key: None if MOVING.search(key) else still(it) for key, it in told.items()}
    if isinstance(told, list):
        return [still(each) for each in told]
    return "a time" if TIME.match(str(told)) else told


def is_shown(result: Any) -> None:
    """In one line, and as the table of a notebook."""
    line, html = repr(result), result._repr_html_()
    assert len(line) <= 200
    assert "\n" not in line
    assert line.startswith(f"<{type(result).__name__} ")
    assert html.startswith("<table>")


def test_a_result_tells_a_program_what_json_prints(
    keeper: spotkeeper.Keeper, spot: Spot, tmp_path: Path
) -> None:
    machine = keeper.up(keeper.plan("dev", types=["m5.large"]))
    past = tmp_path / "past.csv"
    rows = (f"2026-01-01T{hour:02}:00Z,a,1,0.5\n" for hour in range(24))
    past.write_text("time,zone,available,spot_usd_per_hour\n" + "".join(rows))
    job = ("--work", "2h", "--within", "4h", "--on-demand", "1", "--starts", "3")
    tried = keeper.backtest(
        past, work="2h", within="4h", on_demand_usd_per_hour=1, starts=3, policies=["ours"]
    )
    twins: list[tuple[Any, list[str]]] = [
        ([keeper.find(types=["g5.*"], limit=20)], ["find", "--type", "g5.*"]),
        ([keeper.prices(["m5.large"])], ["prices", "m5.large"]),
        ([keeper.price_history(["m5.large"], days=2)], ["prices", "m5.large", "--days", "2"]),
        ([keeper.plan("two", types=["m5.large"])], ["up", "two", "--type=m5.large", "--dry-run"]),
        ([keeper.ls()], ["ls"]),
        ([keeper.show("dev")], ["show", "dev"]),
        ([keeper.history("dev")], ["show", "dev", "--history"]),
        (keeper.doctor(["m5.large"], image="ubuntu"), ["doctor", "--type", "m5.large"]),
        ([tried], ["backtest", str(past), *job, "--policy", "ours"]),
    ]
    for results, line in twins:
        is_shown(results[0])
        told = [each.to_dict() for each in results]
        told = told[0].get("items", told)
        assert still(told) == still(spot(line[0], "--output", "json", *line[1:]).items), line
    changing: list[tuple[Any, list[str]]] = [
        (machine, ["up", "two", "--type=m5.large", "--yes"]),
        (keeper.extend("dev", "5h"), ["extend", "two", "6h"]),
        (keeper.sweep(), ["sweep"]),
        (keeper.down(["dev"]), ["down", "two", "--yes"]),
    ]
    for result, line in changing:
        is_shown(result)
        answer = spot(*line, "--output", "json").document
        assert result.to_dict().keys() <= {*answer, *(answer["items"] or [{}])[0]}, line


def test_a_program_rehearses_in_the_folder_where_it_stands(keeper: spotkeeper.Keeper) -> None:
    report = keeper.rehearse(["true"], hard=True, grace="2s")
    is_shown(report)
    assert report.to_dict().keys() >= {"survives", "verdict", "mend", "items", "warnings"}
    for wrong in ({"notices": 0}, {"signal": "HUP"}, {"grace": "soon"}):
        with pytest.raises(spotkeeper.BadInput, match=r"SIG|grace: 'soon'"):
            keeper.rehearse(["true"], **wrong)
