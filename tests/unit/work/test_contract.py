"""What a command may rely on: its environment, its spec to the byte, its secrets nowhere."""

import json

import pytest

from spotkeeper.work.contract import (
    RunPaths,
    RunSpec,
    UnreadableSpec,
    longest_secret,
    masked,
    surroundings,
)

ODD = "quote ' \" $HOME `x` \\ \n tab\t ü \udcff"


def test_arguments_and_values_arrive_to_the_byte() -> None:
    spec = RunSpec("r", "train", ("python", ODD), (("sh", ODD),), {"KEY": ODD}, {"A": ODD})
    assert RunSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "changes",
    [
        {"command": []},
        {"command": [""]},
        {"command": ["a\0b"]},
        {"signal": "HUP"},
        {"then": "explode"},
        {"grace_s": -1},
        {"retries": -1},
        {"run_id": ""},
        {"run_id": "../up"},
        {"run_id": "a/b"},
        {"run_id": "."},
        {"secrets": {"A": "b\0c"}},
        {"secrets": {"": "b"}},
        {"secrets": {"A=B": "c"}},
        {"schema": 2},
        {"unknown": 1},
        {"command": None},
        {"setup": [7]},
    ],
    ids=str,
)
def test_a_spec_that_no_machine_could_run_is_refused(changes: dict[str, object]) -> None:
    whole = json.loads(RunSpec("r", "train", ("true",)).to_json())
    with pytest.raises(UnreadableSpec):
        RunSpec.from_json(json.dumps({**whole, **changes}))


@pytest.mark.parametrize("text", ["", "7", "[]", "{}", "{", '"x"', "null"])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(UnreadableSpec):
        RunSpec.from_json(text)


def test_the_environment_is_the_contract_s() -> None:
    spec = RunSpec(
        "r-1", "train", ("true",), secrets={"LR": "1", "SPOT_NAME": "mine"}, commit="abc"
    )
    found = surroundings(
        spec, RunPaths("/r"), {"HOME": "/h", "PWD": "/x"}, attempt=2, resumed=True
    )
    assert found == {
        "HOME": "/h",
        "PWD": "/r/work",
        "TERM": "dumb",
        "PYTHONUNBUFFERED": "1",
        "LR": "1",
        "SPOT_CHECKPOINT_DIR": "/r/checkpoint",
        "SPOT_OUTPUT_DIR": "/r/output",
        "SPOT_NOTICE_FILE": "/r/exchange/notice.json",
        "SPOT_DONE_FILE": "/r/exchange/done",
        "SPOT_PROGRESS_FILE": "/r/exchange/progress",
        "SPOT_NAME": "train",
        "SPOT_RUN_ID": "r-1",
        "SPOT_ATTEMPT": "2",
        "SPOT_RESUMED": "1",
        "SPOT_DEADLINE": "never",
        "SPOT_COMMIT": "abc",
    }
    chosen = RunSpec("r", "t", ("true",), secrets={"PYTHONUNBUFFERED": ""})
    own = surroundings(chosen, RunPaths("/r"), {}, attempt=1, resumed=False)
    assert own["PYTHONUNBUFFERED"] == ""


@pytest.mark.parametrize(
    ("data", "more", "wanted"),
    [
        (b"token=canary-9999 end", b"", (b"token=*** end", 21)),
        (b"canary-9999-longer", b"", (b"***", 18)),
        (b"x cana", b"ry-9999 y", (b"x ***", 13)),
        (b"x cana", b"pe", (b"x cana", 6)),
        (b"7 of 7", b"", (b"7 of 7", 6)),
        (b"", b"canary-9999", (b"", 0)),
    ],
)
def test_a_value_that_was_named_is_shown_nowhere(
    data: bytes, more: bytes, wanted: tuple[bytes, int]
) -> None:
    secrets = {"A": "canary-9999", "B": "canary-9999-longer", "SEED": "7"}
    assert masked(data, more, secrets) == wanted
    assert longest_secret(secrets) == 18
