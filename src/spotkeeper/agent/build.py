"""Packs the agent: one file that every Python from 3.9 on runs, with nothing but its library.

A zip that Python runs (the standard library's ``zipapp`` makes such), its files stored as they
are and without times, so that the same source gives the same bytes everywhere.
"""

import hashlib
import importlib
import io
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from spotkeeper.agent.serve import Duty

#: What every agent has.
CORE = (
    "work.contract",
    "work.run",
    "work.outcome",
    "work.telling",
    "agent.disk",
    "agent.folders",
    "agent.processes",
    "agent.log",
    "agent.login",
    "agent.holder",
    "agent.machine",
    "agent.attempts",
    "agent.serve",
    "agent.control",
    "agent.install",
    "agent.main",
    "work.checkpoints",
    "agent.metadata",
)

#: One duty a line: without its line the agent is without it, and nothing else changes. They are
#: asked in this order before an attempt and after it.
DUTIES = (
    "agent.cancel_tag",
    "agent.sets",
    "agent.notices",
    "agent.gpus",
    "agent.package_lock",
    "agent.memory",
    "agent.signs",
    "agent.room",
    "agent.notify",
    "agent.power",
)

_MAIN = """import sys
from spotkeeper.agent.main import main
{imports}
sys.exit(main(sys.argv[1:], duties=({names})))
"""

_EARLIEST = (1980, 1, 1, 0, 0, 0)


def pack(duties: Sequence[str] = DUTIES) -> bytes:
    """The agent's file."""
    root = Path(__file__).parents[1]
    files = {
        f"spotkeeper/{part}.py": b"" for part in ("__init__", "agent/__init__", "work/__init__")
    }
    for name in (*CORE, *duties):
        path = f"{name.replace('.', '/')}.py"
        files[f"spotkeeper/{path}"] = (root / path).read_bytes()
    names = [f"spotkeeper.{name}" for name in duties]
    imports = "\n".join(f"import {name}" for name in names)
    files["__main__.py"] = _MAIN.format(
        imports=imports, names="".join(f"{name}.DUTY, " for name in names)
    ).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as bundle:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            bundle.writestr(entry, files[name])
    return packed.getvalue()


@cache
def packed_agent() -> tuple[bytes, str]:
    """The file, and its sha256."""
    data = pack()
    return data, hashlib.sha256(data).hexdigest()


def duty_classes(duties: Sequence[str] = DUTIES) -> tuple[type[Duty], ...]:
    """The duties themselves, where they run unpacked."""
    return tuple(importlib.import_module(f"spotkeeper.{name}").DUTY for name in duties)
