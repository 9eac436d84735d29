"""Duty: keep whole sets of the checkpoint folder beside it, and start from the right one.

A set is a folder of its own: ``files`` as they were, and a manifest of what they were made from.
Files that did not change since the set before are shared with it and cost no room.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spotkeeper.agent import folders
from spotkeeper.agent.disk import read_text
from spotkeeper.agent.folders import FileState, Known, Moved, State
from spotkeeper.agent.serve import LOOK_S, Agent, Begin, Duty
from spotkeeper.work.checkpoints import (
    KEPT_SETS,
    RECOMMENDED_EVERY_S,
    SET_EVERY_S,
    SPARE_BYTES,
    SPARE_SHARE,
    Folder,
    Look,
    holds_still,
    is_due,
    set_to_start_from,
    usable_sets,
)
from spotkeeper.work.contract import SCHEMA, UNFINISHED
from spotkeeper.work.outcome import AttemptEnd
from spotkeeper.work.run import Asked, Attempt, Line, Remark, SetTaken


class Sets(Duty):
    """Takes sets while nothing moves, and after the end of an attempt."""

    every_s = 0.0

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._before: Look | None = None
        self._looked_at = self._recommended_at = 0.0
        self._is_urgent, self._put_off_at = False, 0.0
        self._is_last_due = False
        self._copying: _Copying | None = None
        self._manifests: dict[str, _Manifest] = {}

    @property
    def is_busy(self) -> bool:
        """Whether a set is being copied or still to be."""
        return self._copying is not None or self._is_last_due

    def heard(self, line: Line) -> None:
        """A rebalance recommendation brings the next set forward; what is asked to end has the
        disk to itself."""
        if isinstance(line, Asked) and self._copying:
            self._copying.go_on = False
        is_advice = isinstance(line, Remark) and line.about.startswith("rebalance")
        if is_advice and line.at - self._recommended_at > RECOMMENDED_EVERY_S:
            self._recommended_at, self._is_urgent = line.at, True

    def look(self) -> None:
        """Collect the set that was copied, or begin the next one."""
        agent, now = self.agent, self.agent.clock()
        attempt = agent.run.open_attempt
        if self._copying is not None:
            if not self._copying.is_alive():
                self._collect(self._copying)
        elif self._is_last_due:
            self._is_last_due = False
            self._take_if_due(0.0)
        elif attempt and attempt.number and now - self._looked_at >= agent.look_s:
            self._looked_at = now
            self._take_if_due(SET_EVERY_S * agent.look_s / LOOK_S)

    def before_attempt(self) -> str:
        """Choose what the attempt begins from, and lay it out."""
        if self.is_busy:
            return "a set is being copied"
        self._settle()
        kept, state = self._kept(), self._state()
        folder = Folder(folders.digest(state), is_suspect=self._is_suspect(state, kept))
        chosen = set_to_start_from(
            self.agent.run, folder, [(n, m.digest) for n, m in kept.items()]
        )
        if chosen:
            self._bring_back(chosen)
            state = self._state()
        self.agent.begin = Begin(bool(state), folders.digest(state), chosen)
        self._before = None
        return ""

    def after_attempt(self, attempt: Attempt, ending: AttemptEnd) -> AttemptEnd:
        """Say whether anything was saved; the folder as it was left is the next set."""
        if not attempt.number:
            return ending
        # Whoever was killed may have been saving: only what held still is whole then.
        self._is_last_due = not (attempt.killing or ending.is_unseen)
        others = [(n, d) for n, d in self._digests() if d != attempt.start.digest]
        older = len(usable_sets(self.agent.run, others))
        is_saved = folders.digest(self._state()) != attempt.start.digest
        return replace(ending, saved=is_saved, older_sets=older)

    # --- taking ------------------------------------------------------------------------------

    def _state(self) -> State:
        return folders.look(self.agent.folder.paths.checkpoint, but=UNFINISHED)

    def _take_if_due(self, every_s: float) -> None:
        """Every so often while the command runs, and only what held still; else at once."""
        state, kept = self._state(), self._kept()
        before, now = self._before, Look(self.agent.clock(), folders.digest(state))
        self._before = now
        digests = {digest for _, digest in self._digests()}
        last_at = 0.0 if self._is_urgent else self._last_at()
        if not state or not is_due(now, kept=digests, last_at=last_at, every_s=every_s):
            return
        if every_s:
            processes = self.agent.attempts.processes(self.agent.attempt_folder)
            writing = next(processes.written_files(self.agent.folder.paths.checkpoint), "")
            if not holds_still(before, replace(now, writing=writing)):
                self._say_if_restless(now, every_s, os.path.basename(writing))
                return
        self._is_urgent = False
        self._take(state, kept)

    def _last_at(self) -> float:
        """When the last set was taken, or could not be."""
        sets = self.agent.run.sets
        return max(self._put_off_at, sets[-1].at if sets else 0.0)

    def _say_if_restless(self, now: Look, every_s: float, writing: str) -> None:
        since = max(self._last_at(), self.agent.run.attempts[-1].start.at)
        if now.at - since > 3 * every_s:
            what = writing or "something in it"
            words = f"the checkpoint folder never holds still ({what}), so no set of it is kept"
            self.agent.remark("restless", words, once_since=since)

    def _take(self, state: State, kept: Mapping[int, _Manifest]) -> None:
        number = max(kept, default=0) + 1
        known = kept[number - 1].twins if kept else {}
        fresh = (
            e.size for n, e in state.items() if e.is_file and not folders.twin_of(n, e, known)
        )
        needed = sum(fresh)
        if self._has_room(needed, kept):
            self._copying = _Copying(self.agent, number, state, known)
            self._copying.start()
            return
        words = f"no room for a set of {needed >> 20} MB beside the checkpoint folder"
        self.agent.remark("no room", words, once_since=self._put_off_at)
        self._put_off_at = self.agent.clock()
        os.sync()

    def _has_room(self, needed: int, kept: Mapping[int, _Manifest]) -> bool:
        """Whether the command keeps enough room; older sets make some."""
        for number in [*sorted(kept)[:-1], 0]:
            found = os.statvfs(self.agent.folder.folder)
            spare = min(SPARE_BYTES, found.f_blocks * found.f_frsize // SPARE_SHARE)
            if found.f_bavail * found.f_frsize - needed > spare:
                return True
            folders.remove_all(self._path(number))
        return False

    def _collect(self, done: _Copying) -> None:
        self._copying = None
        if done.problem is not None:
            if isinstance(done.problem, OSError):
                self.agent.remark("no room", f"a set could not be kept: {done.problem}")
            folders.remove_all(done.partial)
            return
        self.agent.disk.rename(done.partial, self._path(done.number))
        sizes = [entry.size for entry in done.state.values() if entry.is_file]
        digest, now = folders.digest(done.state), self.agent.clock()
        self.agent.write(SetTaken(now, done.number, digest, len(sizes), sum(sizes), done.took_s))
        for number in sorted(self._kept())[:-KEPT_SETS]:
            folders.remove_all(self._path(number))

    # --- what is kept ------------------------------------------------------------------------

    def _path(self, number: int) -> str:
        return f"{self.agent.folder.sets}/{number}"

    def _kept(self) -> dict[int, _Manifest]:
        try:
            names = os.listdir(self.agent.folder.sets)
        except FileNotFoundError:
            return {}
        paths = {int(name): self._path(int(name)) for name in names if name.isdigit()}
        known = {number: self._manifests.get(path) for number, path in paths.items()}
        self._manifests = {paths[n]: known[n] or _Manifest(paths[n]) for n in paths}
        return {number: self._manifests[path] for number, path in paths.items()}

    def _digests(self) -> list[tuple[int, str]]:
        return [(number, manifest.digest) for number, manifest in self._kept().items()]

    def _settle(self) -> None:
        """Finish or undo what a crash left half done."""
        live = self.agent.folder.paths.checkpoint
        for name in [f"{live}.incoming", *_partial(self.agent.folder.sets)]:
            folders.remove_all(name)
        if not os.path.exists(live) and os.path.exists(f"{live}.whole"):
            self.agent.disk.rename(f"{live}.whole", live)
        folders.remove_all(f"{live}.whole")

    def _bring_back(self, number: int) -> None:
        """The folder is as the set from now on; at no moment is there neither."""
        live, files = self.agent.folder.paths.checkpoint, f"{self._path(number)}/files"
        folders.copy_state(files, f"{live}.incoming", folders.look(files))
        folders.dress_like(live, f"{live}.incoming")
        self.agent.disk.rename(f"{live}.incoming", f"{live}.whole")
        folders.remove_all(f"{live}.unusable")
        self.agent.disk.rename(live, f"{live}.unusable")
        self.agent.disk.rename(f"{live}.whole", live)
        words = "the newest checkpoint could not be used; starting from the set before it"
        self.agent.remark(f"from set {number}", words)

    def _is_suspect(self, state: State, kept: Mapping[int, _Manifest]) -> bool:
        """Whether a file was being written in place, after the newest set, when its writer was
        killed: renamed files have changed their state after their content."""
        ends = [each for each in self.agent.run.attempts if each.number and each.end]
        was_killed = bool(ends) and (ends[-1].killing or ends[-1].was_unseen)
        if not was_killed or not kept:
            return False
        before = kept[max(kept)].twins
        return any(
            entry.inode == before[name][0].inode
            and entry.mtime_ns == entry.ctime_ns != before[name][0].ctime_ns
            for name, entry in state.items()
            if entry.is_file and name in before
        )


class _Copying(threading.Thread):
    """Copies one set without keeping the agent from anything else."""

    def __init__(self, agent: Agent, number: int, state: State, known: Known) -> None:
        super().__init__(daemon=True)
        self.number, self.state, self._known = number, state, known
        self.partial = f"{agent.folder.sets}/{number}.partial"
        self._source, self._disk = agent.folder.paths.checkpoint, agent.disk
        self.go_on, self.took_s = True, 0.0
        self.problem: Exception | None = None

    def run(self) -> None:
        began = time.monotonic()
        try:
            self._copy()
        except (OSError, Moved) as problem:
            self.problem = problem
        self.took_s = time.monotonic() - began

    def _copy(self) -> None:
        folders.remove_all(self.partial)
        os.makedirs(self.partial, mode=0o700)
        target, digest = f"{self.partial}/files", folders.digest(self.state)
        folders.copy_state(
            self._source, target, self.state, known=self._known, go_on=lambda: self.go_on
        )
        if folders.digest(folders.look(self._source, but=UNFINISHED)) != digest:
            raise Moved("something changed while it was copied")
        entries = {os.fsdecode(name): list(e[:7]) for name, e in self.state.items() if e.is_file}
        found = {"schema": SCHEMA, "digest": digest, "entries": entries}
        self._disk.replace(f"{self.partial}/manifest.json", json.dumps(found).encode())


class _Manifest:
    """What is known of a set on the disk."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.digest: str = self._read().get("digest", "")

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(read_text(f"{self._folder}/manifest.json") or "{}")
        return found

    @property
    def twins(self) -> dict[bytes, tuple[FileState, bytes]]:
        """By name: what the file was made from, and where it is."""
        files = os.fsencode(f"{self._folder}/files/")
        entries = self._read().get("entries", {})
        encoded = {os.fsencode(name): FileState(*fields) for name, fields in entries.items()}
        return {name: (entry, files + name) for name, entry in encoded.items()}


def _partial(sets: str) -> list[str]:
    try:
        return [f"{sets}/{name}" for name in os.listdir(sets) if name.endswith(".partial")]
    except FileNotFoundError:
        return []


DUTY = Sets
