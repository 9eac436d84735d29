"""``doctor``: what a launch would need, looked at where it would be."""

from collections.abc import Sequence

from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.regions import searched
from spotkeeper.lifecycle.doctor import Check, Doctor
from spotkeeper.ssh import keys


def checks(
    types: Sequence[str], image: str, region: str | None, edges: Edges
) -> tuple[Check, ...]:
    """Every check of a launch of the types, in one region."""
    chosen = searched((region,) if region else (), edges)[0]
    doctor = Doctor(
        cloud=edges.cloud,
        account=edges.account,
        region=chosen,
        hardware=lambda: edges.market.hardware(chosen, types).value,
        key_told=lambda: keys.told(edges.home),
    )
    return doctor.examine(image)
