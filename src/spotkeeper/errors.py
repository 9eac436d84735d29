"""The one error family.

Every error is one paragraph for a person: what happened, where, EC2's own words, and what to type
next. It carries the exit code of the command and, for errors of a launch, its scope: how far the
same refusal reaches, which decides whether another pool is worth a try.

    SpotkeeperError                 1
    ├── BadInput                    2   what was typed or configured cannot be used
    ├── Declined                    3   the user said no, or could not be asked
    ├── CredentialsProblem          4
    │   ├── NoCredentials
    │   ├── ExpiredCredentials
    │   ├── PermissionDenied
    │   │   ├── RoleMissing         the account has no role for Spot
    │   │   ├── GuardRoleMissing    the Scheduler cannot take on the guard's role
    │   │   ├── AccountNotReady     AWS has not opened the account to this yet
    │   │   ├── NotSubscribed       the image's licence was not accepted
    │   │   └── DiskKeyRefused      the key of encrypted disks may not be used
    │   └── RegionNotEnabled
    ├── NoCapacity                  5   this pool is dry
    │   ├── PriceTooLow                 the maximum price is under the market
    │   ├── NotOffered                  the zone does not have the type
    │   ├── NoSubnet                    the zone has no subnet to launch in
    │   └── NoOffers                    no pool passes every rule of the need
    ├── QuotaReached                6
    ├── NotFound                    7
    ├── NameTaken                   9   a machine, or another launch, of this name exists
    │   └── Busy                        another spot command of this computer works on it
    ├── LeftBehind                  8   something still costs money
    ├── Interrupted                 130 Ctrl-C
    ├── Refused                     1   EC2 refused the request as it stands
    ├── EndedWhileStarting          1   EC2 ended an instance before it was up
    ├── StaleToken                  1   a client token that EC2 remembers from an earlier launch
    ├── ResourceGone                1   EC2 does not know a resource that the launch relies on
    ├── InUse                       1   something else still holds it
    ├── Unreachable                 1   no answer, or none that can be read
    │   ├── NoConnection                nothing was sent, whatever was to be asked
    │   └── Throttled
    ├── StoreProblem                1   this computer's disk
    └── SandboxProblem              1
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import ClassVar

#: What others put into their messages and nobody must read: the password of an address, and the
#: headers of a call, which AWS repeats where a signature is wrong and Python where one is no text.
_SECRETS = (
    re.compile(r"(?<=://)[^/?#\s]*(?=@)"),
    re.compile(r"(?is)(?<=x-amz-security-token)(?:'|\")?\s*[:=]\s*[^\s&;,]+"),
    re.compile(r"(?is)(?<=invalid header value ).*"),
    re.compile(r"(?i)(?<=authorization)(?: header)?:[^\n]*"),
)
_HIDDEN = "***"


def without_secrets(text: str) -> str:
    """The text without passwords in addresses, session tokens and signatures."""
    for secret in _SECRETS:
        text = secret.sub(_HIDDEN, text)
    return text


class Scope(StrEnum):
    """How far a refusal reaches, and so what a launch does next."""

    ZONE = "zone"  # only this pool: the next pool may work
    TYPE_IN_REGION = "type-in-region"  # this type in every zone of the region
    FAMILY_IN_REGION = "family-in-region"  # all types that one quota of the region counts
    REGION = "region"  # every pool of the region
    IMAGE = "image"  # every pool that this image would be launched in
    ACCOUNT = "account"  # everywhere: stop
    REQUEST = "request"  # the request itself is wrong: stop
    CREDENTIALS = "credentials"  # nobody is logged in: stop
    TRANSIENT = "transient"  # the same call may work in a moment


class SpotkeeperError(Exception):
    """Anything spotkeeper can explain. ``str(error)`` is what happened, without the next step."""

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"
    scope: Scope = Scope.REQUEST
    default_next_step: ClassVar[str] = "Run the command again with --debug to see every call."

    def __init__(
        self,
        message: str,
        *,
        next_step: str | None = None,
        region: str | None = None,
        aws_code: str | None = None,
        details: Mapping[str, object] | None = None,
        scope: Scope | None = None,
    ) -> None:
        self.message = without_secrets(message)
        self.next_step = without_secrets(next_step or self.default_next_step)
        super().__init__(self.message)
        self.add_note(self.next_step)
        self.region = region
        self.aws_code = aws_code
        self.details = dict(details or {})
        if scope is not None:
            self.scope = scope

    def respell(self, spelling: Callable[[str], str]) -> None:
        """Say the same in the words of another face."""
        self.message, self.next_step = spelling(self.message), spelling(self.next_step)
        self.args, self.__notes__ = (self.message,), [self.next_step]

    def paragraph(self) -> str:
        """What happened and what to do about it, as one paragraph."""
        return f"{self.message.rstrip('.')}. {self.next_step}"


def by_reason(problems: Iterable[tuple[str, SpotkeeperError]]) -> tuple[str, ...]:
    """The problems of regions: one line for each reason, with all the regions that gave it; one
    that several gave names none of them: "the region did not answer within 5 s"."""
    messages: dict[str, dict[str, str]] = {}
    for region, problem in problems:
        messages.setdefault(_of_any_region(problem.message, region), {})[region] = problem.message
    return tuple(
        f"{', '.join(told)}: {reason if len(told) > 1 else next(iter(told.values()))}"
        for reason, told in messages.items()
    )


def _of_any_region(message: str, region: str) -> str:
    """A message without its region's name, which may stand inside the name of a host."""
    alone = re.sub(rf"(?<![\w.-]){re.escape(region)}(?![\w.-])", "the region", message)
    return alone.replace(region, "<region>")


class BadInput(SpotkeeperError):
    """What was typed or configured cannot be used."""

    exit_code = 2
    kind = "bad-input"
    default_next_step = "See the command's --help."


class Declined(SpotkeeperError):
    """The user said no, or there was no terminal to ask at."""

    exit_code = 3
    kind = "declined"
    default_next_step = "Nothing was changed. Add --yes to go ahead without a question."


class CredentialsProblem(SpotkeeperError):
    """AWS does not know, or does not allow, the caller."""

    exit_code = 4
    kind = "credentials"
    scope = Scope.CREDENTIALS
    default_next_step = "Log in with `aws configure sso` or `aws login`, or set AWS_PROFILE."


class NoCredentials(CredentialsProblem):
    """No credentials were found anywhere botocore looks."""

    kind = "no-credentials"


class ExpiredCredentials(CredentialsProblem):
    """The login was valid once."""

    kind = "expired-credentials"
    default_next_step = "Log in again (`aws sso login` or `aws login`), then repeat the command."


class PermissionDenied(CredentialsProblem):
    """The caller is known and may not do this."""

    kind = "permission-denied"
    scope = Scope.ACCOUNT
    default_next_step = "Ask for the permissions that `spot policy up` prints."


class RoleMissing(PermissionDenied):
    """The account's Spot role does not exist and may not be created on the way."""

    kind = "spot-role-missing"
    default_next_step = (
        "Create it once: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
    )


class GuardRoleMissing(PermissionDenied):
    """The role in whose name EventBridge Scheduler ends machines is missing or not for it."""

    kind = "guard-role-missing"
    default_next_step = (
        "Make the role once: `spot policy guard --trust > trust.json`, `spot policy guard --role "
        "> role.json`, `aws iam create-role --role-name spotkeeper-guard "
        "--assume-role-policy-document file://trust.json`, `aws iam put-role-policy --role-name "
        "spotkeeper-guard --policy-name end-machines --policy-document file://role.json`. Or name "
        "another with --guard-role."
    )


class AccountNotReady(PermissionDenied):
    """AWS has not opened the account to this: new, blocked, or on a plan that excludes it."""

    kind = "account-not-ready"
    default_next_step = "Ask AWS Support: https://aws.amazon.com/contact-us/"


class NotSubscribed(PermissionDenied):
    """The image is a product of AWS Marketplace whose terms the account has not accepted."""

    kind = "not-subscribed"
    scope = Scope.IMAGE
    default_next_step = "Accept the terms in AWS Marketplace, or name another image with --image."


class DiskKeyRefused(PermissionDenied):
    """The region's key for encrypted disks may not be used for the machine."""

    kind = "disk-key-refused"
    scope = Scope.REGION
    default_next_step = (
        "Disks are encrypted with the region's default key for EBS. If that is a key of your own, "
        "its policy must let you use it (kms:CreateGrant, kms:Decrypt, kms:DescribeKey, "
        "kms:GenerateDataKeyWithoutPlaintext, kms:ReEncrypt*), and the role "
        "AWSServiceRoleForEC2Spot needs a grant: `spot doctor` names the key and the command."
    )


#: Nobody is logged in: what one region says of that, all would.
LOGGED_OUT = (NoCredentials, ExpiredCredentials)


class RegionNotEnabled(CredentialsProblem):
    """The account has not opted in to the region."""

    kind = "region-not-enabled"
    scope = Scope.REGION
    default_next_step = "Enable the region in the AWS console, or use another with --region."


class NoCapacity(SpotkeeperError):
    """EC2 has no Spot capacity in this pool right now."""

    exit_code = 5
    kind = "no-capacity"
    scope = Scope.ZONE
    default_next_step = "Widen the need: more types, `--region any`, or try again later."


class PriceTooLow(NoCapacity):
    """The maximum price is below the pool's Spot price."""

    kind = "price-too-low"
    default_next_step = "Raise --max-price, or leave it out: you pay the Spot price either way."


class NotOffered(NoCapacity):
    """The type does not exist in this zone."""

    kind = "not-offered"


class NoSubnet(NoCapacity):
    """The zone has no subnet to launch in; another zone may."""

    kind = "no-subnet"
    default_next_step = "Create one, or name one of another zone with --subnet."


class NoOffers(NoCapacity):
    """No pool passes every rule of the need."""

    kind = "no-offers"
    default_next_step = "Relax what was asked for: each option narrows it."


class QuotaReached(SpotkeeperError):
    """The account's quota does not allow the machine."""

    exit_code = 6
    kind = "quota"
    scope = Scope.ACCOUNT
    default_next_step = "Run `spot doctor` to see the quota and how to raise it."


class NotFound(SpotkeeperError):
    """No machine, pool or file of that name."""

    exit_code = 7
    kind = "not-found"
    default_next_step = "Run `spot ls` to see what there is."


class NameTaken(SpotkeeperError):
    """A machine of this name exists already, or another launch of it is under way."""

    exit_code = 9
    kind = "name-taken"
    default_next_step = "Use `spot show NAME`, give it back with `spot down NAME`, or pick a name."


class Busy(NameTaken):
    """Another spot command of this computer is working on the name."""

    kind = "busy"
    default_next_step = "Wait for it to end, then repeat the command."


class LeftBehind(SpotkeeperError):
    """Something that costs money could not be ended."""

    exit_code = 8
    kind = "left-behind"
    default_next_step = (
        "Run `spot down` again, or `spot sweep --apply`, which finds all of yours: both are safe "
        "to repeat."
    )


class Interrupted(SpotkeeperError):
    """Ctrl-C."""

    exit_code = 130
    kind = "interrupted"
    default_next_step = "Run `spot ls` to see what there is."


class Refused(SpotkeeperError):
    """EC2 refused the request as it stands; its own code and words are in the message."""

    kind = "refused"


class EndedWhileStarting(SpotkeeperError):
    """EC2 ended an instance before it was up, by a fault of its own or without a reason."""

    kind = "ended-while-starting"
    scope = Scope.ZONE
    default_next_step = "Repeat the command: another machine may start."


class StaleToken(SpotkeeperError):
    """EC2 remembers the client token from another launch, ended or with other parameters."""

    kind = "stale-token"
    default_next_step = "Repeat the command in a few minutes."


class ResourceGone(SpotkeeperError):
    """EC2 does not know a group, key, subnet or image that the launch relies on."""

    kind = "resource-gone"
    default_next_step = "Repeat the command, which makes what is missing."


class InUse(SpotkeeperError):
    """It cannot be deleted while something else still uses it."""

    kind = "in-use"
    scope = Scope.TRANSIENT
    default_next_step = "Repeat the command in a minute."


class Unreachable(SpotkeeperError):
    """No answer, or none that can be read: whether the call took effect is unknown."""

    kind = "unreachable"
    scope = Scope.TRANSIENT
    default_next_step = "Check the network, proxy and --endpoint-url, then repeat the command."


class NoConnection(Unreachable):
    """Nobody is there to be asked: no other call to the same place would be answered."""

    kind = "no-connection"


class Throttled(Unreachable):
    """EC2 asks for a pause."""

    kind = "throttled"
    default_next_step = "Wait a minute and repeat the command."


class StoreProblem(SpotkeeperError):
    """This computer's disk refuses to keep what must be kept."""

    kind = "store"
    default_next_step = "Make room or fix the permissions, then repeat the command."


class SandboxProblem(SpotkeeperError):
    """The sandbox cannot do what was asked."""

    kind = "sandbox"
    default_next_step = "Run `spot sandbox status`, or start afresh with `spot sandbox reset`."
