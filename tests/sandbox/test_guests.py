"""Machines that really run, as the user's own OpenSSH and rsync meet them."""

import subprocess
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.guest_machines import GuestMachine, GuestWorld, need, until


@pytest.fixture(scope="module")
def machine(guests: GuestWorld) -> GuestMachine:
    return guests.machine()


@pytest.mark.parametrize(
    ("command", "typed", "code", "printed"),
    [
        ("echo $HOME; id -un; id -u; pwd", "", 0, "/home/ubuntu\nubuntu\n0\n/home/ubuntu\n"),
        ("exit 7", "", 7, ""),
        ("kill -TERM $$", "", 255, ""),
        ("no-such-program", "", 127, ""),
        ("cat", "ü\0" * 100_000, 0, "ü\0" * 100_000),
        ("cat | wc -c; echo told >&2", "x" * 1_000_000, 0, "1000000\n"),
        ("ps ax | wc -l | xargs test 10 -gt", "", 0, ""),
        ("touch /usr/x || ls /work /root/.ssh | head -1", "", 0, ""),
        ("python3 -c 'import os; print(os.getppid())'", "", 0, None),
        ("sudo -n -u root -- sh -c 'echo $HOME $USER'", "", 0, "/root root\n"),
        ("env | grep -c AWS_", "", 1, "0\n"),
        ("cut -d. -f1 /proc/uptime | xargs test 1000 -gt", "", 0, ""),
        ("awk '$2 ~ /:0016$/ && $4 == \"01\"' /proc/net/tcp | wc -l", "", 0, "1\n"),
    ],
)
@pytest.mark.one_in(3)
def test_a_command_gets_its_input_and_gives_its_output_and_code(
    machine: GuestMachine, command: str, typed: str, code: int, printed: str | None
) -> None:
    done = machine.ssh(command, input=typed)
    assert done.returncode == code, done.stderr
    assert printed in (None, done.stdout)


def test_a_terminal_is_one_and_has_the_size_of_the_users(machine: GuestMachine) -> None:
    done = machine.ssh("tty; stty size; echo $TERM", "-tt")
    assert done.stdout.split() == ["/dev/pts/0", "24", "80", "xterm"] or "/dev/pts" in done.stdout
    assert "24 80" in done.stdout


def test_files_travel_by_scp_sftp_and_rsync_and_no_link_leads_out_of_the_disk(
    machine: GuestMachine, tmp_path: Path
) -> None:
    need("rsync", "scp", "sftp")
    source, target = tmp_path / "source", machine.target
    source.mkdir()
    (source / "a file").write_bytes(bytes(range(256)) * 4_000)
    (source / "link").symlink_to("a file")
    ssh = " ".join(["ssh", *machine.options])
    rsync = machine.run(["rsync", "-a", "-e", ssh, f"{source}/", f"{target}:there/"])
    assert rsync.returncode == 0, rsync.stderr
    scp = ["scp", "-q", *machine.options]
    for word in ("", "-O"):
        up = machine.run([*scp, *word.split(), str(source / "a file"), f"{target}:up{word}"])
        down = machine.run([*scp, *word.split(), f"{target}:up{word}", str(tmp_path / "down")])
        assert (up.returncode, down.returncode) == (0, 0), up.stderr + down.stderr
        assert (tmp_path / "down").read_bytes() == (source / "a file").read_bytes()
    assert machine.says("readlink there/link; cmp there/link up && echo same") == "a file\nsame\n"
    machine.says(
        "ln -s /etc/hostname inside; ln -s /etc/machine-id outside; ln -s ../../../.. up3"
    )
    (tmp_path / "new").write_text("new")
    there = machine.run([*scp, f"{target}:inside", str(tmp_path / "name")])
    assert (tmp_path / "name").read_text() == machine.says("cat /etc/hostname"), there.stderr
    machine.says(
        "mkfifo fifo; ln -s l1 l0; ln -s l0 l1; ln -s /proc/self/root/etc/machine-id root"
    )
    others = ("/../../../../../etc/machine-id", "fifo", "l0", "root")
    for name in ("outside", "up3/etc/machine-id", *others):
        assert machine.run([*scp, f"{target}:{name}", str(tmp_path / "got")]).returncode
    asked = machine.run(["sftp", "-b", "-", *machine.options, target], input="pwd\nls there\n")
    assert "/home/ubuntu" in asked.stdout, asked.stderr
    assert "a file" in asked.stdout


def test_only_the_launched_key_comes_in_and_only_while_the_group_lets_it(
    guests: GuestWorld, machine: GuestMachine, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    options = [word.replace(str(guests.key), str(other)) for word in machine.options]
    refused = machine.run(["ssh", *options, "-o", "BatchMode=yes", machine.target, "true"])
    assert "Permission denied" in refused.stderr
    root = f"root@{machine.target.partition('@')[2]}"
    assert machine.run(["ssh", *machine.options, root, "true"]).returncode == 255
    options = machine.options
    guests.shut_out("127.0.0.1/32")
    until(lambda: machine.run(["ssh", *options, machine.target, "true"]).returncode == 255)
    assert machine.login()["port"] == 0
    guests.let_in("127.0.0.0/8")
    machine.await_ssh()
    until(lambda: machine.ssh("true").returncode == 0)


def test_a_port_of_the_machine_is_forwarded_and_nobody_elses(machine: GuestMachine) -> None:
    machine.says("echo here > page; nohup python3 -m http.server 8888 >/dev/null 2>&1 &")
    until(lambda: machine.ssh("grep :22B8 /proc/net/tcp").stdout, "the web server")
    asked = ["ssh", *machine.options, "-W", "localhost:8888", machine.target]
    assert machine.run(asked, input="GET /page HTTP/1.0\r\n\r\n").stdout.endswith("\nhere\n")
    refused = machine.run(["ssh", *machine.options, "-W", "10.0.0.1:22", machine.target])
    assert "forwarding failed" in refused.stderr


def test_the_addresses_of_a_machine_are_this_computers_own(
    guests: GuestWorld, machine: GuestMachine
) -> None:
    found = machine.described()
    told = [found["PublicIpAddress"], found["PrivateIpAddress"]]
    [vpc] = guests.ec2.describe_vpcs()["Vpcs"]
    assert all(ip_address(each).is_loopback for each in told)
    assert ip_address(told[1]) in ip_network(vpc["CidrBlock"])
    assert machine.login()["address"] == told[0]
    if machine.login()["port"] == 22:
        private = machine.run(["ssh", *machine.options, f"ubuntu@{told[1]}", "hostname"])
        assert private.stdout.split() == [f"ip-{told[1].replace('.', '-')}"], private.stderr


def test_one_connection_serves_many_commands(machine: GuestMachine, tmp_path: Path) -> None:
    shared = ["-o", f"ControlPath={tmp_path / 'c'}"]
    first = machine.ssh("true", "-o", "ControlMaster=auto", "-o", "ControlPersist=9", *shared)
    assert first.returncode == 0
    assert machine.ssh("exit 3", *shared).returncode == 3
    machine.run(["ssh", *machine.options, *shared, "-O", "exit", machine.target])


def test_a_disk_outlives_a_stop_and_goes_into_snapshots_and_with_its_machine(
    guests: GuestWorld,
) -> None:
    machine = guests.machine()
    machine.says("echo kept > kept; mkdir folder; ln -s kept folder/link; chmod 600 kept")
    key, address = machine.login()["host_key"], machine.target
    guests.ec2.stop_instances(InstanceIds=[machine.id])
    machine.await_state("stopped")
    volume = machine.described()["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    image = guests.ec2.create_image(InstanceId=machine.id, Name="copy")["ImageId"]
    snapshot = guests.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    zone = machine.described()["Placement"]["AvailabilityZone"]
    data = guests.ec2.create_volume(SnapshotId=snapshot, AvailabilityZone=zone)["VolumeId"]
    guests.ec2.attach_volume(VolumeId=data, InstanceId=machine.id, Device="/dev/sdf")
    guests.ec2.start_instances(InstanceIds=[machine.id])
    machine.await_ssh()
    assert machine.says("cat kept; stat -c %a kept; readlink folder/link") == "kept\n600\nkept\n"
    assert machine.says("cat /mnt/sdf/home/ubuntu/kept") == "kept\n"
    assert machine.login()["host_key"] == key
    assert machine.target != address
    copy = guests.machine(ImageId=image)
    assert copy.says("cat kept") == "kept\n"
    guests.ec2.terminate_instances(InstanceIds=[machine.id, copy.id])
    folder = guests.control.home / "guests" / "volumes" / volume
    until(lambda: not folder.exists(), "the end of the disk")


def test_every_process_hears_of_the_end_and_none_outlives_it(guests: GuestWorld) -> None:
    """Double forks, own sessions, those that ignore it: all are gone with the machine."""
    need("pgrep")
    machine = guests.machine(spot=True)
    heeds = "trap 'echo heard >> heard; exit' TERM; touch on; while :; do sleep 0.05; done"
    ignores = 'trap "" TERM HUP; sleep 987654'
    machine.says(
        f"({heeds}) >/dev/null 2>&1 & nohup setsid sh -c '{ignores}' >/dev/null 2>&1 & "
        "until [ -e on ]; do sleep 0.05; done"
    )
    until(_sleeping, "both of them")
    guests.control.interrupt(machine.id)
    guests.control.advance(timedelta(minutes=3))
    machine.await_state("stopped")
    until(lambda: not _sleeping(), "the end of all")
    guests.control.advance(timedelta(minutes=10))
    machine.await_ssh()
    assert machine.says("sort -u heard") == "heard\n"


def _sleeping() -> bool:
    found = subprocess.run(["pgrep", "-f", "sleep 98765[4]"], capture_output=True, check=False)
    return bool(found.stdout)
