"""Offers in order."""

from collections.abc import Iterable
from decimal import Decimal

from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Ranking, Refusal, SortBy
from spotkeeper.ranking.rules import offer_rules, sift


def rank(
    offers: Iterable[Offer],
    need: Need,
    *,
    by: SortBy = SortBy.VALUE,
    refused: Iterable[Refusal] = (),
    warnings: Iterable[str] = (),
) -> Ranking:
    """Keep what the need admits, best first.

    ``refused`` and ``warnings`` are those of earlier steps and are passed on. Ties are broken by
    the pool, so that the same market always gives the same order.
    """
    kept, over = sift(offers, offer_rules(need), named=lambda offer: str(offer.pool))
    ordered = sorted(kept, key=lambda offer: (_order(offer, by), offer.pool))
    return Ranking(tuple(ordered), (*refused, *over), tuple(warnings))


def _order(offer: Offer, by: SortBy) -> Decimal:
    if by is SortBy.SAVING:
        return -(offer.saving_percent if offer.saving_percent is not None else Decimal(0))
    if by is SortBy.VALUE and offer.expected_usd_per_useful_hour is not None:
        return offer.expected_usd_per_useful_hour
    return offer.spot_usd_per_hour
