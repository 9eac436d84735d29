"""Credentials stay where they came from: no file, no output and no list of processes has one."""

import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests import canaries
from tests.canaries import CANARIES
from tests.conftest import Sandbox
from tests.story.computer import as_if_aws, usual_key
from tests.story.conftest import Answer, Spot

from ec2_sandbox.client import daemon
from spotkeeper.cli import app
from spotkeeper.cli.context import Choices

KEY_ID = "AKIASANDBOXSANDBOX00"
HERE = "--region=us-east-1"
EXPIRES = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")

#: What a day with machines is made of, and how it goes wrong.
COMMANDS = (
    ("find", "--type=t3.micro", HERE, "--why"),
    ("prices", "t3.micro", HERE, "--output=json"),
    ("up", "train", "--type=t3.micro", HERE, "--dry-run", "--output=json"),
    ("ls", HERE, "--debug"),
    ("show", "train", "--debug"),
    ("doctor", HERE, "--output=json"),
    ("policy", "up", HERE),
    ("cache",),
    ("cache", "--output=json"),
    ("sweep", HERE),
    ("down", "train", "--yes", "--debug"),
    ("find", "--type=nonsense", HERE),
    ("ls", "--region=nowhere-1"),
)


#: Those of them in which credentials come the longest way, and what is remembered of them.
FEW = (COMMANDS[0], COMMANDS[2], COMMANDS[3], COMMANDS[8])


def silent(answer: Answer, told: object) -> None:
    """No secret is shown."""
    shown = (answer.out + answer.err).encode("utf-8", "surrogateescape")
    assert canaries.found_in(shown) == [], told
    assert "Traceback" not in answer.err


def a_day(spot: Spot, home: Path, lines: Sequence[Sequence[str]] = FEW) -> set[int]:
    """Every command once; nothing of it may tell a secret, nor anything that stays behind."""
    answers = [spot(*line) for line in lines]
    for line, answer in zip(lines, answers, strict=True):
        silent(answer, line)
    assert list(canaries.found_below(home)) == []
    assert list(canaries.found_in_processes()) == []
    return {answer.code for answer in answers}


def in_file(home: Path, name: str, text: str) -> None:
    folder = home / ".aws"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def static(secret: str) -> str:
    """A profile with keys of its own."""
    token = CANARIES["token"]
    return (
        f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n"
        f"aws_session_token = {token}\n"
    )


def temporary(secret: str) -> dict[str, str]:
    """Keys as a process, a container or the metadata service hands them out."""
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": KEY_ID,
        "SecretAccessKey": secret,
        "Token": CANARIES["token"],
        "SessionToken": CANARIES["token"],
        "Expiration": EXPIRES,
        "LastUpdated": "2026-01-01T00:00:00Z",
    }


@contextmanager
def handing_out(secret: str) -> Iterator[str]:
    """A service on this computer that gives keys to whoever asks: container or metadata."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listing = self.path.endswith("security-credentials/")
            body = b"a-role" if listing else json.dumps(temporary(secret)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "7")
            self.end_headers()
            self.wfile.write(b"a-token")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def aws(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An account without any credentials yet."""
    usual_key(home)
    as_if_aws(sandbox, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    return monkeypatch


def from_environment(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    for name, secret in canaries.ALWAYS.items():
        patch.setenv(name, secret)


def from_credentials_file(home: Path, _: pytest.MonkeyPatch) -> None:
    in_file(home, "credentials", static(CANARIES["file"]))


def from_a_profile(home: Path, patch: pytest.MonkeyPatch) -> None:
    in_file(home, "credentials", static(CANARIES["file"]).replace("default", "work"))
    patch.setenv("AWS_PROFILE", "work")


def from_a_process(home: Path, _: pytest.MonkeyPatch) -> None:
    document = home / ".aws" / "document"
    in_file(home, "document", json.dumps({"Version": 1, **temporary(CANARIES["process"])}))
    in_file(home, "config", f"[default]\ncredential_process = /bin/cat {document}\n")


SOURCES: tuple[Callable[[Path, pytest.MonkeyPatch], None], ...] = (
    from_environment,
    from_credentials_file,
    from_a_profile,
    from_a_process,
)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.one_in(4)
@pytest.mark.soak
def test_keys_of_this_computer_are_used_and_kept_nowhere(
    spot: Spot,
    home: Path,
    aws: pytest.MonkeyPatch,
    source: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    source(home, aws)
    if source is from_environment:
        assert a_day(spot, home, COMMANDS) == {0, 2, 7}
    else:
        assert a_day(spot, home) == {0}


@pytest.mark.parametrize("place", ["container", "metadata"])
def test_keys_of_a_service_are_used_and_kept_nowhere(
    spot: Spot, home: Path, aws: pytest.MonkeyPatch, place: str
) -> None:
    with handing_out(CANARIES[place]) as url:
        if place == "container":
            aws.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/keys")
            aws.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", CANARIES["token"])
        else:
            aws.setenv("AWS_EC2_METADATA_DISABLED", "false")
            aws.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        assert a_day(spot, home) == {0}


def test_a_login_that_cannot_be_used_is_not_repeated(
    spot: Spot, home: Path, aws: pytest.MonkeyPatch
) -> None:
    """An SSO login in its cache, and a web identity: who answers for them is not there."""
    start = "https://sso.example.com/start"
    login = {"start_url": start, "region": "us-east-1", "account_id": "1" * 12, "role_name": "r"}
    lines = "".join(f"sso_{key} = {value}\n" for key, value in login.items())
    in_file(home, "config", f"[default]\n{lines}")
    name = sha1(start.encode()).hexdigest()  # noqa: S324 - as botocore names it
    cached = home / ".aws" / "sso" / "cache" / f"{name}.json"
    cached.parent.mkdir(parents=True)
    token = {"accessToken": CANARIES["sso"], "expiresAt": "2020-01-01T00:00:00Z"}
    cached.write_text(json.dumps({**token, "startUrl": start}))
    silent(spot("ls", HERE, "--debug"), "sso")
    (home / ".aws" / "config").unlink()
    (home / ".aws" / "web").write_text(CANARIES["web"])
    aws.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(home / ".aws" / "web"))
    aws.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
    silent(spot(*COMMANDS[3]), "web identity")
    assert list(canaries.found_below(home)) == []


def test_the_password_of_an_address_is_not_repeated(
    spot: Spot, home: Path, aws: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    from_environment(home, aws)
    host = sandbox.url.removeprefix("http://")
    secret = CANARIES["endpoint"].replace("/", "%2F")
    aws.setenv("AWS_MAX_ATTEMPTS", "1")
    for address, lines in ((host, FEW), ("127.0.0.1:9", FEW[2:3]), ("127.0.0.1:no", FEW[2:3])):
        url = f"http://me:{secret}@{address}"
        aws.setenv("AWS_ENDPOINT_URL", url)
        aws.setenv("SPOT_ADVISOR_URL", f"{url}/feed.json")
        for line in (*lines, (*FEW[0], "--refresh")):
            silent(spot(*line), (address, line))
    assert list(canaries.found_below(home)) == []


def test_the_password_of_a_proxy_is_not_repeated(
    spot: Spot, home: Path, aws: pytest.MonkeyPatch
) -> None:
    from_environment(home, aws)
    secret = CANARIES["proxy"].replace("/", "%2F")
    aws.setenv("HTTP_PROXY", f"http://me:{secret}@127.0.0.1:9")
    aws.setenv("AWS_ENDPOINT_URL", "http://ec2.test")
    for line in (COMMANDS[0], COMMANDS[3]):
        answer = spot(*line)
        assert answer.code == 1
        silent(answer, line)


@pytest.mark.parametrize("end", ["\n", "\r\nx: y", "é", "\udcff"])
@pytest.mark.parametrize("name", ["AWS_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.one_in(3)
def test_a_key_with_a_stray_character_is_not_repeated(
    spot: Spot, home: Path, aws: pytest.MonkeyPatch, name: str, end: str
) -> None:
    """Python refuses such a header, and says which value it refuses."""
    from_environment(home, aws)
    aws.setenv(name, canaries.ALWAYS[name] + end)
    for line in (COMMANDS[0], COMMANDS[3]):
        silent(spot(*line), (name, end, line))


def test_what_aws_says_of_a_wrong_signature_does_not_repeat_the_token(
    spot: Spot, home: Path, aws: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    from_environment(home, aws)
    token = CANARIES["token"]
    told = f"The Canonical String should have been 'POST x-amz-security-token:{token} x'"
    for output in ("table", "json"):
        sandbox.control.fail("DescribeRegions", "SignatureDoesNotMatch", message=told)
        answer = spot("ls", f"--output={output}", "--debug")
        assert answer.code == 4
        silent(answer, output)


def test_user_data_is_sent_and_kept_nowhere_here(spot: Spot, home: Path, sandbox: Sandbox) -> None:
    usual_key(home)
    in_file(home, "setup.sh", f"#!/bin/sh\nexport TOKEN={CANARIES['userdata']}\n")
    script = f"--user-data={home}/.aws/setup.sh"
    own = home / "spot" / "state" / "sandbox"
    for line in (
        ("up", "train", "--type=t3.micro", script, HERE, "--yes", "--debug"),
        ("show", "train"),
        ("show", "train", "--output=json"),
        ("down", "train", "--yes", "--debug"),
    ):
        silent(spot(*line), line)
    assert [leak for leak in canaries.found_below(home) if str(own) not in leak] == []
    sandbox.reset()  # who simulates EC2 has it, as EC2 would


def test_a_fault_of_our_own_tells_no_value(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"odd value {CANARIES['secret']}")

    codes: list[int] = []
    monkeypatch.setattr(Choices, "keeper", fails)
    monkeypatch.setattr(os, "_exit", codes.append)
    for line in (["ls"], ["ls", "--debug"], ["ls", "--output=json"]):
        app.main(line)
        told = capsys.readouterr()
        silent(Answer(codes[-1], told.out, told.err), line)
        assert "fault of spotkeeper: RuntimeError at test_secrets.py:" in told.err
        assert told.out == ""
        if "--output=json" in line:
            assert json.loads(told.err)["error"]["kind"] == "error"
    assert codes == [1, 1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_files_are_the_owners_only_and_the_sandbox_knows_no_login(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a umask of 0, and with a whole login in the environment."""
    monkeypatch.setenv("SPOT_HOME", str(home / "own"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    before = os.umask(0)
    try:
        for line in (
            ("up", "train", "--type=t3.micro", HERE, "--yes"),
            ("find", "--type=t3.micro", HERE),
            ("ssh", "train", "--print"),
        ):
            answer = spot(*line)
            assert answer.code == 0, answer.err
        silent(spot("sandbox", "env"), "env")
        no_secret_in(Path(f"/proc/{daemon.status(home / 'own' / 'state' / 'sandbox').pid}"))
        daemon.stop(home / "own" / "state" / "sandbox")
        found = {path: stat.S_IMODE(path.lstat().st_mode) for path in (home / "own").rglob("*")}
    finally:
        os.umask(before)
        daemon.stop(home / "own" / "state" / "sandbox")
    disks = home / "own/state/sandbox/guests/volumes"  # a machine's own files, in a closed folder
    kinds = {path.suffix for path in found}
    assert {".jsonl", ".lock", ".cache", ".snapshot", ".pub", ".log"} <= kinds
    wrong = {
        str(path): oct(mode)
        for path, mode in found.items()
        if mode != (0o700 if path.is_dir() else 0o600) and disks not in path.parents
    }
    assert wrong == {}
    assert stat.S_IMODE((home / "own").stat().st_mode) == 0o700
    assert list(canaries.found_below(home)) == []


def no_secret_in(process: Path) -> None:
    """Neither the arguments nor the environment of a process hold one, as far as is shown."""
    for part in ("cmdline", "environ"):
        if (process / part).exists():
            assert canaries.found_in((process / part).read_bytes()) == []
