"""What a volume may be: the edges of each type."""

import pytest

from ec2_sandbox.protocol.refusal import EC2Error
from ec2_sandbox.spot_requests.volume_limits import LIMITS, check_volume, default_iops


@pytest.mark.parametrize("kind", LIMITS)
def test_the_smallest_and_the_largest_are_allowed(kind: str) -> None:
    for gib in LIMITS[kind].gib:
        check_volume(kind, gib, None, None)
    least, most = LIMITS[kind].gib
    for gib in (least - 1, most + 1):
        with pytest.raises(EC2Error):
            check_volume(kind, gib, None, None)


@pytest.mark.parametrize(
    ("gib", "iops", "throughput"),
    [(1, 3_000, 125), (160, 80_000, 2_000), (16, 8_000, 2_000), (65_536, None, 750)],
)
def test_gp3_within_its_ratios(gib: int, iops: int | None, throughput: int) -> None:
    check_volume("gp3", gib, iops, throughput)


@pytest.mark.parametrize(
    ("gib", "iops", "throughput", "text"),
    [
        (10, 2_999, None, "too low"),
        (65_536, 80_001, None, "too high"),
        (10, 5_001, None, "500 IOPS per GiB"),
        (100, 3_000, 124, "too low"),
        (100, 8_001, 2_001, "too high"),
        (100, 3_000, 751, "MiBps per iops"),
    ],
)
def test_gp3_beyond_its_ratios(gib: int, iops: int, throughput: int | None, text: str) -> None:
    with pytest.raises(EC2Error, match=text):
        check_volume("gp3", gib, iops, throughput)


@pytest.mark.parametrize(("gib", "iops"), [(1, 100), (33, 100), (34, 102), (5_334, 16_000)])
def test_gp2_gets_faster_with_its_size(gib: int, iops: int) -> None:
    assert default_iops("gp2", gib) == iops
