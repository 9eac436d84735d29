"""``doctor``: what a launch would need, looked at where it would be."""

from collections.abc import Sequence

from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.regions import searched
from spotkeeper.lifecycle.doctor import Check, CheckStatus, Doctor, Examined
from spotkeeper.model.tags import AWS, home_region
from spotkeeper.ssh import keys


def checks(
    types: Sequence[str], region: str | None, asked: Examined, edges: Edges
) -> tuple[Check, ...]:
    """Every check of a launch of the types, in one region; where none is set, that is a finding,
    and the rest is looked at in the region that every account has."""
    is_set = region or edges.default_region
    chosen = searched((region or edges.default_region or home_region(AWS),), edges)[0]
    doctor = Doctor(
        cloud=edges.cloud,
        account=edges.account,
        region=chosen,
        hardware=lambda: edges.market.hardware(chosen, types).value,
        key_told=lambda: keys.told(edges.home),
        require=edges.reach.require,
    )
    found = doctor.examine(asked)
    if is_set:
        return found
    told = f"none is set; {chosen} is looked at"
    fix = "Add --region NAME to each command, or `aws configure set region NAME`."
    return (Check("home region", CheckStatus.BROKEN, told, fix), *found)
