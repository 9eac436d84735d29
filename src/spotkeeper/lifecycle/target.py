"""What is to be given back: all of a name, or what some of its launches made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from spotkeeper.lifecycle.ports import Observation
from spotkeeper.model.journal_entry import Entry
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.model.lives import granted, intents, last_intent_at, this_life, unfinished
from spotkeeper.model.tags import TAG_CLAIM, TAG_LAUNCH
from spotkeeper.timings import VISIBILITY_WINDOW


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be ended: a name with its journal, or only what some of its launches made.

    ``only`` are these launches: two computers may come to the same token, never to the same nonce.
    ``given`` are ids that EC2 gave us, by region, whether the journal could take them or not.
    ``met`` gathers the nonces that were seen, ``guarded`` the regions where schedules guard what
    was seen, ``relaunched_at`` when EC2 may have launched something by itself.
    """

    name: str
    entries: Sequence[Entry]
    only: Launches | None = None
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)
    met: set[ClaimNonce] = field(default_factory=set)
    guarded: set[str] = field(default_factory=set)
    relaunched_at: set[datetime] = field(default_factory=set)

    @property
    def born(self) -> datetime | None:
        """When something of the name may last have come into being: by a launch of ours, or by
        EC2, for a request whose instance had ended."""
        begun = last_intent_at(self.entries)
        return max(self.relaunched_at | ({begun} if begun else set()), default=None)

    def note_relaunches(self, region: str, seen: Observation, now: datetime) -> None:
        """Note when EC2 launched instances by itself; it may have done so until now for a request
        that is about to launch another one.

        Where this computer knows of no instance at all, what it has just cancelled tells nothing.
        """
        known = self.exists(region)
        self.relaunched_at.update(i.launched_at for i in seen.instances if i.id not in known)
        for request in seen.requests:
            if request.relaunches:
                self.relaunched_at.add(now)
            elif request.instance_id not in known and (known or request.cancellable):
                self.relaunched_at.add(request.status_since)

    def exists(self, region: str) -> frozenset[str]:
        """Instances and requests that EC2 gave us in a region, listed or not."""
        only = self.only
        here = (each for each in granted(this_life(self.entries)) if each.region == region)
        meant = [each for each in here if only is None or each.token in only.tokens]
        ids = frozenset(id_ for each in meant for id_ in (each.instance, each.request)) - {""}
        return ids | self.given.get(region, frozenset())

    def may_come(self, now: datetime) -> bool:
        """Whether EC2 may have made what no list shows yet: a call to launch was sent a moment
        ago, nobody knows its answer, and nothing of it has been seen."""
        unknown = (each for each in unfinished(self.entries) if each.claim not in self.met)
        sent = any(self.only is None or each.token in self.only.tokens for each in unknown)
        return sent and self.born is not None and now - self.born < VISIBILITY_WINDOW

    def covers(self, tags: Mapping[str, str]) -> bool:
        """Whether a thing with these tags is meant."""
        if self.only is None:
            return True
        token, nonce = tags.get(TAG_LAUNCH, ""), tags.get(TAG_CLAIM, "")
        return self.only.made(LaunchToken(token), ClaimNonce(nonce))

    @property
    def covers_life(self) -> bool:
        """Whether everything that EC2 gave to this life of the name is meant."""
        life = this_life(self.entries)
        given = {each.token for each in granted(life)}
        return self.only is None or given <= self.only.tokens

    @property
    def spent(self) -> frozenset[ClaimNonce] | None:
        """The claims of ``only``, but for those that other machines of this life live on."""
        if self.only is None:
            return None
        life = this_life(self.entries)
        others = {each.token for each in granted(life)} - self.only.tokens
        return self.only.nonces - {each.claim for each in intents(life) if each.token in others}

    def part_of(self, seen: Observation) -> Observation:
        """The part of an observation that is meant; a request's instance goes with it."""
        requests = tuple(request for request in seen.requests if self.covers(request.tags))
        ids = {request.id for request in requests}
        instances = tuple(i for i in seen.instances if self.covers(i.tags) or i.request_id in ids)
        return replace(seen, instances=instances, requests=requests)
