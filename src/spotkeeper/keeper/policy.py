"""Whose policy is printed, in which regions and for which types."""

from dataclasses import replace

from spotkeeper.errors import SpotkeeperError
from spotkeeper.keeper import regions
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.find import Find
from spotkeeper.lifecycle.guard import DEFAULT_ROLE, role_arn
from spotkeeper.lifecycle.policy import ALL_REGIONS, NOBODY, SOME_REGION, Grantee
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.model.need import ANY_REGION, Need
from spotkeeper.model.tags import Caller, partition_of


def grantee(need: Need | None, guard_role: str | None, edges: Edges, talk: Talk) -> Grantee:
    """Who asks, or placeholders where nobody is logged in, which is said.

    Raises:
        SpotkeeperError: a region or a role cannot be one, or nobody tells which types have the
            hardware that is needed.
    """
    need = need or Need()
    chosen = _regions(need, edges)
    caller = _caller(edges, chosen[0], talk)
    types, exclude = need.types, need.exclude
    if need.is_about_hardware:
        types, exclude = Find(edges).types(need), ()
    return Grantee(caller, chosen, role_arn(guard_role or DEFAULT_ROLE, caller), types, exclude)


def _regions(need: Need, edges: Edges) -> tuple[str, ...]:
    if ANY_REGION in need.regions:
        return ALL_REGIONS
    if not need.regions and edges.default_region is None:
        return (SOME_REGION,)
    return regions.searched(need.regions, edges)


def _caller(edges: Edges, region: str, talk: Talk) -> Caller:
    try:
        return edges.cloud.caller()
    except SpotkeeperError as unknown:
        talk.say(
            f"{unknown.message}: write your account for ACCOUNT, and for user/NAME the end of the "
            "ARN that `aws sts get-caller-identity` tells"
        )
        return replace(NOBODY, partition=partition_of(region))
