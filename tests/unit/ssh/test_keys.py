"""Which public key a machine gets, and what is never sent."""

import base64
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from spotkeeper.errors import BadInput, StoreProblem
from spotkeeper.ssh import keys

NEEDS_KEYGEN = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")


def public_line(kind: str, inside: str | None = None) -> str:
    """A line in OpenSSH's format whose blob says `inside`, the same as outside by default."""
    fields = [(inside or kind).encode(), b"\1\0\1", b"abcd"]
    if kind != "ssh-rsa":
        del fields[1]
    blob = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return f"{kind} {base64.b64encode(blob).decode()} me@example.com"


RSA, ED25519 = public_line("ssh-rsa"), public_line("ssh-ed25519")
ECDSA = public_line("ecdsa-sha2-nistp256")
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("line", [RSA, ED25519, ED25519.rsplit(" ", 1)[0]])
def test_a_public_key_is_read_without_its_line_end(home: Path, line: str) -> None:
    path = put(home, "key.pub", line + "\r\n")
    assert keys.read_public_key(path) == keys.Key(line, None)


def test_the_private_half_beside_it_is_known(home: Path) -> None:
    put(home, "my.key", PRIVATE)
    path = put(home, "my.key.pub", ED25519)
    assert keys.read_public_key(path).private_file == home / "my.key"


def test_a_private_key_is_refused_and_never_shown(home: Path) -> None:
    path = put(home, "id_ed25519", PRIVATE)
    with pytest.raises(BadInput, match="private key") as caught:
        keys.read_public_key(path)
    assert f"--key {path}.pub" in caught.value.next_step
    assert "abc" not in caught.value.paragraph()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        "ssh-rsa",
        "ssh-rsa AAAA",
        "ssh-rsa not*base64",
        ECDSA,
        public_line("sk-ssh-ed25519@openssh.com"),
        public_line("ssh-rsa", inside="ssh-ed25519"),
        f"{RSA}\n{ED25519}",
        "ssh-dss " + RSA.split()[1],
    ],
)
def test_what_ec2_does_not_take_is_refused_with_what_to_make(home: Path, text: str) -> None:
    with pytest.raises(BadInput, match="not an RSA or ED25519 public key") as caught:
        keys.read_public_key(put(home, "key.pub", text))
    assert "ssh-keygen -t ed25519" in caught.value.next_step


def test_a_file_that_is_missing_or_no_text_is_refused(home: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        keys.read_public_key(home / "missing.pub")
    (home / "binary.pub").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a text file"):
        keys.read_public_key(home / "binary.pub")


def test_ed25519_comes_before_rsa(home: Path) -> None:
    put(home / ".ssh", "id_rsa.pub", RSA)
    assert keys.usual_key(home) == keys.Key(RSA, None)
    put(home / ".ssh", "id_ed25519.pub", ED25519)
    assert keys.usual_key(home) == keys.Key(ED25519, None)


@pytest.mark.parametrize("text", ["", "junk", ECDSA])
def test_a_usual_key_that_ec2_does_not_take_is_passed_over(home: Path, text: str) -> None:
    put(home / ".ssh", "id_ed25519.pub", text)
    put(home / ".ssh", "id_rsa.pub", RSA)
    assert keys.usual_key(home) == keys.Key(RSA, None)


def test_who_has_no_usual_key_is_told_that_one_is_made(home: Path) -> None:
    put(home / ".ssh", "id_ecdsa.pub", ECDSA)
    assert keys.usual_key(home) is None
    assert "one is made" in keys.told(home)
    put(home / ".ssh", "id_rsa.pub", RSA)
    assert keys.told(home) == "ssh-rsa from ~/.ssh"


@pytest.fixture(params=["ssh-keygen", "library"])
def maker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two ways to make a key."""
    if request.param == "library":
        pytest.importorskip("cryptography")
        monkeypatch.setattr("shutil.which", lambda _program: None)
    elif shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen here")


@NEEDS_KEYGEN
@pytest.mark.usefixtures("maker")
def test_a_made_key_is_a_real_pair_that_only_its_owner_reads(home: Path) -> None:
    made = keys.made_key("train", home)
    assert made.private_file == home / "train"
    assert stat.S_IMODE((home / "train").stat().st_mode) == 0o600
    assert keys.is_public_key(made.public_line)
    assert made.public_line.endswith(" spotkeeper train")
    again = subprocess.run(
        ["ssh-keygen", "-y", "-f", home / "train"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.split()[:2] == made.public_line.split()[:2]


@pytest.mark.usefixtures("maker")
def test_the_same_name_gets_the_same_key_until_it_is_forgotten(home: Path) -> None:
    first = keys.made_key("train", home)
    assert keys.made_key("train", home) == first
    assert keys.made_key("other", home).public_line != first.public_line
    keys.forget_made_key("train", home)
    assert not (home / "train").exists()
    assert not (home / "train.pub").exists()
    assert keys.made_key("train", home).public_line != first.public_line


@pytest.mark.usefixtures("maker")
@pytest.mark.parametrize("lost", ["train", "train.pub"])
def test_half_a_pair_is_made_anew(home: Path, lost: str) -> None:
    first = keys.made_key("train", home)
    (home / lost).unlink()
    second = keys.made_key("train", home)
    assert second.public_line != first.public_line
    assert second.private_file == home / "train"


def test_forgetting_what_was_never_made_is_fine(home: Path) -> None:
    keys.forget_made_key("train", home)


@pytest.mark.usefixtures("maker")
def test_a_key_that_cannot_be_written_is_a_problem_that_is_told(home: Path) -> None:
    with pytest.raises(StoreProblem, match="train"):
        keys.made_key("train", home / "missing")


def test_who_can_make_no_key_is_told_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _program: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(BadInput, match="no ssh-keygen") as caught:
        keys.made_key("train", home)
    assert "--key" in caught.value.next_step
