"""Finding what a person means by a name: an instance, by its id or its name tag, in any region."""

from typing import Any

from ec2_sandbox.errors import BadInput, NotFound
from ec2_sandbox.spot_requests.due_events import NOTICED, RUNNING
from ec2_sandbox.spot_requests.spot_requests import SpotRequest
from ec2_sandbox.world import instances, spot_requests

NAME_TAGS = ("spotkeeper:name", "Name")
ALIVE = {"pending", "running"}


def names_of(instance: Any) -> set[str]:
    """An instance's id and its names."""
    tags = instance.ec2_backend.tags.get(instance.id, {})
    return {str(instance.id), *(tags[key] for key in NAME_TAGS if key in tags)}


def instance_named(name: str) -> Any:
    """The one instance that runs under a name."""
    found = [one for one in instances() if one.state in ALIVE and name in names_of(one)]
    return _only(found, name, kind="machine")


def request_named(name: str) -> SpotRequest:
    """The request of the one running Spot instance of a name."""
    held = [r for r in spot_requests() if r.situation in RUNNING | NOTICED and r.instance]
    found = {r.instance: r for r in held if name in names_of(r.instance)}
    request: SpotRequest = found[_only(list(found), name, kind="Spot machine")]
    return request


def ids_named(name: str) -> set[str]:
    """The instances of a name and their requests; the name itself when it is none."""
    found = [one for one in instances() if name in names_of(one)]
    requests = {getattr(one, "spot_instance_request_id", None) or name for one in found}
    return {name, *(str(one.id) for one in found), *requests}


def _only(found: list[Any], name: str, *, kind: str) -> Any:
    if not found:
        raise NotFound(
            f"No running {kind} is called '{name}'",
            next_step="Give its name or its instance id; `spot ls` shows both.",
        )
    if len(found) > 1:
        ids = ", ".join(str(one.id) for one in found)
        raise BadInput(
            f"{len(found)} {kind}s are called '{name}'", next_step=f"Give an instance id: {ids}."
        )
    return found[0]
