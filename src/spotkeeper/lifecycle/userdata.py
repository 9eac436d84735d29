"""User data: the guard first, then what the user wants done.

A MIME message whose first part is a boothook, which cloud-init runs on every boot before all else.
Values travel as base64 after a marker that the fixed script reads; nothing is ever interpolated.
"""

import base64
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from spotkeeper.errors import BadInput
from spotkeeper.model.tags import tag_time

if TYPE_CHECKING:
    from email.message import Message
    from email.mime.base import MIMEBase

#: EC2's limit on user data before base64 encoding.
MAX_BYTES = 16 * 1024

#: More is not looked at: it is sent compressed, but by no means to a sixteenth of its size.
MAX_PLAIN_BYTES = 16 * MAX_BYTES

#: Always the same one, since EC2 takes a ClientToken again only with the same user data. No line
#: of base64 looks like it.
_BOUNDARY = "spotkeeper-part"

#: How cloud-init tells what a text is: by its beginning, in upper or lower case, the longest first
#: ("User data formats" of its documentation).
FORMS = {
    "#!": "text/x-shellscript",
    "#cloud-boothook": "text/cloud-boothook",
    "#cloud-config": "text/cloud-config",
    "#cloud-config-archive": "text/cloud-config-archive",
    "#cloud-config-jsonp": "text/cloud-config-jsonp",
    "#include": "text/x-include-url",
    "#include-once": "text/x-include-once-url",
    "#part-handler": "text/part-handler",
    "#upstart-job": "text/upstart-job",
    "## template: jinja": "text/jinja2",
}
_LONGEST_FIRST = sorted(FORMS, key=len, reverse=True)
_GZIP = zlib.MAX_WBITS | 16

#: cloud-init unpacks these before it looks at any part. Where that fails (a URL does not answer,
#: an entry is no text) it runs nothing at all, the boothook of the guard included.
UNPACKED_FIRST = {FORMS[form] for form in ("#include", "#include-once", "#cloud-config-archive")}

#: Types of a part that cloud-init does not believe without a look, and headers that it gets anew.
_BY_CONTENT = {"text/plain", "text/x-not-multipart", "text/x-shellscript"}
_OWN_HEADERS = {"content-type", "content-transfer-encoding", "mime-version"}


def compose(boot_script: str, values: Mapping[str, str], user_data: bytes | None) -> str | bytes:
    """Join the boot script, its values and the user's own data; bytes where gzip had to help.

    Raises:
        BadInput: the result is over EC2's 16 KB, or cloud-init could not run the user's part.
    """
    from email.mime.multipart import MIMEMultipart  # only a launch needs it

    told = "".join(f"#spotkeeper {key} {_encoded(text)}\n" for key, text in values.items())
    guard = _part("text/cloud-boothook", (boot_script.rstrip() + "\n" + told).encode())
    parts = [guard, *(() if user_data is None else _parts(user_data))]
    message = MIMEMultipart(boundary=_BOUNDARY, _subparts=parts).as_string()
    if len(message) <= MAX_BYTES:
        return message
    packed = zlib.compress(message.encode(), 9, _GZIP)
    if len(packed) > MAX_BYTES:
        raise BadInput(
            f"The user data is {len(packed):,} bytes, compressed; EC2 takes {MAX_BYTES:,}",
            next_step=f"Shorten it by {len(packed) - MAX_BYTES:,} bytes, counted compressed, or "
            "let it fetch the rest from S3.",
        )
    return packed


def refuse_before_guard(user_data: bytes | None) -> None:
    """Refuse what could fail before the guard of the machine is armed.

    Raises:
        BadInput: cloud-init would unpack a part of it first.
    """
    for part in () if user_data is None else _parts(user_data):
        if part.get_content_type() in UNPACKED_FIRST:
            form = next(form for form in FORMS if FORMS[form] == part.get_content_type())
            raise BadInput(
                f"cloud-init unpacks {form} before it runs anything: if that fails, no timer on "
                "the machine ends it at its deadline",
                next_step="Have the deadline enforced from outside with --guard scheduler, or let "
                "a script (#!) or a #cloud-config fetch what is needed.",
            )


def guard_values(deadline: datetime | None) -> Mapping[str, str]:
    """What the boot script is told."""
    return {"deadline": tag_time(deadline)}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _parts(user_data: bytes) -> Iterator["MIMEBase"]:
    """The user's data as parts that cloud-init takes for what they are.

    All are written anew, as ASCII: one byte that is no UTF-8, one damaged archive, and cloud-init
    reads nothing of the message.
    """
    from email import message_from_bytes

    user_data = _unpacked(user_data)
    form = _form(user_data)
    if form or not _is_message(user_data):
        yield _part(form or _refused(), _text(user_data))
        return
    leaves = [
        leaf
        for leaf in message_from_bytes(user_data).walk()
        if not leaf.is_multipart() and leaf.get_content_maintype() != "multipart"
    ]
    yield from map(_of_leaf, leaves)
    if not leaves:
        raise BadInput(
            "The user data is a MIME message without parts",
            next_step="Make one with `cloud-init devel make-mime`.",
        )


def _of_leaf(leaf: "Message") -> "MIMEBase":
    content = _unpacked(bytes(leaf.get_payload(decode=True) or b""))
    declared = leaf.get_content_type()
    is_believed = not (declared in _BY_CONTENT or declared.startswith("application/"))
    part = _part(declared if is_believed else _form(content) or _refused(), _text(content))
    for name, value in leaf.items():
        if name.lower() not in _OWN_HEADERS:
            part[name] = value
    return part


def _form(content: bytes) -> str:
    """The type of a text; "" where cloud-init would not know it either."""
    head = content[:80].lower()
    return next(
        (
            FORMS[form]
            for form in _LONGEST_FIRST
            # A kernel starts a script only if nothing at all stands before its #!.
            if (head if form == "#!" else head.lstrip()).startswith(form.encode())
        ),
        "",
    )


def _refused() -> NoReturn:
    raise BadInput(
        "The user data begins with none of the words that cloud-init knows, so nothing would run "
        f"it: {', '.join(FORMS)}",
        next_step="Start a script with a line such as #!/bin/bash.",
    )


def _text(content: bytes) -> bytes:
    """The content, which cloud-init writes to a file as UTF-8, and only so."""
    try:
        content.decode()
    except UnicodeDecodeError as problem:
        raise BadInput(
            f"The user data is no UTF-8 from byte {problem.start:,} on, so nothing would run it",
            next_step="Save it as UTF-8; let a script fetch or decode what is no text.",
        ) from problem
    return content


def _is_message(content: bytes) -> bool:
    head = content[:4096].lower()
    return b"mime-version:" in head or head.startswith(b"content-type:")


def _unpacked(content: bytes) -> bytes:
    """What gzip packed, or the content as it is."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(content, MAX_PLAIN_BYTES)
    except zlib.error:
        plain = b""
    if not unpacker.eof or unpacker.unused_data:
        raise BadInput(
            f"The user data is packed by gzip, and is damaged or over {MAX_PLAIN_BYTES:,} bytes",
            next_step="Give it as it is: it is compressed on its way where it must be.",
        )
    return plain


def _part(content_type: str, body: bytes) -> "MIMEBase":
    from email.encoders import encode_base64
    from email.mime.base import MIMEBase

    maintype, _, subtype = content_type.partition("/")
    part = MIMEBase(maintype, subtype)
    part.set_payload(body)
    encode_base64(part)
    return part
