"""Client tokens: what makes a repeated launch the same launch."""

import hashlib

from spotkeeper.model.pool import Pool

#: EC2 allows 64 ASCII characters (``ClientToken``).
TOKEN_LENGTH = 40


def client_token(*, owner: str, name: str, attempt: int, pool: Pool) -> str:
    """The token of one attempt in one pool.

    The pool is part of it because EC2 refuses a token that comes back with other parameters
    (IdempotentParameterMismatch); the attempt, because a token whose instance was terminated is
    used up (IdempotentInstanceTerminated).
    """
    text = "\n".join((owner, name, str(attempt), pool.region, str(pool), pool.platform))
    return hashlib.sha256(text.encode()).hexdigest()[:TOKEN_LENGTH]


def short_hash(text: str) -> str:
    """Eight characters that stand for a long text in a resource name."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
