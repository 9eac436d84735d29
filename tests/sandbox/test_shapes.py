"""Every answer of the sandbox, as it goes over the wire, against botocore's output shapes."""

from functools import partial
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.conftest import Sandbox
from tests.sandbox import everything
from tests.sandbox.everything import Told, hears
from tests.sandbox.shapes import problems_of_json, problems_of_xml

from ec2_sandbox import moto_hooks  # noqa: F401 - before anything of moto
from ec2_sandbox.options import SandboxStatus

pytestmark = pytest.mark.sandbox

OK = 200


@pytest.fixture(scope="module")
def answers(running_sandbox: SandboxStatus) -> list[Told]:
    """What the sandbox said in a session that calls everything."""
    import boto3

    sandbox = Sandbox(running_sandbox)
    sandbox.reset(dwell=1, speed=0, begins="2026-01-05T00:00:00+00:00")
    fresh = boto3.Session()
    clients = {name: _client(fresh, sandbox, name) for name in SERVICES}
    heard = {name: hears(client) for name, client in clients.items()}
    everything.session(sandbox, clients.__getitem__)
    return [told for name in SERVICES for told in heard[name]]


SERVICES = ("ec2", "pricing", "service-quotas")


def _client(fresh: Any, sandbox: Sandbox, service: str) -> Any:
    return fresh.client(
        service,
        region_name="us-east-1",
        endpoint_url=sandbox.url,
        aws_access_key_id="AKIASANDBOXSANDBOX00",
        aws_secret_access_key="sandbox",
    )


def test_every_answer_of_ec2_has_the_shape_that_botocore_knows(answers: list[Told]) -> None:
    found = [
        problem
        for told in answers
        if told.service == "ec2" and told.status == OK
        for problem in problems_of_xml(told.operation, told.body)
    ]
    assert sorted(set(found)) == []


@pytest.mark.soak
def test_every_answer_in_json_has_the_shape_that_botocore_knows(answers: list[Told]) -> None:
    found = [
        problem
        for told in answers
        if told.service != "ec2"
        for problem in problems_of_json(told.operation, told.body)
    ]
    assert sorted(set(found)) == []


@pytest.mark.soak
def test_every_error_of_ec2_has_a_code_and_a_message(answers: list[Told]) -> None:
    errors = [told for told in answers if told.service == "ec2" and told.status != OK]
    assert {told.operation.name for told in errors}
    for told in errors:
        root = ElementTree.fromstring(told.body)  # noqa: S314 - our own server
        assert root.tag.endswith("Response")
        for path in ("{*}Errors/{*}Error/{*}Code", "{*}Errors/{*}Error/{*}Message"):
            assert root.findtext(path), told.body
        assert root.findtext("{*}RequestID"), told.body


def test_every_operation_that_the_sandbox_answers_itself_was_called(answers: list[Told]) -> None:
    called = {(told.service, told.operation.name) for told in answers}
    assert sorted(_ours() - called) == []


def _ours() -> set[tuple[str, str]]:
    """The operations that we wrote, rather than moto."""
    from moto.core.utils import camelcase_to_underscores, get_service_model

    from ec2_sandbox.ec2.responses import SandboxEC2Response
    from ec2_sandbox.services.pricing import products
    from ec2_sandbox.services.service_quotas import quota_calls

    methods = {
        camelcase_to_underscores(name): name for name in get_service_model("ec2").operation_names
    }
    own = [one for one in SandboxEC2Response.__mro__ if one.__module__.startswith("spotkeeper")]
    of_ec2 = {methods[name] for one in own for name in vars(one) if name in methods}
    return {
        *(("ec2", name) for name in of_ec2),
        *(("pricing", name) for name in products.OPERATIONS),
        *(("service-quotas", name) for name in quota_calls.OPERATIONS),
    }


# The checker itself


def _operation(service: str, name: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service).operation_model(name)


def _answer(inner: str, operation: str = "StopInstances") -> bytes:
    return f"<{operation}Response><requestId>r</requestId>{inner}</{operation}Response>".encode()


CHANGED = "<instancesSet><item>{}</item></instancesSet>"


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        (CHANGED.format("<instanceId>i-1</instanceId>"), None),
        ("<instanceSet/>", "StopInstances.instanceSet: unknown"),
        ("<instancesSet><member/></instancesSet>", "an item should be called item"),
        ("<instancesSet/><instancesSet/>", "more than once"),
        (CHANGED.format("<currentState><code>x</code></currentState>"), "is no integer"),
        (CHANGED.format("<currentState><name>gone</name></currentState>"), "is none of"),
        (CHANGED.format("<instanceId><b/></instanceId>"), "elements where a string belongs"),
    ],
)
def test_the_checker_finds_what_ec2_would_not_say(inner: str, problem: str | None) -> None:
    found = problems_of_xml(_operation("ec2", "StopInstances"), _answer(inner))
    assert bool(found) == (problem is not None), found
    assert problem is None or problem in found[0]


@pytest.mark.parametrize(
    ("operation", "inner", "problem"),
    [
        ("RebootInstances", "<x/>", "in an empty answer"),
        ("CreateVolume", "<createTime>2026-01-05 00:00:00</createTime>", "is no time"),
        ("CreateVolume", "<encrypted>True</encrypted>", "is no boolean"),
    ],
)
def test_the_checker_knows_times_booleans_and_empty_answers(
    operation: str, inner: str, problem: str
) -> None:
    body = _answer(inner, operation)
    assert problem in problems_of_xml(_operation("ec2", operation), body)[0]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"Quota": {"QuotaCode": "L-1", "Value": 5.0, "Adjustable": true}}', None),
        (b'{"Quota": {"Value": "5"}}', "is no double"),
        (b'{"Quota": {"Adjustable": 1}}', "is no boolean"),
        (b'{"Quota": {"Value": true}}', "is no double"),
        (b'{"Quotas": {}}', "unknown"),
    ],
)
def test_the_checker_reads_json_too(body: bytes, problem: str | None) -> None:
    check = partial(problems_of_json, _operation("service-quotas", "GetServiceQuota"))
    found = check(body)
    assert bool(found) == (problem is not None), found
    assert problem is None or problem in found[0]
