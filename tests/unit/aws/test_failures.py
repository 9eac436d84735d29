"""The one table: every code and every exception becomes an error of ours with a next step."""

import inspect
import re
from typing import Any

import pytest
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from spotkeeper import errors
from spotkeeper.aws.failures import ERROR_FOR_CODE, Place, explained, from_client_error
from spotkeeper.errors import (
    CredentialsProblem,
    NoCapacity,
    PermissionDenied,
    QuotaReached,
    Refused,
    Scope,
    SpotkeeperError,
    StaleToken,
    Throttled,
    Unreachable,
)
from spotkeeper.lifecycle.launch import TRY_NEXT

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


@pytest.mark.parametrize("code", ERROR_FOR_CODE)
def test_every_code_is_an_error_with_a_next_step_and_ec2s_words(code: str) -> None:
    error = from_client_error(refusal(code), PLACE)
    assert type(error) is ERROR_FOR_CODE[code]
    assert error.next_step.strip()
    assert error.aws_code == code
    assert error.region == "us-east-1"
    for part in ("RunInstances", "us-east-1", PROBE, code):
        assert part in error.message


@pytest.mark.parametrize("code", ERROR_FOR_CODE)
def test_a_code_means_the_same_whatever_the_http_status(code: str) -> None:
    assert type(from_client_error(refusal(code, status=500), PLACE)) is ERROR_FOR_CODE[code]


@pytest.mark.parametrize(
    ("code", "family"),
    [
        ("InsufficientInstanceCapacity", NoCapacity),
        ("SpotMaxPriceTooLow", errors.PriceTooLow),
        ("MaxSpotInstanceCountExceeded", QuotaReached),
        ("VcpuLimitExceeded", QuotaReached),
        ("UnauthorizedOperation", PermissionDenied),
        ("RequestExpired", errors.ExpiredCredentials),
        ("OptInRequired", errors.RegionNotEnabled),
        ("IdempotentParameterMismatch", StaleToken),
        ("IdempotentInstanceTerminated", StaleToken),
        ("DependencyViolation", errors.InUse),
        ("RequestLimitExceeded", Throttled),
        ("InvalidGroup.NotFound", errors.ResourceGone),
        ("InvalidInstanceID.NotFound", errors.NotFound),
    ],
)
def test_the_codes_that_decide_a_launch(code: str, family: type[SpotkeeperError]) -> None:
    assert issubclass(ERROR_FOR_CODE[code], family)


@pytest.mark.parametrize("code", ERROR_FOR_CODE)
def test_only_capacity_and_closed_regions_leave_other_pools_worth_a_try(code: str) -> None:
    family = ERROR_FOR_CODE[code]
    walks = issubclass(family, (NoCapacity, errors.RegionNotEnabled))
    assert (family.scope in TRY_NEXT) is walks


@pytest.mark.parametrize("family", [QuotaReached, PermissionDenied, CredentialsProblem])
def test_quota_permission_and_credentials_never_walk_the_pools(
    family: type[SpotkeeperError],
) -> None:
    assert family.scope not in TRY_NEXT
    assert family.scope is not Scope.TRANSIENT


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_unknown_server_error_is_unreachable(status: int) -> None:
    error = from_client_error(refusal("Strange", status=status), PLACE)
    assert type(error) is Unreachable
    assert error.scope is Scope.TRANSIENT


@pytest.mark.parametrize("status", [400, 403, 412, 0])
def test_an_unknown_refusal_keeps_ec2s_code_and_words(status: int) -> None:
    error = from_client_error(refusal("Strange.Code", status=status), PLACE)
    assert type(error) is Refused
    assert error.aws_code == "Strange.Code"
    assert PROBE in error.message
    assert "Strange.Code" in error.message


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
