"""Whether a maximum price is worth setting, in plain words.

EC2's own limit without one is the On-Demand price, and what is paid is the Spot price either way.
AWS says that a maximum price makes interruptions more frequent.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from spotkeeper.cli.render import money
from spotkeeper.market.series import Outbid, PoolHistory, Trial, summary
from spotkeeper.model.duration import words
from spotkeeper.model.max_price import MaxPrice

WITHOUT = "without one you pay the Spot price, and never more than On-Demand"
AWS_SAYS = "AWS says that a maximum price makes interruptions more frequent"
DAY = timedelta(days=1)
LEAST_PERCENT = 0.05


def unasked(histories: Sequence[PoolHistory]) -> str:
    """How high the price was, and that no maximum is needed."""
    highest = max(summary(each.series).greatest for each in histories)
    listed = histories[0].on_demand_usd_per_hour
    share = f", {percent_of(highest, listed)} % of On-Demand" if listed else ""
    return f"At most ${money(highest)}/h{share}. No maximum price is needed: {WITHOUT}."


def asked(asked_for: MaxPrice, trials: Sequence[Trial]) -> Iterator[str]:
    """What it would have done in each zone, and whether to set it."""
    yield f"With a maximum price of {_named(asked_for, trials)}:"
    zones: dict[str, list[str]] = {}
    for each in trials:
        name = f"{name_of(each.history)}{_amount(asked_for, each)}"
        zones.setdefault(_outcome(each), []).append(name)
    for outcome, names in zones.items():
        yield f"  {', '.join(names)} {outcome}"
    known = [each.outcome for each in trials if each.outcome]
    if known:
        yield f"{_added(known)} {AWS_SAYS}; {WITHOUT}."


def percent_of(usd: Decimal, whole: Decimal) -> Decimal:
    """A price in percent of another, to a whole number."""
    return (usd / whole * 100).quantize(Decimal(1), ROUND_HALF_UP)


def name_of(history: PoolHistory) -> str:
    """The zone as it is known: by name, else by id."""
    zone = history.pool.zone
    return zone.name or zone.id or ""


def span(length: timedelta) -> str:
    """A long time in days, a short one as it is."""
    return f"{length / DAY:.0f} days" if length >= 2 * DAY else words(length)


def _named(asked_for: MaxPrice, trials: Sequence[Trial]) -> str:
    """As it was typed, with its amount where that is the same for all."""
    amount = trials[0].usd_per_hour
    if asked_for.usd_per_hour is not None or amount is None:
        return f"${money(amount)}/h" if amount else asked_for.text
    return asked_for.text if asked_for.base == "spot" else f"{asked_for.text}, ${money(amount)}/h"


def _amount(asked_for: MaxPrice, each: Trial) -> str:
    return f" at ${money(each.usd_per_hour)}" if asked_for.base == "spot" else ""


def _outcome(each: Trial) -> str:
    if each.outcome is None or each.usd_per_hour is None:
        return "unknown, as its On-Demand price is"
    length = span(each.history.series.span)
    if each.outcome.first_after is None:
        return f"would never have been outbid in {length}"
    first = each.outcome.first_after
    when = f"first after {words(first)}" if first else "from its beginning"
    told = f"would have been outbid {_share(each.outcome)} % of {length}, {when}"
    now = summary(each.history.series).last
    return f"{told}; below the price now, ${money(now)}" if each.usd_per_hour < now else told


def _share(outcome: Outbid) -> str:
    percent = outcome.share * 100
    return "under 0.1" if percent < LEAST_PERCENT else f"{percent:.1f}".removesuffix(".0")


def _added(known: Sequence[Outbid]) -> str:
    hit = sum(1 for each in known if each.times)
    if not hit:
        return "It would have changed nothing: leave it out."
    times = sum(each.times for each in known)
    zones = f" in {hit} of {len(known)} zones" if len(known) > 1 else ""
    often = "once" if times == 1 else f"{times} times"
    return f"It would have taken the machine, or kept it from starting, {often}{zones}: set none."
