"""Every cache of the user: that of the AWS accounts, and one for each simulated market."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from spotkeeper.store.cache import LAYOUT, Cache, Entry


def caches(root: Path) -> Iterator[tuple[str, Cache]]:
    """The caches below the cache folder, by name."""
    for folder in sorted(root.rglob(f"v{LAYOUT}")):
        name = folder.parent.relative_to(root).as_posix()
        yield name, Cache(folder.parent, lambda: datetime.now(UTC), offline=True)


def everything(root: Path) -> Iterator[tuple[str, Entry]]:
    """Every document of every cache, with the cache's name."""
    for name, cache in caches(root):
        for entry in cache.entries():
            yield name, entry


def clear(root: Path) -> int:
    """Forget everything, what older versions left as well; how many files went."""
    gone = 0
    for path in root.rglob("*"):
        if path.is_file() and path.parent.name.startswith("v"):
            path.unlink(missing_ok=True)
            gone += 1
    return gone
