"""What the journal's entries say about a name and its lives. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from spotkeeper.model.journal_entry import (
    Damaged,
    Ending,
    Entry,
    Intent,
    Launched,
    LaunchRefused,
    NameClaimed,
    Ready,
    Seen,
    Settled,
    Settling,
)
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.timings import LONGEST_CALL, VISIBILITY_WINDOW


def each_life(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """One life of a name after another; each ends when it is gone for certain."""
    life: list[Entry] = []
    for entry in entries:
        life.append(entry)
        if isinstance(entry, Settled):
            yield tuple(life)
            life = []
    if life:
        yield tuple(life)


def told_lives(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """The lives of a name as a person counts them: one is over when its machine was given back,
    though EC2 may show something of it for a while. What was seen of an instance later is of the
    life that launched it."""
    for life in each_life(entries):
        parts: list[list[Entry]] = [[]]
        part_of: dict[str, list[Entry]] = {}
        was_ready = is_over = False
        for entry in life:
            if is_over and isinstance(entry, Intent):
                parts.append([])
                was_ready = is_over = False
            was_ready = was_ready or isinstance(entry, Ready)
            is_over = is_over or (was_ready and isinstance(entry, Settling))
            part = parts[-1]
            if isinstance(entry, Launched | Seen):
                part = part_of.setdefault(entry.instance, part)
            part.append(entry)
        yield from map(tuple, parts)


def latest(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The last of these lives, unless it is gone for certain."""
    *_, last = (), *told_lives(this_life(entries))
    return last


def this_life(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries since the name was last gone for certain."""
    *_, last = (), *each_life(entries)
    return () if last and isinstance(last[-1], Settled) else last


def is_damaged(entries: Iterable[Entry]) -> bool:
    """Whether this life may own something that its record does not tell, anywhere."""
    return any(isinstance(entry, Damaged) for entry in this_life(entries))


def is_open(entries: Iterable[Entry]) -> bool:
    """Whether the name may still own something on AWS."""
    return bool(this_life(entries))


def regions(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Every region in which this life of the name meant to create something."""
    with_region = (Intent, Launched, LaunchRefused, Seen)
    found = (entry.region for entry in this_life(entries) if isinstance(entry, with_region))
    return tuple(dict.fromkeys(region for region in found if region))


def intents(entries: Iterable[Entry]) -> tuple[Intent, ...]:
    """The calls to launch that were about to be made."""
    return tuple(entry for entry in entries if isinstance(entry, Intent))


def granted(entries: Iterable[Entry]) -> tuple[Launched, ...]:
    """The launches that EC2 answered with an instance."""
    return tuple(entry for entry in entries if isinstance(entry, Launched))


def unfinished(entries: Iterable[Entry]) -> tuple[Intent, ...]:
    """Intents of this life whose outcome is not known: the process died, or no answer came."""
    life = this_life(entries)
    known = {entry.token for entry in life if isinstance(entry, Launched | LaunchRefused)}
    return tuple(intent for intent in intents(life) if intent.token not in known)


def is_settling(entries: Iterable[Entry]) -> bool:
    """Whether all that this life began was ended, and only certainty is missing."""
    settling = False
    for entry in this_life(entries):
        if isinstance(entry, Intent | Damaged | Settling):
            settling = isinstance(entry, Settling)
    return settling


def launched_ids(entries: Iterable[Entry], region: str) -> frozenset[str]:
    """Instances and requests that EC2 gave to this life of the name in a region."""
    here = [launch for launch in granted(this_life(entries)) if launch.region == region]
    return frozenset(id_ for each in here for id_ in (each.instance, each.request)) - {""}


def known_tokens(entries: Iterable[Entry]) -> frozenset[LaunchToken]:
    """Tokens of every launch of the name that this computer began, in all its lives."""
    return frozenset(intent.token for intent in intents(entries) if intent.token)


def known_nonces(entries: Iterable[Entry]) -> frozenset[ClaimNonce]:
    """Every claim that launches of this computer began to make."""
    told = (entry.claim for entry in entries if isinstance(entry, Intent | NameClaimed))
    return frozenset(nonce for nonce in told if nonce)


def begun(entries: Iterable[Entry]) -> Launches:
    """The launches that this life of the name began."""
    life = this_life(entries)
    return Launches(known_tokens(life), known_nonces(life))


def claim_regions(entries: Iterable[Entry], nonces: Iterable[ClaimNonce]) -> tuple[str, ...]:
    """Where these claims were made, or may have been."""
    wanted = frozenset(nonces)
    told = [entry for entry in entries if isinstance(entry, Intent | NameClaimed)]
    told = [entry for entry in told if entry.claim in wanted]
    made = {entry.claim for entry in told if isinstance(entry, NameClaimed)}
    found = (e for e in told if isinstance(e, NameClaimed) or e.claim not in made)
    return tuple(dict.fromkeys(entry.claim_region for entry in found))


def ready_tokens(entries: Iterable[Entry]) -> frozenset[LaunchToken]:
    """Tokens of the launches of this life that came to their end and were not given back."""
    ready: set[LaunchToken] = set()
    launched = LaunchToken("")
    for entry in this_life(entries):
        match entry:
            case Ready():
                ready.add(entry.token or launched)
            case Launched():
                launched = entry.token
            case Ending():
                ready -= entry.only or ready
            case Settling():
                ready.clear()
            case _:
                pass
    return frozenset(ready)


def given_back(entries: Iterable[Entry]) -> frozenset[LaunchToken]:
    """Tokens of the launches, of all lives, whose ending was begun at least, and that were not
    taken back since."""
    asked: set[LaunchToken] = set()
    ended: set[LaunchToken] = set()
    for entry in entries:
        match entry:
            case Intent():
                asked.add(entry.token)
            case Ending():
                ended |= entry.only or asked
            case Ready():
                ended.discard(entry.token)
            case Settling() | Settled():
                ended |= asked
            case _:
                pass
    return frozenset(ended)


def last_launch(entries: Iterable[Entry]) -> LaunchToken:
    """The token of the last launch of this life that EC2 granted; empty for none."""
    tokens = [launch.token for launch in granted(this_life(entries))]
    return tokens[-1] if tokens else LaunchToken("")


def cut_off(entries: Iterable[Entry]) -> LaunchToken:
    """The token of the last launch that EC2 granted, where its end was never written and its
    ending neither; empty for none."""
    entries = tuple(entries)
    launch = last_launch(entries)
    known = ready_tokens(entries) | given_back(entries)
    return LaunchToken("") if launch in known else launch


def last_intent_at(entries: Iterable[Entry]) -> datetime | None:
    """When something of the name may last have come into being.

    A call whose outcome nobody noted may have taken effect until the launch was given up.
    """
    entries = tuple(entries)
    born = [e.at for e in entries if isinstance(e, Intent | Launched | Damaged)]
    born += [e.born for e in entries if isinstance(e, Settling) and e.born]
    endings = [e.at for e in entries if isinstance(e, Ending)]
    given_up = (e for e in unfinished(entries) if endings and endings[-1] >= e.at)
    born += [_over_by(intent, entries) for intent in given_up]
    return max(born, default=None)


def shown_by(intent: Intent, entries: Iterable[Entry]) -> datetime:
    """When EC2 shows for certain what came of an intent whose outcome nobody noted."""
    return _over_by(intent, entries) + VISIBILITY_WINDOW


def _over_by(intent: Intent, entries: Iterable[Entry]) -> datetime:
    """When the call of an intent was over: its launch was given up, or no call takes longer."""
    ended = (e.at for e in entries if isinstance(e, Ending) and e.at >= intent.at)
    return min([intent.at + LONGEST_CALL, *ended])


def attempts(entries: Iterable[Entry]) -> int:
    """The number of the last launch of this name, 0 for none, over all its lives.

    A line that cannot be read may have been one more.
    """
    entries = tuple(entries)
    unread = sum(isinstance(entry, Damaged) for entry in entries)
    return unread + max((intent.attempt for intent in intents(entries)), default=0)
