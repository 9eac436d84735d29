"""`spot.toml`: understood whole, or refused with file, line and key."""

from datetime import timedelta
from pathlib import Path

import click
import pytest

from spotkeeper.cli.up import command
from spotkeeper.errors import BadInput
from spotkeeper.model.risk import Work
from spotkeeper.store.settings import MACHINE_KEYS, Settings, load

FULL = """
[machine]
type = "g5.*"
exclude = ["g5.metal"]
region = ["us-east-1", "eu-west-1"]
zone = "use1-az1"
gpus = 1
gpu = "A10G"
gpu-memory = 16
vcpus = 4
memory = 15.5
arch = "x86_64"
max-hourly = 0.5
max-interruption = 10
once = true
on-interruption = "terminate"
max-price = "od-20%"
for = "12h"
budget = 12.5
guard = "scheduler"
idle = "30m"
notify = "https://ntfy.example/train"
guard-role = "spotkeeper-guard"
image = "deep-learning"
disk = 200
user-data = "boot.sh"
key = "~/.ssh/id_rsa.pub"
subnet = "subnet-1"
security-group = "sg-1"
profile = "ml"
role = "trainer"
connect = "endpoint"
[tags]
Project = "PurchaseInvoice"
Owner = "me@example.com"
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "spot.toml"
    path.write_text(text, encoding="utf-8")
    return load(None, folder=tmp_path)


def refused(tmp_path: Path, text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        loaded(tmp_path, text)
    assert str(tmp_path / "spot.toml") in caught.value.message
    return caught.value


def test_every_key_of_the_file_is_read(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL)
    assert set(settings.machine) == set(MACHINE_KEYS)
    assert settings.get("type") == ["g5.*"]
    assert settings.get("region") == ["us-east-1", "eu-west-1"]
    assert settings.get("security-group") == ["sg-1"]
    assert (settings.get("gpus"), settings.get("memory"), settings.get("once")) == (1, 15.5, True)
    assert settings.tags == {"Project": "PurchaseInvoice", "Owner": "me@example.com"}
    assert settings.origin == tmp_path / "spot.toml"


def test_every_option_of_up_can_stand_in_the_file() -> None:
    """All but those that say where the file is, or that nobody should agree to beforehand."""
    not_there = {"config", "dry-run", "yes", "open-to-world", "tag", "help"}
    not_there |= {"endpoint-url", "sandbox", "output", "no-color", "debug"}
    options = {
        max(parameter.opts, key=len).removeprefix("--")
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    assert options - not_there == set(MACHINE_KEYS)


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    assert load(None, folder=tmp_path) == Settings()
    assert Settings().get("gpus") is None


@pytest.mark.parametrize("text", ["", "[machine]\n", "[tags]\n"])
def test_a_file_may_say_nothing(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).machine == {}


def test_the_named_file_counts_and_not_the_one_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "spot.toml").write_text("[machine]\ngpus = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[machine]\ngpus = 2\n")
    assert load(other, folder=tmp_path).get("gpus") == 2


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file") as caught:
        load(tmp_path / "missing.toml", folder=tmp_path)
    assert "missing.toml" in caught.value.message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Cannot read"):
        load(tmp_path, folder=tmp_path)


def test_what_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spot.toml").write_bytes(b'[tags]\nOwner = "J\xfcrgen"\n')
    with pytest.raises(BadInput, match="not UTF-8"):
        load(None, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "key", "near"),
    [
        ("[machine]\ngpus = 1\nregoin = 'x'\n", 3, "regoin", "region"),
        ("[machine]\ngpu_memory = 16\n", 2, "gpu_memory", "gpu-memory"),
        ("\n[machin]\ngpus = 1\n", 2, "machin", "machine"),
        ("[machine]\ndisks = 1\n", 2, "disks", "disk"),
        ("gpus = 1\n", 1, "gpus", "[machine]"),
        ("[machine]\nrestart = '5m'\n", 2, "restart", "[work]"),
    ],
)
def test_an_unknown_key_is_told_with_its_line_and_the_nearest_known_one(
    tmp_path: Path, text: str, line: int, key: str, near: str
) -> None:
    problem = refused(tmp_path, text)
    assert f"line {line}: {key} is not a known key" in problem.message
    assert problem.next_step in (f"Did you mean {near}?", f"It belongs under {near}.")


def test_a_key_like_no_other_lists_the_known_ones(tmp_path: Path) -> None:
    problem = refused(tmp_path, "[machine]\nqqq = 1\n")
    assert all(key in problem.next_step for key in MACHINE_KEYS)


@pytest.mark.parametrize(
    ("line", "key", "wanted"),
    [
        ('gpus = "1"', "gpus", "whole number"),
        ("gpus = 1.0", "gpus", "whole number"),
        ("gpus = true", "gpus", "whole number"),
        ('memory = "16"', "memory", "number"),
        ("memory = true", "memory", "number"),
        ("for = 8", "for", "text"),
        ("image = ['a']", "image", "text"),
        ('once = "yes"', "once", "true or false"),
        ("type = 5", "type", "list"),
        ("region = [1]", "region", "list"),
        ("max-price = true", "max-price", "price"),
        ("disk = 2026-11-23", "disk", "whole number"),
    ],
)
def test_a_wrong_type_is_told_with_file_line_and_key(
    tmp_path: Path, line: str, key: str, wanted: str
) -> None:
    problem = refused(tmp_path, f"# my machines\n[machine]\n{line}\n")
    assert f"line 3: {key} must be a {wanted}, not " in problem.message


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[machine]\ngpu-memory = 16\ngpu = 5\n", 3, "gpu"),
        ("[machine]\nmax-hourly = 1\nmemory = 8\nmax-price = []\n", 4, "max-price"),
        ("[machine]\nfor = '8h'\n[tags]\nfor = 1\n", 4, "for"),
    ],
)
def test_the_line_is_that_of_the_key_and_not_of_one_that_begins_alike(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    assert f"line {line}: {key} must be" in refused(tmp_path, text).message


def test_a_price_may_be_a_number(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[machine]\nmax-price = 0.5\n").get("max-price") == 0.5


def test_a_tag_must_be_text(tmp_path: Path) -> None:
    problem = refused(tmp_path, "[tags]\nProject = 'x'\nCost = 17\n")
    assert "line 3: Cost must be text in quotes, not 17" in problem.message


@pytest.mark.parametrize("text", ["machine = 5\n", "[[machine]]\n"])
def test_a_section_must_be_a_table(tmp_path: Path, text: str) -> None:
    assert "line 1: machine must be a table: [machine]" in refused(tmp_path, text).message


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    problem = refused(tmp_path, "[machine]\ngpus = = 1\n")
    assert "line 2" in problem.message
    assert problem.next_step == "Fix that line."


def test_the_work_section_says_what_an_interruption_costs(tmp_path: Path) -> None:
    text = '[work]\nrestart = "5m"\ncheckpoint = "1h30m"\nrun = "2d"\n'
    assert loaded(tmp_path, text).work == Work(
        timedelta(minutes=5), timedelta(minutes=90), timedelta(days=2)
    )


def test_without_a_work_section_the_defaults_stand(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[work]\nrun = "1h"\n').work == Work(run=timedelta(hours=1))
    assert loaded(tmp_path, "").work == Work()


@pytest.mark.parametrize("value", ['"soon"', "10", "true", '"0m"', '["1h"]', "1.5"])
def test_a_length_that_is_none_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    problem = refused(tmp_path, f'[work]\nrun = "1h"\ncheckpoint = {value}\n')
    assert "line 3: checkpoint cannot be read" in problem.message


def test_a_key_that_means_nothing_in_work_is_refused(tmp_path: Path) -> None:
    assert "checkpoint" in refused(tmp_path, '[work]\ncheckpoints = "1h"\n').next_step
