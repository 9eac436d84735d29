"""The command line wins over the file, the file over the defaults."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from tests.unit.model.make import NOON, offer

from spotkeeper.cli.up import command
from spotkeeper.errors import BadInput
from spotkeeper.keeper.launch_inputs import launch_request_from
from spotkeeper.lifecycle.launch_request import LaunchRequest, check
from spotkeeper.lifecycle.plan import make_plan
from spotkeeper.lifecycle.ports import OnInterruption
from spotkeeper.model.machine import Kind
from spotkeeper.model.offer import Ranking
from spotkeeper.store.settings import Settings, load
from spotkeeper.timings import DEFAULT_LIFE

NOTHING: dict[str, Any] = {
    parameter.name: () if getattr(parameter, "multiple", False) else None
    for parameter in command.params
    if parameter.expose_value and parameter.name not in {"config", "dry_run", "yes"}
}


def launch_request(
    settings: Settings | None = None, *, regions: tuple[str, ...] = (), **typed: Any
) -> LaunchRequest:
    """The wish of `spot up train` with these options typed."""
    given = {**NOTHING, "name": "train", "once": False, "open_to_world": False, **typed}
    return launch_request_from(given, settings or Settings(), regions)


def from_file(tmp_path: Path, lines: str) -> Settings:
    (tmp_path / "spot.toml").write_text(lines)
    return load(None, folder=tmp_path)


def test_every_option_of_the_command_is_known_here() -> None:
    assert all(isinstance(parameter, click.Parameter) for parameter in command.params)
    assert {"name", "types", "gpus", "lasting", "group_ids", "open_to_world"} <= set(NOTHING)


def test_the_defaults_are_a_box_for_a_day() -> None:
    made = launch_request(gpus=1)
    assert made.kind is Kind.BOX
    assert made.behaviour is OnInterruption.STOP
    assert made.lasting == DEFAULT_LIFE
    assert (made.max_price, made.image, made.disk_gib, made.user_script) == (None,) * 4
    assert (made.key_file, made.key_name, made.subnet_id) == (None, "", None)
    assert made.open_to_world is False


@pytest.mark.parametrize(
    ("line", "option", "typed", "read"),
    [
        ("gpus = 1", "gpus", 4, lambda w: w.need.gpus),
        ("gpu-memory = 16", "gpu_memory_gb", 40.0, lambda w: w.need.gpu_memory_gb),
        ("vcpus = 8", "vcpus", 16, lambda w: w.need.vcpus),
        ('type = "g5.*"', "types", ("g6.*",), lambda w: w.need.types),
        ('zone = ["a"]', "zones", ("b",), lambda w: w.need.zones),
        ('gpu = "A10G"', "gpu", "L4", lambda w: w.need.gpu),
        (
            "max-hourly = 0.5",
            "max_spot_usd_per_hour",
            "0.25",
            lambda w: w.need.max_spot_usd_per_hour,
        ),
        ('for = "8h"', "lasting", "2h", lambda w: w.lasting),
        ('max-price = "od"', "max_price", "0.5", lambda w: w.max_price and w.max_price.text),
        ('image = "ubuntu"', "image", "ami-1", lambda w: w.image),
        ("disk = 200", "disk_gb", 300, lambda w: w.disk_gib),
        ('idle = "30m"', "idle", "2h", lambda w: w.idle),
        ('notify = "https://a.example/b"', "notify_url", "http://c:8/", lambda w: w.notify_url),
        ('subnet = "subnet-1"', "subnet_id", "subnet-2", lambda w: w.subnet_id),
        ('security-group = "sg-1"', "group_ids", ("sg-2",), lambda w: w.group_ids),
        ('on-interruption = "hibernate"', "on_interruption", "stop", lambda w: w.on_interruption),
    ],
)
def test_what_is_typed_wins_over_the_file_and_the_file_over_nothing(
    tmp_path: Path, line: str, option: str, typed: Any, read: Any
) -> None:
    settings = from_file(tmp_path, f"[machine]\nmemory = 1\n{line}\n")
    alone = read(launch_request(memory_gib=1.0))
    by_file = read(launch_request(settings))
    by_hand = read(launch_request(settings, **{option: typed}))
    assert by_file != alone
    assert by_hand not in (alone, by_file)


@pytest.mark.parametrize(
    ("option", "name"),
    [("gpus", "gpus"), ("gpu_memory_gb", "gpu_memory_gb"), ("memory_gib", "memory_gib")],
)
def test_a_zero_that_is_typed_wins_too(tmp_path: Path, option: str, name: str) -> None:
    settings = from_file(tmp_path, "[machine]\ngpus = 1\ngpu-memory = 16\nmemory = 8\n")
    typed: dict[str, Any] = {option: 0}
    made = launch_request(settings, vcpus=4, **typed)
    assert getattr(made.need, name) == 0


@pytest.mark.parametrize(
    ("typed", "flag"),
    [
        ({"idle": "59s"}, "--idle"),
        ({"idle": "soon"}, "--idle"),
        ({"notify_url": "ftp://secret.example/"}, "--notify"),
        ({"notify_url": "https:///secret"}, "--notify"),
        ({"notify_url": "https://secret.example:x/"}, "--notify"),
        ({"notify_url": "https://secret.example/a\nb"}, "--notify"),
        ({"notify_url": "secret"}, "--notify"),
    ],
)
def test_what_no_agent_could_keep_to_is_refused(typed: dict[str, Any], flag: str) -> None:
    with pytest.raises(BadInput, match=flag) as caught:
        check(launch_request(gpus=1, **typed))
    assert "secret" not in caught.value.paragraph()


def test_where_it_is_told_of_is_shown_to_nobody() -> None:
    assert "secret" not in repr(launch_request(gpus=1, notify_url="https://a.example/secret"))


def test_a_disk_of_nothing_is_refused_and_not_ignored() -> None:
    with pytest.raises(BadInput, match="disk"):
        check(launch_request(gpus=1, disk_gb=0))


@pytest.mark.parametrize("line", ["gpus = -1", "memory = -8", "vcpus = -4", "gpu-memory = -1.5"])
def test_a_negative_number_in_the_file_is_refused_as_when_typed(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadInput, match=line.split(" ", 1)[0]):
        launch_request(from_file(tmp_path, f"[machine]\n{line}\ntype = 'g5.*'\n"))


def test_regions_typed_win_over_those_of_the_file(tmp_path: Path) -> None:
    settings = from_file(tmp_path, '[machine]\ngpus = 1\nregion = "eu-west-1"\n')
    assert launch_request(settings).need.regions == ("eu-west-1",)
    assert launch_request(settings, regions=("us-east-1",)).need.regions == ("us-east-1",)


def test_tags_add_up_and_the_typed_one_wins(tmp_path: Path) -> None:
    settings = from_file(tmp_path, '[machine]\ngpus = 1\n[tags]\nProject = "a"\nOwner = "me"\n')
    made = launch_request(settings, tags=("Project=b=c", "Empty="))
    assert made.tags == {"Project": "b=c", "Owner": "me", "Empty": ""}


def test_a_tag_without_a_value_is_refused() -> None:
    with pytest.raises(BadInput, match="has no ="):
        launch_request(gpus=1, tags=("Project",))


def test_the_file_can_make_it_gone_when_interrupted(tmp_path: Path) -> None:
    made = launch_request(from_file(tmp_path, "[machine]\ngpus = 1\nonce = true\n"))
    assert made.kind is Kind.ONCE
    assert made.behaviour is OnInterruption.TERMINATE


@pytest.mark.parametrize("typed", [{}, {"exclude": ("t*",)}, {"zones": ("us-east-1a",)}])
def test_a_wish_for_nothing_in_particular_is_refused(typed: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="Nothing says") as caught:
        launch_request(**typed)
    assert "--gpus 1" in caught.value.next_step


def test_a_machine_needs_a_name() -> None:
    with pytest.raises(BadInput, match="needs a name"):
        launch_request(gpus=1, name=None)


@pytest.mark.parametrize(("text", "length"), [("8h", 8), ("90m", 1.5), ("2d", 48)])
def test_a_deadline_is_a_length_of_time(text: str, length: float) -> None:
    assert launch_request(gpus=1, lasting=text).lasting == timedelta(hours=length)


@pytest.mark.parametrize("text", ["none", "NONE", " none "])
def test_none_is_no_deadline(text: str) -> None:
    assert launch_request(gpus=1, lasting=text).lasting is None


@pytest.mark.parametrize("text", ["never", "0h", "8", "tomorrow", "-8h"])
def test_any_other_deadline_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadInput, match="--for") as caught:
        launch_request(gpus=1, lasting=text)
    assert "none" in caught.value.next_step


@pytest.mark.parametrize("text", ["3000000d", "999999999d"])
def test_a_deadline_after_the_end_of_the_calendar_is_refused(text: str) -> None:
    def plan() -> None:
        made = launch_request(gpus=1, lasting=text)
        check(made)
        make_plan(made, Ranking((offer(),)), now=NOON)

    with pytest.raises(BadInput):
        plan()


@pytest.mark.parametrize("text", ["cheap", "spot+5", "0", "0.0001"])
def test_a_maximum_price_in_no_known_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--max-price") as caught:
        launch_request(gpus=1, max_price=text)
    assert "od-20%" in caught.value.next_step


def test_a_limit_that_is_no_amount_is_refused() -> None:
    with pytest.raises(BadInput, match="--max-hourly"):
        launch_request(gpus=1, max_spot_usd_per_hour="cheap")
    assert launch_request(
        gpus=1, max_spot_usd_per_hour="0.50"
    ).need.max_spot_usd_per_hour == Decimal("0.50")


def test_a_behaviour_of_the_file_that_ec2_does_not_know_is_refused(tmp_path: Path) -> None:
    settings = from_file(tmp_path, '[machine]\ngpus = 1\non-interruption = "sleep"\n')
    with pytest.raises(BadInput, match="--on-interruption cannot be 'sleep'"):
        launch_request(settings)


def test_a_budget_takes_the_place_of_the_usual_day_but_not_of_a_time_that_was_typed() -> None:
    assert launch_request(gpus=1).lasting == DEFAULT_LIFE
    assert launch_request(gpus=1, budget_usd="5").lasting is None
    typed = launch_request(gpus=1, budget_usd="5", lasting="3h")
    assert (typed.lasting, typed.budget_usd) == (timedelta(hours=3), Decimal(5))
    with pytest.raises(BadInput, match="--budget"):
        launch_request(gpus=1, budget_usd="-1")


def test_a_guard_is_one_that_there_is() -> None:
    assert launch_request(gpus=1).guard is None
    named = launch_request(gpus=1, guard="scheduler", guard_role="ours")
    assert (named.guard, named.guard_role) == ("scheduler", "ours")
    with pytest.raises(BadInput, match="scheduler"):
        launch_request(gpus=1, guard="dog")
