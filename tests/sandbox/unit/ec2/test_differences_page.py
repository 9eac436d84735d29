"""The page of differences against the code: what we answer in moto's place is listed there."""

import re
from pathlib import Path

from moto.core.utils import camelcase_to_underscores, get_service_model

from ec2_sandbox.ec2.responses import SandboxEC2Response

PAGE = Path(__file__).parents[4] / "docs" / "sandbox" / "differences.md"


def ours() -> set[str]:
    """Operations with a method of the sandbox's own."""
    names = {
        name
        for parent in SandboxEC2Response.__mro__
        if parent.__module__.startswith("ec2_sandbox.")
        for name in vars(parent)
    }
    model = get_service_model("ec2")
    return {one for one in model.operation_names if camelcase_to_underscores(one) in names}


def test_every_operation_of_ours_is_on_the_page() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    listed = {word for row in rows for word in re.findall(r"\w+", row.split("|")[1])}
    assert ours() - listed == set()
    assert len(ours()) > 50


def test_every_row_names_both_sides() -> None:
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and "---" not in line:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 4
            assert all(cells[:3])
