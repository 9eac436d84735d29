"""EC2 Spot capacity for people who develop ML models: found, launched, kept and given back."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spotkeeper.keeper.keeper import Keeper

__version__ = "0.1.0"
__all__ = ["Keeper", "__version__"]


def __getattr__(name: str) -> Any:
    # The command line imports this package for its help and version, which need no keeper.
    if name == "Keeper":
        from spotkeeper.keeper.keeper import Keeper

        return Keeper
    raise AttributeError(name)
