"""What a Linux machine writes to its console: the kernel, cloud-init, host keys, the shutdown.

Made from the instance's own facts; user data appears by its length only. Everything is the same
again for the same instance, so a host key that was noted stays the right one.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

KEYS_BEGIN = "-----BEGIN SSH HOST KEY FINGERPRINTS-----"
KEYS_END = "-----END SSH HOST KEY FINGERPRINTS-----"
HOST_KEYS = ((256, "ECDSA"), (256, "ED25519"), (3072, "RSA"))
SILENT = timedelta(seconds=8)  # until the first line reaches the console
KEYS_AFTER = 11.8  # seconds after the start of the kernel
ENDS_WITH = 64 * 1024  # bytes that EC2 keeps (APIReference/API_GetConsoleOutput.html)


@dataclass(frozen=True)
class Machine:
    """What its console tells about it."""

    instance_id: str
    instance_type: str
    zone: str
    hostname: str
    private_ip: str
    architecture: str
    vcpus: int
    memory_mib: int
    user_data: bytes


Line = tuple[float, str]  # seconds after the start of the kernel


def fingerprints(instance_id: str, seed: int) -> list[str]:
    """A line for each host key, as ``ssh-keygen -l`` prints them."""
    lines = []
    for bits, kind in HOST_KEYS:
        stamped = f"host key|{seed}|{instance_id}|{kind}".encode()
        digest = blake2b(stamped, digest_size=32).digest()
        printed = b64encode(digest).decode().rstrip("=")
        lines.append(f"{bits} SHA256:{printed} root@{instance_id} ({kind})")
    return lines


def console_text(
    machine: Machine, runs: list[tuple[datetime, datetime]], now: datetime, *, seed: int
) -> str:
    """The text up to ``now``; ``runs`` are begin and end of each, the last may go on."""
    lines = [line for run in runs for line in _run(machine, run, now, seed=seed)]
    return "".join(f"{line}\r\n" for line in lines)[-ENDS_WITH:]


def updated_at(runs: list[tuple[datetime, datetime]], now: datetime) -> datetime:
    """When the last line was written, as far as the console knows."""
    return min(now, runs[-1][1]) if runs else now


def _run(
    machine: Machine, run: tuple[datetime, datetime], now: datetime, *, seed: int
) -> Iterator[str]:
    began, ended = run
    kernel_starts = began + SILENT
    boot = [
        *_kernel(machine, kernel_starts),
        *_cloud_init(machine),
        *_user_data(machine),
        *_host_keys(machine, seed),
        (13.2, f"{machine.hostname.split('.')[0]} login: "),
    ]
    for seconds, text in boot:
        if kernel_starts + timedelta(seconds=seconds) <= min(now, ended):
            yield text
    if kernel_starts <= ended <= now:
        up = (ended - kernel_starts).total_seconds()
        yield f"[{up:12.6f}] systemd-shutdown[1]: Syncing filesystems and block devices."
        yield f"[{up + 0.4:12.6f}] reboot: Power down"


def _kernel(machine: Machine, starts: datetime) -> Iterator[Line]:
    kib = machine.memory_mib * 1024
    stamp = starts.strftime("%Y-%m-%dT%H:%M:%S UTC")
    lines = (
        (0.0, f"Linux version 6.8.0-spotkeeper-sandbox ({machine.architecture})"),
        (0.0, f"Command line: BOOT_IMAGE=/vmlinuz root=LABEL=root console=ttyS0 {machine.zone}"),
        (0.0, f"DMI: Amazon EC2 {machine.instance_type}/, BIOS 1.0 10/16/2017"),
        (0.02, f"Memory: {kib - kib // 40}K/{kib}K available"),
        (0.11, f"smp: Brought up 1 node, {machine.vcpus} CPU{'s' if machine.vcpus > 1 else ''}"),
        (0.74, f"rtc_cmos 00:00: setting system clock to {stamp}"),
        (1.31, "nvme nvme0: pci function 0000:00:04.0"),
        (1.92, "EXT4-fs (nvme0n1p1): mounted filesystem with ordered data mode"),
        (2.40, "systemd[1]: Detected virtualization amazon."),
        (2.41, f"systemd[1]: Hostname set to <{machine.hostname.split('.')[0]}>."),
    )
    for seconds, text in lines:
        yield seconds, f"[{seconds:12.6f}] {text}"


def _cloud_init(machine: Machine) -> Iterator[Line]:
    lines = (
        (5.1, "Cloud-init v. 24.4 running 'init-local'"),
        (6.0, "Cloud-init v. 24.4 running 'init'"),
        (6.1, f"ci-info: | ens5 | True | {machine.private_ip} | global |"),
        (6.2, f"DataSourceEc2Local: instance {machine.instance_id} in {machine.zone}"),
        (8.3, "Cloud-init v. 24.4 running 'modules:config'"),
        (9.9, "Cloud-init v. 24.4 running 'modules:final'"),
    )
    for seconds, text in lines:
        yield seconds, f"[{seconds:12.6f}] cloud-init[612]: {text}"


def _user_data(machine: Machine) -> Iterator[Line]:
    """That there is a script and how long it is: its text may hold secrets."""
    if not machine.user_data:
        return
    lines = machine.user_data.count(b"\n") + (not machine.user_data.endswith(b"\n"))
    size = len(machine.user_data)
    told = f"user data: running, {lines} lines, {size} bytes"
    yield 10.0, f"[{10.0:12.6f}] cloud-init[655]: {told}"
    yield 11.5, f"[{11.5:12.6f}] cloud-init[655]: user data: finished"


def _host_keys(machine: Machine, seed: int) -> Iterator[Line]:
    """Printed by cloud-init for whoever connects for the first time."""
    block = (KEYS_BEGIN, *fingerprints(machine.instance_id, seed), KEYS_END)
    yield KEYS_AFTER, "ec2: "
    yield KEYS_AFTER, "ec2: #############################################################"
    for text in block:
        yield KEYS_AFTER, f"ec2: {text}"
    yield KEYS_AFTER, "ec2: #############################################################"
    finished = (
        f"Cloud-init v. 24.4 finished. Datasource DataSourceEc2Local. Up {KEYS_AFTER} seconds"
    )
    yield KEYS_AFTER + 0.1, f"[{KEYS_AFTER + 0.1:12.6f}] cloud-init[655]: {finished}"


def decoded(user_data: str | None) -> bytes:
    """User data as the machine sees it."""
    return b64decode(user_data) if user_data else b""
