"""Instance types as XML, written once per type: moto's serializer needs two seconds for the list.

The element names are those of the EC2 model, so the output has the shape clients expect.
"""

from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from moto.core.utils import get_service_model

from ec2_sandbox import catalogue


@cache
def type_item(name: str) -> str:
    """One ``<item>`` of DescribeInstanceTypes."""
    return _written(catalogue.instance_types()[name], _type_shape(), "item")


@cache
def _type_shape() -> Any:
    operation = get_service_model("ec2").operation_model("DescribeInstanceTypes")
    return operation.output_shape.members["InstanceTypes"].member


def _written(value: Any, shape: Any, tag: str) -> str:
    if shape.type_name == "structure":
        inner = "".join(
            _written(value[name], member, member.serialization.get("name", name))
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    elif shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        inner = "".join(_written(one, shape.member, item) for one in value)
    elif shape.type_name == "boolean":
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{tag}>{inner}</{tag}>"
