"""A login that cannot be had, whatever source of credentials fails: exit 4, with its profile."""

import io
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from botocore.credentials import AssumeRoleProvider
from tests.conftest import Sandbox
from tests.story.conftest import Spot
from tests.story.refusals import paragraph

pytestmark = pytest.mark.world("sources of credentials", by="botocore's own providers")

LINES = (("ls",), ("find", "--type", "g5.xlarge"), ("down", "train", "--yes"))

KEYS = "aws_access_key_id=AKIASANDBOXSANDBOX00\naws_secret_access_key=sandbox\n"
ROLE = "role_arn=arn:aws:iam::123456789012:role/dev\n"


def process(command: str) -> str:
    return f"[profile a]\ncredential_process = {command}\n"


def printing(text: str) -> str:
    """A helper that prints a text; quoted so that the shell's rules leave it alone."""
    return process(f"""{sys.executable} -c 'print("{text}")'""")


#: What is wrong, the user's ~/.aws/config, and words that must be in the message.
SOURCES: Mapping[str, tuple[str, str]] = {
    "no such program": (process("/opt/no/such/helper"), "/opt/no/such/helper"),
    "a program that may not be run": (process("/etc/hostname"), "credential_process"),
    "a program that fails": (process("sh -c 'echo no ticket >&2; exit 3'"), "no ticket"),
    "no JSON": (printing("hello"), "not JSON"),
    "another document": (process("echo []"), "incomplete"),
    "half a document": (process("""echo '{"Version": 1}'"""), "credential_process"),
    "a version to come": (process("""echo '{"Version": 9}'"""), "credential_process"),
    "a quote without an end": (process("echo 'x"), "credential_process"),
    "bytes that are no text": (process(r"printf '\377'"), "not text"),
    "no time": (
        process("""echo '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", """
                """"SessionToken": "t", "Expiration": "soon"}'"""),
        "credential_process",
    ),
    "keys from the past": (
        process("""echo '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", """
                """"SessionToken": "t", "Expiration": "2020-01-01T00:00:00Z"}'"""),
        "expired",
    ),
    "an MFA code and no terminal": (
        f"[profile root]\n{KEYS}[profile a]\n{ROLE}source_profile=root\n"
        "mfa_serial=arn:aws:iam::123456789012:mfa/me\n",
        "MFA code is asked for",
    ),
    "a role that nobody may take": (
        f"[profile root]\n{KEYS}[profile a]\n{ROLE}source_profile=root\n", "AssumeRole",
    ),
    "a role without a source": (f"[profile a]\n{ROLE}", "role_arn"),
    "a source that is not there": (f"[profile a]\n{ROLE}source_profile=b\n", "b"),
    "roles in a circle": (
        f"[profile a]\n{ROLE}source_profile=b\n[profile b]\n{ROLE}source_profile=a\n",
        "role_arn",
    ),
    "a source of a kind to come": (f"[profile a]\n{ROLE}credential_source=Moon\n", "Moon"),
    "a helper behind a role": (
        f"[profile a]\n{ROLE}source_profile=b\n[profile b]\ncredential_process=/opt/none\n",
        "/opt/none",
    ),
    "a token file that is not there": (
        f"[profile a]\n{ROLE}web_identity_token_file=/opt/no/token\n", "/opt/no/token",
    ),
    "SSO without a login": (
        "[profile a]\nsso_session=s\nsso_account_id=123456789012\nsso_role_name=dev\n"
        "[sso-session s]\nsso_region=us-east-1\nsso_start_url=https://example.com/start\n",
        "aws sso login --profile a",
    ),
    "half of SSO": ("[profile a]\nsso_start_url=https://example.com/start\n", "sso"),
    "half of the keys": ("[profile a]\naws_access_key_id=AKIASANDBOXSANDBOX00\n", "Partial"),
    "a login that is over": ("[profile a]\nlogin_session=arn:aws:iam::1:user/me\n", "a"),
    "a file that cannot be read": ("[profile a\nregion=", "~/.aws/config"),
    "no such profile": ("[profile b]\n", "(a)"),
}  # fmt: skip


@pytest.fixture
def as_profile_a(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The account met by profile ``a`` alone, with nobody at the keyboard; its configuration."""
    for name in ("SPOT_SANDBOX", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
    monkeypatch.setenv("AWS_PROFILE", "a")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    by_hand = (lambda _: input(), None, None)  # never at the terminal of whoever runs the test
    monkeypatch.setattr(AssumeRoleProvider.__init__, "__defaults__", by_hand)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (home / ".aws").mkdir()
    return home / ".aws" / "config"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.one_in(3)
def test_a_source_of_credentials_that_fails_is_named_with_its_profile(
    spot: Spot, sandbox: Sandbox, as_profile_a: Path, source: str
) -> None:
    text, words = SOURCES[source]
    as_profile_a.write_text(text)
    sandbox.control.fail("AssumeRole", "AccessDenied", times=9, http_status=403)
    for line in LINES:
        told = paragraph(spot(*line), 4)
        assert "profile" in told
        assert words in told
        assert "fault of spotkeeper" not in told
        assert "network" not in told
        assert "spot policy" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://203.0.113.9/keys"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/keys"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/opt/no/token"),
    ],
)
@pytest.mark.one_in(3)
def test_a_source_that_the_environment_names_fails_in_the_same_way(
    spot: Spot,
    as_profile_a: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    as_profile_a.write_text("[profile a]\n")
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/dev")
    for line in LINES:
        assert "profile a" in paragraph(spot(*line), 4)
