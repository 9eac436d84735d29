"""The one error table: what AWS's codes and words mean, how far it reaches, what to do next."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.retries.standard import ThrottledRetryableChecker
from tests import recorded
from tests.judges import Verdicts

from spotkeeper.cli.app import SECTIONS
from spotkeeper.errors import (
    AccountNotReady,
    BadInput,
    CredentialsProblem,
    DiskKeyRefused,
    EndedWhileStarting,
    NoCapacity,
    NoSubnet,
    NotFound,
    NotOffered,
    NotSubscribed,
    PermissionDenied,
    PriceTooLow,
    QuotaReached,
    Refused,
    RegionNotEnabled,
    Scope,
    SpotkeeperError,
    Throttled,
    Unreachable,
)
from spotkeeper.lifecycle import grants
from spotkeeper.lifecycle.refusal_table import COMMAND_OF, ROWS, STATE_REASON
from spotkeeper.lifecycle.refusals import RefusedCall, meaning, reason_code, refusal

RUN, START, END = "RunInstances", "StartInstances", "TerminateInstances"
OPERATIONS = (*COMMAND_OF, "CreateTags", "DescribeInstances", "DescribeTags")

PUBLISHED = Path(__file__).parents[2] / "data" / "ec2_error_codes.txt"


def published(section: str) -> list[str]:
    """The names that AWS publishes, of its client or its server errors."""
    found = re.split(r"^\[(\w+)\]$", PUBLISHED.read_text(), flags=re.MULTILINE)
    return found[found.index(section) + 1].split()


def said(
    code: str, words: str = "EC2's own words", operation: str = RUN, **more: Any
) -> RefusedCall:
    return RefusedCall(operation, "us-east-1", code, words, **more)


#: Operation, code, AWS's words as people quoted them, and what is meant.
MEANINGS = (
    (RUN, "InsufficientInstanceCapacity", "no Spot capacity available", NoCapacity, Scope.ZONE),
    (START, "Unsupported", "because there is no available Spot capacity.", NoCapacity, Scope.ZONE),
    (RUN, "InsufficientVolumeCapacity", "", NoCapacity, Scope.ZONE),
    (RUN, "InsufficientAddressCapacity", "", NoCapacity, Scope.ZONE),
    (RUN, "InsufficientSomethingNew", "", NoCapacity, Scope.ZONE),
    (RUN, "InsufficientFreeAddressesInSubnet", "", NoSubnet, Scope.ZONE),
    (RUN, "MissingInput", "No default subnet for availability zone", NoSubnet, Scope.ZONE),
    (RUN, "SpotMaxPriceTooLow", "Your Spot request price of 0.001", PriceTooLow, Scope.ZONE),
    (RUN, "Unsupported", "not supported in your requested Availability Zone (us-east-1e)",
     NotOffered, Scope.ZONE),
    (RUN, "VolumeTypeNotAvailableInZone", "", NotOffered, Scope.ZONE),
    (RUN, "SomethingNewNotAvailableInZone", "", NotOffered, Scope.ZONE),
    (RUN, "VolumeTypeNotAvailableInRegion", "", NotOffered, Scope.REGION),
    (RUN, "Unsupported", "The requested configuration is currently not supported.",
     Refused, Scope.TYPE_IN_REGION),
    (RUN, "Unsupported", "The instance type 'p3.2xlarge' does not support this AMI.",
     Refused, Scope.TYPE_IN_REGION),
    (RUN, "Unsupported", "ED25519 key pairs are not supported with Windows AMIs.",
     Refused, Scope.REQUEST),
    (RUN, "Unsupported", "Spot does not support this image.", Refused, Scope.REQUEST),
    (RUN, "InvalidInstanceType", "", NotOffered, Scope.TYPE_IN_REGION),
    (RUN, "MaxSpotInstanceCountExceeded", "Max spot instance count exceeded",
     QuotaReached, Scope.FAMILY_IN_REGION),
    (RUN, "VcpuLimitExceeded", "", QuotaReached, Scope.FAMILY_IN_REGION),
    (RUN, "VolumeLimitExceeded", "", QuotaReached, Scope.REGION),
    (RUN, "MaxIOPSLimitExceeded", "", QuotaReached, Scope.REGION),
    ("ImportKeyPair", "KeyPairLimitExceeded", "", QuotaReached, Scope.REGION),
    ("CreateSchedule", "ServiceQuotaExceededException", "", QuotaReached, Scope.REGION),
    ("GetSpotPlacementScores", "MaxConfigLimitExceeded", "", Refused, Scope.REQUEST),
    (RUN, "OptInRequired", "In order to use this AWS Marketplace product you need to accept terms",
     NotSubscribed, Scope.IMAGE),
    (RUN, "OptInRequired", "You are not subscribed to this service.",
     RegionNotEnabled, Scope.REGION),
    (RUN, "AuthFailure", "Not authorized for images: [ami-03a5b89a2fbe7dd3d]",
     NotFound, Scope.IMAGE),
    (RUN, "AuthFailure", "AWS was not able to validate the provided access credentials",
     CredentialsProblem, Scope.CREDENTIALS),
    (RUN, "InvalidAMIID.NotFound", "", NotFound, Scope.IMAGE),
    (RUN, "PendingVerification", "Your account is currently being verified.",
     AccountNotReady, Scope.ACCOUNT),
    (RUN, "PendingVerification", "Your request for accessing resources in this region is being "
     "validated", AccountNotReady, Scope.REGION),
    (RUN, "Blocked", "This account is currently blocked", AccountNotReady, Scope.ACCOUNT),
    (RUN, "InvalidParameterCombination", "The specified instance type is not eligible for Free "
     "Tier.", AccountNotReady, Scope.ACCOUNT),
    (RUN, "InvalidParameterCombination", "Enhanced networking with the Elastic Network Adapter "
     "(ENA) is required for the 'g5.xlarge' instance type.", Refused, Scope.TYPE_IN_REGION),
    (RUN, "InvalidParameterValue", "The instance type 'm4.large' does not support an AMI with a "
     "boot mode of UEFI.", Refused, Scope.TYPE_IN_REGION),
    (RUN, "InvalidParameterCombination", "Network interfaces and an instance-level subnet",
     Refused, Scope.REQUEST),
    (RUN, "UnauthorizedOperation", "with an explicit deny in a service control policy.",
     PermissionDenied, Scope.REGION),
    (RUN, "UnauthorizedOperation", "with an explicit deny in an identity-based policy",
     PermissionDenied, Scope.ACCOUNT),
    (RUN, "UnauthorizedOperation", "is not authorized to perform: iam:PassRole on resource",
     PermissionDenied, Scope.ACCOUNT),
    (RUN, "InvalidParameterValue", "Value (x) for parameter iamInstanceProfile.name is invalid. "
     "Invalid IAM Instance Profile name", BadInput, Scope.REQUEST),
    (RUN, "InvalidParameterValue", 'IAM Instance Profile "arn:aws:iam::1:instance-profile/x" '
     "has no associated IAM Roles", BadInput, Scope.REQUEST),
    (RUN, "CustomerKeyHasBeenRevoked", "", DiskKeyRefused, Scope.REGION),
    (END, "OperationNotPermitted", "The instance may not be terminated.", Refused, Scope.REQUEST),
    (RUN, "InternalError", "", Unreachable, Scope.TRANSIENT),
    (STATE_REASON, "Client.InternalError", "Client error on launch", DiskKeyRefused, Scope.REGION),
    (STATE_REASON, "Client.InvalidKMSKey.InvalidState", "The KMS key provided is in an incorrect "
     "state", DiskKeyRefused, Scope.REGION),
    (STATE_REASON, "Server.InternalError", "Internal error on launch",
     EndedWhileStarting, Scope.ZONE),
    (STATE_REASON, "Server.SpotInstanceTermination", "", NoCapacity, Scope.ZONE),
    (STATE_REASON, "Server.InsufficientInstanceCapacity", "", NoCapacity, Scope.ZONE),
    (STATE_REASON, "Client.VolumeLimitExceeded", "", QuotaReached, Scope.REGION),
    (STATE_REASON, "Client.InvalidSnapshot.NotFound", "", NotFound, Scope.IMAGE),
    (STATE_REASON, "Client.UserInitiatedShutdown", "", Refused, Scope.REQUEST),
    (STATE_REASON, "Server.SomethingNew", "", EndedWhileStarting, Scope.ZONE),
    (STATE_REASON, "Client.SomethingNew", "", Refused, Scope.REQUEST),
)  # fmt: skip


@pytest.mark.world("error codes", by="words that users quoted")
@pytest.mark.parametrize(("operation", "code", "words", "kind", "scope"), MEANINGS)
@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_means_what_operation_code_and_words_say_whatever_the_http_status(
    *,
    operation: str,
    code: str,
    words: str,
    kind: type[SpotkeeperError],
    scope: Scope,
    status: int,
) -> None:
    if meaning(said(code, words, operation)) not in ROWS:
        status = 400  # a server's error that no row knows may have been carried out
    error = refusal(said(code, words, operation, status=status))
    assert (type(error), error.scope) == (kind, scope)
    assert error.aws_code == code
    assert words in error.message
    assert code in error.message


def every_advice(codes: list[str]) -> Iterator[tuple[RefusedCall, SpotkeeperError]]:
    for code in codes:
        for operation in OPERATIONS:
            asked = said(code, operation=operation)
            yield asked, refusal(asked)


@pytest.mark.world("error codes", by="AWS's published lists")
@pytest.mark.parametrize("section", ["client", "server"])
def test_every_published_code_has_a_scope_and_advice_for_the_verb(
    section: str, judged: Verdicts
) -> None:
    for asked, error in every_advice(published(section)):
        wrong = ["{", "}", "[", "]", "--debug"]
        if asked.verb == "start":
            wrong += ["--image", "--type", "--region", "other types", "another machine may start"]
        if asked.verb not in {"", "up"}:
            wrong += ["Widen the need", "--max-price", "policy up"]
        told = error.next_step
        right = bool(told.strip()) and not any(each in told for each in wrong)
        judged.check(asked, right=right and isinstance(error.scope, Scope), told=told)
    judged.settle()


@pytest.mark.world("error codes", by="AWS's published lists")
def test_every_published_server_error_was_decided_by_a_row(judged: Verdicts) -> None:
    for code in published("server"):
        judged.check(code, right=meaning(said(code)) in ROWS)
    judged.settle()


def test_the_published_codes_are_all_there() -> None:
    assert (len(published("client")), len(published("server"))) == (404, 13)


@pytest.mark.world("error codes", by="botocore")
def test_what_botocore_takes_for_a_throttle_is_one(judged: Verdicts) -> None:
    checker: Any = ThrottledRetryableChecker
    for code in checker._THROTTLED_ERROR_CODES:
        judged.compare(code, type(refusal(said(code, operation="DescribeTags"))), Throttled)
    judged.settle()


@pytest.mark.world("state reasons", by="EC2's model in botocore")
def test_every_state_reason_of_ec2s_model_was_decided(judged: Verdicts) -> None:
    model = botocore.session.Session().get_service_model("ec2")
    reason: Any = model.shape_for("StateReason")
    documented = reason.members["Message"].documentation
    codes = re.findall(r"<code>((?:Client|Server)\.[\w.]+)</code>", documented)
    assert len(codes) > 10
    for code in codes:
        error = refusal(said(code, operation=STATE_REASON))
        judged.check(code, right=not isinstance(error, Unreachable))
        judged.compare(code, isinstance(error, NoCapacity), "Spot" in code or "Capacity" in code)
    judged.settle()


@pytest.mark.parametrize(
    ("code", "words", "true"),
    [
        ("Server.InternalError", "Client.InternalError: Client error on launch",
         "Client.InternalError"),
        ("Server.InternalError", "Server.InternalError: Internal error on launch",
         "Server.InternalError"),
        ("Client.VolumeLimitExceeded", "", "Client.VolumeLimitExceeded"),
        ("Client.VolumeLimitExceeded", "Volume limit exceeded", "Client.VolumeLimitExceeded"),
    ],
)  # fmt: skip
def test_the_code_before_the_message_of_a_state_reason_is_the_true_one(
    code: str, words: str, true: str
) -> None:
    assert reason_code(code, words) == true


def test_the_advice_of_start_is_not_that_of_a_launch() -> None:
    launch, start = (
        refusal(said("InsufficientInstanceCapacity", operation=op)) for op in (RUN, START)
    )
    assert launch.next_step == NoCapacity.default_next_step
    assert "Its disk is kept" in start.next_step


@pytest.mark.parametrize(
    ("operation", "code", "words", "advice"),
    [
        (START, "UnauthorizedOperation", "an explicit deny in a service control policy.",
         "ask its administrators."),
        (START, "PendingVerification", "resources in this region", "run `spot start` again."),
        (START, "OptInRequired", "you need to accept terms", "then run `spot start` again."),
        (START, "UnsupportedHibernationConfiguration", "", "A box keeps what it was"),
        (STATE_REASON, "Client.VolumeLimitExceeded", "", "Amazon EBS"),
        (STATE_REASON, "Server.InternalError", "", "try `spot start` again."),
    ],
)  # fmt: skip
def test_no_option_of_a_launch_is_advised_for_a_box_that_exists(
    operation: str, code: str, words: str, advice: str
) -> None:
    refused = refusal(said(code, words, operation, command="start"))
    assert advice in refused.next_step
    launch = refusal(said(code, words, operation, command="up"))
    assert launch.next_step != refused.next_step or "EBS" in advice


def test_the_command_that_was_typed_counts_more_than_the_call() -> None:
    denied = refusal(said("UnauthorizedOperation", operation="DescribeTags", command="down"))
    assert "`spot policy down`" in denied.next_step
    again = refusal(said("Strange", operation="DescribeTags", command="ls"))
    assert again.next_step.endswith("run `spot ls` again.")


def test_there_is_a_policy_for_every_command_that_is_advised() -> None:
    commands = [name for section in SECTIONS.values() for name in section]
    for command in ("", *commands):
        denied = refusal(said("UnauthorizedOperation", operation="DescribeTags", command=command))
        named = re.search(r"`spot policy (\w+)`", denied.next_step)
        assert named
        assert named[1] in grants.COMMANDS, command


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_that_no_row_knows_is_a_lost_answer(status: int) -> None:
    error = refusal(said("Strange", status=status))
    assert (type(error), error.scope) == (Unreachable, Scope.TRANSIENT)


def test_debug_is_advised_only_where_aws_says_nothing() -> None:
    assert "--debug" not in refusal(said("Strange")).next_step
    assert "--debug" in refusal(said("Strange", "")).next_step


def test_the_table_stays_small_enough_to_be_read() -> None:
    assert len(ROWS) <= 120
    assert sum(len(row.codes.split()) for row in ROWS) <= 150
    for row in ROWS:
        assert issubclass(row.error, SpotkeeperError)
        assert row.scope is not row.error.scope, row


@pytest.mark.world("error codes", by="users' reports")
@pytest.mark.shared_data
def test_codes_that_people_quoted_reach_as_far_as_they_found(judged: Verdicts) -> None:
    for row in recorded.load("ec2_error_reports.json"):
        asked = RefusedCall(row["op"], "us-east-1", row["code"], row["message"], row["status"])
        error = refusal(asked)
        scopes = {scope for scope in Scope if scope.name.partition("_")[0] in row["should"]}
        wanted = row["should"].lower()
        scopes |= {Scope.FAMILY_IN_REGION} if "family" in wanted else set()
        scopes |= {Scope.IMAGE} if "image" in wanted else set()
        scopes |= {Scope.ZONE} if "no-capacity" in wanted else set()
        scopes |= {Scope.REQUEST} if "warn" in wanted else set()
        judged.check(row, right=error.scope in scopes, told=error.scope)
    judged.settle()
