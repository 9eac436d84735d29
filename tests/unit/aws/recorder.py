"""A session that sends nothing: it checks every call against EC2's model and plays answers."""

import json
from collections import defaultdict
from datetime import timedelta
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

Answer = dict[str, Any] | Exception

_session = botocore.session.Session()
_models: dict[str, Any] = {}


def service_model(service: str) -> Any:
    """A service's model, read once."""
    if service not in _models:
        _models[service] = _session.get_service_model(service)
    return _models[service]


class RecordingSession:
    """Stands in for ``AwsSession``: answers are played in order, the last for ever."""

    region = "us-east-1"
    offline = False
    login = "me"

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers: dict[str, list[Answer]] = defaultdict(list, answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def partition(self, region: str) -> str:
        return "aws"

    def home_region(self, region: str | None = None) -> str:
        return region or self.region

    def pricing_region(self, region: str) -> str:
        return "us-east-1"

    def enabled_regions(self) -> tuple[str, ...]:
        return ("us-east-1",)

    def instance_type_names(self, region: str) -> tuple[str, ...]:
        return ("g5.xlarge", "m5.large")

    def call(self, operation: str, region: str, *, service: str = "ec2", **body: Any) -> Any:
        shape = service_model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(body, shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"
        self.calls.append((operation, body))
        waiting = self.answers[operation]
        answer = (waiting.pop(0) if len(waiting) > 1 else waiting[0]) if waiting else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pages(
        self, operation: str, region: str, *, key: str, service: str = "ec2", **body: Any
    ) -> list[Any]:
        answer = self.call(operation, region, service=service, **body)
        return list(answer.get(key, []))

    def bodies(self, operation: str) -> list[dict[str, Any]]:
        """What an operation was asked with."""
        return [body for name, body in self.calls if name == operation]


class NoMemory:
    """Remembers nothing, so that every question is asked."""

    def get(self, kind: str, key: str, *, younger_than: timedelta) -> Any | None:
        return None

    def put(self, kind: str, key: str, document: Any) -> None:
        """Forgotten at once."""

    def drop(self, kind: str, key: str) -> None:
        """Nothing to forget."""


def listed_product(attributes: dict[str, object], *prices: str, unit: str) -> str:
    """A product as the Price List sends it: JSON in a string."""
    dimensions = {
        str(number): {"unit": unit, "pricePerUnit": {"USD": usd}}
        for number, usd in enumerate(prices)
    }
    return json.dumps(
        {
            "product": {"attributes": attributes},
            "terms": {"OnDemand": {"T": {"priceDimensions": dimensions}}},
        }
    )
