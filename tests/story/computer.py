"""The computer that `spot` runs on: its keys and journal, and a second one with the same login."""

import struct
from base64 import b64encode
from pathlib import Path

import pytest
from tests.conftest import Sandbox


def journal(home: Path) -> list[str]:
    """Names with a record on this computer."""
    return [path.stem for path in home.rglob("*.jsonl")]


def another_computer(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same login, and none of the files of the first computer."""
    kept = home / "other" / "state"
    kept.mkdir(parents=True)
    (kept / "sandbox").symlink_to(sandbox.status.home, target_is_directory=True)
    monkeypatch.setenv("SPOT_HOME", str(home / "other"))


def public_key(seed: int = 1) -> str:
    """A well-formed ED25519 public key, which nobody has the private half of."""
    kind = b"ssh-ed25519"
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", 32) + bytes([seed]) * 32
    return f"{kind.decode()} {b64encode(blob).decode()} me@laptop"


def usual_key(home: Path, name: str = "id_ed25519", seed: int = 1) -> Path:
    """A key of the user's own in ~/.ssh; the public file."""
    folder = home / ".ssh"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("not read by anybody")
    public = folder / f"{name}.pub"
    public.write_text(public_key(seed) + "\n")
    return public


def as_if_aws(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same account, met as AWS is: by credentials and endpoint, not by ``--sandbox``.

    The secret and the token are those that `home` sets.
    """
    monkeypatch.delenv("SPOT_SANDBOX")
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
