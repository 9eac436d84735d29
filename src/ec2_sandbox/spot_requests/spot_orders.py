"""RequestSpotInstances: parameters in, open requests out. AWS calls it legacy; it still answers.

Unlike RunInstances it waits: a request that cannot be fulfilled now stays open.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ec2_sandbox.clock import utc
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value, missing
from ec2_sandbox.protocol.tag_specifications import read_tags
from ec2_sandbox.spot_requests.launch_orders import (
    REQUESTS,
    LaunchOrder,
    check_hibernation,
    read_launch,
)
from ec2_sandbox.spot_requests.launchers import OrderLauncher
from ec2_sandbox.spot_requests.launches import check_spot_quota
from ec2_sandbox.spot_requests.request_states import RequestKind
from ec2_sandbox.spot_requests.spot_requests import SpotRequest
from ec2_sandbox.spot_requests.spot_terms import (
    BEHAVIOR,
    ONE_TIME,
    SpotTerms,
    check_can_be_spot,
    check_is_to_come,
    check_no_block,
    kind_of,
    max_price,
)
from ec2_sandbox.world import world

VALID_FOR = timedelta(days=7)  # RequestSpotInstances, ValidUntil


def read_spot_order(params: Mapping[str, Any], backend: Any) -> LaunchOrder:
    """Check the parameters in the order in which EC2 complains."""
    check_no_block(params)
    count = params.get("InstanceCount")
    if count is not None and int(count) < 1:
        raise invalid_value(f"Value ({count}) for parameter instanceCount is invalid.")
    order = _launch_order(params, backend)
    check_can_be_spot(order.instance_type)
    terms = _terms(params, order)
    check_hibernation(terms, order.instance_type, order.disks)
    tags = read_tags(params.get("TagSpecifications"), {REQUESTS})
    return replace(order, spot=terms, count=int(count or 1), tags=tags)


def open_requests(order: LaunchOrder, backend: Any) -> list[SpotRequest]:
    """One request for each instance, all waiting to be evaluated."""
    check_spot_quota(order.instance_type, order.region, order.count)
    return [_opened(order, backend) for _ in range(order.count)]


def _opened(order: LaunchOrder, backend: Any) -> SpotRequest:
    nowhere = Pool(f"{order.region}a", order.instance_type)
    pool = order.pools[0] if order.zones else nowhere
    launcher = OrderLauncher(replace(order, count=1), backend)
    request = SpotRequest(backend, pool, _spot(order), launcher=launcher)
    request.add_tags(dict(order.tags.get(REQUESTS, {})))
    request.submit()
    return request


def _spot(order: LaunchOrder) -> SpotTerms:
    if order.spot is None:
        raise ValueError("an order of RequestSpotInstances has Spot terms")
    return order.spot


def _launch_order(params: Mapping[str, Any], backend: Any) -> LaunchOrder:
    """The launch specification as RunInstances would read it.

    A zone that does not offer the type is no error here: the request waits for ever, as
    constraint-not-fulfillable.
    """
    if not params.get("LaunchSpecification"):
        raise missing("LaunchSpecification")
    asked = {key: value for key, value in params["LaunchSpecification"].items() if value}
    return read_launch(asked, backend)


def _terms(params: Mapping[str, Any], order: LaunchOrder) -> SpotTerms:
    behavior = params.get(BEHAVIOR) or "terminate"
    kind = kind_of(params.get("Type") or ONE_TIME, behavior)
    begins, ends = utc(params.get("ValidFrom")), utc(params.get("ValidUntil"))
    check_is_to_come(begins, "ValidFrom")
    check_is_to_come(ends, "ValidUntil")
    if begins and ends and ends <= begins:
        raise invalid_combination("The parameter ValidUntil must be after ValidFrom.")
    if kind is RequestKind.BOX and params.get("LaunchGroup"):
        raise invalid_combination(
            f"A launch group cannot be specified when instanceInterruptionBehavior is set to "
            f"'{behavior}'."
        )
    return SpotTerms(
        kind=kind,
        interruption_behavior=behavior,
        max_price=max_price(params.get("SpotPrice"), order.region, order.instance_type),
        valid_until=ends or world().now + VALID_FOR,
        valid_from=begins,
        launch_group=params.get("LaunchGroup"),
        zone_group=params.get("AvailabilityZoneGroup"),
    )
