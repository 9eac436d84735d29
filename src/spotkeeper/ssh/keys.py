"""Which public key a machine gets."""

import base64
import binascii
import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spotkeeper.errors import BadInput, StoreProblem

PRIVATE_FILE = 0o600

#: Looked for in this order in the user's ``~/.ssh``.
USUAL_KEYS = ("id_ed25519.pub", "id_rsa.pub")

#: EC2 imports RSA and ED25519 keys (ImportKeyPair).
KEY_TYPES = frozenset({"ssh-rsa", "ssh-ed25519"})

#: How many fields a key of each type has: its name, then exponent and modulus, or the point.
FIELDS = {"ssh-rsa": 3, "ssh-ed25519": 2}
LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the private one where we know its file."""

    public_line: str
    private_file: Path | None


def read_public_key(path: Path) -> Key:
    """Read an OpenSSH public key file.

    Raises:
        BadInput: no such file, or not a public key that EC2 takes.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError, RuntimeError) as problem:  # no file, no text, no such user
        told = getattr(problem, "strerror", None) or "not a text file"
        raise BadInput(
            f"Cannot read the key {path}: {told}",
            next_step="Name a public key file such as ~/.ssh/id_ed25519.pub with --key.",
        ) from problem
    if "PRIVATE KEY" in text:
        raise BadInput(
            f"{path} is a private key, which must not leave this computer",
            next_step=f"Use the public half: --key {path}.pub",
        )
    if not is_public_key(text):
        raise BadInput(
            f"{path} is not an RSA or ED25519 public key in OpenSSH's format",
            next_step="Make one with `ssh-keygen -t ed25519`, and name the .pub file.",
        )
    private = path.expanduser().with_suffix("")
    return Key(text, private if private.is_file() and private != path else None)


def is_public_key(text: str) -> bool:
    """Whether the text is one line of an OpenSSH public key that EC2 takes."""
    kind, _, rest = text.partition(" ")
    if kind not in KEY_TYPES or "\n" in text:
        return False
    try:
        blob = base64.b64decode(rest.split(" ", 1)[0], validate=True)
    except (binascii.Error, ValueError):
        return False
    fields = _fields(blob)
    return fields is not None and fields[0] == kind.encode() and len(fields) == FIELDS[kind]


def _fields(blob: bytes) -> list[bytes] | None:
    """The length-prefixed fields of a key (RFC 4253, 6.6); ``None`` if they do not fill it."""
    fields = []
    while blob:
        length = int.from_bytes(blob[:LENGTH_BYTES], "big")
        field, blob = blob[LENGTH_BYTES : LENGTH_BYTES + length], blob[LENGTH_BYTES + length :]
        if len(field) != length:
            return None
        fields.append(field)
    return fields or None


def usual_key(home: Path) -> Key | None:
    """The first of the user's usual public keys that EC2 takes."""
    return next(readable(usual_files(home)), None)


def readable(files: Iterable[Path]) -> Iterator[Key]:
    """The public keys among the files; one that is missing or is no key is passed over."""
    for path in files:
        with contextlib.suppress(BadInput):
            yield read_public_key(path)


def usual_files(home: Path) -> tuple[Path, ...]:
    """Where the user's usual public keys are, if they exist."""
    return tuple(home / ".ssh" / name for name in USUAL_KEYS)


def told(home: Path) -> str:
    """Which key a machine would get, in words."""
    key = usual_key(home)
    if key is None:
        return "none in ~/.ssh: one is made for every machine"
    return f"{key.public_line.split()[0]} from ~/.ssh"


def made_key(name: str, folder: Path) -> Key:
    """The key made for a machine's name; made now if it does not exist.

    Raises:
        BadInput: there is neither ``ssh-keygen`` nor the library that can make one.
        StoreProblem: the key could not be written.
    """
    private = folder / name
    public = folder / f"{name}.pub"
    if private.is_file() and public.is_file():
        return read_public_key(public)
    private.unlink(missing_ok=True)
    if program := shutil.which("ssh-keygen"):
        _by_program(program, private, name)
    elif importlib.util.find_spec("cryptography"):
        _by_library(private, name)
    else:
        raise BadInput(
            "There is no SSH key in ~/.ssh, and no ssh-keygen to make one",
            next_step="Install OpenSSH, or name a public key with --key.",
        )
    return read_public_key(public)


def _by_program(program: str, private: Path, name: str) -> None:
    command = [program, "-q", "-t", "ed25519", "-N", "", "-C", f"spotkeeper {name}"]
    done = subprocess.run(  # noqa: S603 - a fixed program; the name matches the name rule
        [*command, "-f", os.fspath(private)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StoreProblem(f"ssh-keygen could not write {private}: {done.stderr.strip()}")
    for path in (private, private.with_name(f"{private.name}.pub")):
        path.chmod(PRIVATE_FILE)


def _by_library(private: Path, name: str) -> None:
    """The same without OpenSSH, by a library that comes with the sandbox."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    shared = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    try:
        _write(private, secret)
        _write(private.with_name(f"{name}.pub"), shared + f" spotkeeper {name}\n".encode())
    except OSError as problem:
        raise StoreProblem(f"Cannot write {private}: {problem.strerror}") from problem


def _write(path: Path, data: bytes) -> None:
    """A new file that only its owner can read and change; a public half alone is replaced."""
    replaced = os.O_TRUNC if path.suffix else os.O_EXCL
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | replaced, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def forget_made_key(name: str, folder: Path) -> None:
    """Delete the key that was made for a machine."""
    for path in (folder / name, folder / f"{name}.pub"):
        path.unlink(missing_ok=True)
