"""A job under a policy, reckoned by hand."""

import pytest

from spotkeeper.work.backtest import Backtest
from spotkeeper.work.deadline import NOTHING, ON_DEMAND, SPOT, PurchasingOption, Terms
from spotkeeper.work.policies import POLICIES
from spotkeeper.work.simulation import Job, SimulatedRun, simulate
from spotkeeper.work.trace import Quote, Window

SIGNS = {NOTHING: ".", SPOT: "s", ON_DEMAND: "D"}


def seen(*zones: str, usd: tuple[float, ...] = (1.0, 1.0)) -> Window:
    """Zones as 1 and 0, tick by tick, each at its price."""
    return [
        tuple(Quote(price, sign == "1") for sign, price in zip(signs, usd, strict=False))
        for signs in zip(*zones, strict=True)
    ]


def told(choices: list[PurchasingOption]) -> str:
    return "".join(SIGNS[choice] for choice in choices)


def job(work_h: float, within_h: float, *, restart_h: float = 0.25, egress_usd: float = 0) -> Job:
    return Job(work_h, within_h, Terms(0.5, restart_h, 3.0), egress_usd)


@pytest.mark.parametrize(
    ("policy", "there", "choices", "usd", "is_late"),
    [
        ("ours", "111111", "sssss", 2.5, False),  # 15 min lost: 2 h of work take five ticks
        ("ours", "110000", "ss.DDD", 5.5, False),  # one tick can be waited for, a second not
        ("ours", "000000", ".DDDDD", 7.5, False),
        ("greedy", "110111", "ssDDD", 5.5, False),  # it keeps two restarts and has no tick
        ("uniform-progress", "000000", ".DDDDD", 7.5, False),
        ("spot-only", "011111", ".sssss", 2.5, False),
        ("spot-only", "110000", "ss....", 1.0, True),  # what it had cost at the deadline
        ("on-demand", "111111", "DDDDD", 7.5, False),
    ],
)
def test_a_run_tick_by_tick(
    policy: str, there: str, choices: str, usd: float, *, is_late: bool
) -> None:
    run = simulate(POLICIES[policy], job(2.0, 3.0), seen(there))

    assert told(run.choices) == choices
    assert run.usd == pytest.approx(usd)
    assert run.is_late == is_late


def test_a_restart_may_be_longer_than_a_tick() -> None:
    run = simulate(POLICIES["spot-only"], job(1.0, 4.0, restart_h=1.2), seen("11011111"))

    assert told(run.choices) == "ss.sssss"  # nothing is done before the loss
    assert run.switches == 2
    assert run.is_late is False


def test_a_loss_with_another_zone_at_hand_is_a_restart_and_a_move_of_the_data() -> None:
    window = seen("111000", "000111")

    run = simulate(POLICIES["spot-only"], job(2.0, 3.0, egress_usd=0.4), window)

    assert told(run.choices) == "sssss"
    assert run.switches == 2
    assert run.usd == pytest.approx(2.5 + 0.4)


def test_our_policy_waits_for_the_old_zone_rather_than_pay_the_move() -> None:
    window = seen("111000" + "1" * 24, "0" * 3 + "1" * 27)

    stays = simulate(POLICIES["ours"], job(5.0, 15.0, egress_usd=20.0), window)
    moves = simulate(POLICIES["ours"], job(5.0, 15.0), window)

    assert told(stays.choices).startswith("sss...s")
    assert told(moves.choices).startswith("sssssss")


def test_a_dear_zone_is_left_alone_while_a_cheap_one_may_still_come() -> None:
    window = seen("0" * 8 + "1" * 52, "1" * 60, usd=(1.0, 2.8))

    ours = simulate(POLICIES["ours"], job(10.0, 30.0), window)
    greedy = simulate(POLICIES["greedy"], job(10.0, 30.0), window)

    assert told(ours.choices).startswith("." * 8 + "s")
    assert ours.usd == pytest.approx(10.5)
    assert greedy.usd == pytest.approx(2.8 * 10.5)  # what runs is never left


def test_without_a_controller_what_comes_too_young_is_given_back_and_asked_for_again() -> None:
    there = "0" * 12 + "1" * 60
    work = Job(8.0, 10.0, Terms(0.125, 0.3, 3.0))

    sees = simulate(POLICIES["ours"], work, seen(there + "1" * 8))
    asks = simulate(POLICIES["ours-without-controller"], work, seen(there + "1" * 8))

    assert told(sees.choices) == told(asks.choices)
    assert told(asks.choices).startswith("." * 3 + "D" * 13 + "s")
    assert asks.usd == pytest.approx(sees.usd + 2 / 60)  # one machine, for two minutes


def test_a_policy_that_believes_too_low_an_estimate_is_late() -> None:
    def told_h(done_h: float) -> float:
        return max(1.7 - done_h, 1e-6)

    run = simulate(POLICIES["ours"], job(2.0, 2.5), seen("00000"), told_h)

    assert run.is_late


def test_a_backtest_counts_late_runs_and_compares_the_rest() -> None:
    def runs(*usd: float, late: int = 0) -> list[SimulatedRun]:
        return [SimulatedRun(each, 2, place < late) for place, each in enumerate(usd)]

    found = Backtest(
        job(2.0, 3.0),
        [1.0, 2.0, 3.0, 4.0],
        {
            "greedy": runs(2.0, 4.0, 6.0, 8.0),
            "ours": runs(1.0, 3.0, 3.0, 5.0),
            "x": runs(1, 1, 1, 1, late=2),
        },
    )

    assert found.optimum().to_dict() == {
        "policy": "optimum",
        "runs": 4,
        "late": 0,
        "mean_usd": 2.5,
        "median_usd": 2.5,
        "p95_of_optimum": 1.0,
        "mean_switches": None,
        "gap_closed_percent": 100.0,
    }
    ours = found.result("ours")
    assert (ours.mean_usd, ours.median_usd, ours.gap_closed_percent) == (3.0, 3.0, 80.0)
    assert ours.p95_of_optimum == pytest.approx(1.4625)  # of 1, 1, 1.25 and 1.5
    late = found.result("x")
    assert (late.late, late.mean_usd) == (2, 1.0)
    assert late.p95_of_optimum is late.gap_closed_percent is None
