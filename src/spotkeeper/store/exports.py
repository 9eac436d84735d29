"""Files that the user asked for, where the user wants them."""

import os
from pathlib import Path

from spotkeeper.store.folders import store_problem


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step: it is the old one or the new one, never half of it.

    Raises:
        StoreProblem: the disk refuses; the old file, if any, is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise store_problem(path, problem) from problem
