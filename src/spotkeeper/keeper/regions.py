"""Which regions a command means."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from spotkeeper.errors import BadInput, Scope, SpotkeeperError
from spotkeeper.keeper.wiring import Edges
from spotkeeper.market import market
from spotkeeper.model.need import ANY_REGION

T = TypeVar("T")


def searched(asked: Sequence[str], edges: Edges) -> tuple[str, ...]:
    """The regions to look for offers in: those named, all enabled for ``any``, else the default.

    Raises:
        BadInput: a name that no region has, or nothing says which region is meant.
    """
    if ANY_REGION in asked:
        return edges.enabled_regions()
    if asked:
        return tuple(dict.fromkeys(known(name, edges) for name in asked))
    if edges.default_region is None:
        raise BadInput(
            "No region was named",
            next_step="Add --region us-east-1 or --region any, or set AWS_REGION.",
        )
    return (known(edges.default_region, edges),)


def listed(asked: Sequence[str], edges: Edges) -> tuple[str, ...]:
    """The regions to look for machines in: those named, else all enabled."""
    return searched(asked or (ANY_REGION,), edges)


def known(name: str, edges: Edges) -> str:
    """The name, if it is a region's.

    Raises:
        BadInput: with the nearest region.
    """
    regions = edges.known_regions()
    if name in regions:
        return name
    import difflib

    near = difflib.get_close_matches(name, regions, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}?" if near else "Names look like us-east-1."
    raise BadInput(f"{name!r} is not an AWS region", next_step=hint)


def in_each(
    regions: Sequence[str], look: Callable[[str], T]
) -> tuple[list[T], list[SpotkeeperError]]:
    """Look into every region side by side: the answers, and the problems of those without one.

    Raises:
        SpotkeeperError: nobody is logged in, or no region answered at all.
    """

    def attempt(region: str) -> T | SpotkeeperError:
        try:
            return look(region)
        except SpotkeeperError as problem:
            problem.region = region  # the one not looked at, wherever the call went (STS: home)
            return problem

    results = list(market.answers(attempt, regions).values())
    problems = [result for result in results if isinstance(result, SpotkeeperError)]
    answers = [result for result in results if not isinstance(result, SpotkeeperError)]
    for problem in problems:
        if problem.scope is Scope.CREDENTIALS or not answers:
            raise problem
    return answers, problems
