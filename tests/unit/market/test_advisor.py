"""The Spot Advisor's feed: believed only as far as it makes sense."""

import gzip
import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import recorded
from tests.judges import Verdicts

from spotkeeper.market.advisor import Advice, NoAdvisor, packed, read_advisor, read_sizes, unpacked
from spotkeeper.model.risk import Band

RANGES = [
    {"index": 0, "label": "<5%", "dots": 0, "max": 5},
    {"index": 4, "label": ">20%", "dots": 4, "max": 100},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def feed(types: Any, *, region: str = "us-east-1", system: str = "Linux") -> dict[str, Any]:
    return {"ranges": RANGES, "spot_advisor": {region: {system: types}}}


def test_a_row_is_a_band_and_a_saving() -> None:
    advisor = read_advisor(feed({"g5.xlarge": {"s": 64, "r": 4}, "m5.large": {"s": 70, "r": 0}}))
    assert advisor.bands("us-east-1") == {
        "g5.xlarge": Band(">20%", 100),
        "m5.large": Band("<5%", 5),
    }
    assert advisor.regions["us-east-1"]["g5.xlarge"].saving_percent == 64
    assert advisor.ranges == (Band("<5%", 5), Band(">20%", 100))


def test_a_price_above_on_demand_is_a_saving_below_zero() -> None:
    advisor = read_advisor(feed({"p5.48xlarge": {"s": -62, "r": 0}}))
    assert advisor.regions["us-east-1"]["p5.48xlarge"].saving_percent == -62


def test_only_the_system_that_was_asked_for_is_read() -> None:
    windows = feed({"m5.large": {"s": 1, "r": 0}}, system="Windows")
    assert read_advisor(windows).regions == {}
    assert read_advisor(windows, system="Windows").bands("us-east-1")


@pytest.mark.parametrize(
    "advice",
    [{"s": 64}, {"r": 4}, {"s": "64", "r": 4}, {"s": 64, "r": 9}, {"s": 101, "r": 0}, None, [], 7],
)
def test_a_row_that_makes_no_sense_is_left_out_and_counted(advice: Any) -> None:
    advisor = read_advisor(feed({"g5.xlarge": advice, "m5.large": {"s": 70, "r": 0}}))
    assert list(advisor.bands("us-east-1")) == ["m5.large"]
    assert advisor.left_out == 1


@pytest.mark.parametrize("name", ["\x1b[2J.xlarge", "g5", "G5.xlarge", "g5.xlarge\n", "a" * 99])
def test_a_name_that_is_none_never_gets_through(name: str) -> None:
    assert read_advisor(feed({name: {"s": 1, "r": 0}})).regions == {}
    assert read_advisor(feed({"m5.large": {"s": 1, "r": 0}}, region=name)).regions == {}


def test_a_label_that_is_none_never_gets_through() -> None:
    document = feed({"m5.large": {"s": 1, "r": 0}})
    document["ranges"] = [{"index": 0, "label": "\x1b]0;title\x07", "max": 5}, *RANGES[1:]]
    assert read_advisor(document).regions == {}


@pytest.mark.parametrize("document", [None, [], "x", 7, {}, {"ranges": []}, {"ranges": RANGES}])
def test_another_document_is_an_error(document: Any) -> None:
    with pytest.raises(NoAdvisor):
        read_advisor(document)


@given(ranges=JSON, regions=JSON)
def test_no_document_is_too_odd(ranges: Any, regions: Any) -> None:
    for document in ({"ranges": ranges, "spot_advisor": regions}, feed(ranges), feed(regions)):
        try:
            read_advisor(document)
        except NoAdvisor:
            continue


@pytest.mark.world("the Spot Advisor, read", by="AWS's feed of June 2025")
@pytest.mark.shared_data
def test_the_real_feed_is_read_whole() -> None:
    document = recorded.load("aws-spot-advisor-2025-06.json.gz")
    assert unpacked(packed(read_advisor(document))) == read_advisor(document)
    linux, windows = read_advisor(document), read_advisor(document, system="Windows")
    pools = [len(types) for found in (linux, windows) for types in found.regions.values()]
    assert (sum(pools), linux.left_out, windows.left_out) == (25_323, 0, 0)
    assert len(linux.regions) == 33
    assert [band.label for band in linux.ranges] == ["<5%", "5-10%", "10-15%", "15-20%", ">20%"]


def test_a_band_ends_where_its_label_says() -> None:
    document = feed({"m5.large": {"s": 1, "r": 1}})
    document["ranges"] = [*RANGES, {"index": 1, "label": "5-10%", "dots": 1, "max": 11}]
    assert read_advisor(document).bands("us-east-1")["m5.large"] == Band("5-10%", 10)


@pytest.mark.parametrize(
    "advice", [{"s": True, "r": 0}, {"s": 1, "r": False}, {"s": -9999, "r": 0}]
)
def test_truth_is_no_number_and_a_price_has_bounds(advice: Any) -> None:
    assert read_advisor(feed({"m5.large": advice})).left_out == 1


def test_what_is_packed_is_the_same_again_of_the_regions_asked_for() -> None:
    types = {"m5.large": {"s": 1, "r": 0}, "g5.xlarge": {"s": -3, "r": 4}, "bad": None}
    document = feed(types)
    document["spot_advisor"]["eu-west-1"] = {"Linux": {"m5.large": {"s": 1, "r": 4}}}
    advisor = read_advisor(document)
    kept = json.loads(json.dumps(packed(advisor)))
    assert unpacked(kept) == advisor
    assert advisor.left_out == 1
    chosen = unpacked(kept, ["eu-west-1", "us-west-2"])
    assert chosen.regions == {"eu-west-1": {"m5.large": Advice(Band(">20%", 100), 1)}}


def test_the_size_of_a_type_is_all_that_is_known_of_it() -> None:
    [row] = read_sizes({"instance_types": {"g5.xlarge": {"cores": 4, "ram_gb": 16.0}}}).values()
    assert (row.vcpus, row.memory_gib, row.partial, row.gpus) == (4, 16, True, None)


@pytest.mark.parametrize("cores", [0, -1, True, "4", None, 10**9, 4.5])
@pytest.mark.parametrize("gib", [16.0])
def test_a_size_that_makes_no_sense_is_left_out(cores: Any, gib: Any) -> None:
    document = {"instance_types": {"m5.large": {"cores": cores, "ram_gb": gib}}}
    assert read_sizes(document) == {}


@pytest.mark.parametrize("gib", [0, -1, float("nan"), float("inf"), True, "16", None])
def test_a_memory_that_makes_no_sense_is_left_out(gib: Any) -> None:
    assert read_sizes({"instance_types": {"m5.large": {"cores": 2, "ram_gb": gib}}}) == {}


@given(types=JSON)
def test_no_list_of_types_is_too_odd(types: Any) -> None:
    for document in (types, {"instance_types": types}, {"instance_types": {"m5.large": types}}):
        assert all(row.vcpus > 0 for row in read_sizes(document).values())


@pytest.mark.world("architectures by name", by="DescribeInstanceTypes as moto carries it")
def test_a_name_tells_the_architecture(judged: Verdicts) -> None:
    catalogue = gzip.decompress(
        resources.files("moto.ec2").joinpath("resources/instance_types.json.gz").read_bytes()
    )
    described = json.loads(catalogue)
    facts = {name: {"cores": 2, "ram_gb": 1.0} for name in described}
    for name, size in read_sizes({"instance_types": facts}).items():
        archs = described[name]["ProcessorInfo"]["SupportedArchitectures"]
        if not name.startswith("mac"):  # never Spot
            judged.compare(name, size.arch, "arm64" if "arm64" in archs else "x86_64")
    judged.settle()
