"""What is suggested at the press of a key, from what is remembered on this computer.

Nobody is asked, and nothing slow is imported: whoever presses a key waits for it.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from spotkeeper.errors import StoreProblem
from spotkeeper.model.lives import is_open, is_settling

if TYPE_CHECKING:
    from pathlib import Path

    from spotkeeper.store.folders import Folders

IMAGES = ("amazon-linux", "deep-learning", "ubuntu")

_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def machines(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Machines of this computer's journal that were not given back."""
    folders = _folders()
    places = (folders.journal, folders.practice.journal)
    return _matching(begun, (name for place in places for name in _open_names(place)))


def _open_names(place: "Path") -> list[str]:
    """Names that may own something; those whose record cannot be read may, too."""
    from spotkeeper.store.journal import FileJournal

    journal, found = FileJournal(place), []
    with contextlib.suppress(StoreProblem):
        for name in journal.names():
            with contextlib.suppress(StoreProblem):
                if not is_open(entries := journal.read(name)) or is_settling(entries):
                    continue
            found.append(name)
    return found


def types(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Instance types that were seen on sale."""
    return _matching(begun, _keys_of("hardware", "types"))


def gpus(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """GPUs of the types that were seen on sale."""
    rows = [row for found in _documents("hardware") for row in found.get("types", {}).values()]
    told = (gpu for row in rows for gpu in (row.get("GpuInfo") or {}).get("Gpus", ()))
    return _matching(begun, (gpu.get("Name", "") for gpu in told))


def regions(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Regions that botocore knows, and `any`."""
    return _matching(begun, ("any", *_keys_of("known-regions")))


def images(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """The aliases of images."""
    return _matching(begun, IMAGES)


def _keys_of(kind: str, part: str | None = None) -> Iterable[str]:
    """The names in a remembered document."""
    for document in _documents(kind):
        yield from document.get(part, ()) if part and isinstance(document, dict) else document


def _documents(kind: str) -> Iterator[Any]:
    """What is remembered of a kind, of whatever age."""
    from spotkeeper.store.cache import caches

    for _, cache in caches(_folders().cache):
        if document := cache.get(kind, "all", younger_than=timedelta.max):
            yield document


def _matching(begun: str, names: Iterable[str]) -> list[CompletionItem]:
    """Only words that mean nothing to a shell: what is chosen ends up on its command line."""
    plain = (name for name in set(names) if _HARMLESS.fullmatch(name))
    return [CompletionItem(name) for name in sorted(plain) if name.startswith(begun)]


def _folders() -> "Folders":
    from spotkeeper.store.folders import Folders

    return Folders.of_user(os.environ)
