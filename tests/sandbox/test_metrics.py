"""CloudWatch's metrics of EC2, and the console of instances."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox
from tests.sandbox.launching import BEGINS, launch_one, tagged

from ec2_sandbox.run_history import LOAD_TAG

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Watch:
    """The clients, and what is asked of them in most tests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.ec2, self.cloudwatch = sandbox.client("ec2"), sandbox.client("cloudwatch")

    def launch(self, load: str | None = None, **chosen: Any) -> str:
        """One instance, perhaps with a forced load; its id."""
        if load:
            chosen["TagSpecifications"] = tagged(**{LOAD_TAG: load})
        return str(launch_one(self.sandbox, **chosen)["InstanceId"])

    @property
    def now(self) -> datetime:
        """The sandbox's time."""
        return self.sandbox.control.now()

    def points(self, instance_id: str, *, back: timedelta = HOUR, **chosen: Any) -> list[Any]:
        """Data points of its CPU, oldest first."""
        now = self.now
        asked = {
            "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization",
            "Dimensions": dimensions(instance_id),
            "StartTime": now - back,
            "EndTime": now,
            "Period": 300,
            "Statistics": ["Average"],
            **chosen,
        }
        given = {key: value for key, value in asked.items() if value}
        found = self.cloudwatch.get_metric_statistics(**given)["Datapoints"]
        return sorted(found, key=lambda point: point["Timestamp"])

    def console(self, instance_id: str, **chosen: Any) -> str:
        """The text of its console."""
        answer = self.ec2.get_console_output(InstanceId=instance_id, **chosen)
        return str(answer.get("Output", ""))  # boto3 has decoded it


def dimensions(instance_id: str) -> list[dict[str, str]]:
    return [{"Name": "InstanceId", "Value": instance_id}]


@pytest.fixture
def watch(sandbox: Sandbox) -> Watch:
    sandbox.reset(speed=0, begins=BEGINS)
    return Watch(sandbox)


# Metrics


def test_a_running_instance_has_a_point_every_five_minutes(watch: Watch) -> None:
    instance_id = watch.launch()
    watch.sandbox.control.advance(2 * HOUR)
    points = watch.points(instance_id)
    assert 12 <= len(points) <= 13
    assert {point["Unit"] for point in points} == {"Percent"}
    assert all(0 <= point["Average"] <= 100 for point in points)
    assert {b["Timestamp"] - a["Timestamp"] for a, b in pairwise(points)} == {5 * MINUTE}


def test_with_detailed_monitoring_there_is_one_every_minute(watch: Watch) -> None:
    basic, detailed = watch.launch(), watch.launch(Monitoring={"Enabled": True})
    watch.sandbox.control.advance(HOUR)
    assert len(watch.points(basic, back=30 * MINUTE, Period=60)) <= 7
    assert len(watch.points(detailed, back=30 * MINUTE, Period=60)) >= 30


def test_statistics_of_a_period_fit_together(watch: Watch) -> None:
    instance_id = watch.launch()
    watch.sandbox.control.advance(3 * HOUR)
    names = ["Average", "Minimum", "Maximum", "Sum", "SampleCount"]
    point = watch.points(instance_id, back=2 * HOUR, Period=3600, Statistics=names)[0]
    assert point["SampleCount"] == 60
    assert point["Minimum"] <= point["Average"] <= point["Maximum"]
    assert point["Sum"] == pytest.approx(point["Average"] * 60)
    (extended,) = watch.points(
        instance_id, back=MINUTE, Period=3600, Statistics=[], ExtendedStatistics=["p90"]
    )
    assert 0 <= extended["ExtendedStatistics"]["p90"] <= 100


def test_there_is_nothing_while_it_is_stopped_and_nothing_before_it_ran(watch: Watch) -> None:
    watch.sandbox.control.advance(HOUR)
    instance_id = watch.launch()
    watch.sandbox.control.advance(30 * MINUTE)
    stopped = watch.now
    watch.ec2.stop_instances(InstanceIds=[instance_id])
    watch.sandbox.control.advance(HOUR)
    times = [point["Timestamp"] for point in watch.points(instance_id, back=5 * HOUR)]
    assert times
    assert stopped - 35 * MINUTE <= min(times) <= max(times) <= stopped


@pytest.mark.parametrize(
    ("tag", "low", "high"), [("idle", 0, 3), ("busy", 80, 100), ("37.5", 37.5, 37.5)]
)
def test_a_tag_forces_the_load(watch: Watch, tag: str, low: float, high: float) -> None:
    instance_id = watch.launch(tag)
    watch.sandbox.control.advance(HOUR)
    points = watch.points(instance_id)
    assert points
    assert all(low <= point["Average"] <= high for point in points)


def test_what_was_measured_outlives_the_instance(watch: Watch) -> None:
    instance_id = watch.launch("42")
    watch.sandbox.control.advance(HOUR)
    watch.ec2.terminate_instances(InstanceIds=[instance_id])
    watch.sandbox.control.advance(3 * HOUR)
    assert {point["Average"] for point in watch.points(instance_id, back=5 * HOUR)} == {42}


def test_metric_data_answers_several_questions_at_once(watch: Watch) -> None:
    busy, idle = (watch.launch(tag) for tag in ("busy", "idle"))
    watch.sandbox.control.advance(HOUR)
    now = watch.now
    watch.cloudwatch.put_metric_data(
        Namespace="Mine",
        MetricData=[{"MetricName": "Own", "Value": 7, "Timestamp": now - 10 * MINUTE}],
    )

    def query(name: str, namespace: str, metric: str, of: str | None) -> dict[str, Any]:
        described: dict[str, Any] = {"Namespace": namespace, "MetricName": metric}
        if of:
            described["Dimensions"] = dimensions(of)
        stat = {"Metric": described, "Period": 300, "Stat": "Maximum"}
        return {"Id": name, "MetricStat": stat}

    results = watch.cloudwatch.get_metric_data(
        MetricDataQueries=[
            query("busy", "AWS/EC2", "CPUUtilization", busy),
            query("own", "Mine", "Own", None),
            query("idle", "AWS/EC2", "CPUUtilization", idle),
            query("check", "AWS/EC2", "StatusCheckFailed", busy),
        ],
        StartTime=now - 30 * MINUTE,
        EndTime=now,
    )["MetricDataResults"]
    values = {result["Id"]: result["Values"] for result in results}
    assert [result["Id"] for result in results] == ["busy", "own", "idle", "check"]
    assert min(values["busy"]) > 80
    assert max(values["idle"]) < 3
    assert values["own"] == [7]
    assert set(values["check"]) == {0}
    newest_first = results[0]["Timestamps"]
    assert newest_first == sorted(newest_first, reverse=True)


def test_metrics_are_listed_with_those_that_were_put(watch: Watch) -> None:
    instance_id = watch.launch()
    watch.cloudwatch.put_metric_data(
        Namespace="Mine", MetricData=[{"MetricName": "Own", "Value": 1}]
    )
    watch.sandbox.control.advance(HOUR)
    listed = watch.cloudwatch.list_metrics()["Metrics"]
    assert {metric["Namespace"] for metric in listed} == {"AWS/EC2", "Mine"}
    cpu = watch.cloudwatch.list_metrics(Namespace="AWS/EC2", MetricName="CPUUtilization")
    assert [metric["Dimensions"] for metric in cpu["Metrics"]] == [dimensions(instance_id)]
    other = dimensions("i-0123456789abcdef0")
    assert watch.cloudwatch.list_metrics(Dimensions=other)["Metrics"] == []


def test_a_metric_of_another_region_is_not_there(watch: Watch) -> None:
    instance_id = watch.launch()
    watch.sandbox.control.advance(HOUR)
    watch.cloudwatch = watch.sandbox.client("cloudwatch", "eu-west-1")
    assert watch.points(instance_id) == []


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"Period": 90}, "InvalidParameterValue"),
        ({"StartTime": datetime(2030, 1, 1, tzinfo=UTC)}, "InvalidParameterValue"),
        ({"Statistics": []}, "InvalidParameterCombination"),
        (
            {"Period": 60, "StartTime": datetime(2025, 1, 1, tzinfo=UTC)},
            "InvalidParameterCombination",
        ),
    ],
    ids=["period", "range", "no statistic", "too many"],
)
def test_what_cloudwatch_refuses_is_refused(
    watch: Watch, chosen: dict[str, Any], code: str
) -> None:
    instance_id = watch.launch()
    with pytest.raises(ClientError) as caught:
        watch.points(instance_id, **chosen)
    assert code in caught.value.response["Error"]["Code"]


def test_the_same_calls_have_the_same_load(watch: Watch) -> None:
    def measured(seed: int) -> list[Any]:
        watch.sandbox.reset(speed=0, begins=BEGINS, seed=seed)
        instance_id = watch.launch()
        watch.sandbox.control.advance(3 * HOUR)
        return watch.points(instance_id, back=3 * HOUR)

    assert measured(1) == measured(1) != measured(2)


# The console


def test_the_console_tells_of_the_instance_itself(watch: Watch) -> None:
    instance_id = watch.launch(UserData="#!/bin/sh\necho SECRET\n")
    assert watch.console(instance_id) == ""
    watch.sandbox.control.advance(MINUTE)
    text = watch.console(instance_id)
    assert instance_id in text
    assert "t3.micro" in text
    assert "SECRET" not in text
    assert "-----BEGIN SSH HOST KEY FINGERPRINTS-----" in text
    assert text == watch.console(instance_id)
    assert text != watch.console(watch.launch(), Latest=True)


def test_a_shutdown_is_on_the_console(watch: Watch) -> None:
    instance_id = watch.launch()
    watch.sandbox.control.advance(HOUR)
    watch.ec2.stop_instances(InstanceIds=[instance_id])
    watch.sandbox.control.advance(MINUTE)
    answer = watch.ec2.get_console_output(InstanceId=instance_id, Latest=True)
    assert answer["Output"].rstrip().endswith("Power down")
    assert answer["Timestamp"] < watch.now


def test_old_types_have_no_latest_console(watch: Watch) -> None:
    instance_id = watch.launch(InstanceType="t2.micro")
    watch.sandbox.control.advance(MINUTE)
    assert "t2.micro" in watch.console(instance_id)
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        watch.console(instance_id, Latest=True)


def test_a_console_is_one_of_an_instance(watch: Watch) -> None:
    instance_id = watch.launch()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"InstanceId": "i-0123456789abcdef0"}, "InvalidInstanceID.NotFound"),
        ({"InstanceId": "train"}, "InvalidInstanceID.Malformed"),
        ({"InstanceId": instance_id, "DryRun": True}, "DryRunOperation"),
    ]
    for asked, code in cases:
        with pytest.raises(ClientError) as caught:
            watch.ec2.get_console_output(**asked)
        assert caught.value.response["Error"]["Code"] == code
