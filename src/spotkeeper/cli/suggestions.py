"""What is suggested at the press of a key, from what is remembered on this computer.

Nobody is asked, and nothing slow is imported: whoever presses a key waits for it.
"""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from spotkeeper.store.folders import Folders

IMAGES = ("amazon-linux", "deep-learning", "ubuntu")


def machines(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Machines of this computer's journal that are not gone for certain."""
    from spotkeeper.model import event
    from spotkeeper.store.journal import FileJournal

    folders = _folders()
    places = (folders.journal, folders.practice.journal)
    journals = [FileJournal(place) for place in places]
    return _matching(
        begun,
        (
            name
            for journal in journals
            for name in journal.names()
            if event.is_open(journal.read(name))
        ),
    )


def types(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Instance types that were seen on sale."""
    return _matching(begun, _keys_of("hardware", "types"))


def regions(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Regions that botocore knows, and `any`."""
    return _matching(begun, ("any", *_keys_of("known-regions")))


def images(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """The aliases of images."""
    return _matching(begun, IMAGES)


def _keys_of(kind: str, part: str | None = None) -> Iterable[str]:
    """The names in a remembered document, of whatever age."""
    from spotkeeper.store import caches

    for _, cache in caches.caches(_folders().cache):
        document = cache.get(kind, "all", younger_than=timedelta.max)
        found = document.get(part, ()) if part and isinstance(document, dict) else document
        yield from found or ()


def _matching(begun: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(set(names)) if name.startswith(begun)]


def _folders() -> "Folders":
    from spotkeeper.store.folders import Folders

    return Folders.of_user(os.environ)
