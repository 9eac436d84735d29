"""DryRun for every operation that has it: the checks, then DryRunOperation, never an effect.

EC2 checks permissions and parameters of a dry run (UserGuide, "Dry run" of each operation). moto
forgets DryRun in some hundred operations. A look may simply be carried out and its answer thrown
away; a change that does not ask for itself is answered before it begins.
"""

from collections.abc import Callable
from typing import Any

LOOKS = ("Describe", "Get", "List", "Search")
ASKS = "error_on_dryrun"


def is_look(operation: str) -> bool:
    """Whether the operation only reads."""
    return operation.startswith(LOOKS)


def is_motos(method: Callable[[], Any]) -> bool:
    """Whether moto itself answers, not a method of ours."""
    return method.__module__.startswith("moto.")


def may_run(operation: str, method: Callable[[], Any]) -> bool:
    """Whether a dry run may call the method: it reads, is ours, or asks for DryRun itself."""
    if is_look(operation) or not is_motos(method):
        return True
    return ASKS in method.__code__.co_names
