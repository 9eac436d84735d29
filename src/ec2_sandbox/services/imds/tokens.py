"""Session tokens of the metadata service: what IMDSv2 hands out and takes.

A token carries its own end and a seal of the instance, so nothing has to be remembered and a
token outlives a restart of the sandbox.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from hashlib import blake2b

LONGEST = 21_600  # seconds (UserGuide/instancedata-data-retrieval.html)
END_SIZE, SEAL_SIZE = 8, 32  # bytes


def ttl_asked(text: str | None) -> int | None:
    """The lifetime in seconds, 1 to 21,600; None when there is none that the service takes."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    seconds = int(text)
    return seconds if 1 <= seconds <= LONGEST else None


def issue(instance_id: str, *, seed: int, now: datetime, ttl: int) -> str:
    """A token for the instance, good for ``ttl`` seconds of sandbox time."""
    end = struct.pack(">d", now.timestamp() + ttl)
    return urlsafe_b64encode(end + _seal(instance_id, seed, end)).decode()


def is_valid(token: str, instance_id: str, *, seed: int, now: datetime) -> bool:
    """Whether the token is one of the instance's own and has not ended."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
    except ValueError:
        return False
    end, seal = raw[:END_SIZE], raw[END_SIZE:]
    if len(end) < END_SIZE or seal != _seal(instance_id, seed, end):
        return False
    (ends_at,) = struct.unpack(">d", end)
    return bool(now.timestamp() < ends_at)


def _seal(instance_id: str, seed: int, end: bytes) -> bytes:
    stamped = f"metadata|{seed}|{instance_id}|".encode() + end
    return blake2b(stamped, digest_size=SEAL_SIZE).digest()
