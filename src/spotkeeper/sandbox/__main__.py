"""The daemon: ``python -m spotkeeper.sandbox HOME PORT``. Started by daemon.py only."""

import sys
from pathlib import Path


def main() -> None:
    """Serve until told to stop, or until nobody has called for half a day."""
    from spotkeeper.sandbox import moto_hooks

    moto_hooks.install()
    from spotkeeper.sandbox.server.serving import serve

    serve(Path(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
