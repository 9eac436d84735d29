"""Names and tags: how a thing of ours is recognised for ever."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from spotkeeper.model.connect import Connect

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
LOGIN_PATTERN = re.compile(r"[a-z_][a-z0-9_-]{0,31}")

TAG_PREFIX = "spotkeeper:"
TAG_MANAGED = "spotkeeper:managed"
TAG_NAME = "spotkeeper:name"
TAG_OWNER = "spotkeeper:owner"
TAG_LAUNCH = "spotkeeper:launch"
TAG_DEADLINE = "spotkeeper:deadline"
TAG_KIND = "spotkeeper:kind"
TAG_GUARD = "spotkeeper:guard"  # what guards it besides its own timer: ``scheduler``
TAG_GUARD_ROLE = "spotkeeper:guard-role"  # ARN of the role in whose name the Scheduler ends it
TAG_BUDGET = "spotkeeper:budget"  # US dollars that it may cost; the deadline follows from them
TAG_NOT_AFTER = "spotkeeper:not-after"  # the deadline that was typed, where a budget sets it
TAG_CLAIM = "spotkeeper:claim"  # on a machine and on the claim of its name: the same launch
TAG_USER = "spotkeeper:user"  # the login name of the image, for the ssh line
TAG_CONNECT = "spotkeeper:connect"  # how it is reached, where not by its public address
TAG_VPC = "spotkeeper:vpc"  # on a shared group: where it can be used
TAG_KEY = "spotkeeper:key"  # on a shared key: the name that RunInstances wants

#: EC2's own limits (Tag shape), and of a key what the metadata service can show.
MAX_TAGS = 50
MAX_TAG_VALUE_LENGTH = 256
TAG_KEY_PATTERN = re.compile(r"[A-Za-z0-9+\-=._:@]{1,127}")

NEVER = "never"

#: The usual partition, and how the regions of the others begin.
AWS = "aws"
PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def is_name(text: str) -> bool:
    """Whether the text may name a machine."""
    return NAME_PATTERN.fullmatch(text) is not None


def is_login(text: str) -> bool:
    """Whether the text may be a user's name on a machine: ssh puts it into other commands."""
    return LOGIN_PATTERN.fullmatch(text) is not None


def tagged_name(tags: Mapping[str, str]) -> str:
    """The machine's name; empty where the tag holds what no launch of ours gave."""
    name = tags.get(TAG_NAME, "")
    return name if is_name(name) else ""


def tag_time(moment: datetime | None) -> str:
    """A moment as a tag value; ``never`` for none."""
    return NEVER if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_tag_time(text: str | None) -> datetime | None:
    """The moment of a tag value; ``None`` for ``never``, no tag and what cannot be read."""
    if not text or text == NEVER:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who EC2 says is calling (STS GetCallerIdentity)."""

    account: str
    arn: str
    partition: str = AWS

    @property
    def owner(self) -> str:
        """The owner id: account and principal, the same on every computer with the same login.

        A role's name and the name of its login are both part of it, except for the random one
        that botocore makes up when a profile assumes a role without naming the login.
        """
        principal = self.arn.split(":", 5)[-1]
        kind, _, rest = principal.partition("/")
        if kind == "assumed-role":
            role, _, login = rest.partition("/")
            rest = role if login.startswith("botocore-session-") else rest
        return f"{self.account}:{kind}/{rest}" if rest else f"{self.account}:{kind}"


#: Of partitions other than the usual one.
HOME_REGIONS = {
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}


def partition_of(region: str) -> str:
    """The partition of a region, by the beginning of its name."""
    return next((each for begin, each in PARTITIONS.items() if region.startswith(begin)), AWS)


def home_region(partition: str) -> str:
    """The region of a partition that every account has, and where all computers claim names."""
    return HOME_REGIONS.get(partition, "us-east-1")


def machine_tags(
    *, name: str, owner: str, launch: str, deadline: datetime | None, kind: str
) -> Mapping[str, str]:
    """The tags that every billable thing of a machine carries from its creation."""
    return {
        TAG_MANAGED: "true",
        TAG_NAME: name,
        TAG_OWNER: owner,
        TAG_LAUNCH: launch,
        TAG_DEADLINE: tag_time(deadline),
        TAG_KIND: kind,
        "Name": name,
    }


def shared_tags(owner: str) -> Mapping[str, str]:
    """The tags of what several machines of an owner share (group, key)."""
    return {TAG_MANAGED: "true", TAG_OWNER: owner, "Name": "spotkeeper"}


def connect_tags(connect: Connect) -> Mapping[str, str]:
    """The tag of a machine, or of a shared group, that is not for the public address."""
    return {} if connect is Connect.PUBLIC else {TAG_CONNECT: str(connect)}


def connect_of(tags: Mapping[str, str]) -> Connect:
    """What ``connect_tags`` made of it."""
    told = tags.get(TAG_CONNECT)
    return Connect(told) if told in set(Connect) else Connect.PUBLIC


def claim_tags(*, name: str, owner: str, nonce: str) -> Mapping[str, str]:
    """The tags of the claim of a name."""
    return {
        TAG_MANAGED: "true",
        TAG_NAME: name,
        TAG_OWNER: owner,
        TAG_CLAIM: nonce,
        "Name": f"spotkeeper's claim of {name}",
    }
