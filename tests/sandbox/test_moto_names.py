"""A moto that renames what we touch must fail here, and say what."""

from functools import reduce
from importlib import import_module

import pytest

from ec2_sandbox.moto_hooks import TOUCHED


@pytest.mark.parametrize("name", TOUCHED)
def test_moto_still_has(name: str) -> None:
    module, _, path = name.partition(":")
    reduce(getattr, path.split("."), import_module(module))
