"""Make the agent a service of the machine: its own file by content, the unit with its sha256."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from spotkeeper.agent.disk import Storage, make_folder
from spotkeeper.agent.machine import Home, own_file
from spotkeeper.work.contract import answer

UNIT = "/etc/systemd/system/spotkeeper-agent.service"

#: ``KillMode=process``: a restart of the agent, by whomever, leaves the command alone. The memory
#: killer takes anybody before it. The end of the machine waits for a command's grace.
UNIT_TEXT = """[Unit]
Description=Keeps the run of spotkeeper on this machine
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0
[Service]
Type=exec
ExecStartPre=/bin/sh -c 'echo "{sha256}  {path}" | sha256sum --check --status'
ExecStart={python} {path} --home {home} serve
Restart=always
RestartSec=5
KillMode=process
TimeoutStopSec=150
OOMScoreAdjust=-900
OOMPolicy=continue
Delegate=yes
[Install]
WantedBy=multi-user.target
"""

#: Not restarted after an upgrade of a library, where needrestart does such things.
NEEDRESTART = "/etc/needrestart/conf.d/spotkeeper.conf"
NEEDRESTART_TEXT = "$nrconf{override_rc}{qr(^spotkeeper-agent)} = 0;\n"


def install(home: Home, sha256: str) -> str:
    """Have this very file serve, now and after every boot; an older one is replaced."""
    disk = Storage()
    path = f"{make_folder(f'{home.folder}/agent')}/{sha256}.pyz"
    if not os.path.exists(path):
        with open(own_file(), "rb") as file:
            disk.replace(path, file.read())
    unit = UNIT_TEXT.format(
        sha256=sha256, path=path, home=home.folder, python=os.path.realpath(sys.executable)
    )
    disk.replace(UNIT, unit.encode(), mode=0o644)
    if os.path.isdir(os.path.dirname(NEEDRESTART)):
        disk.replace(NEEDRESTART, NEEDRESTART_TEXT.encode(), mode=0o644)
    name = os.path.basename(UNIT)
    for asked in (["daemon-reload"], ["enable", name], ["restart", name]):
        subprocess.run([shutil.which("systemctl") or "systemctl", *asked], check=True)
    return answer(path=path, sha256=sha256)
