"""User data and unit files as a guest reads them, beside cloud-init and systemd themselves."""

import gzip
import shutil
import subprocess
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from tests import cloud_init

from ec2_sandbox.guests import units
from ec2_sandbox.guests.user_data import BOOTHOOK, SCRIPT, Part, digest, parts

FOREVER_S = 1e10  # which systemd calls infinity
KINDS = {"text/cloud-boothook": BOOTHOOK, "text/x-shellscript": SCRIPT}


def message(*texts: tuple[str, str]) -> bytes:
    whole = MIMEMultipart()
    for subtype, text in texts:
        whole.attach(MIMEText(text, subtype))
    return whole.as_bytes()


def packed(text: str) -> bytes:
    """A part that gzip packed, as `write-mime-multipart --gzip` makes it."""
    from email.encoders import encode_base64

    part = MIMEBase("application", "x-gzip")
    part.set_payload(gzip.compress(text.encode()))
    encode_base64(part)
    whole = MIMEMultipart()
    whole.attach(part)
    return whole.as_bytes()


USER_DATA = {
    "a script": b"#!/bin/sh\necho 1\n",
    "a hook": b"#cloud-boothook\n#!/bin/sh\necho 1\n",
    "blank lines before a hook": b"\n\n#cloud-boothook\necho 1\n",
    "a blank line before a script": b"\n#!/bin/sh\necho 1\n",
    "a message": message(("x-shellscript", "#!/bin/sh\n"), ("cloud-boothook", "#!/bin/sh\n#2")),
    "types by content": message(("plain", "#!/bin/sh\n"), ("plain", "#cloud-boothook\necho")),
    "a type that the content denies": message(("x-shellscript", "#cloud-boothook\necho 1\n")),
    "packed": gzip.compress(b"#!/bin/sh\necho 1\n"),
    "a packed message": gzip.compress(message(("x-shellscript", "#!/bin/sh\n"))),
    "a packed part": packed("#!/bin/sh\necho 1\n"),
    "neither": b"echo 1\n",
    "nothing": b"",
}


@pytest.mark.parametrize("case", USER_DATA)
@pytest.mark.one_in(4)
def test_a_guest_runs_the_parts_that_cloud_init_runs(case: str) -> None:
    if not (interpreter := cloud_init.python()):
        pytest.skip("needs cloud-init")
    try:
        told = cloud_init.read(USER_DATA[case], interpreter)
    except cloud_init.Unreadable:
        told = []
    theirs = [(KINDS[kind], text) for kind, text in told if kind in KINDS]
    ours = [
        (part.kind, part.text.encode())
        for part in parts(USER_DATA[case])
        if part.kind in KINDS.values()
    ]
    assert ours == theirs


def test_of_a_cloud_config_files_and_commands_become_scripts_and_the_rest_is_said() -> None:
    config = """#cloud-config
bootcmd: [[echo, a b]]
runcmd: ["echo $HOME", [touch, "a'b"]]
write_files:
- {path: /x/y, content: hi, permissions: '0600', append: true}
- {path: /z, content: aGk=, encoding: b64}
packages: [htop]
"""
    hook, files, run, said = parts(config.encode())
    assert hook == Part(BOOTHOOK, "#!/bin/sh\necho 'a b'\n")
    assert "base64 -d >> /x/y && chmod 0600 /x/y" in files.text
    assert "aGk= | base64 -d > /z" in files.text
    assert run == Part(SCRIPT, "#!/bin/sh\necho $HOME\ntouch 'a'\"'\"'b'\n")
    assert said == Part("said", "cloud-config: packages: not done here")


def test_values_behind_a_script_leave_its_digest_and_commands_do_not() -> None:
    script = "#!/bin/sh\n# why\necho 1\n"
    assert digest(script) == digest(f"{script}#value a\n#value b\n\n")
    assert digest(script) != digest(f"{script}#value a\necho 2\n")
    assert digest(script) != digest("#!/bin/sh\necho 1\n")


@pytest.mark.parametrize(
    "text", ["5", "90s", "1min 30s", "1h2m", "500ms", "2 d", "1.5h", "infinity", "soon", ""]
)
def test_lengths_of_time_are_read_as_systemd_reads_them(text: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    asked = ["systemd-analyze", "timespan", text]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    told = [line.split()[1] for line in done.stdout.splitlines() if "s:" in line]
    theirs = float(told[0]) / 1e6 if told and told[0].isdigit() else -1.0
    theirs = float("inf") if theirs > FOREVER_S else theirs
    assert units.parsed("x", f"[Service]\nTimeoutStopSec={text}").seconds(
        "TimeoutStopSec", -1.0
    ) == (theirs)


def test_a_unit_has_the_last_value_of_a_setting_all_commands_and_no_comments() -> None:
    unit = units.parsed(
        "x.service",
        "# no\n; no\n[Service]\nType=simple\nType = oneshot\nExecStart=/bin/old\nExecStart=\n"
        "ExecStart=-/bin/sh -c 'a  b' \\\n  %%c $$d\nExecStart=@/bin/true x\n",
    )
    assert unit.one("Type") == "oneshot"
    assert unit.commands("ExecStart") == [
        (["/bin/sh", "-c", "a  b", "%c", "$d"], False),
        (["/bin/true", "x"], True),
    ]
