"""The real cloud-init as a judge: what its own parser makes of user data."""

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache

#: Reads user data from standard input; prints the types and contents of its parts, or why
#: cloud-init gives up on all of it.
_ASK = """
import base64, json, sys
from cloudinit import user_data, util
user_data.util.fetch_ssl_details = lambda paths=None: {}
user_data.read_file_or_url = lambda url, **_: (_ for _ in ()).throw(OSError("no such URL"))
try:
    message = user_data.UserDataProcessor(None).process(sys.stdin.buffer.read())
except Exception as problem:
    print(json.dumps(str(problem)))
else:
    parts = [part for part in message.walk() if not part.is_multipart()]
    told = [util.fully_decoded_payload(part) for part in parts]
    texts = [text.encode("utf-8") if isinstance(text, str) else text for text in told]
    print(json.dumps([
        [part.get_content_type(), base64.b64encode(text).decode()]
        for part, text in zip(parts, texts)
    ]))
"""
PYTHONS = ("/usr/bin/python3", "python3")


class Unreadable(Exception):
    """cloud-init raised, and so runs nothing of the user data."""


@cache
def python() -> Sequence[str]:
    """A Python of this computer that has cloud-init; nothing where there is none."""
    for name in PYTHONS:
        asked = [shutil.which(name) or "false", "-c", "import cloudinit.user_data"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return asked[:1]
    return ()


def read(user_data: str | bytes, interpreter: Sequence[str]) -> list[tuple[str, bytes]]:
    """Types and contents, in order.

    Raises:
        Unreadable: it gives up.
    """
    data = user_data if isinstance(user_data, bytes) else user_data.encode()
    asked = [*interpreter, "-c", _ASK]
    done = subprocess.run(asked, input=data, capture_output=True, check=True)
    told = json.loads(done.stdout)
    if isinstance(told, str):
        raise Unreadable(told)
    return [(kind, base64.b64decode(text)) for kind, text in told]
