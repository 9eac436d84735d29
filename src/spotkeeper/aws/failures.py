"""What boto3 raises in our words: AWS's refusals by the one table, and a login that fails."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from spotkeeper.errors import (
    BadInput,
    CredentialsProblem,
    ExpiredCredentials,
    NoConnection,
    NoCredentials,
    Scope,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.lifecycle import refusals
from spotkeeper.model.duration import words
from spotkeeper.timings import CLOCK_SKEW_ALLOWED

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

#: What EC2 and STS also answer when the keys are fine and the region is not enabled
#: ("Regions" in docs/reference/aws.md).
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

CONFIGURED_VALUES = "Check --endpoint-url, AWS_ENDPOINT_URL and the keys for stray characters."
CONFIG_FILES = "Check ~/.aws/config and ~/.aws/credentials."
SETTINGS = "Check the profile in ~/.aws/config, and variables whose names begin with AWS_."
SSO_LOGIN = "Log in again with `aws sso login --profile {profile}`."

#: Where credentials of a profile come from, by its settings, and what to do when none come.
SOURCES: Mapping[str, str] = {
    "credential_process": "Run that credential_process by hand: it must print the JSON document "
    "that AWS describes for it.",
    "sso_session": SSO_LOGIN,
    "sso_start_url": SSO_LOGIN,
    "login_session": "Log in again with `aws login --profile {profile}`.",
    "web_identity_token_file": "Check web_identity_token_file and role_arn of the profile.",
    "mfa_serial": "Run the command in a terminal, where the MFA code can be typed.",
    "role_arn": "Check role_arn and source_profile of the profile, and whom the role trusts.",
}
ANY_SOURCE = "Run `aws configure list --profile {profile}` to see where they should come from."

#: Modules of botocore in which programs, files and services are asked for credentials.
PROVIDERS = frozenset({"botocore/credentials.py", "botocore/tokens.py"})

#: What is wrong with a source of credentials, where the exception itself hardly says it.
PROVIDER_WORDS: Mapping[type[Exception], str] = {
    json.JSONDecodeError: "what it gave is not JSON",
    UnicodeDecodeError: "what it gave is not text",
    EOFError: "an MFA code is asked for, and there is no terminal to type it at",
    **dict.fromkeys((AttributeError, TypeError, LookupError), "what it gave is incomplete"),
}

_ENCODED = re.compile(r"\s*Encoded authorization failure message: *(\S*)")


class CallerLogin(NamedTuple):
    """Whose credentials a call is signed with; ``source`` is the setting that they come from."""

    profile: str = "default"
    source: str = ""


class Place(NamedTuple):
    """Where a call was going, for the message; ``command`` is what the user typed."""

    service: str
    operation: str
    region: str
    command: str = ""


#: Gives the words for an encoded authorization failure message; empty where nobody may.
Decode = Callable[[str], str]


class Context(NamedTuple):
    """What an explanation may ask for, only where it is needed."""

    login: Callable[[], CallerLogin] = CallerLogin
    decode: Decode = lambda _: ""


@contextmanager
def explained(place: Place, context: Context = Context()) -> Iterator[None]:  # noqa: B008
    """Turn what boto3 raises into our errors, with the operation, region and AWS's words.

    Raises:
        SpotkeeperError: in place of every ``ClientError`` and ``BotoCoreError``, of the
            ``ValueError`` with which botocore refuses what it cannot send, and of whatever a
            source of credentials raises.
    """
    try:
        yield
    except SpotkeeperError:
        raise
    except Exception as problem:
        found = _explanation(problem, place, context)
        if found is None:
            raise
        raise found from problem


def _explanation(problem: Exception, place: Place, context: Context) -> SpotkeeperError | None:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    if _of_a_provider(problem.__traceback__):
        return _login_failed(problem, place, context.login())
    if isinstance(problem, ClientError):
        return from_client_error(problem, place, context.decode)
    if isinstance(problem, BotoCoreError | ResponseParserError):
        return _from_botocore(problem, place, context)
    if isinstance(problem, ValueError):  # no address, or a value that cannot be sent
        told = f"{place.operation} in {place.region} cannot be asked: {problem}"
        return BadInput(told, next_step=CONFIGURED_VALUES, region=place.region)
    return None


def from_client_error(
    refusal: "ClientError", place: Place, decode: Decode = lambda _: ""
) -> SpotkeeperError:
    """Our error for a refusal by AWS."""
    answer: Mapping[str, Any] = refusal.response
    error, about = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, told = str(error.get("Code", "")), str(error.get("Message", "")).strip()
    clock = _wrong_clock(about) if code in CODES_OF_A_WRONG_CLOCK else None
    said = refusals.RefusedCall(
        place.operation,
        place.region,
        code,
        _readable(told, decode),
        about.get("HTTPStatusCode", 0),
        place.command,
    )
    if clock:
        told = f"{said.operation} in {said.region}: {said.words or 'no message'} ({code})"
        return CredentialsProblem(told, next_step=clock, region=place.region, aws_code=code)
    return refusals.refusal(said)


def _readable(told: str, decode: Decode) -> str:
    """AWS's words without what only STS can read of them; with what that says, where it may."""
    encoded = _ENCODED.search(told)
    if encoded is None:
        return told
    plain = told[: encoded.start()] + told[encoded.end() :]
    decoded = decode(encoded[1])
    return f"{plain} {decoded}" if decoded else plain


def denial(document: str) -> str:
    """The words for ``DecodedMessage`` of sts:DecodeAuthorizationMessage; empty for another
    document."""
    try:
        found = json.loads(document)
        action, resource = found["context"]["action"], found["context"]["resource"]
        matched = found.get("matchedStatements", {}).get("items", [])
        statements = [str(each["statementId"]) for each in matched if each.get("statementId")]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    by = f"denied by statement {', '.join(statements)}" if statements else "no statement allows it"
    return f"{action} on {resource}: {by}"


def _wrong_clock(about: Mapping[str, Any]) -> str | None:
    """What to do where this computer's time is not that of AWS's answer."""
    from email.utils import parsedate_to_datetime

    try:
        theirs = parsedate_to_datetime(about.get("HTTPHeaders", {}).get("date", ""))
        ahead = datetime.now(UTC) - theirs
    except (TypeError, ValueError):
        return None
    if abs(ahead) < CLOCK_SKEW_ALLOWED:
        return None
    minutes = words(timedelta(minutes=round(abs(ahead) / timedelta(minutes=1))))
    off = f"{minutes} {'ahead of' if ahead > timedelta(0) else 'behind'} AWS's"
    return f"Set this computer's clock, which is {off}: AWS refuses calls from another time."


def _of_a_provider(trace: TracebackType | None) -> bool:
    """Whether an exception comes from where botocore looks for credentials."""
    while trace is not None:
        parts = Path(trace.tb_frame.f_code.co_filename).parts
        if "/".join(parts[-2:]) in PROVIDERS:
            return True
        trace = trace.tb_next
    return False


def _login_failed(problem: Exception, place: Place, login: CallerLogin) -> SpotkeeperError:
    """Whatever keeps a source from giving credentials. A service that did not answer may do so
    in a moment."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    family, next_step, scope = CredentialsProblem, None, None
    known = (text for kind, text in PROVIDER_WORDS.items() if isinstance(problem, kind))
    told = next(known, str(problem) or type(problem).__name__)
    if isinstance(problem, ClientError):
        error = from_client_error(problem, place._replace(operation=problem.operation_name))
        told, scope = error.message, error.scope
        family = ExpiredCredentials if isinstance(error, ExpiredCredentials) else family
    elif isinstance(problem, BotoCoreError):
        found, next_step = _row_for(problem)
        family = found if issubclass(found, CredentialsProblem) else family
        scope = Scope.TRANSIENT if isinstance(problem, HTTPClientError) else None
    error = _login_problem(family, told, next_step, login, place)
    error.scope = Scope.TRANSIENT if scope is Scope.TRANSIENT else error.scope
    return error


def _login_problem(
    family: type[SpotkeeperError],
    told: str,
    next_step: str | None,
    login: CallerLogin,
    place: Place,
) -> SpotkeeperError:
    source = f" ({login.source})" if login.source else ""
    advice = next_step or SOURCES.get(login.source)
    if advice is None and family is CredentialsProblem:
        advice = ANY_SOURCE
    return family(
        f"The login of profile {login.profile} fails{source}: {told}",
        next_step=advice and advice.format(profile=login.profile),
        region=place.region,
    )


def _from_botocore(problem: Exception, place: Place, context: Context) -> SpotkeeperError:
    family, next_step = _row_for(problem)
    if issubclass(family, CredentialsProblem):
        return _login_problem(family, str(problem), next_step, context.login(), place)
    told = f"{place.operation} in {place.region}: {problem}"
    return family(told, next_step=next_step, region=place.region)


def _row_for(problem: Exception) -> tuple[type[SpotkeeperError], str | None]:
    """The first row of the table for an exception; it ends with the base class of all."""
    table = _error_for_exception()
    family, step = next((row[1], row[2]) for row in table if isinstance(problem, row[0]))
    if family is Unreachable and type(problem).__name__.startswith("Invalid"):
        return BadInput, SETTINGS  # botocore's own settings are invalid: nothing was sent
    return family, step


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
        (aws.UnauthorizedSSOTokenError, ExpiredCredentials, SSO_LOGIN),
        (aws.SSOError, ExpiredCredentials, SSO_LOGIN),
        (aws.TokenRetrievalError, ExpiredCredentials, SSO_LOGIN),
        (aws.LoginError, ExpiredCredentials, SOURCES["login_session"]),
        (aws.NoAuthTokenError, ExpiredCredentials, None),
        (aws.RefreshWithMFAUnsupportedError, ExpiredCredentials, None),
        (aws.CredentialRetrievalError, CredentialsProblem, None),
        (aws.NoCredentialsError, NoCredentials, None),
        (aws.PartialCredentialsError, CredentialsProblem, None),
        (aws.NoRegionError, BadInput, "Name one with --region, AWS_REGION or `aws configure`."),
        (aws.InvalidRegionError, BadInput, "Name a region such as us-east-1 with --region."),
        (aws.UnknownRegionError, BadInput, "Name a region such as us-east-1 with --region."),
        (aws.ParamValidationError, BadInput, None),
        (aws.ConfigNotFound, CredentialsProblem, CONFIG_FILES),
        (aws.ConfigParseError, CredentialsProblem, CONFIG_FILES),
        (aws.InvalidConfigError, CredentialsProblem, CONFIG_FILES),
        (aws.InfiniteLoopConfigError, CredentialsProblem, CONFIG_FILES),
        (aws.ConnectionError, NoConnection, None),
        (aws.HTTPClientError, Unreachable, None),
        (ResponseParserError, Unreachable, None),
        (aws.BotoCoreError, Unreachable, None),
    )
