"""Whatever a verb's signature does not allow is refused before anybody is asked."""

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import geography
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper
from tests.fakes.journal import MemoryJournal

import spotkeeper
from spotkeeper.errors import BadInput
from spotkeeper.keeper.arguments import KINDS, UNSAID, checked, for_program
from spotkeeper.keeper.inputs import LaunchWords, NeedWords
from spotkeeper.keeper.logs import LogWish
from spotkeeper.keeper.results import MachineList, MachineReport, SweepReport
from spotkeeper.keeper.run import RunOrder
from spotkeeper.lifecycle.doctor import Check, CheckStatus
from spotkeeper.model.machine import Machine
from spotkeeper.model.option import NEED, OPTIONS, REGIONS
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.store.working_folder import WorkingFolder

#: What is passed where something else may be meant.
SAMPLES: dict[str, object] = {
    "text": "ab",
    "bytes": b"ab",
    "number": 7,
    "fraction": 1.5,
    "truth": True,
    "numbers": [1],
    "texts": ["ab"],
    "dict of numbers": {"ab": 1},
    "function": print,
    "thing": object(),
    "nothing": None,
}

#: Which samples are a value of a kind; of every other kind, which is a class, none is.
FITTING: dict[str, set[str]] = {
    "None": {"nothing"},
    "bool": {"truth"},
    "int": {"number"},
    "float": {"number", "fraction"},
    "Decimal": set(),
    "str": {"text"},
    "Path": set(),
    "timedelta": set(),
    "Sequence[str]": {"texts"},
    "Mapping[str, str]": set(),
    "Progress": {"function"},
    "Opened": {"function"},
}

#: What a verb cannot do without.
NEEDED: dict[str, object] = {
    "name": "dev",
    "names": ["dev"],
    "types": ["g5.xlarge"],
    "by": "4h",
    "plan": "see below",
    "ports": ["8888"],
    "opened": print,
    "order": RunOrder(("true",), WorkingFolder(Path()), ()),
    "wish": LogWish(),
    "command": ["true"],
    "path": "past.csv",
    "work": "2h",
    "within": "4h",
    "image": "ubuntu",
}

VERBS: dict[str, Callable[..., Any]] = {
    name: verb
    for name, verb in inspect.getmembers(spotkeeper.Keeper, inspect.isfunction)
    if not name.startswith("_")
}


def options(verb: Callable[..., Any]) -> list[Parameter]:
    found = inspect.signature(verb).parameters.values()
    return [each for each in found if each.name != "self"]


def kinds(option: Parameter) -> list[str]:
    return str(option.annotation).split(" | ")


def wrong(option: Parameter) -> set[str]:
    """The samples that are no value of an option."""
    fine = set().union(*(FITTING.get(kind, set()) for kind in kinds(option)))
    return SAMPLES.keys() - fine - ({"nothing"} if option.default is UNSAID else set())


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


@pytest.fixture
def desk(cloud: FakeCloud, tmp_path: Path) -> spotkeeper.Keeper:
    made = keeper(cloud, home=home_with_key(tmp_path), journal=MemoryJournal())
    made.is_of_program = True
    return made


def call(verb: Callable[..., Any], words: dict[str, Any]) -> object:
    """The verb with some words, and all that it cannot do without."""
    signature = inspect.signature(verb)
    given = signature.bind_partial()
    for option in signature.parameters.values():
        if option.name in words:
            given.arguments[option.name] = words[option.name]
        elif option.default is Parameter.empty:
            given.arguments[option.name] = NEEDED[option.name]
        elif option.kind is Parameter.POSITIONAL_ONLY:
            given.arguments[option.name] = option.default
    return verb(*given.args, **given.kwargs)


@pytest.mark.parametrize("name", [*VERBS, "connect"])
def test_a_value_of_another_kind_is_refused(
    desk: spotkeeper.Keeper, cloud: FakeCloud, name: str
) -> None:
    verb = getattr(desk, name, spotkeeper.connect)
    for option in options(verb):
        for sample in sorted(wrong(option)):
            with pytest.raises(BadInput, match=f"^{name}: {option.name} must be "):
                call(verb, {option.name: SAMPLES[sample]})
    assert cloud.calls == []


@pytest.mark.parametrize("name", [*VERBS, "connect"])
def test_an_unknown_keyword_and_one_too_many_are_refused(
    desk: spotkeeper.Keeper, cloud: FakeCloud, name: str
) -> None:
    verb: Any = getattr(desk, name, spotkeeper.connect)
    with pytest.raises(BadInput, match=f"^{name} takes no colour"):
        verb(colour="red")
    with pytest.raises(BadInput, match=f"^{name}: too many positional"):
        verb(*range(9))
    assert cloud.calls == []


def test_a_text_for_the_names_ends_no_machine(desk: spotkeeper.Keeper) -> None:
    for name in ("a", "b"):
        desk.up(desk.plan(name, types=["g5.xlarge"]))
    with pytest.raises(BadInput) as caught:
        desk.down("ab")
    assert caught.value.next_step == 'Write names=["..."].'
    assert [report.machine.state for report in desk.ls()] == ["running", "running"]


def test_a_word_that_is_nearly_one_is_told(desk: spotkeeper.Keeper) -> None:
    with pytest.raises(BadInput) as caught:
        desk.find(gpu_memory_gib=24)  # type: ignore[call-arg]
    assert caught.value.next_step == "Did you mean gpu_memory_gb?"


def test_every_verb_is_checked_and_every_kind_is_known() -> None:
    ours = {"LaunchRequest", "LogWish", "Need", "Plan", "RunOrder"}
    for verb in (*VERBS.values(), spotkeeper.connect):
        assert isinstance(vars(verb)["__signature__"], Signature)
        for option in options(verb):
            assert option.kind is not Parameter.VAR_KEYWORD
            assert {*kinds(option)} <= {*KINDS} | ours, option
    assert KINDS.keys() == FITTING.keys()


def test_help_lists_every_word() -> None:
    assert "gpu_memory_gb: 'float' = Ellipsis" in str(inspect.signature(spotkeeper.Keeper.find))


def test_a_word_that_is_none_is_as_good_as_not_said(desk: spotkeeper.Keeper) -> None:
    words = [each.name for each in options(desk.find) if each.kind is Parameter.KEYWORD_ONLY]
    said: dict[str, Any] = {**dict.fromkeys(words), "types": ["g5.xlarge"]}
    assert desk.find(**said).offers == desk.find(types=["g5.xlarge"]).offers
    plan = desk.plan("dev", types=["g5.xlarge"], disk_gb=None, tags=None)  # type: ignore[arg-type]
    assert plan.disk.size_gib == 100


@pytest.mark.parametrize(
    ("lasting", "meant"),
    [("8h", timedelta(hours=8)), (timedelta(hours=8), timedelta(hours=8)), (None, None)],
)
def test_a_length_of_time_is_text_or_time_or_for_ever(
    desk: spotkeeper.Keeper, lasting: Any, meant: timedelta | None
) -> None:
    assert desk.plan("dev", types=["g5.xlarge"], lasting=lasting).lasting == meant
    assert desk.plan("dev", types=["g5.xlarge"]).lasting == timedelta(hours=24)


@pytest.mark.parametrize(
    ("verb", "words", "told"),
    [
        ("find", {"sort": "cheap"}, "sort cannot be 'cheap'"),
        ("find", {"limit": 0}, "limit cannot be 0"),
        ("find", {"gpus": -1}, "gpus cannot be -1"),
        ("find", {"gpu_memory_gb": float("nan")}, "gpu_memory_gb cannot be nan"),
        ("find", {"arch": "arm"}, "arch cannot be 'arm'"),
        ("find", {"max_spot_usd_per_hour": -1}, "not a dollar amount above zero"),
        ("plan", {"lasting": "8"}, "not a duration"),
        ("plan", {"lasting": timedelta(0)}, "no time at all"),
        ("plan", {"lasting": timedelta.max}, "is over 3650 days"),
        ("plan", {"budget_usd": float("nan")}, "not a dollar amount"),
        ("plan", {"disk_gb": 0}, "A disk of 0 GB"),
        ("plan", {"guard": "me"}, "guard cannot be 'me'"),
        ("plan", {"on_interruption": "sleep"}, "on_interruption cannot be 'sleep'"),
        ("plan", {"max_price": "spot+"}, "max_price: "),
        ("plan", {"tags": {"aws:x": "y"}}, "cannot be a tag's key"),
        ("plan", {"user_data": "/none/such"}, "Cannot read the user data"),
        ("plan", {"types": []}, "what kind of machine"),
        ("extend", {"by": timedelta(-1)}, "no time at all"),
        ("extend", {"by": "9999999d"}, "is over 3650 days"),
        ("price_history", {"days": 0}, "days cannot be 0"),
        ("price_history", {"days": 91}, "days cannot be 91"),
        ("policy", {"part": "stay"}, "no policy of 'stay'"),
    ],
)
def test_a_value_of_the_kind_that_cannot_be_meant_is_refused(
    desk: spotkeeper.Keeper, verb: str, words: dict[str, Any], told: str
) -> None:
    words = {"types": ["g5.xlarge"], **words} if verb == "plan" else words
    with pytest.raises(BadInput, match=re.escape(told)):
        call(getattr(desk, verb), words)


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("Use --disk 8 or --gpu-memory.", "Use disk_gb 8 or gpu_memory_gb."),
        ("--memory and --region", "memory_gib and regions"),
        ("Run `spot sweep --apply` again.", "Run `keeper.sweep(apply=True)` again."),
        ("`spot down dev` ends it", "`keeper.down(['dev'])` ends it"),
        ("`spot find --region any`", "`keeper.find(regions=['any'])`"),
        (
            "`spot down dev --yes` or `spot logs -f dev`",
            "`keeper.down(['dev'])` or `keeper.logs('dev', follow=True)`",
        ),
        ("`spot run dev -- COMMAND`", "`keeper.run('dev', ['COMMAND'])`"),
        ("`spot ssh dev -- ls /`", "`spot ssh dev -- ls /`"),
        (
            "Ask: aws ec2 copy-image --region x --name y, or --region",
            "Ask: aws ec2 copy-image --region x --name y, or regions",
        ),
        ("`spot sandbox reset`", "`spot sandbox reset`"),
        ("`aws ec2 create-default-vpc --region x`", "`aws ec2 create-default-vpc --region x`"),
        ("aws iam create-role --role-name x", "aws iam create-role --role-name x"),
        ("Add --debug.", "Add boto3.set_stream_logger('')."),
    ],
)
def test_errors_speak_the_words_of_a_program(typed: str, spelled: str) -> None:
    assert for_program(typed) == for_program(for_program(typed)) == spelled


def test_results_speak_the_words_of_a_program_in_all_that_is_told(
    desk: spotkeeper.Keeper,
) -> None:
    told = "see --type; `spot down dev` ends it"
    spelled = "see types; `keeper.down(['dev'])` ends it"
    gone = ResourceId(ResourceKind.INSTANCE, "i-1", geography.REGION)
    inner = SweepReport(left=(Leftover(gone, told),), warnings=(told,))
    nested = MachineList((MachineReport(Machine(None, None), warnings=(told,)),), (told,))

    @checked()
    def answer(asker: "object", found: "object") -> Any:
        return found

    check = Check("quota", CheckStatus.OK, told, told)
    swept, listed, [line] = answer(desk, (inner, nested, (check,)))
    assert (swept.left[0].reason, swept.warnings) == (spelled, (spelled,))
    assert (listed.warnings, listed[0].warnings) == ((spelled,), (spelled,))
    assert (line.told, line.fix) == (spelled, spelled)
    desk.is_of_program = False
    assert answer(desk, inner) is inner


@pytest.mark.parametrize(
    ("verb", "words"), [("plan", {}), ("plan", {"disk_gb": 0}), ("find", {"gpus": -1})]
)
def test_an_error_of_a_program_names_no_option_of_the_command_line(
    desk: spotkeeper.Keeper, verb: str, words: dict[str, Any]
) -> None:
    with pytest.raises(BadInput) as caught:
        getattr(desk, verb)(*(["dev"] if verb == "plan" else []), **words)
    assert "--" not in caught.value.paragraph()
    assert caught.value.__notes__ == [caught.value.next_step]


def test_the_keywords_are_those_of_the_records_of_options() -> None:
    assert set(NeedWords.__annotations__) == {each.word for each in (*NEED, REGIONS)}
    assert set(LaunchWords.__annotations__) == {each.word for each in OPTIONS} - {"profile"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"work": "soon"}, "work: 'soon' is not a duration"),
        ({"on_demand_usd_per_hour": -1}, "on_demand_usd_per_hour: "),
        ({"policies": ["hope"]}, "starts under hope"),
        ({"starts": 0}, "There are no 0 starts"),
    ],
)
def test_a_job_that_cannot_be_meant_is_refused(
    desk: spotkeeper.Keeper, tmp_path: Path, words: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(told)):
        desk.backtest(tmp_path / "past.csv", **{"work": "2h", "within": "4h", **words})


def test_a_file_that_has_spot_so_rarely_is_believed_when_that_is_said(
    desk: spotkeeper.Keeper, tmp_path: Path
) -> None:
    rows = (f"2026-01-01T{hour:02}:00Z,a,{int(hour == 5)},0.5\n" for hour in range(24))
    past = tmp_path / "past.csv"
    past.write_text("time,zone,available,spot_usd_per_hour\n" + "".join(rows))
    said: dict[str, Any] = {"work": "2h", "within": "9h", "on_demand_usd_per_hour": 1, "starts": 2}
    with pytest.raises(spotkeeper.Declined) as caught:
        desk.backtest(past, **said)
    assert "yes=True" in caught.value.next_step
    assert desk.backtest(past, **said, yes=True).to_dict()["items"]
