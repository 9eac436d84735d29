"""Whatever is sent to the sandbox, the answer is AWS's or JSON, and never a page for people."""

import json
import socket
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20260105/us-east-1/{}/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
IN_CHUNKS = {"Transfer-Encoding": "chunked"}
FORM = "application/x-www-form-urlencoded"
VPCS = urlencode({"Action": "DescribeVpcs", "Version": "2016-11-15"}).encode()


def send(
    sandbox: Sandbox,
    body: Any = VPCS,
    *,
    service: str = "ec2",
    path: str = "/",
    chunked: bool = False,
    headers: Mapping[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    """A request as no SDK would make it."""
    connection = HTTPConnection("127.0.0.1", sandbox.status.port or 0, timeout=30)
    signed = {"Authorization": SIGNED.format(service), "Content-Type": FORM}
    with closing(connection):
        connection.request(
            "POST", path, body, {**signed, **(headers or {})}, encode_chunked=chunked
        )
        answer = connection.getresponse()
        content = answer.read()
    assert answer.headers["x-spotkeeper-sandbox"] == "simulated"
    assert b"<html" not in content.lower()
    return answer, content


def control(sandbox: Sandbox, verb: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """A control verb with any body."""
    token = {"x-spotkeeper-token": sandbox.status.token}
    answer, content = send(sandbox, body, path=f"/_sandbox/{verb}", headers=token)
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(content)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.2", "localhost.evil"],
)
def test_a_foreign_host_is_refused(sandbox: Sandbox, host: str) -> None:
    answer, content = send(sandbox, headers={"Host": host})
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in content
    answer, content = send(sandbox, path="/_sandbox/health", headers={"Host": host})
    assert answer.status == 403
    assert json.loads(content)["kind"] == "sandbox"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1234", "[::1]:80"])
def test_its_own_hosts_are_not(sandbox: Sandbox, host: str) -> None:
    assert send(sandbox, headers={"Host": host})[0].status == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://localhost:8000"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_in_a_browser_is_refused(sandbox: Sandbox, headers: dict[str, str]) -> None:
    answer, content = send(sandbox, headers=headers)
    assert answer.status == 403
    assert b"web pages" in content


def test_it_listens_on_this_computer_only(sandbox: Sandbox) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in {"127.0.0.2", *others} - {"127.0.0.1", "::1"}:
        with socket.socket() as probe:
            probe.settimeout(1)
            assert probe.connect_ex((str(address), sandbox.status.port or 0)) != 0


def test_a_body_in_chunks_is_read(sandbox: Sandbox) -> None:
    pieces = (VPCS[n : n + 7] for n in range(0, len(VPCS), 7))
    answer, content = send(sandbox, pieces, chunked=True, headers=IN_CHUNKS)
    assert answer.status == 200
    assert b"<DescribeVpcsResponse" in content


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(sandbox: Sandbox, *, chunked: bool) -> None:
    piece = b"x" * 1024 * 1024
    whole: Any = iter([piece] * 17) if chunked else piece * 17
    headers = IN_CHUNKS if chunked else None
    answer, content = send(sandbox, whole, chunked=chunked, headers=headers)
    assert answer.status == 413
    assert b"RequestEntityTooLarge" in content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingAction"),
        (b"Version=2016-11-15", "MissingAction"),
        (b"Action=MakeCoffee&Version=2016-11-15", "InvalidAction"),
        (b"\xff\xfe\x00", "MissingAction"),
    ],
)
def test_what_is_no_call_of_ec2_is_told_in_its_words(
    sandbox: Sandbox, body: bytes, code: str
) -> None:
    answer, content = send(sandbox, body)
    assert answer.status == 400
    assert f"<Code>{code}</Code>".encode() in content


def test_a_json_service_fails_in_json(sandbox: Sandbox) -> None:
    sandbox.control.fail("ListServices", "ThrottlingException")
    with pytest.raises(ClientError) as caught:
        sandbox.client("service-quotas").list_services()
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("advance", b""),
        ("advance", b"not json"),
        ("advance", b"[1]"),
        ("advance", b"{}"),
        ("advance", b'{"seconds": "ten"}'),
        ("advance", b'{"seconds": -1}'),
        ("advance", b'{"seconds": NaN}'),
        ("advance", b'{"seconds": 1e300}'),
        ("advance", b'{"seconds": true}'),
        ("interrupt", b'{"name": 5}'),
        ("interrupt", b'{"name": "nobody"}'),
        ("shutdown", b'{"name": "nobody"}'),
        ("metadata", b'{"name": "nobody"}'),
        ("drain", b'{"pool": "g5.xlarge"}'),
        ("drain", b'{"pool": "g5.xlarge@us-east-1a", "minutes": "x"}'),
        ("refill", b"{}"),
        ("price", b'{"pool": "g5.xlarge@us-east-1a", "usd": "nan"}'),
        ("price", b'{"pool": "g5.xlarge@us-east-1a", "usd": 0.5}'),
        ("quota", b'{"code": "L-3819A6DF", "vcpus": 5, "region": "mars-1"}'),
        ("quota", b'{"code": "L-0", "vcpus": 5}'),
        ("fail", b'{"operation": "RunInstances"}'),
        ("fail", b'{"operation": "X", "code": "Y", "times": 0, "after_effect": false}'),
        ("latency", b'{"seconds": 1000}'),
        ("throttle", b'{"on": "yes"}'),
        ("events", b'{"kind": "nonsense"}'),
        ("events", b'{"since": "soon"}'),
        ("reset", b'{"scenario": "stormy"}'),
        ("reset", b'{"seed": "x"}'),
        ("reset", b'{"speed": -1}'),
        ("reset", b'{"what": 1}'),
        ("reset", b'{"begins": "once"}'),
    ],
)
@pytest.mark.one_in(3)
def test_a_verb_that_makes_no_sense_is_refused_in_json(
    sandbox: Sandbox, verb: str, body: bytes
) -> None:
    before = sandbox.control.now()
    status, content = control(sandbox, verb, body)
    assert status == 400
    assert content["kind"] in {"bad-input", "not-found"}
    assert content["message"]
    assert (sandbox.control.now() - before).total_seconds() < 60


def test_a_verb_that_does_not_exist_is_told(sandbox: Sandbox) -> None:
    assert control(sandbox, "dance", b"{}")[0] == 404


def test_a_connection_that_says_nothing_harms_nobody(sandbox: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.status.port or 0)) as silent:
        silent.sendall(b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf")
        assert sandbox.client("ec2").describe_vpcs()["Vpcs"]
    with socket.create_connection(("127.0.0.1", sandbox.status.port or 0)) as rubbish:
        rubbish.sendall(b"\x00\xff nonsense\r\n\r\n")
        rubbish.recv(100)
    assert sandbox.client("ec2").describe_vpcs()["Vpcs"]


def test_many_at_once_are_all_answered(sandbox: Sandbox) -> None:
    answered = []

    def tag(number: int) -> None:
        made = sandbox.client("ec2").create_security_group(GroupName=f"g{number}", Description="d")
        answered.append(made["GroupId"])

    threads = [Thread(target=tag, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sandbox.client("ec2").describe_security_groups(GroupIds=answered)["SecurityGroups"]
    assert len(set(answered)) == len(found) == 12
