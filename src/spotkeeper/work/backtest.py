"""A job begun at many moments of the past: what each policy would have made of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles

from spotkeeper.model.record import Record, Result
from spotkeeper.work.policies import GREEDY
from spotkeeper.work.simulation import Job, SimulatedRun

#: Less between greedy and optimum is no gap to close.
LEAST_GAP_USD = 0.005


@dataclass(frozen=True, slots=True, repr=False)
class PolicyResult(Result):
    """What a policy made of all starts, or the optimum. A late run counts with what it had cost at
    its deadline; where there is one, what compares the costs of work done is unknown.

    ``p95_of_optimum``      in all but 5 % of the runs it cost at most so many times the optimum.
    ``mean_switches``       machines started in a run, each with a restart.
    ``gap_closed_percent``  how far it went from greedy to the optimum, in the mean.
    """

    policy: str
    runs: int
    late: int
    mean_usd: float
    median_usd: float
    p95_of_optimum: float | None
    mean_switches: float | None
    gap_closed_percent: float | None

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {
            "policy": self.policy,
            "runs": self.runs,
            "late": self.late,
            "mean_usd": round(self.mean_usd, 4),
            "median_usd": round(self.median_usd, 4),
            "p95_of_optimum": _rounded(self.p95_of_optimum),
            "mean_switches": _rounded(self.mean_switches),
            "gap_closed_percent": _rounded(self.gap_closed_percent),
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


@dataclass(frozen=True, slots=True)
class Backtest:
    """What became of a job from each start: at the least, and under each policy, by name."""

    job: Job
    optima_usd: Sequence[float]
    runs: Mapping[str, Sequence[SimulatedRun]]

    def optimum(self) -> PolicyResult:
        """The optimum as if it were a policy."""
        return self._result("optimum", self.optima_usd, late=0, mean_switches=None)

    def result(self, policy: str) -> PolicyResult:
        """What a policy made of it."""
        runs = self.runs[policy]
        late = sum(run.is_late for run in runs)
        switches = fmean(run.switches for run in runs)
        return self._result(policy, [run.usd for run in runs], late=late, mean_switches=switches)

    def _result(
        self, policy: str, usd: Sequence[float], *, late: int, mean_switches: float | None
    ) -> PolicyResult:
        ratios = [each / least for each, least in zip(usd, self.optima_usd, strict=True)]
        greedy = fmean(run.usd for run in self.runs[GREEDY])
        gap = greedy - fmean(self.optima_usd)
        closed = 100 * (greedy - fmean(usd)) / gap if gap >= LEAST_GAP_USD and not late else None
        return PolicyResult(
            policy,
            len(usd),
            late,
            fmean(usd),
            median(usd),
            None if late else _p95(ratios),
            mean_switches,
            closed,
        )


def _p95(ratios: Sequence[float]) -> float:
    if len(ratios) == 1:
        return ratios[0]
    return quantiles(ratios, n=20, method="inclusive")[-1]
