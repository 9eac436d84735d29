"""EC2 Spot capacity for people who develop ML models: found, launched, kept and given back.

keeper = spotkeeper.connect(region="eu-west-1", sandbox=True)
best = keeper.find(gpus=1, gpu_memory_gb=24)[0]
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spotkeeper.costs.history import Chapter
    from spotkeeper.costs.usage import Cost
    from spotkeeper.errors import (
        BadInput,
        CredentialsProblem,
        Declined,
        Interrupted,
        LeftBehind,
        NameTaken,
        NoCapacity,
        NotFound,
        QuotaReached,
        SpotkeeperError,
    )
    from spotkeeper.keeper.backtest import BacktestReport
    from spotkeeper.keeper.costs import CostReport, CostRow
    from spotkeeper.keeper.keeper import Keeper
    from spotkeeper.keeper.launched_machine import LaunchedMachine, StartedRun
    from spotkeeper.keeper.logs import RunLog
    from spotkeeper.keeper.prices import PriceHistory
    from spotkeeper.keeper.pull import Pulled
    from spotkeeper.keeper.push import Pushed
    from spotkeeper.keeper.rehearse import RehearsalReport
    from spotkeeper.keeper.results import (
        DownReport,
        ExtendReport,
        MachineHistory,
        MachineList,
        MachineReport,
        PriceComparison,
        PriceRow,
        RememberedList,
        SweepReport,
    )
    from spotkeeper.keeper.wiring import connect
    from spotkeeper.lifecycle.doctor import Check
    from spotkeeper.lifecycle.plan import Plan
    from spotkeeper.market.series import PoolHistory
    from spotkeeper.model.offer import Offer, Ranking
    from spotkeeper.model.resource import Leftover, ResourceId
    from spotkeeper.ssh.shell import Login
    from spotkeeper.work.run_report import RunReport

__version__ = "0.1.0"

#: Where each public name lives; it is imported when it is asked for, so that the command line's
#: help and version need none of it. Of the errors there is one for each exit code.
_HOMES = {
    name: f"spotkeeper.{module}"
    for module, names in {
        "costs.history": "Chapter",
        "costs.usage": "Cost",
        "errors": "BadInput CredentialsProblem Declined Interrupted LeftBehind NameTaken "
        "NoCapacity NotFound QuotaReached SpotkeeperError",
        "keeper.backtest": "BacktestReport",
        "keeper.costs": "CostReport CostRow",
        "keeper.keeper": "Keeper",
        "keeper.logs": "RunLog",
        "keeper.launched_machine": "LaunchedMachine StartedRun",
        "keeper.prices": "PriceHistory",
        "keeper.pull": "Pulled",
        "keeper.push": "Pushed",
        "keeper.rehearse": "RehearsalReport",
        "keeper.results": "DownReport ExtendReport MachineHistory MachineList "
        "MachineReport PriceComparison PriceRow RememberedList SweepReport",
        "keeper.wiring": "connect",
        "lifecycle.doctor": "Check",
        "lifecycle.plan": "Plan",
        "market.series": "PoolHistory",
        "model.offer": "Offer Ranking",
        "model.resource": "Leftover ResourceId",
        "ssh.shell": "Login",
        "work.run_report": "RunReport",
    }.items()
    for name in names.split()
}

__all__ = [
    "BacktestReport",
    "BadInput",
    "Chapter",
    "Check",
    "Cost",
    "CostReport",
    "CostRow",
    "CredentialsProblem",
    "Declined",
    "DownReport",
    "ExtendReport",
    "Interrupted",
    "Keeper",
    "LaunchedMachine",
    "LeftBehind",
    "Leftover",
    "Login",
    "MachineHistory",
    "MachineList",
    "MachineReport",
    "NameTaken",
    "NoCapacity",
    "NotFound",
    "Offer",
    "Plan",
    "PoolHistory",
    "PriceComparison",
    "PriceHistory",
    "PriceRow",
    "Pulled",
    "Pushed",
    "QuotaReached",
    "Ranking",
    "RehearsalReport",
    "RememberedList",
    "ResourceId",
    "RunLog",
    "RunReport",
    "SpotkeeperError",
    "StartedRun",
    "SweepReport",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'spotkeeper' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
