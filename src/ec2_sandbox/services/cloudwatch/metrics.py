"""CloudWatch metrics of EC2: CPUUtilization and status checks of what ran; the rest is moto's.

Imports moto's CloudWatch, so it is imported only when somebody calls that.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import ceil
from statistics import fmean
from typing import Any

import moto.cloudwatch.urls
from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue
from moto.cloudwatch.metric_data_expression_parser import parse_expression
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from ec2_sandbox.clock import aware
from ec2_sandbox.run_history import LOAD_TAG, RunHistory
from ec2_sandbox.services.cloudwatch.cpu_load import MINUTE, cpu_percent, minutes_run
from ec2_sandbox.services.imds.servers import instance_of
from ec2_sandbox.world import region_backends, world

NAMESPACE = "AWS/EC2"
CPU = "CPUUtilization"
UNITS = {
    CPU: "Percent",
    "StatusCheckFailed": "Count",
    "StatusCheckFailed_Instance": "Count",
    "StatusCheckFailed_System": "Count",
}
MOST_DATAPOINTS = 1_440  # of one GetMetricStatistics
BASIC_PERIOD = 300  # seconds between data points without detailed monitoring
LISTED_FOR = timedelta(days=14)  # since the last data point (ListMetrics)
RECENT = timedelta(hours=3)
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


class SandboxCloudWatchResponse(CloudWatchResponse):  # type: ignore[misc]
    """One call of the CloudWatch API."""

    def get_metric_statistics(self) -> ActionResult:
        """One metric, period by period, unordered as CloudWatch has it: here oldest first."""
        metric = self.params
        if metric.get("Namespace") != NAMESPACE:
            return super().get_metric_statistics()
        begin, end, period = _range(metric)
        statistics = metric.get("Statistics") or []
        extended = metric.get("ExtendedStatistics") or []
        if not statistics and not extended:
            raise InvalidParameterCombination(
                "Must specify either Statistics or ExtendedStatistics"
            )
        if (end - begin) // period > MOST_DATAPOINTS:
            raise InvalidParameterCombination(
                f"You have requested up to {(end - begin) // period:,} datapoints, which exceeds "
                f"the limit of {MOST_DATAPOINTS:,}. You may reduce the datapoints requested by "
                "increasing Period, or decreasing the time range."
            )
        name = str(metric.get("MetricName"))
        rows = [
            _row(point, UNITS[name], statistics, extended)
            for point in _points(metric, self.region, begin, end, period)
            if metric.get("Unit") in {None, UNITS[name]}
        ]
        return ActionResult({"Label": name, "Datapoints": rows})

    def get_metric_data(self) -> ActionResult:
        """Several metrics at once, ours and those that were put."""
        queries = self.params.get("MetricDataQueries") or []
        ours = {query["Id"] for query in queries if _is_ours(query)}
        if not ours:
            return super().get_metric_data()
        results = {query["Id"]: self._result(query) for query in queries if query["Id"] in ours}
        others = [q for q in queries if q["Id"] not in ours and "MetricStat" in q]
        begin, end = self.params["StartTime"], self.params["EndTime"]
        for found in self.cloudwatch_backend.get_metric_data(
            [{**query, "ReturnData": True} for query in others],
            begin,
            end,
            self.params.get("ScanBy") or "TimestampDescending",
        ):
            results[found["id"]] = found
        for query in queries:
            if query["Id"] not in results:
                results[query["Id"]] = _calculated(query, list(results.values()))
        shown = [results[query["Id"]] for query in queries if query.get("ReturnData", True)]
        return ActionResult({"MetricDataResults": shown})

    def _result(self, query: Mapping[str, Any]) -> dict[str, Any]:
        asked = query["MetricStat"]
        metric = {**asked["Metric"], "Period": asked["Period"]}
        given = {key: self.params[key] for key in ("StartTime", "EndTime")}
        begin, end, period = _range({**metric, **given})
        points = list(_points(metric, self.region, begin, end, period))
        if self.params.get("ScanBy") != "TimestampAscending":
            points.reverse()
        return {
            "id": query["Id"],
            "label": query.get("Label") or metric["MetricName"],
            "timestamps": [point.moment for point in points],
            "values": [statistic(asked["Stat"], point.values) for point in points],
            "status_code": "Complete",
        }

    def list_metrics(self) -> ActionResult:
        """What has data, ours first."""
        found = super().list_metrics().result
        if self.params.get("NextToken"):
            return ActionResult(found)
        recent = RECENT if self.params.get("RecentlyActive") else LISTED_FOR
        ours = [one for one in _listed(self.region, recent) if _is_asked(one, self.params)]
        return ActionResult({**found, "Metrics": [*ours, *found["Metrics"]]})


def _is_ours(query: Mapping[str, Any]) -> bool:
    metric = query.get("MetricStat", {}).get("Metric", {})
    return metric.get("Namespace") == NAMESPACE and metric.get("MetricName") in UNITS


def _range(asked: Mapping[str, Any]) -> tuple[int, int, int]:
    """Begin, end and period in seconds; both ends on whole periods, as CloudWatch rounds."""
    period = int(asked.get("Period") or MINUTE)
    if period < MINUTE or period % MINUTE:
        raise InvalidParameterValue("The parameter Period must be a multiple of 60.")
    begin, end = (int(aware(asked[name]).timestamp()) for name in ("StartTime", "EndTime"))
    if begin >= end:
        raise InvalidParameterValue(
            "The parameter StartTime must be less than the parameter EndTime."
        )
    return begin // period * period, -(-end // period) * period, period


def _points(
    metric: Mapping[str, Any], region: str, begin: int, end: int, period: int
) -> Iterator[Datapoint]:
    """The data of one instance; nothing for other dimensions than its id."""
    name = str(metric.get("MetricName"))
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}
    runs = world().run_histories.get(dimensions.get("InstanceId", ""))
    if runs is None or runs.region != region or len(dimensions) != 1 or name not in UNITS:
        return
    instance = instance_of(runs.instance_id)
    is_detailed = name != CPU or (instance is not None and instance.monitored)
    step = MINUTE if is_detailed else BASIC_PERIOD
    yield from datapoints(_samples(runs, name, begin, end), period=period, step=step)


def _samples(runs: RunHistory, name: str, begin: int, end: int) -> Iterator[tuple[int, float]]:
    """Second and value of every minute in which the instance ran."""
    tags = region_backends()[runs.region].tags.get(runs.instance_id)
    seed, forced = world().options.seed, runs.load_tag if tags is None else tags.get(LOAD_TAG)
    for second, started in minutes_run(runs.spans(world().now), begin, end):
        if name == CPU:
            load = cpu_percent(runs.instance_id, second, seed=seed, started=started, forced=forced)
            yield second, load
        else:
            yield second, 0.0


def _row(
    point: Datapoint, unit: str, statistics: Sequence[str], extended: Sequence[str]
) -> dict[str, Any]:
    row: dict[str, Any] = {"Timestamp": point.moment, "Unit": unit}
    row.update({name: statistic(name, point.values) for name in statistics})
    if extended:
        row["ExtendedStatistics"] = {name: statistic(name, point.values) for name in extended}
    return row


def _calculated(query: Mapping[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """A metric math expression, as far as moto knows any."""
    values, timestamps = parse_expression(query["Expression"], results)
    return {
        "id": query["Id"],
        "label": query.get("Label") or query["Id"],
        "values": values,
        "timestamps": timestamps,
        "status_code": "Complete",
    }


def _listed(region: str, within: timedelta) -> Iterator[dict[str, Any]]:
    since = world().now - within
    for runs in world().run_histories.values():
        spans = runs.spans(world().now)
        if runs.region == region and spans and spans[-1][1] >= since:
            dimension = {"Name": "InstanceId", "Value": runs.instance_id}
            for name in UNITS:
                yield {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": [dimension]}


def _is_asked(metric: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    for key in ("Namespace", "MetricName"):
        if asked.get(key) not in {None, metric[key]}:
            return False
    (own,) = metric["Dimensions"]
    return all(
        one["Name"] == own["Name"] and one.get("Value") in {None, own["Value"]}
        for one in asked.get("Dimensions") or []
    )


def install() -> None:
    """Make moto's CloudWatch answer with this class."""
    for path in moto.cloudwatch.urls.url_paths:
        moto.cloudwatch.urls.url_paths[path] = SandboxCloudWatchResponse.dispatch


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
