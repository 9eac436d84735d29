"""The one error table: what AWS means when it says no. Pure.

A code alone does not say enough: EC2 uses some for several things, which only its words tell
apart, and how far a refusal reaches decides whether another pool is worth a try. Codes and their
descriptions: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; the
codes of a state reason: ``StateReason`` in EC2's own model. The words are those of AWS's answers.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from spotkeeper.errors import (
    AccountNotReady,
    BadInput,
    CredentialsProblem,
    DiskKeyRefused,
    EndedWhileStarting,
    ExpiredCredentials,
    InUse,
    NameTaken,
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
    ResourceGone,
    RoleMissing,
    Scope,
    SpotkeeperError,
    StaleToken,
    Throttled,
    Unreachable,
)


class Row(NamedTuple):
    """One meaning of a refusal; the first row that fits counts.

    ``codes`` are patterns with ``*``, ``words`` a regular expression that EC2's message must
    have, ``scope`` how far it reaches where that is not as far as usual for the error.
    ``next_step`` may name ``{again}``, ``{region}`` and ``{policy}``; what stands in brackets is
    for a launch only.
    """

    codes: str
    error: type[SpotkeeperError]
    scope: Scope | None = None
    next_step: str | None = None
    words: str = ""
    operations: str = "*"


#: What a call is made for, where only one command makes it.
COMMAND_OF: Mapping[str, str] = {
    "RunInstances": "up",
    "CreateSecurityGroup": "up",
    "ImportKeyPair": "up",
    "CreateLaunchTemplate": "up",
    "StartInstances": "start",
    "StopInstances": "stop",
    "CancelSpotInstanceRequests": "down",
    "TerminateInstances": "down",
    "DeleteVolume": "down",
    "DeleteSecurityGroup": "down",
    "DeleteKeyPair": "down",
    "DeleteLaunchTemplate": "down",
}

#: What `spot policy` prints of calls that no command makes by itself.
POLICY_OF: Mapping[str, str] = {
    "GetInstanceProfile": "instance-profile --role NAME",
    "ListAttachedRolePolicies": "instance-profile --role NAME",
    "DescribeInstanceConnectEndpoints": "endpoint",
}

#: Stands for the state reason of an instance, which has codes of its own besides those of calls.
STATE_REASON = "StateReason"

LAUNCHES = f"RunInstances StartInstances {STATE_REASON}"
DENIED = "UnauthorizedOperation AccessDenied* *AccessDeniedException NotAuthorized*"

ANOTHER_IMAGE = "Name another with --image, such as ubuntu, then {again}."
ANOTHER_TYPE = "Name other types or another image, then {again}."
ASK_FOR_MORE = (
    "Give back what you do not need, or ask for more in Service Quotas in {region}, then {again}."
)
DEFAULT_VPC = (
    "Create one with `aws ec2 create-default-vpc --region {region}`, or name a subnet with "
    "--subnet."
)
CHANGE_IT = "Change what AWS's words name, then {again}."
THEIR_TROUBLE = "AWS answers, and is in trouble itself: wait a minute, then {again}."
SUPPORT = "Ask AWS Support (https://aws.amazon.com/contact-us/), then {again}."

ROWS: tuple[Row, ...] = (
    # this pool is dry, or does not have what was asked for; another one may
    Row("Unsupported", NoCapacity, words="no available spot capacity"),
    Row("Unsupported", NotOffered, words=r"\bzones?\b"),
    Row(
        "Unsupported",
        Refused,
        next_step="Name another --image or --key, as EC2's words say, then {again}.",
        words=r"key pair|^(?!.*instance type)(?=.*\b(amis?|images?)\b)",
    ),
    Row("Unsupported*", Refused, Scope.TYPE_IN_REGION, ANOTHER_TYPE, operations=LAUNCHES),
    Row("SpotMaxPriceTooLow", PriceTooLow),
    Row("InsufficientFreeAddressesInSubnet", NoSubnet),
    Row("Insufficient* UnfulfillableCapacity", NoCapacity),
    Row("*NotAvailableInZone InvalidZone.NotFound InvalidAvailabilityZone", NotOffered),
    Row("*NotAvailableInRegion", NotOffered, Scope.REGION),
    Row("InvalidInstanceType", NotOffered, Scope.TYPE_IN_REGION, operations=LAUNCHES),
    Row("InvalidInstanceType", BadInput),
    Row("EncryptedVolumesNotSupported", Refused, Scope.TYPE_IN_REGION, ANOTHER_TYPE),
    Row("*", NoSubnet, words="no default subnet"),
    Row("DefaultVpcDoesNotExist VPC*NotSpecified", Refused, Scope.REGION, DEFAULT_VPC),
    # EC2 asks for a pause
    Row("RequestLimitExceeded *Throttl* TooManyRequests* SlowDown", Throttled),
    Row("BandwidthLimitExceeded PriorRequestNotComplete LimitExceededException", Throttled),
    Row("*ThroughputExceededException TransactionInProgressException", Throttled),
    Row("RequestResourceCountExceeded", Throttled, operations="Describe*"),
    Row("ConcurrentTagAccess", Throttled),
    # the account may not have more; every quota of EC2 is one of a region
    Row("MaxSpotInstanceCountExceeded", QuotaReached, Scope.FAMILY_IN_REGION),
    Row("VcpuLimitExceeded InstanceLimitExceeded", QuotaReached, Scope.FAMILY_IN_REGION),
    Row(
        "MaxConfigLimitExceeded*",
        Refused,
        next_step="Ask again in 24 hours, or for the same types and regions as before.",
    ),
    Row(
        "VolumeLimitExceeded MaxIOPSLimitExceeded VolumeModificationSizeLimitExceeded",
        QuotaReached,
        Scope.REGION,
        "Delete disks that you do not need (`spot sweep` finds those of spotkeeper), or ask for "
        "more: Service Quotas, Amazon EBS, in {region}.",
    ),
    Row(
        "RulesPerSecurityGroupLimitExceeded",
        QuotaReached,
        Scope.REGION,
        "Take rules for addresses that are no longer yours out of the group, or name another "
        "group with --security-group.",
    ),
    Row("SecurityGroupsPer*", BadInput, next_step="Name fewer with --security-group."),
    Row("TagLimitExceeded", BadInput, next_step="Give fewer tags with --tag."),
    Row("AttachmentLimitExceeded", Refused, Scope.TYPE_IN_REGION, ANOTHER_TYPE),
    Row("*IpAddressLimitExceeded", Refused, Scope.TYPE_IN_REGION, ANOTHER_TYPE),
    Row(
        "*LimitExceeded* *CountExceeded *QuotaExceeded*",
        QuotaReached,
        Scope.REGION,
        ASK_FOR_MORE,
    ),
    # who is calling
    Row("AuthFailure.ServiceLinkedRole*", RoleMissing),
    Row("AuthFailure", NotFound, Scope.IMAGE, ANOTHER_IMAGE, words="not authorized for images"),
    Row("ExpiredToken* *RequestExpired InvalidSecurity.RequestHasExpired", ExpiredCredentials),
    Row("InvalidClientTokenId UnrecognizedClientException AuthFailure*", CredentialsProblem),
    Row("SignatureDoesNotMatch InvalidSignatureException", CredentialsProblem),
    Row("IncompleteSignature* RequestTimeTooSkewed", CredentialsProblem),
    Row("MissingAuthenticationToken*", CredentialsProblem),
    Row(
        DENIED,
        PermissionDenied,
        Scope.REGION,
        "Your organisation forbids it, and no permission of yours changes that: ask its "
        "administrators[, or use a region that it allows with --region].",
        words="explicit deny in an? (service|resource) control policy",
    ),
    Row(
        DENIED,
        PermissionDenied,
        next_step="A policy forbids it expressly, and more permissions do not change that: ask "
        "whoever keeps the policy, then {again}.",
        words="explicit deny",
    ),
    Row(
        DENIED,
        PermissionDenied,
        next_step="Ask for what `spot policy instance-profile --role NAME` prints.",
        words="iam:PassRole",
        operations="RunInstances",
    ),
    Row(
        DENIED,
        PermissionDenied,
        next_step="Ask for the permissions that `spot policy {policy}` prints.",
    ),
    # an account that is not ready, or an image that it has no licence for
    Row(
        "OptInRequired",
        NotSubscribed,
        next_step="Open that address once, logged in to this account, and accept the terms; then "
        "{again}.[ Or name another image with --image.]",
        words="marketplace|accept terms",
    ),
    Row("OptInRequired", RegionNotEnabled),
    Row(
        "PendingVerification",
        AccountNotReady,
        Scope.REGION,
        "Wait until AWS has validated it, which takes some hours, then {again}[; or use "
        "another region with --region].",
        words="in this region",
    ),
    Row(
        "PendingVerification",
        AccountNotReady,
        next_step="Wait until AWS has verified the account, which takes some hours, then {again}.",
    ),
    Row(
        "InvalidParameterCombination",
        AccountNotReady,
        next_step="Upgrade the account from its free plan (AWS console, Billing and Cost "
        "Management), or name what the plan allows; then {again}.",
        words="free (tier|plan)",
    ),
    Row(
        "InvalidParameter*",
        Refused,
        Scope.TYPE_IN_REGION,
        ANOTHER_TYPE,
        words="instance type",
        operations=LAUNCHES,
    ),
    Row("Blocked Account*", AccountNotReady, next_step=SUPPORT),
    Row("SubscriptionRequired*", AccountNotReady, next_step=SUPPORT),
    Row("CustomerKeyHasBeenRevoked *KMS* *Kms*", DiskKeyRefused),
    # tokens
    Row("IdempotentParameterMismatch IdempotentInstanceTerminated", StaleToken),
    # what the launch stands on is not there
    Row(
        "InvalidGroup.NotFound InvalidGroupId.Malformed InvalidSecurityGroup*",
        ResourceGone,
        next_step="Name a group of this region with --security-group, or leave that out.",
    ),
    Row(
        "InvalidKeyPair.NotFound",
        ResourceGone,
        next_step="Name a key that EC2 knows in this region, or leave it out.",
    ),
    Row(
        "InvalidSubnet*.NotFound InvalidSubnet InvalidSubnetID.Malformed",
        ResourceGone,
        next_step="Name a subnet of this region with --subnet, or leave that out.",
    ),
    Row("InvalidAMIID.Malformed", BadInput, Scope.IMAGE, ANOTHER_IMAGE),
    Row("InvalidAMIID.* InvalidManifest InvalidProductInfo", NotFound, Scope.IMAGE, ANOTHER_IMAGE),
    Row("*InvalidSnapshot.NotFound", NotFound, Scope.IMAGE, ANOTHER_IMAGE, operations=LAUNCHES),
    Row(
        "ParameterNotFound",
        NotFound,
        Scope.REGION,
        "Name an image of {region} with --image ami-..., or use another region with --region.",
    ),
    Row(
        "InvalidParameterValue",
        BadInput,
        next_step="Name an instance profile that has a role with --role; one that was made a "
        "moment ago is known to EC2 in half a minute.",
        words="IAM Instance Profile",
    ),
    Row("InvalidLaunchTemplateName.AlreadyExists*", NameTaken),
    Row("Invalid*NotFound*", NotFound),
    Row(
        "InvalidKey.Format InvalidKeyPair.Format",
        BadInput,
        next_step="Name another public key with --key: EC2 takes ed25519 and RSA.",
    ),
    Row("Invalid*Malformed*", BadInput, next_step=CHANGE_IT),
    # later
    Row("DependencyViolation *InUse*", InUse),
    Row(
        "Incorrect*State* Invalid*State",
        Refused,
        next_step="It is on its way from one state to another: see `spot ls`, then {again}.",
    ),
    # why EC2 ended an instance
    Row("Client.InternalError", DiskKeyRefused, operations=STATE_REASON),
    Row("Server.SpotInstance*", NoCapacity, operations=STATE_REASON),
    Row("Server.Insufficient*", NoCapacity, operations=STATE_REASON),
    Row(
        "Client.InstanceInitiatedShutdown",
        Refused,
        next_step="It powered itself off: look at its user data and its image, then {again}.",
        operations=STATE_REASON,
    ),
    Row(
        "Client.UserInitiated*",
        Refused,
        next_step="Somebody else, or its guard, ended it: {again} if it is still wanted.",
        operations=STATE_REASON,
    ),
    Row("Server.*", EndedWhileStarting, operations=STATE_REASON),
    # what EC2 explains itself
    Row(
        "OperationNotPermitted",
        Refused,
        next_step="Change the attribute that EC2 names, then {again}.",
    ),
    Row(
        "TagPolicyViolation",
        Refused,
        next_step="Give the tags that your organisation asks for with --tag, then {again}.",
    ),
    Row("InvalidBlockDeviceMapping", Refused, next_step="Change --disk or --image, then {again}."),
    # nobody knows
    Row(
        "Internal* ServerInternal Unavailable ServiceUnavailable*",
        Unreachable,
        next_step=THEIR_TROUBLE,
    ),
    Row("RetryableError RequestTimeout*", Unreachable),
)

#: What an answer means that no row knows.
LOST = Row("*", Unreachable, next_step=THEIR_TROUBLE)
EXPLAINED = Row("*", Refused, next_step=CHANGE_IT)
SILENT = Row("*", Refused)

#: Commands that the usual advice of missing capacity is for.
LAUNCHING = frozenset({"up", "run", "find", ""})
LATER = "Wait a while, then {again}."
FOR_A_LAUNCH = re.compile(r"\[(.*?)\]")

#: No option of a launch changes what was launched.
LAUNCH_OPTIONS = re.compile(
    r"--(disk|image|key|region|security-group|subnet|tag|type|user-data)\b|other types"
)
KEPT = (
    "A box keeps what it was launched with: ask whoever can change what EC2 names, or launch "
    "another machine and give this one back."
)

#: What to do next where an error's usual advice is for another command.
ADVICE: Mapping[tuple[type[SpotkeeperError], str], str] = {
    (NoCapacity, "start"): (
        "Its disk is kept, and only this pool can start it: try `spot start` again later."
    ),
    (PriceTooLow, "start"): (
        "Its request keeps the maximum price that it was launched with: try `spot start` again "
        "when the price has fallen."
    ),
    (QuotaReached, "start"): (
        "Stop or end another machine, or run `spot doctor` to see the quota and how to raise it; "
        "then `spot start` again."
    ),
    (EndedWhileStarting, "start"): "EC2 itself failed: try `spot start` again.",
    (RegionNotEnabled, "start"): (
        "Enable the region in the AWS console, then run `spot start` again."
    ),
    (DiskKeyRefused, "start"): (
        "Run `spot doctor`, which names the key and the grant that it lacks; then `spot start` "
        "again."
    ),
}
