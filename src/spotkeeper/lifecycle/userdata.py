"""User data: the guard first, then what the user wants done.

A MIME message whose first part is a boothook, which cloud-init runs on every boot before all else.
Values travel as base64 after a marker that the fixed script reads; nothing is ever interpolated.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from spotkeeper.errors import BadInput
from spotkeeper.model.tags import tag_time

if TYPE_CHECKING:
    from email.mime.base import MIMEBase

#: EC2's limit on user data before base64 encoding.
MAX_BYTES = 16 * 1024

#: Always the same one, since EC2 takes a ClientToken again only with the same user data. No line
#: of base64 looks like it.
_BOUNDARY = "spotkeeper-part"


def compose(boot_script: str, values: Mapping[str, str], user_script: bytes | None) -> str:
    """Join the boot script, its values and the user's own script.

    Raises:
        BadInput: the result is over EC2's 16 KB, or cloud-init could not run the user's script.
    """
    from email.mime.multipart import MIMEMultipart  # only a launch needs it

    data = "".join(f"#spotkeeper {key} {_encoded(text)}\n" for key, text in values.items())
    parts = [_part("cloud-boothook", (boot_script.rstrip() + "\n" + data).encode())]
    if user_script is not None:
        parts.append(_part(_subtype(user_script), user_script))
    message = MIMEMultipart(boundary=_BOUNDARY, _subparts=parts).as_string()
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


def _subtype(script: bytes) -> str:
    if script.startswith(b"#!"):
        return "x-shellscript"
    if script.startswith(b"#cloud-config"):
        return "cloud-config"
    raise BadInput(
        "The user data starts neither with #! nor with #cloud-config, so nothing would run it",
        next_step="Start a script with a line such as #!/bin/bash.",
    )


def _part(subtype: str, body: bytes) -> "MIMEBase":
    from email.encoders import encode_base64
    from email.mime.base import MIMEBase

    part = MIMEBase("text", subtype)
    part.set_payload(body)
    encode_base64(part)
    return part
