"""Answers of AWS that others recorded or quoted, in the folder that SPOT_TEST_DATA names.

They are no part of the repository; without them their tests skip.
"""

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from moto.core.serialize import EC2Serializer
from moto.core.utils import get_service_model

FOLDER = Path(os.environ.get("SPOT_TEST_DATA", "/nowhere"))


def load(name: str) -> Any:
    """The content of a file."""
    file = FOLDER / (name if (FOLDER / name).exists() else f"recorded/{name}")
    if not file.exists():
        pytest.skip(f"SPOT_TEST_DATA names no folder with {name}")
    body = file.read_bytes()
    return json.loads(gzip.decompress(body) if file.suffix == ".gz" else body)


def answers(*names: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The operation and the answer of every recorded call of EC2, as botocore reads it."""
    for name in names:
        for call in load(name):
            operation = Path(call["file"]).name.split(".")[1].rpartition("_")[0]
            shape = ec2().operation_model(operation).output_shape
            yield operation, _with_times(call["data"], shape)


@cache
def ec2() -> Any:
    """botocore's model of EC2."""
    return botocore.session.Session().get_service_model("ec2")


def xml(operation: str, answer: Mapping[str, Any]) -> bytes:
    """What EC2 sends for such an answer."""
    model = get_service_model("ec2").operation_model(operation)
    serializer = EC2Serializer(model)
    body: str | bytes = serializer.serialize(answer)["body"]
    return body.encode() if isinstance(body, str) else body


def parsed(operation: str, body: bytes) -> dict[str, Any]:
    """What botocore makes of an answer of EC2."""
    answer = {"status_code": 200, "headers": {}, "body": body}
    shape = ec2().operation_model(operation).output_shape
    found: dict[str, Any] = create_parser("ec2").parse(answer, shape)
    return found


def _with_times(value: Any, shape: Any) -> Any:
    """Times stand in JSON as text."""
    if shape.type_name == "structure":
        return {key: _with_times(value[key], shape.members[key]) for key in value}
    if shape.type_name == "list":
        return [_with_times(each, shape.member) for each in value]
    return datetime.fromisoformat(value) if shape.type_name == "timestamp" else value
