"""What becomes of a guest: its boot, its units, its clock, its faults, and how it ends."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import parsedate_to_datetime
from pathlib import Path

import boto3
import pytest
from tests.guest_machines import GuestMachine, GuestWorld, need, until

from ec2_sandbox import Sandbox
from ec2_sandbox.client import daemon
from ec2_sandbox.clock import Clock
from ec2_sandbox.guests import process_trees
from ec2_sandbox.guests.process_trees import ControlGroup

ASK = "curl -si -H \"X-aws-ec2-metadata-token: $(curl -s -X PUT -H \
'X-aws-ec2-metadata-token-ttl-seconds: 60' 169.254.169.254/latest/api/token)\" \
169.254.169.254/latest/meta-data/"
DATE = f"{ASK}instance-id | grep -i ^Date >> $HOME/dates"

TICKER = """[Unit]
Description=counts
[Timer]
OnBootSec=60
OnUnitActiveSec=60
[Install]
WantedBy=timers.target
"""
COUNTER = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo tick >> /root/ticks'
"""
KEEPER = """[Service]
ExecStartPre=/bin/sh -c 'echo pre >> /root/kept'
ExecStart=/bin/bash -c 't() { echo told $(systemctl is-system-running) >> /root/kept; exit; }; \
trap t TERM; echo up >> /root/kept; \
[ -e /root/again ] || { touch /root/again; exit 3; }; while :; do sleep 0.05; done'
Restart=always
RestartSec=50ms
TimeoutStopSec=9
[Install]
WantedBy=multi-user.target
"""


def message(*parts: tuple[str, str]) -> str:
    """User data of several parts, as `cloud-init devel make-mime` makes it."""
    whole = MIMEMultipart()
    for subtype, text in parts:
        whole.attach(MIMEText(text, subtype))
    return whole.as_string()


@pytest.mark.soak
def test_hooks_run_at_every_boot_before_ssh_and_scripts_at_the_first_only(
    guests: GuestWorld,
) -> None:
    units = "".join(
        f"cat > /etc/systemd/system/{name} <<'EOF'\n{text}EOF\n"
        for name, text in (("t.timer", TICKER), ("t.service", COUNTER), ("k.service", KEEPER))
    )
    config = "write_files:\n- path: /root/deep/file\n  content: |\n    one\n    two\nruncmd:\n"
    machine = guests.machine(
        message(
            ("x-shellscript", "#!/bin/bash\necho script >> /root/log; echo $0 on the console"),
            ("cloud-boothook", "#!/bin/sh\necho hook $INSTANCE_ID >> /root/log\n" + units),
            (
                "cloud-config",
                f"#cloud-config\n{config}- [sh, -c, 'echo run >> /root/log']\npackages: [htop]\n",
            ),
            ("part-handler", "#part-handler\n"),
        )
    )
    until(lambda: "run\n" in machine.says("cat /root/log"), "the end of the boot")
    hook = f"hook {machine.id}\n"
    assert machine.says("cat /root/log") == f"{hook}script\nrun\n"
    assert machine.says("cat /root/deep/file") == "one\ntwo\n"
    assert machine.says("systemctl start t; cat /root/ticks; rm /root/ticks") == "tick\n"
    machine.says("systemctl enable --now t.timer k.service; systemctl is-active t.timer")
    until(lambda: machine.ssh("cat /root/kept").stdout == "pre\nup\npre\nup\n", "its restart")
    guests.control.advance(timedelta(minutes=5))
    assert machine.ssh("cat /root/ticks").stdout.splitlines()
    boot = machine.says("cat /proc/sys/kernel/random/boot_id")
    guests.ec2.reboot_instances(InstanceIds=[machine.id])
    until(lambda: machine.ssh("grep -c hook /root/log").stdout == "2\n", "the reboot")
    until(lambda: machine.ssh("grep -c up /root/kept").stdout == "3\n", "its unit")
    assert machine.says("cat /root/log") == f"{hook}script\nrun\n{hook}"
    assert machine.says("cat /proc/sys/kernel/random/boot_id") != boot
    assert "up\ntold stopping\npre\nup\n" in machine.says("cat /root/kept")
    machine.ssh("sudo reboot")
    until(lambda: machine.ssh("grep -c hook /root/log").stdout == "3\n", "its own reboot")
    assert machine.described()["State"]["Name"] == "running"
    console = guests.ec2.get_console_output(InstanceId=machine.id, Latest=True)["Output"]
    for told in ("on the console", "packages: not done here", "part-handler is not run here"):
        assert told in console
    assert "SHA256:" in console


def _dates(machine: GuestMachine) -> list[datetime]:
    lines = machine.says("cat ~/dates || true").splitlines()
    return [parsedate_to_datetime(line.partition(": ")[2].strip()) for line in lines]


def test_no_jump_robs_a_machine_of_its_boot_or_its_shutdown(guests: GuestWorld) -> None:
    machine = guests.machine(f"#!/bin/sh\nHOME=/home/ubuntu; sleep 0.4; {DATE}; sleep 0.2; {DATE}")
    launched = machine.described()["LaunchTime"]
    guests.control.advance(timedelta(hours=6))
    assert guests.control.now() >= launched + timedelta(hours=6)
    booting = _dates(machine)
    assert len(booting) == 2
    assert booting[-1] < launched + timedelta(minutes=1)
    work = f"trap '{DATE}; sleep 0.3; {DATE}; exit' TERM; touch on; while :; do sleep 0.05; done"
    machine.says(f'nohup sh -c "{_escaped(work)}" >/dev/null 2>&1 & until [ -e on ]; do :; done')
    before = guests.control.now()
    guests.ec2.stop_instances(InstanceIds=[machine.id])
    guests.control.advance(timedelta(hours=6))
    guests.ec2.start_instances(InstanceIds=[machine.id])
    machine.await_ssh()
    ending = _dates(machine)[2:]
    assert len(ending) <= 2
    assert all(date < before + timedelta(minutes=1) for date in ending)


@pytest.mark.soak
def test_a_machine_that_puts_its_shutdown_off_ends_at_that_time(guests: GuestWorld) -> None:
    machine = guests.machine("#!/bin/sh\nshutdown -h +55\n")
    called_off = guests.machine("#!/bin/sh\nshutdown -h +55; shutdown -c\n")
    guests.control.advance(timedelta(hours=2))
    launched, machines = machine.described()["LaunchTime"], (machine, called_off)
    stops = [
        datetime.fromisoformat(each["at"])
        for each in guests.control.events(kind="instance", name=machine.id)
        if each["facts"]["state"] == "stopping"
    ]
    assert [each.described()["State"]["Name"] for each in machines] == ["stopped", "running"]
    assert timedelta(minutes=55) <= stops[0] - launched < timedelta(minutes=56)


def _escaped(text: str) -> str:
    return re.sub(r'(["$`\\])', r"\\\1", text)


@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.one_in(2)
def test_a_notice_is_waited_for_where_a_process_has_asked_for_it_and_nowhere_else(
    guests: GuestWorld,
    listens: bool,  # noqa: FBT001
) -> None:
    """The one that listens powers off by itself, in the seconds that are its own."""
    machine = guests.machine(spot=True)
    first = f"{ASK}spot/instance-action" if listens else "touch asked; sleep 99"
    wait = f"{first}; while ! {ASK}spot/instance-action | grep -q 200.OK; do sleep 0.1; done"
    begun = "until [ -e asked ]; do sleep 0.05; done"
    wait = wait.replace(";", "; touch asked;", 1)
    machine.ssh(f"cat > wait; nohup sh wait >/dev/null 2>&1 & {begun}", input=f"{wait}\npoweroff")
    guests.control.advance(timedelta(hours=1))  # nobody is waited for without a notice
    guests.control.interrupt(machine.id)
    noticed = guests.control.now()
    guests.control.advance(timedelta(minutes=10))
    told = [
        each
        for each in guests.control.events(kind="instance", name=machine.id)
        if each["facts"]["state"] in {"stopping", "stopped"}
    ]
    by_itself = "inside" in told[0]["sentence"]
    assert by_itself is listens
    passed = datetime.fromisoformat(told[0]["at"]) - noticed
    assert (passed < timedelta(minutes=1)) is listens
    assert passed <= timedelta(seconds=121)


@pytest.mark.parametrize("kind", ["namespace", "group", "mark"])
def test_every_kind_of_process_tree_finds_all_and_leaves_nobody(kind: str) -> None:
    need("bwrap", "setsid")
    shown = ("--unshare-pid", "--as-pid-1", "--ro-bind", "/", "/", "--proc", "/proc")
    alone = ["bwrap", *shown, "--dev", "/dev"] if kind == "namespace" else []
    if kind == "group":
        if not (group := ControlGroup.made("probe")):
            pytest.skip("no control group can be made here")
        group.remove()
    trial = Path(__file__).with_name("process_tree_trial.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(process_trees.__file__).parents[2])}
    program = [*alone, sys.executable, str(trial), kind]
    done = subprocess.run(
        program, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


HOSTILE = {
    "a script that is none": ("#!/no/such/program\n", "No such file"),
    "one that fails": ("#!/bin/sh\nexit 3\n", "script part-001 failed: 3"),
    "a gigabyte of output": (
        "#!/bin/sh\nhead -c 1000000000 /dev/zero | tr '\\0' x",
        "the rest is not shown",
    ),
    "a gigabyte on the console": (
        "#!/bin/sh\n(head -c 1000000000 /dev/zero | tr '\\0' x >/proc/1/fd/2); echo d",
        "d",
    ),
    "a config that is none": ("#cloud-config\n- [", "cannot be read"),
    "a config of the wrong kind": ("#cloud-config\n- 1\n", "is no mapping"),
    "a message without an end": ("MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n", ""),
    "text that is no UTF-8": ("#!/bin/sh\necho 'gr\xfc\xdf'\n", "gr"),
    "its own way in taken away": (
        "#!/bin/sh\nrm -rf /home/ubuntu/.ssh; ln -s /dev/zero /home/ubuntu/.ssh; echo d",
        "d",
    ),
    "the files of its boot taken away": (
        "#!/bin/sh\nrm -rf /etc/* /usr/local/sbin/* /var/*; mkfifo /etc/passwd; echo d",
        "d",
    ),
    "everything killed": ("#!/bin/sh\necho d; kill -9 -1", "d"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.one_in(4)
def test_hostile_user_data_harms_its_machine_alone(guests: GuestWorld, case: str) -> None:
    """It is in its jail; the console tells what went wrong, and EC2 goes on."""
    text, told = HOSTILE[case]
    machine = guests.machine(text, await_ssh=False)

    def console() -> str:
        found = guests.ec2.get_console_output(InstanceId=machine.id, Latest=True)
        return str(found.get("Output", ""))

    until(lambda: told in console(), f"{told!r} in the console of {case}")
    guests.ec2.stop_instances(InstanceIds=[machine.id])
    until(lambda: machine.described()["State"]["Name"] == "stopped", "its stop")
    guests.ec2.start_instances(InstanceIds=[machine.id])
    guests.control.advance(timedelta(minutes=1))
    guests.ec2.terminate_instances(InstanceIds=[machine.id])
    assert Path("/etc/passwd").stat().st_uid == 0


SLEEPER = "nohup setsid sleep 314159 >/dev/null 2>&1 & sleep 0.1; echo kept > kept"


def test_guests_end_with_the_process_that_holds_them_and_fail_their_checks(
    tmp_path: Path,
) -> None:
    """Without a jail, where nothing but marks and groups tells whose a process is."""
    need("ssh", "setsid", "pgrep")
    with Sandbox(scenario="calm", guests="plain", speed=1, begins=None) as sandbox:
        world = GuestWorld(sandbox, tmp_path)
        machine = world.machine()
        machine.says(SLEEPER)
        os.kill(_host(sandbox), signal.SIGKILL)
        until(lambda: not _running("sleep 31415[9]"), "the end of all")
        until(lambda: _check(machine) == "impaired", "a failed check")
        console = world.ec2.get_console_output(InstanceId=machine.id, Latest=True)["Output"]
        assert "has ended" in console
        world.ec2.stop_instances(InstanceIds=[machine.id])
        world.ec2.start_instances(InstanceIds=[machine.id])
        machine.await_ssh()
        assert machine.says("cat kept") == "kept\n"


@pytest.mark.soak
def test_guests_end_with_a_killed_daemon_and_boot_with_the_next(tmp_path: Path) -> None:
    need("ssh", "setsid", "pgrep")
    with Sandbox(scenario="calm", guests="plain", speed=1, begins=None) as sandbox:
        world = GuestWorld(sandbox, tmp_path)
        machine = world.machine()
        machine.says(SLEEPER)
        host = _host(sandbox)
        os.kill(sandbox._status.pid or 0, signal.SIGKILL)
        until(lambda: not _running("sleep 31415[9]"), "the end of all")
        until(lambda: not Path(f"/proc/{host}").exists(), "the end of the host")
        sandbox._status = daemon.start(sandbox._status.home, options=sandbox.options, tied=True)
        world.ec2 = boto3.client("ec2", **sandbox.client_arguments())
        machine.await_ssh()
        assert machine.says("cat kept") == "kept\n"


def test_without_a_jail_only_the_tools_own_script_is_run_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user types is run as the user's own processes, and the disk is where home is."""
    need("ssh", "curl")
    (programs := tmp_path / "programs").mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name != "bwrap":
            (programs / program.name).symlink_to(program)
    ours = "#!/bin/sh\necho hook >> $HOME/ran; true"
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(programs))
    with Sandbox(scenario="calm", guests="jailed", speed=1, begins=None) as sandbox:
        monkeypatch.setenv("PATH", path)
        daemon.set_up(sandbox.home, ours)
        (folder := tmp_path / "world").mkdir()
        world = GuestWorld(sandbox, folder)
        strange = "#!/bin/sh\necho strange >> $HOME/ran\n"
        hook = f"{ours}\n#value of this machine\n"
        machine = world.machine(message(("cloud-boothook", hook), ("x-shellscript", strange)))
        assert machine.says("cat ../../root/ran") == "hook\n"
        assert machine.says("pwd").startswith(str(sandbox.home))
        machine.ssh("sudo poweroff")
        machine.await_state("stopped")
        [note] = daemon.status(sandbox.home).notes
        assert "bwrap" in note
        assert "--guests plain" in note


def _check(machine: GuestMachine) -> str:
    found = machine.world.ec2.describe_instance_status(InstanceIds=[machine.id])
    return str(found["InstanceStatuses"][0]["InstanceStatus"]["Status"])


def _host(sandbox: Sandbox) -> int:
    """The process that holds its guests."""
    [found] = _running("guests.hos[t]", "-P", str(sandbox._status.pid))
    return found


def _running(pattern: str, *more: str) -> list[int]:
    asked = ["pgrep", *more, "-f", pattern]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return [int(pid) for pid in done.stdout.split()]


def test_sandbox_time_is_real_while_somebody_is_waited_for() -> None:
    """At any speed, also at none; afterwards it is as fast as before."""
    real = [0.0]
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    for speed in (0.0, 1.0, 60.0):
        clock = Clock(begins, speed, real=lambda: real[0])
        passed = []
        for held in (False, True, False):
            clock.hold(held=held)
            before = clock.now()
            real[0] += 10
            passed.append((clock.now() - before).total_seconds())
        assert passed == [10 * speed, 10.0, 10 * speed]
