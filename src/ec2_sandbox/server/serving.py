"""The daemon's life: bind, restore, warm up, say that it is ready, serve, idle out."""

import gc
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import EnvironBuilder

from ec2_sandbox import catalogue
from ec2_sandbox.client.home import WORLD, Home, Process, own_version
from ec2_sandbox.ec2 import responses
from ec2_sandbox.options import SandboxOptions
from ec2_sandbox.server import state
from ec2_sandbox.server.application import Application, Identity
from ec2_sandbox.server.control_verbs import market_note
from ec2_sandbox.server.journal import KeptCall
from ec2_sandbox.services import wiring

IDLE_LIMIT = 12 * 3600.0  # seconds of real time without a call
IDLE_LOOK = 60.0
STARTER_LOOK = 1.0
POLL = 0.1  # how soon a stop is noticed

WARM_REGION = "us-east-1"
SIGNED = f"AWS4-HMAC-SHA256 Credential=WARM/20261101/{WARM_REGION}/ec2/aws4_request, Signature=0"


class QuietHandler(WSGIRequestHandler):  # type: ignore[misc]
    """Keeps connections open, sends small answers at once, and does not log every call."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, *_: Any) -> None:
        """The call log is in memory, for whoever asks."""


def serve(home: Path, port: int, *, tied: bool = False) -> None:
    """Run the sandbox in this process until it is stopped; ``tied``: or until its starter ends."""
    starter = os.getppid() if tied else None
    os.umask(0o077)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder = Home(home)
    identity = Identity(secrets.token_urlsafe(32), secrets.token_hex(16))
    responses.install()
    wiring.install()
    application = Application(home, identity, stop=lambda: _shut_down(server))
    server = make_server(
        "127.0.0.1", port, application, threaded=True, request_handler=QuietHandler
    )
    server.daemon_threads = True
    state.start_afresh(folder.options())
    _warm_up(application)
    for note in _restore(home, folder.options(), application.aws.carry_out_again):
        folder.add_note(note)
    state.save(home)
    signal.signal(signal.SIGTERM, lambda *_: _shut_down(server))
    threading.Thread(target=_idle_out, args=(application, server, starter), daemon=True).start()
    process = Process(
        pid=os.getpid(),
        port=server.server_port,
        token=identity.token,
        instance=identity.instance,
        version=own_version(),
    )
    folder.remember_process(process)
    sys.stdout.write(f"EC2 is at http://127.0.0.1:{server.server_port} for any access key\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=POLL)
    application.guests.close()
    folder.forget_process()


def _restore(
    home: Path, options: SandboxOptions, carry_out: Callable[[KeptCall], None]
) -> list[str]:
    """Take up what was saved; what the user must hear about it."""
    is_new = not (home / WORLD).exists()
    notes = [state.restore(home, options, carry_out), market_note() if is_new else None]
    return [note for note in notes if note]


def _warm_up(application: Application) -> None:
    """The first EC2 call is slow: let nobody wait for it after "ready". It leaves no trace."""
    catalogue.spot_pools(WARM_REGION)
    for action in ("DescribeVpcs", "DescribeInstances"):
        request = EnvironBuilder(
            method="POST",
            data={"Action": action, "Version": "2016-11-15"},
            headers={"Authorization": SIGNED},
        )
        application.aws.warm_up(request.get_environ())
    gc.freeze()  # what is here now stays: the collector need not look at it again
    gc.enable()


def _shut_down(server: BaseWSGIServer) -> None:
    """From another thread, since it waits for the serving loop."""
    threading.Thread(target=server.shutdown, daemon=True).start()


def _idle_out(application: Application, server: BaseWSGIServer, starter: int | None) -> None:
    while time.monotonic() - application.last_used < IDLE_LIMIT:
        if starter is not None and os.getppid() != starter:
            break
        time.sleep(IDLE_LOOK if starter is None else STARTER_LOOK)
    _shut_down(server)
