"""AWS's errors in our words: the one table, keyed by EC2's code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from spotkeeper.errors import (
    BadInput,
    CredentialsProblem,
    ExpiredCredentials,
    InUse,
    NameTaken,
    NoCapacity,
    NoCredentials,
    NotFound,
    NotOffered,
    PermissionDenied,
    PriceTooLow,
    QuotaReached,
    Refused,
    RegionNotEnabled,
    ResourceGone,
    RoleMissing,
    SpotkeeperError,
    StaleToken,
    Throttled,
    Unreachable,
)
from spotkeeper.model.duration import words

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

#: EC2 code → our error. The error's scope decides what a launch does next; whatever is not listed
#: becomes ``Refused`` with EC2's own words. Sources: AWS.md 1.3 and 9, MOTO.md 2.6.
ERROR_FOR_CODE: Mapping[str, type[SpotkeeperError]] = {
    # this pool is dry, another may not be
    "InsufficientInstanceCapacity": NoCapacity,
    "InsufficientHostCapacity": NoCapacity,
    "InsufficientCapacity": NoCapacity,
    "InsufficientCapacityOnHost": NoCapacity,
    "UnfulfillableCapacity": NoCapacity,
    "InsufficientFreeAddressesInSubnet": NoCapacity,
    "SpotMaxPriceTooLow": PriceTooLow,
    "Unsupported": NotOffered,
    # the account may not have more
    "MaxSpotInstanceCountExceeded": QuotaReached,
    "VcpuLimitExceeded": QuotaReached,
    "InstanceLimitExceeded": QuotaReached,
    "SecurityGroupLimitExceeded": QuotaReached,
    "VolumeLimitExceeded": QuotaReached,
    # who is calling
    "ExpiredToken": ExpiredCredentials,
    "ExpiredTokenException": ExpiredCredentials,
    "RequestExpired": ExpiredCredentials,
    "InvalidClientTokenId": CredentialsProblem,
    "UnrecognizedClientException": CredentialsProblem,
    "SignatureDoesNotMatch": CredentialsProblem,
    "InvalidSignatureException": CredentialsProblem,
    "RequestTimeTooSkewed": CredentialsProblem,
    "AuthFailure": CredentialsProblem,
    "UnauthorizedOperation": PermissionDenied,
    "AccessDenied": PermissionDenied,
    "AccessDeniedException": PermissionDenied,
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": RoleMissing,
    "OptInRequired": RegionNotEnabled,
    "PendingVerification": RegionNotEnabled,
    # tokens
    "IdempotentParameterMismatch": StaleToken,
    "IdempotentInstanceTerminated": StaleToken,
    # what the launch stands on went away
    "InvalidGroup.NotFound": ResourceGone,
    "InvalidGroupId.Malformed": ResourceGone,
    "InvalidKeyPair.NotFound": ResourceGone,
    "InvalidSubnetID.NotFound": ResourceGone,
    "InvalidAMIID.NotFound": NotFound,
    "InvalidAMIID.Malformed": BadInput,
    "InvalidAMIID.Unavailable": NotFound,
    "ParameterNotFound": NotFound,
    "InvalidInstanceID.NotFound": NotFound,
    "InvalidSpotInstanceRequestID.NotFound": NotFound,
    "InvalidInstanceType": BadInput,
    "InvalidKey.Format": BadInput,
    "InvalidKeyPair.Format": BadInput,
    # claims of names
    "InvalidLaunchTemplateName.AlreadyExistsException": NameTaken,
    "InvalidLaunchTemplateId.NotFound": NotFound,
    "InvalidLaunchTemplateName.NotFoundException": NotFound,
    # later
    "DependencyViolation": InUse,
    "VolumeInUse": InUse,
    "InvalidNetworkInterface.InUse": InUse,
    "InvalidSnapshot.InUse": InUse,
    "RequestLimitExceeded": Throttled,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TooManyRequestsException": Throttled,
    "InternalError": Unreachable,
    "InternalFailure": Unreachable,
    "ServiceUnavailable": Unreachable,
    "Unavailable": Unreachable,
}

#: What EC2 and STS also answer when the keys are fine and the region is not enabled (AWS.md 9).
CODES_OF_A_CLOSED_REGION = frozenset(
    {"AuthFailure", "OptInRequired", "UnrecognizedClientException", "InvalidClientTokenId"}
)

#: What AWS answers to a call that is dated more than five minutes before or after its own time.
CODES_OF_A_WRONG_CLOCK = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
TOLERANCE = timedelta(minutes=4)

CONFIGURED_VALUES = "Check --endpoint-url, AWS_ENDPOINT_URL and the keys for stray characters."
CONFIG_FILES = "Check ~/.aws/config and ~/.aws/credentials."

_HTTP_SERVER_ERROR = 500


class Place(NamedTuple):
    """Where a call was going, for the message."""

    service: str
    operation: str
    region: str


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn what boto3 raises into our errors, with the operation, region and AWS's words.

    Raises:
        SpotkeeperError: in place of every ``ClientError`` and ``BotoCoreError``, and of the
            ``ValueError`` with which botocore refuses what it cannot send.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as refusal:
        raise from_client_error(refusal, place) from refusal
    except (BotoCoreError, ResponseParserError) as problem:
        raise _from_botocore(problem, place) from problem
    except ValueError as problem:  # no address, or a value that cannot be sent
        told = f"{place.operation} in {place.region} cannot be asked: {problem}"
        raise BadInput(told, next_step=CONFIGURED_VALUES, region=place.region) from problem


def from_client_error(refusal: "ClientError", place: Place) -> SpotkeeperError:
    """Our error for a refusal by AWS."""
    answer: Mapping[str, Any] = refusal.response
    error, about = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, told = str(error.get("Code", "")), str(error.get("Message", "")).strip()
    status = about.get("HTTPStatusCode", 0)
    unknown = Unreachable if status >= _HTTP_SERVER_ERROR else Refused
    clock = _wrong_clock(about) if code in CODES_OF_A_WRONG_CLOCK else None
    family = CredentialsProblem if clock else ERROR_FOR_CODE.get(code, unknown)
    return family(
        f"{place.operation} in {place.region}: {told or 'no message'} ({code or status})",
        next_step=clock,
        region=place.region,
        aws_code=code,
    )


def _wrong_clock(about: Mapping[str, Any]) -> str | None:
    """What to do where this computer's time is not that of AWS's answer."""
    from email.utils import parsedate_to_datetime

    try:
        theirs = parsedate_to_datetime(about.get("HTTPHeaders", {}).get("date", ""))
        ahead = datetime.now(UTC) - theirs
    except (TypeError, ValueError):
        return None
    if abs(ahead) < TOLERANCE:
        return None
    minutes = words(timedelta(minutes=round(abs(ahead) / timedelta(minutes=1))))
    off = f"{minutes} {'ahead of' if ahead > timedelta(0) else 'behind'} AWS's"
    return f"Set this computer's clock, which is {off}: AWS refuses calls from another time."


def _from_botocore(problem: Exception, place: Place) -> SpotkeeperError:
    for exception, family, next_step in _error_for_exception():
        if isinstance(problem, exception):
            return family(
                f"{place.operation} in {place.region}: {problem}",
                next_step=next_step,
                region=place.region,
            )
    raise AssertionError(problem)  # the table ends with the base class


@cache
def _error_for_exception() -> tuple[
    tuple[type[Exception], type[SpotkeeperError], str | None], ...
]:
    """botocore's own exceptions, the most specific first; botocore is imported when one is met."""
    from botocore import exceptions as aws
    from botocore.parsers import ResponseParserError

    return (
        (
            aws.ProfileNotFound,
            CredentialsProblem,
            "Run `aws configure list-profiles` to see the names.",
        ),
        (aws.UnauthorizedSSOTokenError, ExpiredCredentials, "Log in again with `aws sso login`."),
        (aws.SSOError, ExpiredCredentials, "Log in again with `aws sso login`."),
        (aws.TokenRetrievalError, ExpiredCredentials, "Log in again with `aws sso login`."),
        (aws.LoginError, ExpiredCredentials, "Log in again with `aws login`."),
        (aws.NoAuthTokenError, ExpiredCredentials, None),
        (aws.RefreshWithMFAUnsupportedError, ExpiredCredentials, None),
        (aws.CredentialRetrievalError, CredentialsProblem, None),
        (aws.NoCredentialsError, NoCredentials, None),
        (aws.PartialCredentialsError, CredentialsProblem, None),
        (aws.NoRegionError, BadInput, "Name one with --region, AWS_REGION or `aws configure`."),
        (aws.InvalidRegionError, BadInput, "Name a region such as us-east-1 with --region."),
        (aws.UnknownRegionError, BadInput, "Name a region such as us-east-1 with --region."),
        (aws.ParamValidationError, BadInput, None),
        (aws.ConfigNotFound, BadInput, CONFIG_FILES),
        (aws.ConfigParseError, BadInput, CONFIG_FILES),
        (aws.InvalidConfigError, BadInput, CONFIG_FILES),
        (aws.InfiniteLoopConfigError, BadInput, CONFIG_FILES),
        (aws.HTTPClientError, Unreachable, None),
        (ResponseParserError, Unreachable, None),
        (aws.BotoCoreError, Unreachable, None),
    )
