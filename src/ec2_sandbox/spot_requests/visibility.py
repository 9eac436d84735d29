"""Eventual consistency: for a moment EC2 does not find what it has just made.

APIReference/query-api-troubleshooting.html#eventual-consistency. Only listings and calls by id are
blind; the thing itself is there, runs and costs.
"""

from datetime import datetime, timedelta

from ec2_sandbox.spot_requests.chance import fraction
from ec2_sandbox.world import world


def is_visible(created_at: datetime, resource_id: str, now: datetime) -> bool:
    """Whether EC2 finds the id by now: some delay of its own after it was made."""
    longest = world().options.visibility
    if not longest:
        return True
    return now >= created_at + timedelta(seconds=longest * fraction("visible", resource_id))
