"""What is certain without botocore, and what is left to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spotkeeper.aws import endpoint
from spotkeeper.aws.endpoint import Keys
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import NoCredentials

KEYS = Keys("AKIDEXAMPLE", "secret")
PLAIN = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No keys and no configuration but the test's own."""
    import os

    for name in [
        name for name in os.environ if name.startswith("AWS_") or "PROXY" in name.upper()
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    yield tmp_path
    endpoint._tls.cache_clear()


def with_keys(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    for name, value in {**PLAIN, **more}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("url", "host", "secure"),
    [
        ("https://ec2.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com", True),
        ("http://127.0.0.1:7711", "127.0.0.1:7711", False),
        ("http://[::1]:7711/", "[::1]:7711", False),
        ("https://user:word@proxy.example", "proxy.example", True),
    ],
)
def test_an_address_is_a_door(url: str, host: str, *, secure: bool) -> None:
    reached = endpoint.endpoint_to(url, KEYS, lambda: None)
    assert reached is not None
    assert (reached.host, reached.secure) == (host, secure)


@pytest.mark.parametrize("url", ["https://host/path", "ftp://host", "host:80", "", "https://"])
def test_what_is_more_than_a_host_is_left_to_botocore(url: str) -> None:
    assert endpoint.endpoint_to(url, KEYS, lambda: None) is None


@pytest.mark.parametrize("name", [*endpoint.PROXIES, *endpoint.VARIANTS])
def test_a_proxy_or_another_kind_of_endpoint_is_left_to_botocore(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_keys(monkeypatch)
    assert AwsSession(region="us-east-1").endpoint("us-east-1")
    monkeypatch.setenv(name, "true")
    assert AwsSession(region="us-east-1").endpoint("us-east-1") is None


@pytest.mark.parametrize(
    "region",
    ["us-east-1", "ap-southeast-5", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"],
)
def test_the_usual_address_is_botocores(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_keys(monkeypatch)
    session = AwsSession(region=region)
    endpoint = session.endpoint(region)
    assert endpoint is not None
    assert endpoint.secure
    assert f"https://{endpoint.host}" == session.client("ec2", region).meta.endpoint_url


def test_every_region_that_botocore_knows_has_an_address() -> None:
    known = AwsSession(region="us-east-1").known_regions
    assert [region for region in known if endpoint.usual_address(region) is None] == []


def test_a_region_that_nobody_knows_is_left_to_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    with_keys(monkeypatch)
    assert AwsSession(region="us-east-1").endpoint("mars-north-1") is None


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"])
def test_an_endpoint_of_the_environment_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_keys(monkeypatch, **{name: "http://127.0.0.1:1"})
    endpoint = AwsSession(region="us-east-1").endpoint("us-east-1")
    assert endpoint is not None
    assert endpoint.host == "127.0.0.1:1"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    usual = AwsSession(region="us-east-1").endpoint("us-east-1")
    assert usual is not None
    assert usual.host == "ec2.us-east-1.amazonaws.com"


@pytest.mark.parametrize("setting", sorted(endpoint.CONFIGURED - {"services"}))
def test_an_endpoint_of_the_profile_is_left_to_botocore(
    setting: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_keys(monkeypatch)
    (home / "config").write_text(f"[default]\n{setting} = true\n")
    assert AwsSession(region="us-east-1").endpoint("us-east-1") is None


def test_a_named_profile_wins_over_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_keys(monkeypatch)
    (home / "credentials").write_text(
        "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\naws_session_token = t\n"
    )
    endpoint = AwsSession(profile="work", region="us-east-1").endpoint("us-east-1")
    assert endpoint is not None
    assert endpoint.keys == Keys("AKIAWORK", "s", "t")


def test_half_a_pair_of_keys_is_none() -> None:
    assert endpoint.keys_in({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}) is None
    assert endpoint.keys_in(PLAIN) == KEYS
    assert endpoint.keys_in({**PLAIN, "AWS_SESSION_TOKEN": "t"}) == Keys(
        "AKIDEXAMPLE", "secret", "t"
    )


def test_nobody_logged_in_is_said() -> None:
    with pytest.raises(NoCredentials):
        AwsSession(region="us-east-1").endpoint("us-east-1")


def test_certificates_are_those_of_botocore_unless_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = endpoint._botocores_bundle()
    assert bundle is not None
    assert Path(bundle).parent.name == "botocore"
    assert endpoint.tls().get_ca_certs()
    assert endpoint.tls() is endpoint.tls()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(FileNotFoundError):
        endpoint.tls()
