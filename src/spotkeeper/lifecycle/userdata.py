"""User data: the guard first, then what the user wants done.

A MIME message whose first part is a boothook, which cloud-init runs on every boot before all else.
Values travel as base64 after a marker that the fixed script reads; nothing is ever interpolated.
"""

import base64
from collections.abc import Mapping
from datetime import datetime

from spotkeeper.errors import BadInput
from spotkeeper.model.tags import tag_time

#: EC2's limit on user data before base64 encoding.
MAX_BYTES = 16 * 1024

_BOUNDARY = "spotkeeper-part"
_LINE = 76


def compose(boot_script: str, values: Mapping[str, str], user_script: bytes | None) -> str:
    """Join the boot script, its values and the user's own script.

    Raises:
        BadInput: the result is over EC2's 16 KB, or cloud-init could not run the user's script.
    """
    data = "".join(f"#spotkeeper {key} {_encoded(text)}\n" for key, text in values.items())
    parts = [_part("text/cloud-boothook", (boot_script.rstrip() + "\n" + data).encode())]
    if user_script is not None:
        parts.append(_part(_content_type(user_script), user_script))
    head = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n'
    message = head + "".join(parts) + f"--{_BOUNDARY}--\n"
    if len(message) > MAX_BYTES:
        room = MAX_BYTES - (len(message) - len(user_script or b"") * 4 // 3)
        raise BadInput(
            f"The user data is {len(message):,} bytes, EC2 takes {MAX_BYTES:,}",
            next_step=f"Shorten the file to about {max(0, room * 3 // 4):,} bytes, or let it "
            "fetch the rest from S3.",
        )
    return message


def guard_values(deadline: datetime | None) -> Mapping[str, str]:
    """What the boot script is told."""
    return {"deadline": tag_time(deadline)}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _content_type(script: bytes) -> str:
    if script.startswith(b"#!"):
        return "text/x-shellscript"
    if script.startswith(b"#cloud-config"):
        return "text/cloud-config"
    raise BadInput(
        "The user data starts neither with #! nor with #cloud-config, so nothing would run it",
        next_step="Start a script with a line such as #!/bin/bash.",
    )


def _part(content_type: str, body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = "\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
    return (
        f"--{_BOUNDARY}\nContent-Type: {content_type}\nContent-Transfer-Encoding: base64\n\n"
        f"{lines}\n"
    )
