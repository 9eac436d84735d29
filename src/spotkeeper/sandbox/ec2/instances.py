"""EC2 calls about instances: run, start, stop, terminate, describe."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from spotkeeper.sandbox.protocol.filters import Filters, passes, tag_value
from spotkeeper.sandbox.protocol.paging import page
from spotkeeper.sandbox.protocol.refusal import invalid_combination, refuse
from spotkeeper.sandbox.requests import launches, machines
from spotkeeper.sandbox.requests.launch_orders import read_order
from spotkeeper.sandbox.requests.request_states import Event, Situation
from spotkeeper.sandbox.requests.spot_requests import SpotRequest, held_by

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "stopping": 64}

# Filter of DescribeInstances to the value of an instance.
FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "architecture": lambda i: i.architecture,
    "availability-zone": lambda i: i.placement.zone,
    "client-token": lambda i: i.client_token,
    "dns-name": lambda i: i.public_dns_name,
    "image-id": lambda i: i.image_id,
    "instance-id": lambda i: i.id,
    "instance-lifecycle": lambda i: i.lifecycle,
    "instance-state-code": lambda i: i.state_code,
    "instance-state-name": lambda i: i.state,
    "instance-type": lambda i: i.instance_type,
    "instance.group-id": lambda i: [group.id for group in i.security_groups],
    "instance.group-name": lambda i: [group.name for group in i.security_groups],
    "ip-address": lambda i: i.public_ip,
    "key-name": lambda i: i.key_name,
    "owner-id": lambda i: i.owner_id,
    "private-ip-address": lambda i: i.private_ip,
    "spot-instance-request-id": lambda i: getattr(i, "spot_instance_request_id", None),
    "state-reason-code": lambda i: i.state_reason.code,
    "subnet-id": lambda i: i.subnet_id,
    "vpc-id": lambda i: i.vpc_id,
}


class MachineResponses(EC2Response):  # type: ignore[misc]
    """Instances and what is done with them."""

    def run_instances(self) -> ActionResult:
        """Launch On-Demand or Spot, all of MaxCount or nothing."""
        params = _with_template(self.params, self.ec2_backend)
        order = read_order(params, self.ec2_backend)
        self.error_on_dryrun()
        before = launches.launched_before(params, self.ec2_backend)
        return ActionResult(before or launches.launch(order, self.ec2_backend))

    def describe_instances(self) -> ActionResult:
        """By reservation, as EC2 shows them; pages count reservations."""
        self.error_on_dryrun()
        asked = self.params.get("InstanceIds") or []
        if asked and self.params.get("MaxResults"):
            raise invalid_combination(
                "The parameter instancesSet cannot be used with the parameter maxResults"
            )
        self._instances(asked)
        filters = self._filters_from_querystring()
        reservations = self.ec2_backend.all_reservations()
        for reservation in reservations:
            reservation.instances = [
                instance
                for instance in reservation.instances
                if (not asked or instance.id in asked) and _fits(instance, filters)
            ]
        shown = [reservation for reservation in reservations if reservation.instances]
        found, token = page(shown, self.params, default=1_000)
        return ActionResult({"Reservations": found, "NextToken": token})

    def stop_instances(self) -> ActionResult:
        """Stop; a Spot instance only when its request is persistent and not cancelled."""
        changed = self._change(Event.USER_STOP, act=_stop)
        return ActionResult({"StoppingInstances": changed})

    def start_instances(self) -> ActionResult:
        """Start what the user stopped, if the pool has room at the price."""
        changed = self._change(Event.USER_START, act=_start)
        return ActionResult({"StartingInstances": changed})

    def terminate_instances(self) -> ActionResult:
        """Terminate; safe to repeat. A persistent request launches anew unless cancelled."""
        changed = self._change(Event.USER_TERMINATE, act=_terminate)
        return ActionResult({"TerminatingInstances": changed})

    def _change(
        self, event: Event, *, act: Callable[[Any, SpotRequest | None], None]
    ) -> list[dict[str, Any]]:
        instances = self._instances(self.params.get("InstanceIds") or [])
        self.error_on_dryrun()
        requests = held_by([instance.id for instance in instances])
        _check_rules(event, instances, requests)
        changed = []
        for instance in instances:
            before = {"Code": instance.state_code, "Name": instance.state}
            act(instance, requests.get(instance.id))
            after = {"Code": instance.state_code, "Name": instance.state}
            changed.append(
                {"InstanceId": instance.id, "PreviousState": before, "CurrentState": after}
            )
        return changed

    def _instances(self, asked: list[str]) -> list[Any]:
        """The instances by id; EC2's error for the first that is unknown."""
        known = {
            instance.id: instance
            for reservation in self.ec2_backend.reservations.values()
            for instance in reservation.instances
        }
        for instance_id in asked:
            if not instance_id.startswith("i-"):
                raise refuse("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
            if instance_id not in known:
                raise refuse(
                    "InvalidInstanceID.NotFound",
                    f"The instance ID '{instance_id}' does not exist",
                )
        return [known[instance_id] for instance_id in asked]


def _check_rules(event: Event, instances: list[Any], requests: Mapping[str, SpotRequest]) -> None:
    """All or nothing: EC2 refuses the whole call for one instance that may not."""
    for instance in instances:
        if event is not Event.USER_TERMINATE and instance.state == "terminated":
            raise refuse(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be "
                f"{'started' if event is Event.USER_START else 'stopped'}.",
            )
        if event is Event.USER_TERMINATE and instance.disable_api_termination:
            raise refuse(
                "OperationNotPermitted",
                f"The instance '{instance.id}' may not be terminated. Modify its "
                "'disableApiTermination' instance attribute and try again.",
            )
        request = requests.get(instance.id)
        if request is None:
            continue
        request.check(event)
        if event is Event.USER_START and request.situation is Situation.STOPPED_BY_USER:
            launches.check_room(request.pool, request.terms.max_price)


def _stop(instance: Any, request: SpotRequest | None) -> None:
    if request:
        request.happen(Event.USER_STOP)
    elif instance.state == "running":
        machines.stop(instance)


def _start(instance: Any, request: SpotRequest | None) -> None:
    if request:
        request.happen(Event.USER_START)
    elif instance.state == "stopped":
        machines.start(instance)


def _terminate(instance: Any, request: SpotRequest | None) -> None:
    if instance.state == "terminated":
        return
    if request:
        request.happen(Event.USER_TERMINATE)
    else:
        machines.terminate(instance)


def _fits(instance: Any, filters: Filters) -> bool:
    def value_of(name: str) -> Any:
        if read := FILTERS.get(name):
            return read(instance)
        return tag_value(name, instance.ec2_backend.tags.get(instance.id, {}))

    return passes(filters, value_of)


def _with_template(params: Any, backend: Any) -> dict[str, Any]:
    """The launch template's values where the call itself has none; tags of both."""
    if not params.get("LaunchTemplate"):
        return dict(params)
    template = backend._get_template_from_args(params["LaunchTemplate"])  # noqa: SLF001
    data = template.data
    tags = [*data.get("TagSpecifications", []), *params.get("TagSpecifications", [])]
    return {**data, **params, "TagSpecifications": tags}
