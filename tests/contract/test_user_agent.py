"""Who asks is told in every call, with the version, whoever sends it."""

from pathlib import Path

import pytest
from tests.contract.price_look import ASKED, KEYS, REGION, look
from tests.fakes.price_server import PriceServer, answer, page, row

from spotkeeper import __version__
from spotkeeper.aws.price_scan import scan
from spotkeeper.aws.session import AwsSession


def test_every_call_names_the_version(
    price_market: PriceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    price_market.tell(REGION, page([row()], "p2"), page([row()], "p2"))
    price_market.tell(REGION, answer(503), page([row()]), token="p2")
    look(price_market)
    session = AwsSession(endpoint_url=price_market.url, static_credentials=KEYS, region=REGION)
    for launches in (False, True):
        with pytest.raises(Exception, match="no RunInstances here"):
            session.client("ec2", REGION, launches=launches).run_instances(MinCount=1, MaxCount=1)

    config = tmp_path / "config"
    config.write_text(
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/it\n"
        "credential_source = Environment\n"
    )
    for name, value in {
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL": price_market.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    scan(AwsSession(profile="role", region=REGION), (REGION,), ASKED)  # asks for a login first

    actions = {call.form["Action"] for call in price_market.calls}
    assert actions == {"DescribeSpotPriceHistory", "RunInstances", "AssumeRole"}
    assert {call.quick for call in price_market.calls} == {True, False}
    for call in price_market.calls:
        assert f"spotkeeper/{__version__}" in call.headers["user-agent"].split()
