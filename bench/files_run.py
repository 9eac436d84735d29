"""Run one command of spotkeeper and list its own files of which a function ran.

To import a file is not to run it: the bodies of modules and classes do not count.

usage: python bench/files_run.py LIST COMMAND-LINE...
"""

import inspect
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

from spotkeeper.cli import app

SOURCE = Path(app.__file__).parents[1]


def main() -> int:
    """Run the command line; its exit code."""
    into, *arguments = sys.argv[1:]
    ran: set[CodeType] = set()

    def hear(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            ran.add(frame.f_code)

    threading.setprofile(hear)
    sys.setprofile(hear)
    code = app.run(arguments)
    sys.setprofile(None)
    functions = [Path(each.co_filename) for each in ran if each.co_flags & inspect.CO_OPTIMIZED]
    files = {str(path.relative_to(SOURCE)) for path in functions if path.is_relative_to(SOURCE)}
    Path(into).write_text("\n".join(sorted(files)), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
