"""What was typed or configured cannot be used: one paragraph, one next step, nothing made."""

import hashlib
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import public_key
from tests.story.conftest import Spot
from tests.story.refusals import nothing_was_made, paragraph

UP = ("up", "train", "--yes")
SMALL = (*UP, "--type", "t3.micro")


def test_an_unknown_type_is_answered_with_the_nearest_right_name(
    spot: Spot, sandbox: Sandbox
) -> None:
    told = paragraph(spot(*UP, "--type", "g5.xlrage"), 2)

    assert "'g5.xlrage' is not an EC2 instance type" in told
    assert "Did you mean g5.xlarge?" in told
    assert nothing_was_made(sandbox)
    assert "Did you mean p3.2xlarge?" in paragraph(spot("find", "--type", "p3.2xlage"), 2)
    assert "Did you mean" in paragraph(spot("prices", "m5.lagre"), 2)


def test_a_pattern_that_no_type_matches_finds_no_pool(spot: Spot, sandbox: Sandbox) -> None:
    told = paragraph(spot(*UP, "--type", "zz9.*"), 5)
    assert "No pool fits (no type on sale here is called zz9.*)" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize("verb", ["up", "find", "ls"])
def test_an_unknown_region_is_answered_with_the_nearest(
    spot: Spot, sandbox: Sandbox, verb: str
) -> None:
    line = {"up": SMALL, "find": ("find", "--gpus", "1"), "ls": ("ls",)}[verb]

    told = paragraph(spot(*line, "--region", "eu-wst-1"), 2)

    assert "'eu-wst-1' is not an AWS region" in told
    assert "Did you mean eu-west-1?" in told
    assert nothing_was_made(sandbox)


def test_no_offers_says_which_rule_refused_how_many(spot: Spot, sandbox: Sandbox) -> None:
    need = ("--type", "g5.xlarge", "--type", "g5.2xlarge", "--vcpus", "8", "--max-hourly", "0.01")
    large = len(account.pools(sandbox, "g5.2xlarge"))
    small = len(account.pools(sandbox, "g5.xlarge"))

    told = paragraph(spot(*UP, *need), 5)

    assert f"{large} over your limit of $0.0100/h" in told
    assert f"{small} fewer than 8 vCPUs" in told
    assert "without --max-hourly the first is g5.2xlarge@" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize(
    "name", ["My-Box", "train_1", "träin", "", "a" * 40, "-train", "a b", "a\x1b[31mb", "a\n"]
)
@pytest.mark.one_in(3)
def test_a_name_with_illegal_characters_is_refused(
    spot: Spot, sandbox: Sandbox, name: str
) -> None:
    told = paragraph(spot("up", "--type", "t3.micro", "--yes", "--", name), 2)

    assert "name" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize("verb", ["show", "down", "stop"])
def test_a_name_that_nothing_can_have_is_not_found(spot: Spot, verb: str) -> None:
    assert "cannot be a machine's name" in paragraph(spot(verb, "../../etc"), 7)


@pytest.mark.parametrize(
    ("text", "told_line", "word"),
    [
        ("[machine]\ngpus = 1\ndisk = = 3\n", 3, "line 3"),
        ("[machine]\ngpus = 1\ndsik = 3\n", 3, "Did you mean disk?"),
        ('[machine]\n\ngpus = "one"\n', 3, "gpus must be a whole number"),
        ("[machine]\nonce = 1\n", 2, "once must be a true or false"),
        ("[machine]\ngpus = 1\n[tags]\nProject = 3\n", 4, "Project must be text"),
        ("[machines]\ngpus = 1\n", 1, "Did you mean machine?"),
        ("[machine]\ngpus = 1\n[tags]\n'Cost Center' = '3'\n", 4, "cannot be a tag's key"),
        ("[machine]\ngpus = 1\n\nfor = '8'\n", 4, "--for: '8' is not a duration"),
    ],
)
@pytest.mark.one_in(3)
def test_an_error_in_spot_toml_has_file_line_and_key(
    spot: Spot, sandbox: Sandbox, home: Path, text: str, told_line: int, word: str
) -> None:
    (home / "spot.toml").write_text(text)

    told = paragraph(spot(*UP), 2)

    assert str(home / "spot.toml") in told
    assert f"line {told_line}" in told
    assert word in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize(
    ("text", "told_line", "word"),
    [
        ('{\n  "Name": "x",\n  "AMI_Id" "ami-1"\n}', 3, "Expecting"),
        ('{\n  "Name": "x",\n  "Ami_Id": "ami-1"\n}', 3, "Did you mean AMI_Id?"),
        ('{\n  "Name": "x",\n  "Volume_Size": "big"\n}', 3, "Volume_Size must be a whole number"),
        ('{\n  "Name": "x",\n  "Project": 7\n}', 3, "Project must be text"),
    ],
)
def test_an_error_in_the_old_json_has_file_line_and_key(
    spot: Spot, sandbox: Sandbox, home: Path, text: str, told_line: int, word: str
) -> None:
    (home / "old.json").write_text(text)

    told = paragraph(spot(*SMALL, "--config", "old.json"), 2)

    assert "old.json" in told
    assert f"line {told_line}" in told
    assert word in told
    assert nothing_was_made(sandbox)


def test_a_configuration_file_that_is_missing_or_no_text_is_refused(
    spot: Spot, home: Path
) -> None:
    assert "Cannot read nowhere.toml" in paragraph(spot(*SMALL, "--config", "nowhere.toml"), 2)
    (home / "picture.toml").write_bytes(b"\x89PNG\xff")
    assert "not UTF-8" in paragraph(spot(*SMALL, "--config", "picture.toml"), 2)
    (home / "list.json").write_text("[1]")
    assert "one JSON object" in paragraph(spot(*SMALL, "--config", "list.json"), 2)


@pytest.mark.parametrize("size", ["-5", "0", "1000000"])
def test_a_negative_or_absurd_disk_is_refused(spot: Spot, sandbox: Sandbox, size: str) -> None:
    told = paragraph(spot(*SMALL, f"--disk={size}"), 2)

    assert f"A disk of {size} GB is not possible" in told
    assert "1 to 65536" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#" * 262_144, "big.sh is over 262,144 bytes"),
        (hashlib.shake_128(b"seed").hexdigest(20_000), "Shorten it by"),  # half of it is left
    ],
)
def test_user_data_that_is_too_long_even_compressed_is_refused(
    spot: Spot, sandbox: Sandbox, home: Path, text: str, told: str
) -> None:
    (home / "big.sh").write_text("#!/bin/sh\n" + text)

    refused = paragraph(spot(*SMALL, "--user-data", "big.sh"), 2)

    assert told in refused
    assert "EC2 takes 16,384" in refused
    assert "S3" in refused
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize("path", ["nowhere.sh", "."])
def test_user_data_that_cannot_be_read_is_refused(spot: Spot, sandbox: Sandbox, path: str) -> None:
    told = paragraph(spot(*SMALL, "--user-data", path), 2)

    assert f"Cannot read the user data {path}" in told
    assert "--user-data" in told
    assert nothing_was_made(sandbox)


def test_user_data_that_nothing_would_run_is_refused(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    (home / "setup.txt").write_text("apt install git")

    told = paragraph(spot(*SMALL, "--user-data", "setup.txt"), 2)

    assert "#!/bin/bash" in told
    assert nothing_was_made(sandbox)


def test_a_missing_key_file_is_refused(spot: Spot, sandbox: Sandbox) -> None:
    told = paragraph(spot(*SMALL, "--key", "nowhere.pub"), 2)

    assert "nowhere.pub: No such file or directory" in told
    assert nothing_was_made(sandbox)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3MAAACB",
        public_key()[:40],
        public_key() + "\n" + public_key(2),
    ],
)
def test_a_key_that_is_not_a_public_key_is_refused(
    spot: Spot, sandbox: Sandbox, home: Path, text: str
) -> None:
    (home / "work.pub").write_text(text)

    told = paragraph(spot(*SMALL, "--key", "work.pub"), 2)

    assert "work.pub is not an RSA or ED25519 public key" in told
    assert "ssh-keygen" in told
    assert nothing_was_made(sandbox)


def test_a_private_key_is_refused_and_not_repeated(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    secret = "c2VjcmV0c2VjcmV0"
    head, foot = (f"-----{word} OPENSSH PRIVATE KEY-----" for word in ("BEGIN", "END"))
    (home / "work").write_text(f"{head}\n{secret}\n{foot}\n")

    told = paragraph(spot(*SMALL, "--key", "work"), 2)

    assert "private key" in told
    assert "work.pub" in told.partition("--key")[2]
    assert secret not in told
    assert nothing_was_made(sandbox)
