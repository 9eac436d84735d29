"""The claim of a name, which keeps two computers from launching the same name.

EC2's lists are late, so that looking whether a name is free proves nothing. A launch template
costs nothing, and EC2 lets one have a name in a region at once and for everybody: the launch whose
CreateLaunchTemplate succeeds has the name, in one fixed region of the partition. The claim lives
as long as anything of the name does.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from spotkeeper.errors import (
    NameTaken,
    PermissionDenied,
    RegionNotEnabled,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.lifecycle.ports import Claim, Ports
from spotkeeper.lifecycle.presence import machines, name_taken
from spotkeeper.lifecycle.wait import poll
from spotkeeper.model.journal_entry import Entry, Intent, NameClaimed, NameReleased
from spotkeeper.model.launch import ClaimNonce, short_hash
from spotkeeper.model.lives import (
    claim_regions,
    known_nonces,
    last_intent_at,
    launched_ids,
    regions,
    this_life,
)
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.tags import claim_tags
from spotkeeper.timings import CLAIM_YOUNG, LAUNCH_WITHIN, VISIBILITY_WINDOW


def claim_title(owner: str, name: str) -> str:
    """The name of the launch template that claims a name."""
    digest = short_hash(f"{owner}\n{name}")
    return f"spotkeeper-{digest}"


def surely_released(claim: Claim, ports: Ports) -> bool:
    """Delete a claim and be certain of it; ``False`` where somebody else had deleted it.

    EC2 may not know yet what was made a moment ago.
    """
    for elapsed in poll(ports.clock):
        if ports.names.release(claim.region, claim.id):
            return True
        if ports.clock.now() - claim.since >= VISIBILITY_WINDOW:
            break
        ports.talk.waiting("giving the name back", elapsed)
    return False


class NameClaim:
    """One launch, and the claim that it holds."""

    def __init__(self, name: str, *, owner: str, ports: Ports) -> None:
        self._name = name
        self._owner = owner
        self._ports = ports
        self._title = claim_title(owner, name)
        self._claim: Claim | None = None
        self._asked_at: datetime | None = None
        self.region = ports.names.home()
        self.nonce = ClaimNonce(secrets.token_hex(16))
        #: All nonces of claims that may have been made.
        self.nonces: frozenset[ClaimNonce] = frozenset()
        self._token = secrets.token_hex(16)
        self._is_taken = False

    @property
    def holds(self) -> bool:
        """Whether the name was ours at any time of this launch."""
        return self._claim is not None

    def hold(self, launch_region: str, intend: Callable[[], None]) -> None:
        """Have a claim that is fresh enough to launch with; ``intend`` writes where it is made.

        Raises:
            NameTaken: another launch of the name lives, or its machine does.
        """
        now = self._ports.clock.now()
        if self._asked_at is not None and now - self._asked_at >= LAUNCH_WITHIN:
            self._let_go()
        if self._claim is None or self._asked_at is None:
            self._take(launch_region, intend)

    def renounce(self) -> None:
        """Become another launch, as one machine was ended already: whoever did that may have
        released the claim with it."""
        self._let_go()
        self.nonce = ClaimNonce(secrets.token_hex(16))

    def begin_anew(self) -> None:
        """Become another launch, as all that this one made was given back, its claim too."""
        self._asked_at = None
        self._token = secrets.token_hex(16)
        self.nonce = ClaimNonce(secrets.token_hex(16))

    def _let_go(self) -> None:
        if self._claim is not None and self._asked_at is not None:
            surely_released(self._claim, self._ports)
            released = NameReleased(self._ports.clock.now(), self._claim.id)
            self._ports.journal.append(self._name, released)
        self._asked_at = None
        self._token = secrets.token_hex(16)

    def _take(self, launch_region: str, intend: Callable[[], None]) -> None:
        try:
            claim = self._created()
        except (Unreachable, KeyboardInterrupt):
            intend()  # it may have been made until now
            raise
        except (PermissionDenied, RegionNotEnabled) as closed:
            if self._is_taken or self.region == launch_region:
                raise
            self._ports.talk.say(
                f"{closed.message}: the name is claimed in {launch_region} instead, where "
                "computers that launch elsewhere do not look"
            )
            self.region = launch_region
            intend()
            claim = self._created()
        self._claim = claim
        claimed = NameClaimed(self._ports.clock.now(), claim.id, claim.nonce, claim.region)
        self._ports.journal.append(self._name, claimed)

    def _created(self) -> Claim:
        try:
            return self._asked()
        except NameTaken:
            self._is_taken = True  # whatever is refused from here on, the region is not closed
            names = self._ports.names
            holder = names.holder(self.region, self._title)
            if holder is None or not self._may_replace(holder):
                raise self._taken(holder) from None
            surely_released(holder, self._ports)
        try:
            return self._asked()
        except NameTaken:
            raise self._taken(None) from None

    def _asked(self) -> Claim:
        if self._asked_at is None:
            self._asked_at = self._ports.clock.now()
        self.nonces |= {self.nonce}
        tags = claim_tags(name=self._name, owner=self._owner, nonce=self.nonce)
        return self._ports.names.claim(self.region, self._title, token=self._token, tags=tags)

    def _may_replace(self, holder: Claim) -> bool:
        """Whether the claim is of an earlier launch of this computer, whose lock we hold, and
        nothing came of it or all of it is gone.

        Raises:
            NameTaken: its machine is alive, or may be.
        """
        entries = self._ports.journal.read(self._name)
        mine = (Intent, NameClaimed)
        before = [
            e for e in this_life(entries) if not (isinstance(e, mine) and e.claim in self.nonces)
        ]
        if holder.nonce not in known_nonces(entries):
            return False
        for region in regions(before):
            awaited = set(launched_ids(before, region))
            for machine in machines(self._ports.cloud, region, self._owner, self._name):
                if machine.alive:
                    raise name_taken(machine)
                awaited -= {each.id for each in (machine.instance, machine.request) if each}
            born = last_intent_at(before)
            if awaited and born and self._ports.clock.now() - born < VISIBILITY_WINDOW:
                return False
        return True

    def _taken(self, holder: Claim | None) -> NameTaken:
        since = f" since {holder.since:%H:%M:%S} UTC" if holder else ""
        return NameTaken(
            f"Another launch holds the name {self._name}{since}: it is under way, or its machine "
            "is there",
            next_step=f"See `spot ls`; `spot down {self._name}` ends whatever there is, or pick "
            "another name.",
            region=self.region,
        )


@dataclass(slots=True)
class ClaimRelease:
    """Ends the claim of a name of which nothing else is left.

    ``only`` limits it to the claims with these nonces; ``met`` are those of machines that were
    seen while the name was ended: their launches have made what they were to make.
    """

    name: str
    owner: str
    ports: Ports
    only: frozenset[ClaimNonce] | None = None
    met: Collection[ClaimNonce] = ()
    ended: list[ResourceId] = field(default_factory=list)
    left: list[Leftover] = field(default_factory=list)
    released: set[ClaimNonce] = field(default_factory=set)

    def release(self, in_regions: Sequence[str]) -> None:
        """Release it wherever it may be; what cannot be ended is in ``left``."""
        entries = self.ports.journal.read(self.name)
        known = known_nonces(entries)
        ours = known if self.only is None else known & self.only
        journalled = claim_regions(this_life(entries), ours)
        elsewhere = (self.ports.names.home(), *in_regions) if self.only is None else ()
        refused: dict[str, SpotkeeperError] = {}
        for region in dict.fromkeys((*journalled, *elsewhere)):
            try:
                self._release_in(region, entries, ours)
            except SpotkeeperError as refusal:
                refused[region] = refusal
        # A machine of another computer that was seen has a claim, wherever that is.
        others = bool({*self.met} - known - self.released - {ClaimNonce("")})
        for region, problem in refused.items():
            if region in journalled or others:
                title = claim_title(self.owner, self.name)
                template = ResourceId(ResourceKind.TEMPLATE, title, region)
                self.left.append(Leftover(template, problem.message))
            else:
                self.ports.talk.say(
                    f"whether another computer claimed {self.name} cannot be seen in "
                    f"{region}: {problem.message}"
                )

    def _release_in(
        self, region: str, entries: Sequence[Entry], ours: Collection[ClaimNonce]
    ) -> None:
        claim = _last_claim(entries, region)
        if claim is not None and claim.nonce in ours and self._ended(claim):
            return
        holder = self.ports.names.holder(region, claim_title(self.owner, self.name))
        if holder is None:
            return
        if holder.nonce in ours or (self.only is None and self._is_over(holder)):
            self._ended(holder)
        elif self.only is None:
            self.left.append(Leftover(holder.resource_id, self._told(holder)))

    def _ended(self, claim: Claim) -> bool:
        known = surely_released(claim, self.ports)
        self.released.add(claim.nonce)
        if known:
            self.ended.append(claim.resource_id)
        self.ports.journal.append(self.name, NameReleased(self.ports.clock.now(), claim.id))
        return known

    def _is_over(self, claim: Claim) -> bool:
        """Whether nothing can come of the claim any more that this look did not find."""
        return claim.nonce in self.met or self.ports.clock.now() - claim.since >= CLAIM_YOUNG

    def _told(self, claim: Claim) -> str:
        return (
            f"another computer began to launch {self.name} at {claim.since:%H:%M:%S} UTC; if it "
            f"is not wanted, run `spot down {self.name}` again after "
            f"{claim.since + CLAIM_YOUNG:%H:%M:%S} UTC"
        )


def _last_claim(entries: Iterable[Entry], region: str) -> Claim | None:
    """The last claim that this life of the name was given in a region, unless it was released."""
    last: Claim | None = None
    for entry in this_life(entries):
        if isinstance(entry, NameClaimed) and entry.claim_region == region:
            last = Claim(entry.claim_id, region, entry.claim, entry.at)
        elif isinstance(entry, NameReleased) and last and entry.claim_id == last.id:
            last = None
    return last
