"""User data in all forms that cloud-init takes, and in some that it does not."""

import base64
from functools import partial
from gzip import compress

_gzip = partial(compress, mtime=0)
_PLAIN = b"MIME-Version: 1.0\nContent-Type: "
_MULTIPART = (
    b"Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n"
    b"--x\nContent-Type: %s\n%s\n%s\n--x--\n"
)
_ENCODED = b"Content-Transfer-Encoding: base64\n"
SHELL, CONFIG = b"#!/bin/sh\necho hello\n", b"#cloud-config\npackages: [git]\n"

#: One text, and its type.
SINGLE = [
    (SHELL, "text/x-shellscript"),
    (b"#!/bin/bash\r\necho hello\r\n", "text/x-shellscript"),
    (b"#! /usr/bin/env python3\n", "text/x-shellscript"),
    (b"#!/bin/sh\nMIME-Version: 1.0\nContent-Type: text/plain\n", "text/x-shellscript"),
    ("#!/bin/sh\n# \N{EURO SIGN}\n".encode(), "text/x-shellscript"),
    (CONFIG, "text/cloud-config"),
    (b"\n\n#Cloud-Config\npackages: [git]\n", "text/cloud-config"),
    (b"#cloud-boothook\n#!/bin/sh\n", "text/cloud-boothook"),
    (b'#cloud-config-jsonp\n[{"op": "add"}]\n', "text/cloud-config-jsonp"),
    (b"#part-handler\ndef list_types(): return []\n", "text/part-handler"),
    (b"#upstart-job\nstart on started\n", "text/upstart-job"),
    (b"## template: jinja\n#cloud-config\n{}\n", "text/jinja2"),
    (b"## template: jinja\n#!/bin/sh\n", "text/jinja2"),
    (b"#include\nhttps://example.com/setup\n", "text/x-include-url"),
    (b"#include-once https://example.com/setup\n", "text/x-include-once-url"),
    (b"#cloud-config-archive\n- type: text/cloud-config\n", "text/cloud-config-archive"),
]


def _multipart(kind: bytes, content: bytes, headers: bytes = b"") -> bytes:
    return _MULTIPART % (kind, headers, content)


#: Messages and packed data, and the parts that they hold.
SEVERAL = [
    (_gzip(SHELL), [("text/x-shellscript", SHELL)]),
    (
        _gzip(_multipart(b"text/cloud-config", CONFIG)),
        [("text/cloud-config", CONFIG)],
    ),
    (_multipart(b"text/plain", SHELL), [("text/x-shellscript", SHELL)]),
    (_multipart(b"text/x-shellscript", CONFIG), [("text/cloud-config", CONFIG)]),
    (_PLAIN + b"text/cloud-config\n\n" + CONFIG, [("text/cloud-config", CONFIG)]),
    (b"Content-Type: text/x-shellscript\n\n" + SHELL, [("text/x-shellscript", SHELL)]),
    (
        _multipart(b"application/gzip", base64.b64encode(_gzip(SHELL)), _ENCODED),
        [("text/x-shellscript", SHELL)],
    ),
    (
        _multipart(b"text/x-shellscript-per-boot", base64.b64encode(SHELL), _ENCODED),
        [("text/x-shellscript-per-boot", SHELL)],
    ),
    (
        _multipart(b"multipart/mixed; boundary=y", b"--y\n\n#!/bin/sh\n\n--y--\n"),
        [("text/x-shellscript", b"#!/bin/sh\n")],
    ),
    (
        _multipart(b'text/cloud-config; charset="utf-8"', "#cloud-config\n# ä".encode()),
        [("text/cloud-config", "#cloud-config\n# ä".encode())],
    ),
    (
        _multipart(b"text/plain", b"#include http://127.0.0.1:1/x"),
        [("text/x-include-url", b"#include http://127.0.0.1:1/x")],
    ),
]
WITH_HEADERS = _multipart(
    b"text/cloud-config",
    CONFIG,
    b'Content-Disposition: attachment; filename="a.cfg"\nMerge-Type: list(append)\n',
)

#: What nothing would run, and what is said of it.
REFUSED = [
    (b"", "begins with none"),
    (b"echo hello", "begins with none"),
    (b"\xef\xbb\xbf#!/bin/sh", "begins with none"),
    (b"\n#!/bin/sh", "begins with none"),
    (b"<powershell>", "begins with none"),
    (b"#!/bin/sh\n\xff\xfe binary\n", "no UTF-8 from byte 10"),
    (b"Content-Type: multipart/mixed; boundary=x\n\n", "without parts"),
    (_multipart(b"text/plain", b"echo hello"), "begins with none"),
    (_multipart(b"text/cloud-config", b"#cloud-config\n# \xe4"), "no UTF-8"),
    (_gzip(b"echo hello"), "begins with none"),
    (_gzip(SHELL)[:-1], "damaged"),
    (_gzip(SHELL) * 2, "damaged"),
    (_gzip(b"#!" + bytes(1 << 20)), "damaged or over"),
    (b"\x1f\x8b\x08", "damaged"),
]

#: What cloud-init cannot unpack: with it, it runs nothing at all.
UNPACKED_IN_VAIN = [
    b"#include\nhttp://127.0.0.1:1/x\n",
    b"#include-once\nhttp://127.0.0.1:1/x\n",
    b"#cloud-config-archive\n- type: script\n  content: x\n",
    b"#cloud-config-archive\n- {content: x, header: 5}\n",
]
