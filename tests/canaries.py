"""Secrets that open nothing, planted where real ones come from, and looked for everywhere else."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

#: Random, with the signs that make encodings differ; each has the place it stands for in it.
CANARIES = {
    place: f"c4n4ry/{place}+wJalrXUtnFEMI7MDENGbPxRfi"
    for place in (
        *("secret", "token", "file", "process", "sso", "web", "container", "metadata"),
        *("endpoint", "proxy", "userdata"),
    )
}

#: Planted by the `home` of every story; without a key id nobody can use them.
ALWAYS = {
    "AWS_SECRET_ACCESS_KEY": CANARIES["secret"],
    "AWS_SESSION_TOKEN": CANARIES["token"],
}


def forms(secret: str) -> tuple[bytes, ...]:
    """The secret as it may turn up: plain, in an address, in hex, in base64 at any place of it."""
    plain = secret.encode()
    middles = (base64.b64encode(b"x" * shift + plain)[4 * bool(shift) :] for shift in range(3))
    addressed = {quote(secret, safe=safe).encode() for safe in ("", "+", "/")}
    encoded = {plain, *addressed, plain.hex().encode()}
    return (*encoded, plain[::-1], *(middle.rstrip(b"=")[:-2] for middle in middles))


FORMS = {place: forms(secret) for place, secret in CANARIES.items()}

_BEGINNINGS = forms("c4n4ry/")


def found_in(data: bytes) -> list[str]:
    """The places whose secrets are in the data, in whatever form."""
    if not any(form in data for form in _BEGINNINGS):
        return []
    return [place for place, each in FORMS.items() if any(form in data for form in each)]


def found_below(folder: Path, planted: frozenset[str] = frozenset({".aws"})) -> Iterator[str]:
    """Files below a folder that hold a secret, those in which it was planted left out."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or planted & {*path.parts}:
            continue
        for place in found_in(path.read_bytes()):
            yield f"{place} in {path}"


def found_in_processes() -> Iterator[str]:
    """Processes in whose arguments a secret stands, where the system shows them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        for place in found_in(data):
            yield f"{place} in {path}"
