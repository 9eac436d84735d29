"""Which regions a command means."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from spotkeeper import errors
from spotkeeper.errors import (
    LOGGED_OUT,
    BadInput,
    CredentialsProblem,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
)
from spotkeeper.keeper.edges import Edges
from spotkeeper.market import market
from spotkeeper.model import lives
from spotkeeper.model.need import ANY_REGION
from spotkeeper.model.spelling import did_you_mean
from spotkeeper.model.tags import partition_of

T = TypeVar("T")


class EnabledRegions:
    """The regions enabled for the account; where nobody tells them, all of the partition.

    Those that are not enabled refuse every call, and are told of like any other that does.
    """

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._ask = edges.enabled_regions
        #: Why it is not known which regions are enabled.
        self.warnings: tuple[str, ...] = ()

    def __call__(self) -> tuple[str, ...]:
        """Ask AWS, or botocore.

        Raises:
            SpotkeeperError: nobody is logged in, or nothing is remembered offline.
        """
        try:
            return self._ask()
        except SpotkeeperError as refusal:
            keys_are_wrong = isinstance(refusal, CredentialsProblem)
            if keys_are_wrong and not isinstance(refusal, (PermissionDenied, RegionNotEnabled)):
                raise
            self.warnings = (f"all regions were tried: {refusal.message}",)
        default = self._edges.default_region
        partition = partition_of(default) if default else self._edges.cloud.caller().partition
        return tuple(
            each for each in self._edges.known_regions() if partition_of(each) == partition
        )


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
    """The regions to look for machines in: those named, else all that are enabled, and those that
    were when a machine of the caller, or of somebody the journal does not name, was launched."""
    found = searched(asked or (ANY_REGION,), edges)
    if asked:
        return found
    partitions = {partition_of(region) for region in found}
    left = [
        (region, {intent.owner for intent in lives.intents(lives.this_life(entries))} or {""})
        for entries in map(edges.journal.read, edges.journal.names())
        for region in lives.regions(entries)
        if region not in found and partition_of(region) in partitions
    ]
    callers = {edges.cloud.caller().owner, ""} if left else set()
    return tuple(dict.fromkeys([*found, *(region for region, owners in left if owners & callers)]))


def known(name: str, edges: Edges) -> str:
    """The name, if it is a region's.

    Raises:
        BadInput: with the nearest region.
    """
    regions = edges.known_regions()
    if name in regions:
        return name
    hint = did_you_mean(
        name, regions, f"Names look like us-east-1; `{ANY_REGION}` is all that are enabled."
    )
    raise BadInput(f"{name!r} is not an AWS region", next_step=hint)


def by_reason(problems: Iterable[SpotkeeperError]) -> tuple[str, ...]:
    """One line for each reason why regions could not be looked into."""
    return errors.by_reason((str(each.region), each) for each in problems)


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
    logged_out = [problem for problem in problems if isinstance(problem, LOGGED_OUT)]
    if logged_out or (problems and not answers):
        raise (*logged_out, *problems)[0]
    return answers, problems
