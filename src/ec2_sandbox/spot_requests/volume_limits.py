"""What EBS allows of size (GiB), IOPS and throughput (MiB/s), by volume type (CreateVolume)."""

from typing import NamedTuple

from ec2_sandbox.protocol.refusal import invalid_value, refuse


class Limits(NamedTuple):
    """Least and most; None where the type has no such setting."""

    gib: tuple[int, int]
    iops: tuple[int, int] | None = None
    iops_per_gib: int = 0


LIMITS = {
    "standard": Limits((1, 1_024)),
    "gp2": Limits((1, 16_384)),
    "gp3": Limits((1, 65_536), (3_000, 80_000), 500),
    "io1": Limits((4, 16_384), (100, 64_000), 50),
    "io2": Limits((4, 65_536), (100, 256_000), 1_000),
    "sc1": Limits((125, 16_384)),
    "st1": Limits((125, 16_384)),
}
GP3_IOPS = 3_000
GP3_THROUGHPUT = (125, 2_000)
GP3_THROUGHPUT_PER_IOPS = 0.25


def default_iops(kind: str, gib: int) -> int | None:
    """What a volume has when none were asked for; gp2 gets them with its size."""
    if kind == "gp2":
        return min(max(100, 3 * gib), 16_000)
    return GP3_IOPS if kind == "gp3" else None


def default_throughput(kind: str) -> int | None:
    """What a volume has when none was asked for."""
    return GP3_THROUGHPUT[0] if kind == "gp3" else None


def check_volume(kind: str, gib: int, iops: int | None, throughput: int | None) -> None:
    """Refuse what the type cannot be; which settings go together is moto's to say."""
    limits = LIMITS.get(kind)
    if limits is None:
        raise refuse("UnknownVolumeType", f"Unsupported volume type '{kind}' for volume creation.")
    least, most = limits.gib
    if gib < least:
        raise invalid_value(
            f"Volume of {gib}GiB is too small for volume type {kind}; minimum is {least}GiB."
        )
    if gib > most:
        raise invalid_value(
            f"Volume of {gib}GiB is too large for volume type {kind}; maximum is {most}GiB."
        )
    if limits.iops and iops:
        _check_iops(limits, gib, int(iops))
    if kind == "gp3" and throughput:
        _check_throughput(int(throughput), int(iops or GP3_IOPS))


def _check_iops(limits: Limits, gib: int, iops: int) -> None:
    least, most = limits.iops or (0, 0)
    if iops < least:
        raise invalid_value(f"Volume iops of {iops} is too low; minimum is {least}.")
    if iops > most:
        raise invalid_value(f"Volume iops of {iops} is too high; maximum is {most}.")
    if iops > max(limits.iops_per_gib * gib, GP3_IOPS if least == GP3_IOPS else 0):
        raise invalid_value(
            f"Iops to volume size ratio of {iops / gib:.6f} is too high; maximum is "
            f"{limits.iops_per_gib} IOPS per GiB."
        )


def _check_throughput(throughput: int, iops: int) -> None:
    least, most = GP3_THROUGHPUT
    if throughput < least:
        raise invalid_value(f"Volume throughput of {throughput} is too low; minimum is {least}.")
    if throughput > most:
        raise invalid_value(f"Volume throughput of {throughput} is too high; maximum is {most}.")
    if throughput > iops * GP3_THROUGHPUT_PER_IOPS:
        raise invalid_value(
            f"Throughput (MiBps) to iops ratio of {throughput / iops:.6f} is too high; maximum is "
            f"{GP3_THROUGHPUT_PER_IOPS:.6f} MiBps per iops."
        )
