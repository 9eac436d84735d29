import pytest

from ec2_sandbox.market.on_demand import EXACT_EU_WEST_1, Accelerator, Hardware, on_demand_micros


def usd(name: str, hardware: Hardware, region: str = "us-east-1") -> float:
    return on_demand_micros(region, name, hardware) / 1_000_000


@pytest.mark.parametrize(
    ("name", "hardware", "listed"),
    [
        ("m5.large", Hardware(2, 8), 0.096),
        ("c7g.xlarge", Hardware(4, 8, maker="AWS", threads_per_core=1), 0.145),
        ("m7a.2xlarge", Hardware(8, 32, maker="AMD", threads_per_core=1), 0.464),
        ("t3.micro", Hardware(2, 1), 0.0104),
        ("i4i.xlarge", Hardware(4, 32, ssd_gb=937), 0.343),
        ("g5.xlarge", Hardware(4, 16, maker="AMD", accelerators=(Accelerator("A10G", 1),)), 1.006),
    ],
)
def test_prices_are_near_the_public_list(name: str, hardware: Hardware, listed: float) -> None:
    assert usd(name, hardware) == pytest.approx(listed, rel=0.1)


def test_prices_of_the_article_are_exact() -> None:
    for name, micros in EXACT_EU_WEST_1.items():
        assert on_demand_micros("eu-west-1", name, Hardware(1, 1)) == micros


def test_more_costs_more() -> None:
    plain = Hardware(8, 32)
    for more in (
        Hardware(16, 32),
        Hardware(8, 64),
        Hardware(8, 32, ssd_gb=300),
        Hardware(8, 32, accelerators=(Accelerator("never heard of", 1),)),
    ):
        assert usd("m5.2xlarge", more) > usd("m5.2xlarge", plain)


def test_the_name_of_the_family_counts() -> None:
    hardware = Hardware(8, 32)
    assert usd("m6in.2xlarge", hardware) > usd("m6i.2xlarge", hardware)
    assert usd("m7i.2xlarge", hardware) > usd("m7i-flex.2xlarge", hardware)
    assert usd("m3.2xlarge", hardware) > usd("m5.2xlarge", hardware)


def test_a_slice_of_a_gpu_costs_its_share() -> None:
    def extra(number: float) -> float:
        sliced = Hardware(4, 16, accelerators=(Accelerator("L4", number),))
        return usd("g6f.xlarge", sliced) - usd("g6f.xlarge", Hardware(4, 16))

    assert extra(0.25) == pytest.approx(extra(1) / 4, abs=0.001)


def test_regions_differ() -> None:
    hardware = Hardware(2, 8)
    assert usd("m5.large", hardware, "sa-east-1") > 1.5 * usd("m5.large", hardware)
    assert usd("m5.large", hardware, "af-south-1") > usd("m5.large", hardware)
