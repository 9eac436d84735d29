"""User data as a guest can run it: the parts that cloud-init would run, each as a script.

The forms are those of cloud-init's "User data formats"; what is not run is said on the console.
"""

import base64
import hashlib
import shlex
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

MOST_BYTES = 4 << 20  # unpacked; EC2 takes 16 KB, of which much more can be made

BOOTHOOK, SCRIPT = "boothook", "script"  # at every boot, before ssh; once in a machine's life
_BEGINNINGS = {"#cloud-boothook": BOOTHOOK, "#cloud-config": "cloud-config", "#!": SCRIPT}
_TYPES = {
    "text/cloud-boothook": BOOTHOOK,
    "text/x-shellscript": SCRIPT,
    "text/cloud-config": "cloud-config",
}
#: Types that cloud-init does not believe without a look.
_BY_CONTENT = {"text/plain", "text/x-not-multipart", "text/x-shellscript"}


class Part(NamedTuple):
    """A script, and when it runs; or, as ``said``, why something does not."""

    kind: str
    text: str


def parts(user_data: bytes) -> list[Part]:
    """In the order in which cloud-init comes to them."""
    found: list[Part] = []
    for declared, content in _leaves(_unpacked(user_data)):
        text = _unpacked(content).decode("utf-8", "replace")
        believed = "" if declared in _BY_CONTENT else _TYPES.get(declared)
        kind = believed or _by_beginning(text) or _TYPES.get(declared)
        if kind == "cloud-config":
            found += _of_config(text)
        elif kind:
            found.append(Part(kind, text))
        elif text.strip():
            found.append(Part("said", f"a part of type {declared} is not run here"))
    return found


def digest(script: str) -> str:
    """Of a script without the comments that end it."""
    lines = script.rstrip().splitlines()
    while lines and lines[-1].startswith("#"):
        lines.pop()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _leaves(content: bytes) -> Iterator[tuple[str, bytes]]:
    head = content[:4096].lower()
    if b"mime-version:" not in head and not head.startswith(b"content-type:"):
        yield "text/plain", content
        return
    from email import message_from_bytes  # the client only takes digests

    for leaf in message_from_bytes(content).walk():
        if not leaf.is_multipart():
            yield leaf.get_content_type(), bytes(leaf.get_payload(decode=True) or b"")


def _by_beginning(text: str) -> str:
    start = text.lstrip().lower()
    return next((kind for word, kind in _BEGINNINGS.items() if start.startswith(word)), "")


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, MOST_BYTES)
    except zlib.error:
        return b""


def _of_config(text: str) -> list[Part]:
    """``bootcmd`` at every boot; ``write_files`` and ``runcmd`` at the first."""
    import yaml  # only a machine with such a part needs it

    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as problem:
        return [Part("said", f"the cloud-config cannot be read: {problem}")]
    if not isinstance(told, dict):
        return [Part("said", "the cloud-config is no mapping")]
    known = {"bootcmd": BOOTHOOK, "write_files": SCRIPT, "runcmd": SCRIPT}
    found = [
        Part(known[key], "#!/bin/sh\n" + "".join(f"{line}\n" for line in _lines(key, told[key])))
        for key in known
        if isinstance(told.get(key), list)
    ]
    others = ", ".join(str(key) for key in told if key not in known)
    return [*found, *([Part("said", f"cloud-config: {others}: not done here")] if others else [])]


def _lines(key: str, entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if key != "write_files":
            yield shlex.join(map(str, entry)) if isinstance(entry, list) else str(entry)
        elif isinstance(entry, dict) and "path" in entry:
            yield _written(entry)


def _written(entry: dict[str, Any]) -> str:
    content, encoding = str(entry.get("content") or ""), str(entry.get("encoding") or "")
    packed = "b64" in encoding or "base64" in encoding
    encoded = content if packed else base64.b64encode(content.encode()).decode()
    unpack = "base64 -d | gzip -d" if encoding.startswith("gz") else "base64 -d"
    path = shlex.quote(str(entry["path"]))
    into, mode = (">>" if entry.get("append") else ">"), entry.get("permissions", "0644")
    made = (
        f"mkdir -p $(dirname {path}) && printf %s {shlex.quote(encoded)} | {unpack} {into} {path}"
    )
    return f"{made} && chmod {shlex.quote(str(mode))} {path}"
