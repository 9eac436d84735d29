"""``python -m ec2_sandbox``: serve a sandbox in this process until it is told to stop."""

import argparse
import gc
import tempfile
from pathlib import Path


def main() -> None:
    """Serve the folder that is named, or a new one that goes with the process."""
    parser = argparse.ArgumentParser(
        prog="python -m ec2_sandbox",
        description="Serve an EC2-compatible API with a living Spot market on 127.0.0.1.",
    )
    parser.add_argument("home", type=Path, nargs="?", help="where it is kept; nowhere by default")
    parser.add_argument("--port", type=int, default=0, help="0, the default, is any that is free")
    parser.add_argument("--tied", action="store_true", help="end with the process that started it")
    chosen = parser.parse_args()
    if chosen.home is not None:
        _serve(chosen.home, chosen.port, tied=chosen.tied)
        return
    with tempfile.TemporaryDirectory(prefix="ec2-sandbox-") as folder:
        _serve(Path(folder), chosen.port, tied=chosen.tied)


def _serve(home: Path, port: int, *, tied: bool) -> None:
    gc.disable()  # until it is ready: what a start reads it keeps, and it reads a lot
    from ec2_sandbox import moto_hooks

    moto_hooks.install()
    from ec2_sandbox.client.home import Home
    from ec2_sandbox.server.serving import serve

    Home(home).create()
    serve(home, port, tied=tied)


if __name__ == "__main__":
    main()
