"""The JSON file of the script that spotkeeper replaces, as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from spotkeeper.errors import BadInput
from spotkeeper.store.settings import Settings, load

OLD = {
    "Name": "EC2 Dev",
    "Project": "PurchaseInvoice",
    "Owner": "me@example.com",
    "Key_Name": "my-key",
    "Volume_Size": 100,
    "AMI_Id": "ami-0123456789abcdef0",
    "AWSCLI_Profile": "ml",
    "User_Data": "#!/bin/bash\necho hello\n",
}


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "ec2-dev.json"
    path.write_text(text, encoding="utf-8")
    return load(path, folder=tmp_path)


def refused(tmp_path: Path, text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        loaded(tmp_path, text)
    assert str(tmp_path / "ec2-dev.json") in caught.value.message
    return caught.value


def with_size(size: Any) -> str:
    return json.dumps({"Name": "dev", "Volume_Size": size}, indent=2)


def test_the_old_file_is_accepted_as_it_is(tmp_path: Path) -> None:
    settings = loaded(tmp_path, json.dumps(OLD))
    assert settings.machine == {
        "name": "EC2 Dev",
        "key-name": "my-key",
        "disk": 100,
        "image": "ami-0123456789abcdef0",
        "profile": "ml",
        "user-data-text": "#!/bin/bash\necho hello\n",
    }
    assert settings.tags == {"Project": "PurchaseInvoice", "Owner": "me@example.com"}


@pytest.mark.parametrize("size", [100, "100", " 100 "], ids=repr)
def test_the_volume_size_may_be_text_or_a_number(tmp_path: Path, size: Any) -> None:
    assert loaded(tmp_path, with_size(size)).get("disk") == 100


@pytest.mark.parametrize(
    "size",
    ["", "big", "10.5", 10.5, True, None, [100], {"GB": 100}, "100GB", "--5", "²"],
    ids=repr,
)
def test_any_other_volume_size_is_refused_with_its_line(tmp_path: Path, size: Any) -> None:
    problem = refused(tmp_path, with_size(size))
    assert "line 3: Volume_Size must be a whole number of GB" in problem.message


@pytest.mark.parametrize("key", ["Name", "Project", "AMI_Id", "User_Data"])
@pytest.mark.parametrize("value", [5, None, ["x"], True])
def test_any_other_value_must_be_text(tmp_path: Path, key: str, value: Any) -> None:
    problem = refused(tmp_path, json.dumps({key: value}, indent=2))
    assert f"line 2: {key} must be text in quotes" in problem.message


def test_an_empty_text_says_nothing(tmp_path: Path) -> None:
    empty = dict.fromkeys(("Name", "Project", "Key_Name", "User_Data"), "")
    settings = loaded(tmp_path, json.dumps(empty))
    assert settings.machine == {}
    assert settings.tags == {}


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_known_one(tmp_path: Path) -> None:
    problem = refused(tmp_path, '{\n  "Name": "dev",\n  "Volume_Sise": 5\n}')
    assert "line 3: Volume_Sise is not a known key" in problem.message
    assert problem.next_step == "Did you mean Volume_Size?"


def test_broken_json_is_told_with_line_and_column(tmp_path: Path) -> None:
    problem = refused(tmp_path, '{\n  "Name": "dev",\n}')
    assert "at line 3, column 1" in problem.message or "at line 2, column" in problem.message


def test_an_unquoted_word_is_told_with_line_and_column(tmp_path: Path) -> None:
    assert "(at line 2, column 11)" in refused(tmp_path, '{\n  "Name": dev\n}').message


@pytest.mark.parametrize("text", ["[]", "5", '"Name"', "null", '[{"Name": "dev"}]'])
def test_what_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    assert "must hold one JSON object" in refused(tmp_path, text).message


def test_an_empty_file_is_broken_json(tmp_path: Path) -> None:
    assert "at line 1, column 1" in refused(tmp_path, "").message


def test_what_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ec2-dev.json"
    path.write_bytes(b'{"Owner": "J\xfcrgen"}')
    with pytest.raises(BadInput, match="not UTF-8"):
        load(path, folder=tmp_path)
