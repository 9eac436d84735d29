"""The pool: what EC2 prices and reclaims as one. Standard library only."""

import re
from typing import NamedTuple

from ec2_sandbox.errors import BadInput

SPELLING = re.compile(r"^(?P<type>[a-z0-9-]+\.[a-z0-9-]+)@(?P<zone>[a-z]{2}(-[a-z]+)+-\d[a-z])$")


class Pool(NamedTuple):
    """One instance type in one zone, Linux/UNIX."""

    zone: str
    instance_type: str

    @property
    def region(self) -> str:
        """The zone's name without its letter."""
        return self.zone[:-1]

    def __str__(self) -> str:
        return f"{self.instance_type}@{self.zone}"


def parse_pool(text: str) -> Pool:
    """Read ``TYPE@ZONE``, for example ``g5.xlarge@us-east-1a``."""
    if not (match := SPELLING.match(text)):
        raise BadInput(
            f"'{text}' is not a pool",
            next_step="Write TYPE@ZONE, for example g5.xlarge@us-east-1a.",
        )
    return Pool(match["zone"], match["type"])
