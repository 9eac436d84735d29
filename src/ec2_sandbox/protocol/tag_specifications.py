"""TagSpecifications: the tags of what a call makes, by the type of resource."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ec2_sandbox.protocol.refusal import invalid_value, missing

LONGEST_KEY, LONGEST_VALUE = 127, 255  # CreateTags: Unicode characters

Tags = dict[str, dict[str, str]]


def read_tags(
    specifications: Iterable[Mapping[str, Any]] | None, allowed: Collection[str]
) -> Tags:
    """Tags by resource type; an operation takes only those of what it makes."""
    tags: Tags = {}
    for specification in specifications or ():
        resource = specification.get("ResourceType") or ""
        if resource not in allowed:
            raise invalid_value(
                f"'{resource}' is not a valid taggable resource type for this operation."
            )
        of_type = tags.setdefault(resource, {})
        for tag in specification.get("Tags") or []:
            key, value = tag.get("Key") or "", tag.get("Value") or ""
            check_tag(key, value)
            of_type[key] = value
    return tags


def check_tag(key: str, value: str) -> None:
    """What a tag may be (Tag: "May not begin with aws:")."""
    if not key:
        raise missing("Key")
    if key.lower().startswith("aws:"):
        raise invalid_value(
            f"Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are "
            "reserved for internal use"
        )
    if len(key) > LONGEST_KEY:
        raise invalid_value(f"Tag key exceeds the maximum length of {LONGEST_KEY} characters")
    if len(value) > LONGEST_VALUE:
        raise invalid_value(f"Tag value exceeds the maximum length of {LONGEST_VALUE} characters")
