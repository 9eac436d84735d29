"""The daemon: ``python -m ec2_sandbox HOME PORT [tied]``. Started by daemon.py only."""

import gc
import sys
from pathlib import Path


def main() -> None:
    """Serve until told to stop, until nobody has called for half a day, or with its starter."""
    gc.disable()  # until it is ready: what a start reads it keeps, and it reads a lot
    from ec2_sandbox import moto_hooks

    moto_hooks.install()
    from ec2_sandbox.server.serving import serve

    serve(Path(sys.argv[1]), int(sys.argv[2]), tied="tied" in sys.argv[3:])


if __name__ == "__main__":
    main()
