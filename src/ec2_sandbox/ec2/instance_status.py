"""EC2 calls about how instances are: status checks, monitoring, metadata options."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox import catalogue
from ec2_sandbox.ec2 import listings
from ec2_sandbox.ec2.instance_listing import find_instances
from ec2_sandbox.guests.guests import guests
from ec2_sandbox.protocol.refusal import invalid_value
from ec2_sandbox.world import instances, world

# How long the checks take after a start (UserGuide/monitoring-system-instance-status-check.html
# names no time; two minutes is what waiters usually meet).
INITIALIZING = timedelta(minutes=2)
HOPS = range(1, 65)  # HttpPutResponseHopLimit

# Parameter of ModifyInstanceMetadataOptions to its values; None is any.
METADATA_OPTIONS: Mapping[str, tuple[str, tuple[str, ...] | None]] = {
    "HttpTokens": ("http_tokens", ("optional", "required")),
    "HttpPutResponseHopLimit": ("http_put_response_hop_limit", None),
    "HttpEndpoint": ("http_endpoint", ("enabled", "disabled")),
    "HttpProtocolIpv6": ("http_protocol_ipv6", ("enabled", "disabled")),
    "InstanceMetadataTags": ("instance_metadata_tags", ("enabled", "disabled")),
}


class InstanceStatusResponses(EC2Response):  # type: ignore[misc]
    """The health and the watching of instances."""

    def describe_instance_status(self) -> Any:
        """Running instances, or all; "initializing" for a while after a start."""
        return listings.shown(self, "DescribeInstanceStatus", self._statuses())

    def monitor_instances(self) -> ActionResult:
        """Detailed monitoring on."""
        return self._monitored("enabled", shown="pending")

    def unmonitor_instances(self) -> ActionResult:
        """Detailed monitoring off."""
        return self._monitored("disabled", shown="disabling")

    def modify_instance_metadata_options(self) -> ActionResult:
        """What is given changes, the rest stays."""
        (instance,) = find_instances(self.ec2_backend, [self.params.get("InstanceId")])
        changes = _metadata_changes(self.params)
        self.error_on_dryrun()
        options = instance.metadata_options
        for attribute, value in changes.items():
            setattr(options, attribute, value)
        shown = {name: getattr(options, own) for name, (own, _) in METADATA_OPTIONS.items()}
        return ActionResult(
            {"InstanceId": instance.id, "InstanceMetadataOptions": {**shown, "State": "pending"}}
        )

    def _statuses(self) -> list[dict[str, Any]]:
        asked = self.params.get("InstanceIds") or []
        backend = self.ec2_backend
        found = find_instances(backend, asked) if asked else instances(backend)
        every = _truth(self.params.get("IncludeAllInstances"))
        return [_status(one) for one in found if every or one.state == "running"]

    def _monitored(self, state: str, *, shown: str) -> ActionResult:
        found = find_instances(self.ec2_backend, self.params.get("InstanceIds") or [])
        self.error_on_dryrun()
        for instance in found:
            instance.monitoring_state = state
        return ActionResult(
            {
                "InstanceMonitorings": [
                    {"InstanceId": one.id, "Monitoring": {"State": shown}} for one in found
                ]
            }
        )


def _status(instance: Any) -> dict[str, Any]:
    zone = instance.placement.zone
    return {
        "AvailabilityZone": zone,
        "AvailabilityZoneId": catalogue.zone_ids(instance.region_name).get(zone),
        "InstanceId": instance.id,
        "InstanceState": {"Code": instance.state_code, "Name": instance.state},
        **dict.fromkeys(("InstanceStatus", "SystemStatus", "AttachedEbsStatus"), _check(instance)),
    }


def _check(instance: Any) -> dict[str, Any]:
    """The result of a status check; nothing is checked while the instance does not run."""
    if instance.state != "running":
        return {"Status": "not-applicable"}
    here = guests()
    if here and (guest := here.of(instance.id)) and guest.failure:
        return _result("impaired", "failed")
    age = world().now.replace(tzinfo=None) - instance.launch_time
    if age < INITIALIZING * world().options.dwell:
        return _result("initializing", "initializing")
    return _result("ok", "passed")


def _result(status: str, reachability: str) -> dict[str, Any]:
    return {"Status": status, "Details": [{"Name": "reachability", "Status": reachability}]}


def _metadata_changes(params: Mapping[str, Any]) -> dict[str, Any]:
    changes = {}
    for name, (attribute, values) in METADATA_OPTIONS.items():
        value = params.get(name)
        if value is None:
            continue
        if value not in (values or HOPS):
            raise invalid_value(f"Value ({value}) for parameter {name} is invalid.")
        changes[attribute] = value
    return changes


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"
