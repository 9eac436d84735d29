"""Files that nobody wrote on purpose: understood, or refused with file, line and key, and at once.

Nothing is asked of AWS here: the first call of all is counted and there is none.
"""

import json
import os
import random
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import hostile
from tests.unit.keeper.test_launch_inputs import NOTHING

from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import BadInput
from spotkeeper.keeper.launch_inputs import launch_request_from
from spotkeeper.lifecycle.launch_request import LaunchRequest, check
from spotkeeper.store.settings import MACHINE_KEYS, MAX_BYTES, OLD_KEYS, WORK_KEYS, load

FILES = 2_000
FILES_OF_A_SOAK = 100_000

TOML = """\
# what I always want
[machine]
type = ["g5.*", "g6.xlarge"]
region = "us-east-1"
gpus = 1
memory = 15.5
once = true
for = "12h"
image = "deep-learning"
disk = 200
max-price = "od-20%"
key = "~/.ssh/id_ed25519.pub"
[tags]
Project = "PurchaseInvoice"
"my key" = 'of me'
[work]
restart = "5m"
"""
JSON = json.dumps(
    {
        "Name": "EC2 dev",
        "Project": "PurchaseInvoice",
        "Owner": "me@example.com",
        "Key_Name": "my-key",
        "Volume_Size": 60,
        "AMI_Id": "ami-0123456789abcdef0",
        "AWSCLI_Profile": "default",
        "User_Data": "#!/bin/bash\necho '$(id)'\n",
    },
    indent=2,
)

#: Values as they stand in a file; some are TOML, some JSON, some neither.
VALUES = (
    *("1", "-1", "0", "0.5", "1e400", "-1e400", "9" * 30, "9" * 5_000, "0x" + "f" * 9_000),
    *("inf", "-inf", "nan", "NaN", "Infinity", "1_000", "0b1", "+1", "1e-9", "00"),
    *("true", "false", "null", "[]", "{}", "[[]]", "[1]", '["a"]', '["a", 1]', '{"a" = 1}'),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "9999-12-31T23:59:59+23:59"),
    *('""', '"x"', "'x'", '"""x\n"""', '"\\u0000"', '"\\ud800"', '"\\uD83D\\uDCA5"', '"\\x41"'),
    *('"8h"', '"0h"', '"99999999999d"', '"none"', '"od"', '"spot+99999999999%"', '"1e999999"'),
    *('"~nobody-of-that-name/x"', '"\\u0000/x"', '"/"', '"' + "a" * 5_000 + '"'),
    *("[" * 3_000, "[" * 3_000 + "]" * 3_000, '{"a":' * 3_000, "{a=" * 3_000, "a.b.c", "="),
)
KEYS = (
    *MACHINE_KEYS,
    *WORK_KEYS,
    *OLD_KEYS,
    *("machine", "tags", "work", "a" * 5_000, "a.b", '"a b"', '""', "gpus.x", "\u202e", "gpus "),
)
LINES = ("[machine]", "[[machine]]", "[tags]", "[work]", "[machine.type]", "[x]", "[", "{", "}")
SHAPES = (
    b"",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf" + TOML.encode(),
    TOML.replace("\n", "\r\n").encode(),
    TOML.replace("\n", "\r").encode(),
    TOML.encode("utf-16"),
    TOML.encode() + b"\x00",
    b"\xff\xfe",
    b"\n" * 100_000,
    b"x" * 100_000,
    b"#" * 2 * 1024 * 1024,
    b"a" + b".a" * 60_000 + b"=1",
    b"[machine]\ngpus" + b".a" * 900 + b"=1",
    b"x=" + b"[" * 60_000,
    b"[" * 60_000,
    b'{"a":' * 20_000,
    b'{"Name": "a", "Name": "b"}',
    b'{"Name": "\\ud800"}',
    b'{"Volume_Size": ' + b"9" * 6_000 + b"}",
    b"[machine]\ngpus = 0x" + b"f" * 9_000,
    b"[machine]\ngpus = " + b"9" * 6_000,
    b"[work]\nrun = 0x" + b"f" * 9_000,
)


#: How a place is told: by us with the key, by the parser of TOML, or what has no place.
PLACED = re.compile(r"line 3: [a-z-]+ |at line \d+|at end of document|nested too deeply|digits")


@dataclass(frozen=True)
class Made:
    """A file of one number: the same at every run."""

    suffix: str
    data: bytes


def made(number: int) -> Made:
    """The file of this number: a shape, a valid file with some bytes changed, or random lines."""
    chance = random.Random(number)  # noqa: S311
    suffix = chance.choice((".toml", ".json"))
    if number < 2 * len(SHAPES):
        return Made((".toml", ".json")[number % 2], SHAPES[number // 2])
    makes = (_mutated, _mutated, _lines, _valued) if suffix == ".toml" else (_mutated, _object)
    return Made(suffix, chance.choice(makes)(chance, suffix))


def _mutated(chance: random.Random, suffix: str) -> bytes:
    data = bytearray((TOML if suffix == ".toml" else JSON).encode())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((0, 1, 1, 4, 40)))
        fresh = chance.choice(
            (
                bytes([chance.randrange(256)]),
                chance.choice(VALUES).encode(),
                chance.choice(KEYS).encode(),
                chance.choice(hostile.sample()).encode("utf-8", "surrogatepass"),
                bytes(data[at:to]) * 3,
                b"",
            )
        )
        data[at:to] = fresh
    return bytes(data)


def _lines(chance: random.Random, _: str) -> bytes:
    lines = (
        chance.choice(LINES)
        if chance.random() < 0.3
        else f"{chance.choice(KEYS)} = {chance.choice(VALUES)}"
        for _ in range(chance.randint(1, 12))
    )
    return "\n".join(lines).encode()


def _valued(chance: random.Random, _: str) -> bytes:
    """Well-formed, with one value that is out of the way."""
    key = chance.choice([*MACHINE_KEYS])
    return f"[machine]\nvcpus = 1\n{key} = {chance.choice(VALUES)}\n".encode()


def _object(chance: random.Random, _: str) -> bytes:
    pairs = (
        f'"{chance.choice([*OLD_KEYS])}": {chance.choice(VALUES)}'
        for _ in range(chance.randint(1, 4))
    )
    return ("{" + ",\n".join(pairs) + "}").encode()


def understood(path: Path) -> LaunchRequest:
    """What `spot up train --type t3.micro` would do with it, up to its first question to AWS."""
    given: dict[str, Any] = {
        **NOTHING,
        "name": "train",
        "types": ("t3.micro",),
        "once": False,
        "open_to_world": False,
    }
    launch_request = launch_request_from(given, load(path, folder=path.parent), ())
    check(launch_request)
    return launch_request


@pytest.fixture(autouse=True)
def no_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Everything on the way to AWS, or to anybody, is written down; nothing may be."""
    seen: list[str] = []

    def note(name: str) -> Callable[..., Any]:
        def called(*_: Any, **__: Any) -> Any:
            seen.append(name)
            raise AssertionError(name)

        return called

    monkeypatch.setattr(AwsSession, "client", note("client"))
    monkeypatch.setattr(AwsSession, "endpoint", note("door"))
    monkeypatch.setattr(socket.socket, "connect", note("connect"))
    yield seen
    assert seen == []


def outcome(read: Callable[[Path], object], path: Path) -> BadInput | None:
    """The named error of a file, none where it was understood; anything else is raised."""
    try:
        read(path)
    except BadInput as problem:
        return problem
    return None


def tried(numbers: range, folder: Path) -> dict[str, int]:
    """Every file of these numbers; how many were understood and refused."""
    count = {"understood": 0, "refused": 0}
    for number in numbers:
        file = made(number)
        path = folder / f"given{file.suffix}"
        path.write_bytes(file.data)
        try:
            problem = outcome(understood, path)
        except Exception as fault:
            raise AssertionError(f"made({number}): {type(fault).__name__}: {fault}") from fault
        count["refused" if problem else "understood"] += 1
        told = problem.paragraph() if problem else "understood"
        assert 0 < len(told) < 4 * len(file.data) + 2_000, number
    return count


def test_no_file_ends_in_anything_but_a_wish_or_a_named_error(tmp_path: Path) -> None:
    count = tried(range(FILES), tmp_path)
    assert sum(count.values()) == FILES
    assert min(count.values()) > FILES / 50


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_no_file_of_a_hundred_thousand_does_either(tmp_path: Path, part: int) -> None:
    size = FILES_OF_A_SOAK // 4
    assert sum(tried(range(part * size, (part + 1) * size), tmp_path).values()) == size


@pytest.mark.parametrize("key", MACHINE_KEYS)
def test_a_value_that_cannot_be_is_told_with_file_line_and_key(tmp_path: Path, key: str) -> None:
    path = tmp_path / "spot.toml"
    for value in VALUES:
        path.write_text(f"# mine\n[machine]\n{key} = {value}\n", encoding="utf-8")
        problem = outcome(lambda named: load(named, folder=tmp_path), path)
        if problem:
            assert str(path) in problem.message
            assert PLACED.search(problem.message), problem.message[:200]


def test_a_files_byte_order_mark_is_not_the_users(tmp_path: Path) -> None:
    for name, text in (("a.toml", TOML), ("a.json", JSON)):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        assert load(path, folder=tmp_path).tags["Project"] == "PurchaseInvoice"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spot.toml")
    with pytest.raises(BadInput, match="not a regular file"):
        load(None, folder=tmp_path)


@pytest.mark.parametrize("named", [True, False])
def test_a_link_to_itself_and_a_folder_are_refused(tmp_path: Path, named: bool) -> None:  # noqa: FBT001
    for name in ("link", "folder"):
        path = tmp_path / name / "spot.toml"
        path.parent.mkdir()
        if name == "link":
            path.symlink_to(path)
        else:
            path.mkdir()
        with pytest.raises(BadInput, match="Cannot read"):
            load(path if named else None, folder=path.parent)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a regular file"):
        load(Path("/dev/zero"), folder=tmp_path)


def test_two_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "spot.toml"
    path.write_bytes(b"#" * 2 * 1024 * 1024)
    with pytest.raises(BadInput, match=f"over {MAX_BYTES:,} bytes"):
        load(None, folder=tmp_path)


def test_a_folder_that_is_gone_holds_no_file(tmp_path: Path) -> None:
    assert load(None, folder=tmp_path / "gone").machine == {}
