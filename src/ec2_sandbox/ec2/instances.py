"""EC2 calls about instances: run, start, stop, reboot, terminate."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2.instance_listing import find_instances
from ec2_sandbox.ec2.instance_xml import launched
from ec2_sandbox.guests.guests import guests
from ec2_sandbox.protocol.refusal import EC2Error, invalid_combination, refuse
from ec2_sandbox.spot_requests import launches, machines
from ec2_sandbox.spot_requests.endings import stop_instance, terminate_instance
from ec2_sandbox.spot_requests.launch_orders import FLEET_TAG, read_order
from ec2_sandbox.spot_requests.launch_templates import find_version
from ec2_sandbox.spot_requests.request_states import RequestEvent, Situation
from ec2_sandbox.spot_requests.spot_requests import SpotRequest, request_of
from ec2_sandbox.world import world

# From which states an instance may be stopped, started, rebooted; the last two need no doing
# (UserGuide/ec2-instance-lifecycle.html).
MAY_STOP = {"running", "stopping", "stopped"}
MAY_START = {"stopped", "pending", "running"}


class MachineResponses(EC2Response):  # type: ignore[misc]
    """Instances and what is done with them."""

    def run_instances(self) -> str:
        """Launch On-Demand or Spot, between MinCount and MaxCount instances or none."""
        params = _with_template(self.params, self.ec2_backend)
        order = read_order(params, self.ec2_backend)
        self.error_on_dryrun()
        before = launches.launched_before(params, self.ec2_backend)
        return launched(before or launches.launch(order, self.ec2_backend))

    def stop_instances(self) -> ActionResult:
        """Stop; a Spot instance only when its request is persistent and not cancelled."""
        hibernate = bool(self.params.get("Hibernate"))
        changed = self._change(lambda one: _check_stop(one, hibernate=hibernate), stop_instance)
        return ActionResult({"StoppingInstances": changed})

    def start_instances(self) -> ActionResult:
        """Start what the user stopped, if the pool has room at the price."""
        changed = self._change(_check_start, _start)
        return ActionResult({"StartingInstances": changed})

    def reboot_instances(self) -> EmptyResult:
        """No state changes, and only what runs can be rebooted."""
        instances = self._asked()
        for instance in instances:
            if instance.state != "running":
                raise _wrong_state(instance, "rebooted")
        if here := guests():
            here.reboot([instance.id for instance in instances])
        return EmptyResult()

    def terminate_instances(self) -> ActionResult:
        """Terminate; safe to repeat. A persistent request launches anew unless cancelled."""
        changed = self._change(_check_terminate, terminate_instance)
        return ActionResult({"TerminatingInstances": changed})

    def _asked(self) -> list[Any]:
        asked = self.params.get("InstanceIds")
        if not asked:
            raise invalid_combination("No instances specified")
        instances = find_instances(self.ec2_backend, asked)
        self.error_on_dryrun()
        return instances

    def _change(
        self, check: Callable[[Any], None], act: Callable[[Any], None]
    ) -> list[dict[str, Any]]:
        """All or nothing: EC2 refuses the whole call for one instance that may not."""
        instances = self._asked()
        for instance in instances:
            check(instance)
        changed = []
        for instance in instances:
            before = {"Code": instance.state_code, "Name": instance.state}
            act(instance)
            after = {"Code": instance.state_code, "Name": instance.state}
            changed.append(
                {"InstanceId": instance.id, "PreviousState": before, "CurrentState": after}
            )
        return changed


def _check_stop(instance: Any, *, hibernate: bool) -> None:
    if instance.state not in MAY_STOP:
        raise _wrong_state(instance, "stopped")
    if instance.disable_api_stop:
        raise _protected(instance, "stopped", "disableApiStop")
    if hibernate and not (instance.hibernation_options or {}).get("Configured"):
        raise refuse(
            "UnsupportedHibernationConfiguration",
            f"The instance '{instance.id}' is not configured for hibernation.",
        )
    if request := request_of(instance):
        request.check(RequestEvent.USER_STOP)
        _check_is_alone(instance, request)
        if hibernate:
            raise invalid_combination("You can't hibernate a Spot Instance; only EC2 does.")


def _check_is_alone(instance: Any, request: SpotRequest) -> None:
    """Who belongs to a fleet or a group cannot be stopped (UserGuide/stop-spot-instances)."""
    in_fleet = FLEET_TAG in instance.ec2_backend.tags.get(instance.id, {})
    groups = {
        "fleet": in_fleet,
        "launch group": request.terms.launch_group,
        "Availability Zone group": request.terms.zone_group,
    }
    for name, belongs in groups.items():
        if belongs:
            raise refuse(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{instance.id}' because it is in a {name}, "
                "which does not support stop.",
            )


def _check_start(instance: Any) -> None:
    if instance.state not in MAY_START:
        raise _wrong_state(instance, "started")
    if request := request_of(instance):
        request.check(RequestEvent.USER_START)
        if request.situation is Situation.STOPPED_BY_USER:
            _check_room(instance, request)
            launches.check_spot_quota(request.pool.instance_type, request.pool.region, 1)
    elif instance.state == "stopped":
        launches.check_start(instance)


def _check_room(instance: Any, request: SpotRequest) -> None:
    """A start has a code and words of its own for a pool that is dry."""
    if world().capacity.is_dry(request.pool, world().second):
        raise refuse(
            "Unsupported",
            f"You can't start the Spot Instance '{instance.id}' because there is no available "
            "Spot capacity.",
        )
    launches.check_price(request.pool, request.terms.max_price)


def _check_terminate(instance: Any) -> None:
    if instance.disable_api_termination and instance.state not in machines.OVER:
        raise _protected(instance, "terminated", "disableApiTermination")


def _start(instance: Any) -> None:
    if request := request_of(instance):
        request.happen(RequestEvent.USER_START)
    elif instance.state == "stopped":
        machines.start(instance)


def _wrong_state(instance: Any, what: str) -> EC2Error:
    return refuse(
        "IncorrectInstanceState",
        f"The instance '{instance.id}' is not in a state from which it can be {what}.",
    )


def _protected(instance: Any, what: str, attribute: str) -> EC2Error:
    return refuse(
        "OperationNotPermitted",
        f"The instance '{instance.id}' may not be {what}. Modify its '{attribute}' instance "
        "attribute and try again.",
    )


def _with_template(params: Mapping[str, Any], backend: Any) -> dict[str, Any]:
    """The launch template's values where the call itself has none; tags of both."""
    if not params.get("LaunchTemplate"):
        return dict(params)
    version = find_version(params["LaunchTemplate"], backend)
    tags = [*version.data.get("TagSpecifications", []), *params.get("TagSpecifications", [])]
    found = {"LaunchTemplateId": version.template.id, "Version": version.number}
    return {**version.data, **params, "TagSpecifications": tags, "LaunchTemplate": found}
