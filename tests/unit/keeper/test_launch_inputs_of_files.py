"""What a wish takes from other files: the old script's JSON, user data, keys."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.keeper.test_launch_inputs import launch_request

from spotkeeper.errors import BadInput
from spotkeeper.lifecycle.userdata import MAX_PLAIN_BYTES
from spotkeeper.store.settings import Settings, load


def old(tmp_path: Path, **fields: Any) -> Settings:
    path = tmp_path / "ec2-dev.json"
    path.write_text(json.dumps(fields))
    return load(path, folder=tmp_path)


def test_the_old_file_makes_the_machine_it_always_made(tmp_path: Path) -> None:
    settings = old(
        tmp_path,
        Name="EC2 Dev",
        Project="PurchaseInvoice",
        Owner="me@example.com",
        Key_Name="my-key",
        Volume_Size="100",
        AMI_Id="ami-0123456789abcdef0",
        AWSCLI_Profile="ml",
        User_Data="#!/bin/bash\necho hello\n",
    )
    made = launch_request(settings, name=None, types=("r4.xlarge",))
    assert made.name == "ec2-dev"
    assert made.tags == {
        "Name": "EC2 Dev",
        "Project": "PurchaseInvoice",
        "Owner": "me@example.com",
    }
    assert (made.disk_gib, made.image) == (100, "ami-0123456789abcdef0")
    assert (made.key_name, made.key_file) == ("my-key", None)
    assert made.user_script == b"#!/bin/bash\necho hello\n"


def test_a_name_that_is_typed_wins_and_brings_no_label(tmp_path: Path) -> None:
    made = launch_request(old(tmp_path, Name="EC2 Dev"), gpus=1)
    assert made.name == "train"
    assert made.tags == {}


@pytest.mark.parametrize(
    ("spelled", "name"),
    [("EC2 Dev", "ec2-dev"), ("_x_", "x"), ("A" * 60, "a" * 39), ("Größe 1", "gr-e-1")],
)
def test_a_name_is_spelled_as_names_are(tmp_path: Path, spelled: str, name: str) -> None:
    assert launch_request(old(tmp_path, Name=spelled), name=None, gpus=1).name == name


def test_a_name_of_nothing_usable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"ec2-dev\.json"):
        launch_request(old(tmp_path, Name="***"), name=None, gpus=1)


def test_a_key_file_that_is_typed_wins_over_the_key_of_the_old_file(tmp_path: Path) -> None:
    made = launch_request(
        old(tmp_path, Key_Name="my-key"), gpus=1, key_file=str(tmp_path / "k.pub")
    )
    assert (made.key_name, made.key_file) == ("", tmp_path / "k.pub")


def test_user_data_that_is_typed_wins_over_the_text_of_the_old_file(tmp_path: Path) -> None:
    script = tmp_path / "boot.sh"
    script.write_bytes(b"#!/bin/sh\n\xff")
    settings = old(tmp_path, User_Data="#!/bin/bash\n")
    assert (
        launch_request(settings, gpus=1, user_data=str(script)).user_script == b"#!/bin/sh\n\xff"
    )


def test_the_user_data_of_the_old_file_may_be_a_path(tmp_path: Path) -> None:
    script = tmp_path / "boot.sh"
    script.write_bytes(b"#!/bin/sh\n")
    assert (
        launch_request(old(tmp_path, User_Data=str(script)), gpus=1).user_script == b"#!/bin/sh\n"
    )


@pytest.mark.parametrize("name", ["missing.sh", "."])
def test_user_data_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="Cannot read the user data"):
        launch_request(gpus=1, user_data=str(tmp_path / name))


def test_user_data_over_the_limit_of_ec2_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "boot.sh"
    script.write_bytes(b"#" * (MAX_PLAIN_BYTES + 1))
    with pytest.raises(BadInput, match="EC2 takes 16,384"):
        launch_request(gpus=1, user_data=str(script))
