"""Which Spot quota an instance type counts against."""

import pytest

from spotkeeper.model.quota import QUOTA_FAMILIES, quota_family

G, P5, P2_P4, STANDARD = "L-3819A6DF", "L-C4BD4855", "L-7212CCBC", "L-34B43A08"


@pytest.mark.parametrize(
    ("family", "code"),
    [
        ("g5", G),
        ("g4dn", G),
        ("gr6", G),
        ("vt1", G),
        ("p2", P2_P4),
        ("p3dn", P2_P4),
        ("p4d", P2_P4),
        ("p5en", P5),
        ("trn1", "L-6B0D517C"),
        ("inf2", "L-B5D1601B"),
        ("dl1", "L-85EED4F7"),
        ("f1", "L-88CF9481"),
        ("x2idn", "L-E3A00192"),
        ("t4g", STANDARD),
        ("m5", STANDARD),
        ("im4gn", STANDARD),
        ("is4gen", STANDARD),
        ("d3en", STANDARD),
        ("h1", STANDARD),
        ("z1d", STANDARD),
    ],
)
def test_a_type_counts_against_its_family(family: str, code: str) -> None:
    found = quota_family(f"{family}.large")
    assert found is not None
    assert found.code == code


def test_an_unlisted_family_has_no_quota_that_we_know() -> None:
    assert quota_family("u-6tb1.56xlarge") is None


def test_no_two_quotas_share_a_code_or_a_prefix() -> None:
    codes = [quota.code for quota in QUOTA_FAMILIES]
    prefixes = [prefix for quota in QUOTA_FAMILIES for prefix in quota.families]
    assert len(set(codes)) == len(codes)
    assert len(set(prefixes)) == len(prefixes)
