"""Which word is told as the one that was meant."""

import pytest

from spotkeeper.model.spelling import counted, did_you_mean

REGIONS = ("eu-west-1", "us-east-1", "us-west-1")
TYPES = ("g5.2xlarge", "g5.xlarge", "m8ine.large", "p4d.24xlarge")
GPUS = ("A100", "A10G", "V100")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("us-esat-1", REGIONS, "us-east-1"),
        ("US-EAST-1", REGIONS, "us-east-1"),
        ("all", REGIONS, ""),
        ("g5.xlrage", TYPES, "g5.xlarge"),
        ("g5xlarge", TYPES, "g5.xlarge"),
        ("p4.24xlarge", TYPES, "p4d.24xlarge"),
        ("nope.large", TYPES, ""),
        ("a10", GPUS, "A10G"),
        ("4090", GPUS, ""),
        ("x" * 100_000, GPUS, ""),
        ("anything", (), ""),
    ],
)
def test_only_a_word_that_comes_near_is_told(
    word: str, known: tuple[str, ...], meant: str
) -> None:
    told = did_you_mean(word, known, "none", shown={"A10G": "the A10G"})
    assert told.replace("the ", "") == (f"Did you mean {meant}?" if meant else "none")


def test_one_thing_is_not_many() -> None:
    assert [counted(1, "file"), counted(0, "file"), counted(2, "box", "boxes")] == [
        "1 file",
        "0 files",
        "2 boxes",
    ]
