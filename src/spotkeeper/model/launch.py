"""What a launch goes by: the token of its call, and the nonce of its claim of the name."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType

from spotkeeper.model.pool import Pool

#: ``ClientToken`` of RunInstances. Two computers with one login may come to the same one.
LaunchToken = NewType("LaunchToken", str)

#: Of one claim of a name, and so of one launch on one computer: it is random.
ClaimNonce = NewType("ClaimNonce", str)

#: EC2 allows 64 ASCII characters (``ClientToken``).
TOKEN_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Launches:
    """Some launches of a name. What they made carries one of the tokens, and one of the nonces
    where it carries any."""

    tokens: frozenset[LaunchToken] = frozenset()
    nonces: frozenset[ClaimNonce] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.tokens or self.nonces)

    def __or__(self, other: "Launches") -> "Launches":
        return Launches(self.tokens | other.tokens, self.nonces | other.nonces)

    def __sub__(self, other: "Launches") -> "Launches":
        return Launches(self.tokens - other.tokens, self.nonces - other.nonces)

    def made(self, token: LaunchToken, nonce: ClaimNonce) -> bool:
        """Whether one of them made what carries these; an empty nonce says nothing."""
        return token in self.tokens and (not nonce or nonce in self.nonces)


NO_LAUNCHES = Launches()


def launches_of(known: Iterable[tuple[LaunchToken, ClaimNonce]]) -> Launches:
    """The launches with these tokens and nonces, of which each may be empty."""
    pairs = tuple(known)
    return Launches(
        frozenset(token for token, _ in pairs if token),
        frozenset(nonce for _, nonce in pairs if nonce),
    )


def client_token(*, owner: str, name: str, attempt: int, pool: Pool) -> LaunchToken:
    """The token of one attempt in one pool.

    The pool is part of it because EC2 refuses a token that comes back with other parameters
    (IdempotentParameterMismatch); the attempt, because a token whose instance was terminated is
    used up (IdempotentInstanceTerminated).
    """
    text = "\n".join((owner, name, str(attempt), pool.region, str(pool), pool.platform))
    return LaunchToken(hashlib.sha256(text.encode()).hexdigest()[:TOKEN_LENGTH])


def short_hash(text: str) -> str:
    """Eight characters that stand for a long text in a resource name."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
