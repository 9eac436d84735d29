"""EC2 calls about what exists: instance types, where they are offered, regions, images."""

from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from moto.core.utils import get_service_model
from moto.ec2.responses import EC2Response

from ec2_sandbox import catalogue, images
from ec2_sandbox.ec2 import listings
from ec2_sandbox.ec2.xml import listing
from ec2_sandbox.protocol.filters import Filters, at_path, matches, passes
from ec2_sandbox.protocol.paging import page
from ec2_sandbox.protocol.refusal import invalid_value, refuse

TYPES = "DescribeInstanceTypes"
TYPES_PER_PAGE = 100
OFFERINGS_PER_PAGE = 100


class CatalogueResponses(EC2Response):  # type: ignore[misc]
    """Types, offerings, regions, images."""

    def describe_instance_types(self) -> Any:
        """Types offered in this region, 100 to a page."""
        self.error_on_dryrun()
        offered = catalogue.zones_of_types(self.region)
        asked = self.params.get("InstanceTypes") or []
        if unknown := sorted(set(asked) - set(offered)):
            raise refuse(
                "InvalidInstanceType",
                f"The following supplied instance types do not exist: [{', '.join(unknown)}]",
            )
        filters = self._filters_from_querystring()
        names = [
            name for name in offered if not asked or name in asked if _type_fits(name, filters)
        ]
        found, token = page(names, self.params, default=TYPES_PER_PAGE)
        items = "".join(_type_item(name) for name in found)
        return listing(TYPES, items, set_name="instanceTypeSet", token=token)

    def describe_instance_type_offerings(self) -> Any:
        """Where types are offered: by region, zone or zone id."""
        self.error_on_dryrun()
        kind = self.params.get("LocationType") or "region"
        filters = self._filters_from_querystring()
        if unknown := sorted(set(filters) - {"instance-type", "location"}):
            raise invalid_value(f"The filter '{unknown[0]}' is invalid")
        rows = [
            (name, location)
            for name, zones in catalogue.zones_of_types(self.region).items()
            if matches(name, filters.get("instance-type", ["*"]))
            for location in _locations(kind, zones, self.region)
            if matches(location, filters.get("location", ["*"]))
        ]
        found, token = page(rows, self.params, default=OFFERINGS_PER_PAGE)
        items = "".join(
            f"<item><instanceType>{name}</instanceType><locationType>{kind}</locationType>"
            f"<location>{location}</location></item>"
            for name, location in found
        )
        return listing(
            "DescribeInstanceTypeOfferings", items, set_name="instanceTypeOfferingSet", token=token
        )

    def describe_regions(self) -> Any:
        """The regions of a default account; the others with AllRegions."""
        asked = self.params.get("RegionNames") or []
        known = catalogue.all_regions()
        if unknown := [name for name in asked if name not in known]:
            raise invalid_value(f"Invalid region: [{unknown[0]}]")
        shown = known if self.params.get("AllRegions") or asked else catalogue.ENABLED_REGIONS
        described = [_region(name) for name in shown if not asked or name in asked]
        return listings.shown(self, "DescribeRegions", described)

    def describe_images(self) -> Any:
        """The images of images.py, and those the user made."""
        asked, owners = self.params.get("ImageIds") or [], self.params.get("Owners") or []
        known = images.images_of(self.region)
        own = self.ec2_backend.amis
        if unknown := [image_id for image_id in asked if image_id not in {*known, *own}]:
            raise refuse("InvalidAMIID.NotFound", f"The image id '[{unknown[0]}]' does not exist")
        described = [
            one
            for one in (image.described() for image in known.values())
            if not asked or one["ImageId"] in asked
            if not owners or {one["OwnerId"], one["ImageOwnerAlias"]} & set(owners)
        ]
        made = self._own_images(asked, owners)
        return listings.shown(self, "DescribeImages", [*described, *made])

    def _own_images(self, asked: list[str], owners: list[str]) -> list[Any]:
        own = [image_id for image_id in asked if image_id in self.ec2_backend.amis]
        if asked and not own:
            return []
        found: list[Any] = self.ec2_backend.describe_images(ami_ids=own, owners=owners)
        return found


def _type_fits(name: str, filters: Filters) -> bool:
    described = catalogue.instance_types()[name]
    return passes(filters, lambda asked: at_path(described, listings.path_of(TYPES, asked)))


def _locations(kind: str, zones: tuple[str, ...], region: str) -> list[str]:
    if kind == "region":
        return [region]
    if kind == "availability-zone":
        return list(zones)
    if kind == "availability-zone-id":
        return [catalogue.zone_ids(region)[zone] for zone in zones]
    raise invalid_value(f"Invalid value '{kind}' for LocationType.")


def _region(name: str) -> dict[str, str]:
    enabled = name in catalogue.ENABLED_REGIONS
    return {
        "RegionName": name,
        "Endpoint": f"ec2.{name}.amazonaws.com",
        "OptInStatus": "opt-in-not-required" if enabled else "not-opted-in",
    }


@cache
def _type_item(name: str) -> str:
    """One ``<item>`` of DescribeInstanceTypes, written once: moto's serializer needs two seconds
    for the list. The element names are those of EC2's model."""
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
