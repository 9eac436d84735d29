"""The one table: every code and every exception becomes an error of ours with a next step."""

import inspect
import json
import re
from typing import Any

import pytest
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from spotkeeper.aws.failures import Place, denial, explained, from_client_error
from spotkeeper.errors import (
    NoCapacity,
    PermissionDenied,
    Scope,
    SpotkeeperError,
    StaleToken,
    Unreachable,
)

PLACE = Place("ec2", "RunInstances", "us-east-1")
PROBE = "EC2's own words"


def refusal(code: str, *, status: int = 400) -> aws.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": PROBE},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return aws.ClientError(response, "RunInstances")


def exceptions_of_botocore() -> list[type[Exception]]:
    found = [each for _, each in inspect.getmembers(aws, inspect.isclass)]
    return [each for each in found if issubclass(each, (aws.BotoCoreError, aws.ClientError))]


def example(kind: type[Exception]) -> Exception:
    """An instance, whatever its constructor wants."""
    if issubclass(kind, aws.ClientError):
        return kind({"Error": {"Code": "X", "Message": "x"}}, "RunInstances")
    if issubclass(kind, aws.WaiterError):
        return kind("waiter", "reason", {})
    wanted = re.findall(r"{(\w+)}", getattr(kind, "fmt", ""))
    return kind(**dict.fromkeys(wanted, "x"))


def translated(problem: Exception) -> SpotkeeperError:
    with pytest.raises(SpotkeeperError) as caught, explained(PLACE):
        raise problem
    return caught.value


def test_a_refusal_keeps_operation_region_code_and_words() -> None:
    error = from_client_error(refusal("InsufficientInstanceCapacity", status=500), PLACE)
    assert type(error) is NoCapacity
    assert error.aws_code == "InsufficientInstanceCapacity"
    assert error.region == "us-east-1"
    for part in ("RunInstances", "us-east-1", PROBE, "InsufficientInstanceCapacity"):
        assert part in error.message


ENCODED = f"{PROBE}. Encoded authorization failure message: g4oZPBqZ4Bni8dE5dGjxYTnOZ"
DOCUMENT = {
    "allowed": False,
    "explicitDeny": True,
    "matchedStatements": {"items": [{"statementId": "OnlyEurope", "effect": "DENY"}]},
    "context": {"action": "ec2:RunInstances", "resource": "arn:aws:ec2:us-east-1:1:instance/*"},
}


def test_an_encoded_message_is_decoded_where_that_is_allowed_and_cut_elsewhere() -> None:
    response: Any = {"Error": {"Code": "UnauthorizedOperation", "Message": ENCODED}}
    denied = aws.ClientError(response, "RunInstances")
    cut = from_client_error(denied, PLACE)
    assert type(cut) is PermissionDenied
    assert "g4oZPBqZ4" not in cut.message
    assert "Encoded" not in cut.message
    told = from_client_error(denied, PLACE, lambda text: f"as {text[:9]} says")
    assert f"{PROBE}. as g4oZPBqZ4 says (UnauthorizedOperation)" in told.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (DOCUMENT, "ec2:RunInstances on arn:aws:ec2:us-east-1:1:instance/*: denied by statement "
         "OnlyEurope"),
        ({**DOCUMENT, "matchedStatements": {"items": []}},
         "ec2:RunInstances on arn:aws:ec2:us-east-1:1:instance/*: no statement allows it"),
        ({}, ""), ([], ""), ("x", ""), (None, ""), ({"context": []}, ""),
        ({**DOCUMENT, "matchedStatements": {"items": [7]}}, ""),
    ],
)  # fmt: skip
def test_a_decoded_denial_says_what_was_denied_by_whom(document: object, words: str) -> None:
    assert denial(json.dumps(document)) == words
    assert denial("not JSON") == ""


def test_an_answer_without_code_and_words_is_still_explained() -> None:
    answer: Any = {"ResponseMetadata": {"HTTPStatusCode": 503}}
    bare = aws.ClientError(answer, "X")
    error = from_client_error(bare, PLACE)
    assert type(error) is Unreachable
    assert "503" in error.message


@pytest.mark.parametrize("kind", exceptions_of_botocore(), ids=lambda kind: kind.__name__)
def test_no_exception_of_botocore_escapes(kind: type[Exception]) -> None:
    problem = example(kind)
    error = translated(problem)
    assert error.next_step.strip()
    assert error.region == "us-east-1"
    assert error.__cause__ is problem


def test_an_answer_that_cannot_be_read_is_unreachable() -> None:
    assert type(translated(ResponseParserError("not XML"))) is Unreachable


@pytest.mark.parametrize(
    "kind",
    [
        aws.NoCredentialsError,
        aws.PartialCredentialsError,
        aws.CredentialRetrievalError,
        aws.ProfileNotFound,
        aws.SSOTokenLoadError,
        aws.UnauthorizedSSOTokenError,
        aws.TokenRetrievalError,
        aws.LoginRefreshRequired,
        aws.LoginTokenLoadError,
        aws.LoginAuthorizationCodeError,
        aws.LoginInsufficientPermissions,
        aws.RefreshWithMFAUnsupportedError,
        aws.NoAuthTokenError,
    ],
    ids=lambda kind: kind.__name__,
)
def test_whatever_is_wrong_with_the_login_exits_with_4(kind: type[Exception]) -> None:
    error = translated(example(kind))
    assert error.exit_code == 4
    assert error.scope is not Scope.TRANSIENT


@pytest.mark.parametrize(
    "kind",
    [
        aws.ConnectTimeoutError,
        aws.ReadTimeoutError,
        aws.EndpointConnectionError,
        aws.ConnectionClosedError,
        aws.ProxyConnectionError,
        aws.SSLError,
        aws.IncompleteReadError,
    ],
    ids=lambda kind: kind.__name__,
)
def test_a_lost_answer_is_indeterminate(kind: type[Exception]) -> None:
    assert translated(example(kind)).scope is Scope.TRANSIENT


@pytest.mark.parametrize(
    "kind",
    [
        aws.ConfigParseError,
        aws.ConfigNotFound,
        aws.InvalidConfigError,
        aws.InfiniteLoopConfigError,
        aws.NoRegionError,
        aws.InvalidRegionError,
        aws.ParamValidationError,
        aws.InvalidRetryModeError,
        aws.InvalidSTSRegionalEndpointsConfigError,
    ],
    ids=lambda kind: kind.__name__,
)
def test_what_the_user_has_configured_wrongly_is_not_worth_a_repeat(kind: type[Exception]) -> None:
    error = translated(example(kind))
    assert error.scope is not Scope.TRANSIENT


def test_errors_of_ours_and_of_programmers_pass_through() -> None:
    with pytest.raises(StaleToken), explained(PLACE):
        raise StaleToken("x")
    with pytest.raises(ZeroDivisionError), explained(PLACE):
        _ = 1 // 0
