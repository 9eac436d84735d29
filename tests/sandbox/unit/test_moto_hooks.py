"""The shortcuts through moto answer what moto answers."""

from typing import Any

import pytest
from tests.sandbox.unit import moto_instances
from tests.sandbox.unit.moto_instances import run

from moto.core.loaders import create_loader  # isort: skip
from moto.ec2.exceptions import InvalidInstanceIdError  # isort: skip

from ec2_sandbox import moto_hooks  # isort: skip


@pytest.fixture
def backend() -> Any:
    moto_hooks.lay_shortcuts()
    return moto_instances.backend()


def test_an_instance_is_found_by_its_id_in_any_reservation(backend: Any) -> None:
    instances = [run(backend).instances[0] for _ in range(3)]
    assert [backend.get_instance(one.id) for one in instances] == instances


def test_an_id_that_nobody_has_is_refused_as_moto_refuses_it(backend: Any) -> None:
    run(backend)
    with pytest.raises(InvalidInstanceIdError, match="i-nobody"):
        backend.get_instance("i-nobody")


def test_a_model_is_read_once_however_many_ask_for_it() -> None:
    moto_hooks.share_models()
    first, second = create_loader(), create_loader()
    assert first is not second
    models = [one.load_service_model("sts", "service-2") for one in (first, second)]
    assert models[0] is models[1]
    assert "GetCallerIdentity" in models[0]["operations"]


def test_a_file_that_is_not_there_stays_missing() -> None:
    moto_hooks.share_models()
    loader = create_loader().file_loader
    assert loader.load_file("no/such/file") is None
    assert loader.load_file("no/such/file") is None
