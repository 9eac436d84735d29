"""Our signer against botocore's own."""

from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.aws.endpoint import FORM, Keys, SigningScope, signed_headers

NOON = datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC)
VISIBLE = st.characters(min_codepoint=33, max_codepoint=126)


def botocores(body: bytes, host: str, scope: SigningScope, keys: Keys, now: datetime) -> str:
    request = AWSRequest("POST", f"https://{host}/", data=body, headers={"Content-Type": FORM})
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token or None)
    with patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        SigV4Auth(credentials, scope.service, scope.region).add_auth(request)
    found: str = request.headers["Authorization"]
    return found


@given(
    body=st.binary(max_size=400),
    secret=st.text(VISIBLE, min_size=1, max_size=60),
    token=st.text(VISIBLE, max_size=60),
    region=st.sampled_from(["us-east-1", "cn-north-1", "eu-central-2"]),
    ahead=st.integers(0, 10**8),
)
def test_it_signs_as_botocore_does(
    body: bytes, secret: str, token: str, region: str, ahead: int
) -> None:
    keys, scope = Keys("AKIDEXAMPLE", secret, token), SigningScope(region, "ec2")
    host, now = f"ec2.{region}.amazonaws.com", NOON + timedelta(seconds=ahead)
    headers = signed_headers(body, host=host, scope=scope, keys=keys, now=now)
    assert headers["authorization"] == botocores(body, host, scope, keys, now)


@pytest.mark.parametrize("token", ["", "a-session"])
def test_a_session_token_is_sent_when_there_is_one(token: str) -> None:
    keys = Keys("AKIDEXAMPLE", "secret", token)
    headers = signed_headers(b"", host="h", scope=SigningScope("r", "ec2"), keys=keys, now=NOON)
    assert headers.get("x-amz-security-token", "") == token


def test_no_secret_is_ever_printed() -> None:
    assert "secret" not in repr(Keys("AKIDEXAMPLE", "secret", "secret-session"))


def test_the_time_is_told_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-8)))
    keys, scope = Keys("AKIDEXAMPLE", "secret"), SigningScope("us-east-1", "ec2")
    here, there = (
        signed_headers(b"a=b", host="h", scope=scope, keys=keys, now=now)
        for now in (NOON, elsewhere)
    )
    assert here == there
    assert here["x-amz-date"] == "20261123T120007Z"


@pytest.mark.parametrize("change", ["body", "host", "region", "secret", "token", "time"])
def test_whatever_is_changed_changes_the_signature(change: str) -> None:
    def sign(changed: str) -> str:
        def told(name: str) -> str:
            return f"other-{name}" if name == changed else name

        return signed_headers(
            told("body").encode(),
            host=told("host"),
            scope=SigningScope(told("region"), "ec2"),
            keys=Keys("AKIDEXAMPLE", told("secret"), told("token")),
            now=NOON + timedelta(seconds=changed == "time"),
        )["authorization"].rpartition("Signature=")[2]

    assert sign(change) != sign("")
