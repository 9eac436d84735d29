"""Samples of a metric put together to data points, as CloudWatch does. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import ceil
from statistics import fmean

from moto.cloudwatch.exceptions import InvalidParameterValue

PLAIN: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": fmean,
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": lambda values: float(len(values)),
}
PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")


@dataclass(frozen=True)
class Datapoint:
    """One period and the samples in it."""

    moment: datetime
    values: tuple[float, ...]


def datapoints(
    samples: Iterable[tuple[int, float]], *, period: int, step: int
) -> Iterator[Datapoint]:
    """The samples by period; ``step`` is how far apart the metric's own data points are.

    A period shorter than the step shows the point of the step it begins with, as an instance
    without detailed monitoring has a data point every five minutes only.
    """
    width = max(period, step)
    for second, group in groupby(samples, key=lambda sample: sample[0] // width * width):
        values = tuple(value for _, value in group)
        yield Datapoint(datetime.fromtimestamp(second, UTC), values)


def statistic(name: str, values: Sequence[float]) -> float:
    """Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p90."""
    if plain := PLAIN.get(name):
        return plain(values)
    if found := PERCENTILE.fullmatch(name):
        ordered = sorted(values)
        return ordered[max(0, ceil(float(found[1]) / 100 * len(ordered)) - 1)]
    raise InvalidParameterValue(f"The value {name} for parameter Stat is not supported.")
