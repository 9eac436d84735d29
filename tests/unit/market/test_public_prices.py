"""The public file of Spot prices: believed only as far as it makes sense."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.market.test_advisor import JSON

from spotkeeper.market.public_prices import OLD_REGION_NAMES, NoPrices, read_prices


def size(name: Any = "g5.xlarge", usd: Any = "0.4036", system: str = "linux") -> dict[str, Any]:
    windows = {"name": "mswin", "prices": {"USD": "9.99"}}
    linux = {"name": system, "prices": {"USD": usd}}
    return {"size": name, "valueColumns": [windows, linux]}


def document(*sizes: Any, region: Any = "us-east-1") -> dict[str, Any]:
    groups = [{"type": "g5", "sizes": list(sizes)}]
    return {"config": {"regions": [{"region": region, "instanceTypes": groups}]}}


def test_the_linux_price_of_each_type_and_region() -> None:
    assert read_prices(document(size(), size("m5.large", "0.0350"))) == {
        "us-east-1": {"g5.xlarge": "0.4036", "m5.large": "0.0350"}
    }


@pytest.mark.parametrize("name", OLD_REGION_NAMES)
def test_regions_have_their_new_names(name: str) -> None:
    assert list(read_prices(document(size(), region=name))) == [OLD_REGION_NAMES[name]]


@pytest.mark.parametrize(
    "odd",
    [
        *(size(usd=usd) for usd in ("N/A*", "NaN", "-1", "0", "0.000", "inf", "1e9", 0.4, None)),
        *(size(name) for name in ("\x1b[2J.xlarge", "g5", 7, None, "g5.xlarge\n")),
        *(None, 7, [], {}, {"size": "g5.xlarge"}, {"size": "g5.xlarge", "valueColumns": [7]}),
        *(size(system="mswin"), {"size": "g5.xlarge", "valueColumns": [{"name": "linux"}]}),
    ],
)
def test_a_row_that_makes_no_sense_is_left_out(odd: Any) -> None:
    assert read_prices(document(odd, size("m5.large", "0.03"))) == {
        "us-east-1": {"m5.large": "0.03"}
    }


@pytest.mark.parametrize("region", ["\x1b[31m", "", None, 7, "nowhere", "us-east-1\n"])
def test_a_region_that_is_none_is_left_out(region: Any) -> None:
    with pytest.raises(NoPrices):
        read_prices(document(size(), region=region))


@pytest.mark.parametrize("odd", [None, [], "x", 7, {}, {"config": []}, {"config": {}}])
def test_another_document_is_an_error(odd: Any) -> None:
    with pytest.raises(NoPrices):
        read_prices(odd)


@given(regions=JSON, types=JSON)
def test_no_document_is_too_odd(regions: Any, types: Any) -> None:
    region = {"region": "us-east-1", "instanceTypes": types}
    for odd in (regions, {"config": regions}, {"config": {"regions": [regions, region]}}):
        try:
            found = read_prices(odd)
        except NoPrices:
            continue
        assert all(float(usd) > 0 for prices in found.values() for usd in prices.values())


@given(usd=st.decimals("0.0001", "99999", places=4))
def test_every_price_is_kept_as_it_is_spelled(usd: Any) -> None:
    assert read_prices(document(size(usd=f"{usd:f}")))["us-east-1"]["g5.xlarge"] == f"{usd:f}"
