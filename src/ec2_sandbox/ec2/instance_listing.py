"""DescribeInstances: which instances, on which page."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2.instance_filters import check_names, fits
from ec2_sandbox.ec2.instance_xml import reservation_item
from ec2_sandbox.ec2.xml import listing
from ec2_sandbox.protocol.filters import Filters
from ec2_sandbox.protocol.paging import page
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value, refuse
from ec2_sandbox.world import world

# How many instances a page may have (DescribeInstances, MaxResults).
FEWEST, MOST = 5, 1_000


class InstanceListing(EC2Response):  # type: ignore[misc]
    """The list of instances."""

    def describe_instances(self) -> str:
        """By reservation, oldest first; a page counts instances and may end inside of one."""
        self.error_on_dryrun()
        asked = self.params.get("InstanceIds") or []
        _check_page(asked, self.params.get("MaxResults"))
        filters = self._filters_from_querystring()
        check_names(filters)
        find_instances(self.ec2_backend, asked)
        found = _found(self.ec2_backend, frozenset(asked), filters)
        shown, token = page(list(found), self.params, default=MOST)
        items = "".join(
            reservation_item(reservation, [instance for _, instance in of_it])
            for reservation, of_it in groupby(shown, key=lambda pair: pair[0])
        )
        return listing("DescribeInstances", items, set_name="reservationSet", token=token)


def find_instances(backend: Any, asked: list[str]) -> list[Any]:
    """The instances of these ids; EC2's error names all that are unknown."""
    known = {instance.id: instance for _, instance in listed(backend)} if asked else {}
    for instance_id in asked:
        if not instance_id.startswith("i-"):
            raise refuse("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
    if unknown := [instance_id for instance_id in asked if instance_id not in known]:
        named, do = ("IDs", "do") if len(unknown) > 1 else ("ID", "does")
        raise refuse(
            "InvalidInstanceID.NotFound",
            f"The instance {named} '{', '.join(unknown)}' {do} not exist",
        )
    return [known[instance_id] for instance_id in asked]


def _found(backend: Any, asked: frozenset[str], filters: Filters) -> Iterator[tuple[Any, Any]]:
    """Reservation and instance, for every instance to be shown."""
    for reservation, instance in listed(backend):
        if asked and instance.id not in asked:
            continue
        if not filters or fits(reservation, instance, filters):
            yield reservation, instance


def listed(backend: Any) -> Iterator[tuple[Any, Any]]:
    """Reservation and instance, for every instance that EC2 finds by now."""
    for reservation in backend.reservations.values():
        for instance in reservation.instances:
            made = getattr(instance, "created_at", None)  # moto's own have none
            if made is None or world().finds(instance.id, made):
                yield reservation, instance


def _check_page(asked: list[str], size: int | None) -> None:
    if size is None:
        return
    if asked:
        raise invalid_combination(
            "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    if not FEWEST <= size <= MOST:
        bound = f"greater than {FEWEST}" if size < FEWEST else f"less than {MOST}"
        raise invalid_value(
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}."
        )
