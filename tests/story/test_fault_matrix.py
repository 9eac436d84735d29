"""Whatever goes wrong with a call: success or a named error, no duplicate, nothing left."""

import ast
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from tests.story.fault_kinds import KINDS
from tests.story.fault_matrix import ROWS, Cell, cells, few_cells
from tests.story.fault_trials import Laboratory

from spotkeeper import aws

OPERATIONS = {row.operation for row in ROWS}
SERVICES = ("ec2", "sts", "ssm", "pricing", "service-quotas", "iam", "kms", "scheduler")


def in_order(lab: Laboratory, cell: Cell) -> None:
    result = cell.made(lab)
    assert result.wrong == ()
    assert result.seen <= OPERATIONS


@pytest.mark.parametrize("cell", few_cells(), ids=str)
@pytest.mark.one_in(16)
def test_every_operation_fails_in_some_way_and_nothing_is_forgotten(
    lab: Laboratory, cell: Cell
) -> None:
    in_order(lab, cell)


@pytest.mark.soak
@pytest.mark.parametrize("cell", list(cells()), ids=str)
def test_every_operation_fails_in_every_way_and_nothing_is_forgotten(
    lab: Laboratory, cell: Cell
) -> None:
    in_order(lab, cell)


def test_the_few_trials_of_every_run_meet_every_operation_and_every_fault() -> None:
    few = few_cells()
    assert {cell.row.operation for cell in few} == OPERATIONS
    assert {cell.kind for cell in few} == set(KINDS)


def test_no_operation_that_the_code_names_is_missing_from_the_matrix_and_none_is_superfluous() -> (
    None
):
    assert named_in_code() == OPERATIONS


def test_a_fault_that_cannot_happen_says_why() -> None:
    for kind in KINDS:
        assert (kind.only is None) == (not kind.why_not)
        assert any(kind.meets(operation) for operation in OPERATIONS)


def named_in_code() -> set[str]:
    """Texts in the only package that calls AWS which are names of operations."""
    folder = Path(aws.__file__).parent
    trees = [ast.parse(file.read_text()) for file in folder.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {node.value for node in nodes if isinstance(node.value, str)} & operations_of_aws()


@cache
def operations_of_aws() -> frozenset[str]:
    session = botocore.session.Session()
    models = [session.get_service_model(name) for name in SERVICES]
    return frozenset(name for model in models for name in model.operation_names)
