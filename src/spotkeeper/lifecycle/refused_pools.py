"""Which pools a launch may still try, and what all their refusals add up to. Pure."""

import re
from collections.abc import Hashable, Mapping, Sequence

from spotkeeper.errors import NoCapacity, QuotaReached, Scope, SpotkeeperError, Unreachable
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.pool import Pool
from spotkeeper.model.quota import quota_family

#: A refusal with one of these scopes leaves other pools worth a try; all others stop the launch.
TRY_NEXT = frozenset(
    {Scope.ZONE, Scope.TYPE_IN_REGION, Scope.FAMILY_IN_REGION, Scope.REGION, Scope.IMAGE}
)

_ID = re.compile(r"\bi-[0-9a-f]{8,}\b")

Refusals = Sequence[tuple[Pool, SpotkeeperError]]


class Blocked:
    """What earlier refusals have ruled out."""

    def __init__(self) -> None:
        self._reached: set[Hashable] = set()

    def add(self, pool: Pool, scope: Scope, image: str = "") -> None:
        """Remember a refusal of a pool with an image, which reaches as far as its scope."""
        self._reached.add(_reach(pool, scope, image))

    def covers(self, pool: Pool, image: str = "") -> bool:
        """Whether a pool with an image is not worth a call any more."""
        return any(_reach(pool, scope, image) in self._reached for scope in TRY_NEXT)


def _reach(pool: Pool, scope: Scope, image: str) -> Hashable:
    """What pools have in common that a refusal of this scope rules out together."""
    family = quota_family(pool.instance_type)
    shared: Mapping[Scope, Hashable] = {
        Scope.ZONE: pool,
        Scope.TYPE_IN_REGION: (pool.instance_type, pool.region),
        Scope.FAMILY_IN_REGION: (family.code if family else pool.instance_type, pool.region),
        Scope.REGION: pool.region,
        Scope.IMAGE: image,
    }
    return scope, shared[scope]


def with_quota(refusal: SpotkeeperError, hardware: InstanceType) -> SpotkeeperError:
    """The refusal; one for a quota with the name of that which the type counts against."""
    family = quota_family(hardware.name)
    if refusal.scope is not Scope.FAMILY_IN_REGION or family is None:
        return refusal
    return QuotaReached(
        f"{refusal.message}. {hardware.name} needs {hardware.vcpus} vCPUs of the quota "
        f'"{family.name}" ({family.code})',
        next_step=refusal.next_step,
        region=refusal.region,
        aws_code=refusal.aws_code,
        details={"quota_code": family.code},
        scope=refusal.scope,
    )


def unclear(refusal: SpotkeeperError) -> SpotkeeperError:
    """What a refusal means after a call that got no answer: that one may have launched a machine,
    so that no other pool is tried and all of it is given back."""
    if refusal.scope not in TRY_NEXT:
        return refusal
    return Unreachable(
        f"A launch got no answer, and its repeat was refused: {refusal.message}",
        region=refusal.region,
        aws_code=refusal.aws_code,
    )


def all_refused(refusals: Refusals) -> SpotkeeperError:
    """One error for many pools, with a sentence for each reason.

    It is of the kind that its user can do most about: a quota can be raised, capacity comes back,
    and whatever else some of the pools met says the least about all of them.
    """
    reasons: dict[Hashable, list[tuple[Pool, SpotkeeperError]]] = {}
    for pool, refusal in refusals:
        reasons.setdefault(_reason(pool, refusal), []).append((pool, refusal))
    told = "; ".join(_sentence(alike) for alike in reasons.values())
    found = [refusal for _, refusal in refusals]
    first = min(found, key=_weight)
    kinds = {type(one) for one in found if isinstance(one, NoCapacity)}
    error = NoCapacity if isinstance(first, NoCapacity) and len(kinds) > 1 else type(first)
    return error(
        told[0].upper() + told[1:],
        next_step=first.next_step if error is type(first) else None,
        region=first.region,
        aws_code=first.aws_code,
        details=first.details,
        scope=first.scope,
    )


def _weight(refusal: SpotkeeperError) -> int:
    if isinstance(refusal, QuotaReached):
        return 0
    return 1 if isinstance(refusal, NoCapacity) else 2


def _reason(pool: Pool, refusal: SpotkeeperError) -> Hashable:
    """Refusals with the same reason differ in the names of their pools at the most; of missing
    capacity EC2 says each time which other zones may have some."""
    words = "" if isinstance(refusal, NoCapacity) else _ID.sub("", refusal.message)
    for name in (pool.instance_type, pool.zone.name, pool.region):
        words = words.replace(name, "")
    return type(refusal), refusal.aws_code, words


def _sentence(alike: Refusals) -> str:
    """What several pools were refused for, in the words that the first of them met."""
    pools, (_, refusal) = [str(pool) for pool, _ in alike], alike[0]
    no_room = "no capacity" if refusal.kind == NoCapacity.kind else "refused"
    where = f"{len(pools)} pools ({', '.join(pools)})" if len(pools) > 1 else pools[0]
    return f"{no_room} in {where}: {refusal.message}"
