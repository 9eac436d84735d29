"""The folder that the user works in: which files of it are the code, and a copy of those."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from spotkeeper.errors import BadInput

#: More than this is no code any more.
MOST_BYTES = 200_000_000
_NAMED = 5
_POINTER_BYTES = 1024

#: Where git does not tell: what every tool makes again by itself.
MADE_AGAIN = frozenset(
    {".git", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache"}
    | {".pytest_cache", ".tox", ".ipynb_checkpoints", ".DS_Store"}
)

_GIT_LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")


#: Like .gitignore for what git keeps and a machine does not need; it knows no ``!`` and no ``**``.
IGNORE_FILE = ".spotignore"


def _is_named(file: Path, patterns: Sequence[str]) -> bool:
    """Whether a pattern names the file or a folder around it: anywhere, or from the top where it
    has a slash."""
    return any(
        _begins(file.parts, pattern.lstrip("/").split("/"))
        if "/" in pattern
        else any(fnmatchcase(part, pattern) for part in file.parts)
        for pattern in patterns
    )


def _begins(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    fit = zip(parts, patterns, strict=False)
    return len(parts) >= len(patterns) and all(fnmatchcase(part, each) for part, each in fit)


@dataclass(frozen=True)
class WorkingFolder:
    """A folder and its code: what git would keep, or all of it where git does not know it."""

    path: Path

    def files(self) -> list[Path]:
        """The files of the code, relative to the folder.

        Raises:
            BadInput: they are too many bytes to be code, the biggest are named; or some were not
                fetched.
        """
        listed = self._git(*_GIT_LIST)
        found = self._kept(self._all(MADE_AGAIN) if listed is None else self._listed(listed))
        sizes = {each: (self.path / each).lstat().st_size for each in found}
        if sum(sizes.values()) > MOST_BYTES:
            biggest = sorted(sizes, key=lambda each: -sizes[each])[:_NAMED]
            named = ", ".join(f"{each} ({sizes[each] / 1e6:,.0f} MB)" for each in biggest)
            raise BadInput(
                f"{self.path} holds {sum(sizes.values()) / 1e6:,.0f} MB, and code may have "
                f"{MOST_BYTES / 1e6:,.0f} MB",
                next_step=f"Name what is no code in .gitignore or {IGNORE_FILE}. The biggest are: "
                f"{named}.",
            )
        return found

    def ignored(self) -> list[str]:
        """What git ignores here and is therefore no code: its uppermost names."""
        listed = self._git(
            "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"
        )
        names = (name.rstrip("/") for name in (listed or "").split("\0") if name)
        return sorted(name for name in names if not MADE_AGAIN & set(Path(name).parts))

    def known(self) -> list[Path] | None:
        """All that git would keep and the folder's own file does not name, be it code or not;
        ``None`` where neither tells: git does not know the folder, or ignores it.

        Raises:
            BadInput: some were not fetched.
        """
        listed = self._git(*_GIT_LIST)
        ignored = self._git("check-ignore", "-q", os.fspath(self.path.absolute()))
        if listed is not None and ignored is None:
            return self._kept(self._listed(listed))
        return self._kept(self._all(frozenset())) if self._patterns() else None

    def ignores(self, names: Collection[str]) -> set[str]:
        """Those of the names, which need not be there, that git or the folder's file ignores."""
        given = b"".join(os.fsencode(name) + b"\0" for name in names)
        told = (self._git("check-ignore", "-z", "--stdin", given=given) or "").split("\0")
        patterns = self._patterns()
        return {*told, *(each for each in names if _is_named(Path(each), patterns))}

    def warning(self) -> str:
        """Why more than the code may be taken for it; "" where git tells or never did."""
        if self._git(*_GIT_LIST) is not None or not (self.path / ".git").exists():
            return ""
        return f"git cannot read {self.path}: all that is in it counts as code"

    def commit(self) -> str:
        """The commit it is at, with ``-dirty`` where something changed since; "" without git."""
        told = self._git("describe", "--always", "--dirty", "--abbrev=12", "--match=")
        return (told or "").strip()

    def copy_to(self, target: Path) -> None:
        """Lay the code out in another folder; links stay links.

        Raises:
            BadInput: something cannot be read or written.
        """
        for each in self.files():
            try:
                (target / each).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.path / each, target / each, follow_symlinks=False)
            except OSError as problem:
                raise BadInput(f"{each} cannot be copied: {problem.strerror}") from problem

    def _kept(self, names: Iterable[Path]) -> list[Path]:
        patterns = self._patterns()
        found = sorted({each for each in names if not _is_named(each, patterns)})
        if any(self._is_of_lfs(each) for each in found if each.name == ".gitattributes"):
            pointers = [str(each) for each in found if self._is_pointer(each)]
            if pointers:
                named = ", ".join(pointers[:_NAMED])
                raise BadInput(
                    f"{self.path}: not the files themselves, but pointers of Git LFS: {named}",
                    next_step=f"`git lfs pull` fetches them; or name them in {IGNORE_FILE}.",
                )
        return found

    def _is_of_lfs(self, attributes: Path) -> bool:
        return b"filter=lfs" in (self.path / attributes).read_bytes()

    def _is_pointer(self, file: Path) -> bool:
        """A pointer of Git LFS has less than 1,024 bytes (its specification, version 1)."""
        path = self.path / file
        if path.is_symlink() or not path.is_file() or path.stat().st_size >= _POINTER_BYTES:
            return False
        return path.read_bytes().startswith(b"version https://git-lfs.github.com/spec/")

    def _patterns(self) -> list[str]:
        """The lines of the folder's own file of what is no code."""
        try:
            text = (self.path / IGNORE_FILE).read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return []
        lines = (line.strip() for line in text.splitlines())
        return [line.rstrip("/") for line in lines if line and not line.startswith("#")]

    def _listed(self, text: str) -> Iterator[Path]:
        """Git's list; of a submodule it names the folder alone.

        Raises:
            BadInput: the submodule was not fetched.
        """
        patterns = self._patterns()
        for name in text.split("\0"):
            path = self.path / name
            if not name or not os.path.lexists(path):
                continue
            if _is_named(Path(name), patterns):
                continue
            if path.is_dir() and not path.is_symlink():
                if not (path / ".git").exists():
                    raise BadInput(
                        f"{self.path}: its submodule {name} was not fetched",
                        next_step=f"`git submodule update --init {shlex.quote(name)}` fetches "
                        f"it; or name it in {IGNORE_FILE}.",
                    )
                inner = WorkingFolder(path)
                yield from (Path(name) / each for each in inner.files())
            elif not path.name.startswith("._"):
                yield Path(name)

    def _all(self, but: frozenset[str]) -> Iterator[Path]:
        for folder, folders, names in os.walk(self.path):
            folders[:] = [each for each in folders if each not in but]
            links = [each for each in folders if (Path(folder) / each).is_symlink()]
            for name in (*names, *links):
                path = Path(folder) / name
                is_kept = path.is_symlink() or path.is_file()  # not a pipe, nor a socket
                if is_kept and name not in but and not name.startswith("._"):
                    yield path.relative_to(self.path)

    def _git(self, *arguments: str, given: bytes = b"") -> str | None:
        """What git says; None where there is no git, or no repository that it can read."""
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program; the arguments are ours
                ["git", "-C", os.fspath(self.path), *arguments],  # noqa: S607 - the user's git
                input=given,
                capture_output=True,
                check=False,
            )
        except OSError:
            return None
        return os.fsdecode(done.stdout) if done.returncode == 0 else None
