"""The verbs that look and try, and change nothing: market, rehearsal, backtest, permissions."""

from __future__ import annotations  # most of these classes are imported by one verb only

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from spotkeeper.errors import Declined
from spotkeeper.keeper.arguments import checked
from spotkeeper.keeper.edges import Edges, Silence
from spotkeeper.keeper.find import Find, options_of
from spotkeeper.keeper.inputs import (
    BacktestWords,
    FindWords,
    NeedWords,
    RehearseWords,
    need_of,
    order_of,
    request_of,
)
from spotkeeper.keeper.regions import EnabledRegions
from spotkeeper.model.price_table import MAX_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from spotkeeper.keeper.backtest import BacktestReport
    from spotkeeper.keeper.prices import PriceHistory
    from spotkeeper.keeper.rehearse import RehearsalReport
    from spotkeeper.keeper.results import PriceComparison
    from spotkeeper.lifecycle.doctor import Check
    from spotkeeper.lifecycle.ports import Talk
    from spotkeeper.market.feeds import Progress
    from spotkeeper.model.need import Need
    from spotkeeper.model.offer import Ranking


class ReadOnlyKeeper:
    """What of a ``Keeper`` changes nothing."""

    def __init__(
        self, edges: Edges, *, talk: Talk | None = None, is_of_program: bool = False
    ) -> None:
        self.is_of_program = is_of_program  # whose words errors speak
        self._talk = talk or Silence()
        self._enabled = EnabledRegions(edges)
        self._edges = edges = replace(edges, enabled_regions=self._enabled)
        self._cloud = edges.cloud
        self._find = Find(edges)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said with every answer, such as that prices are simulated, and what was
        found wrong with the journal so far."""
        told = (*self._enabled.warnings, *self._edges.journal.warnings)
        return (*self._edges.warnings, *told)

    @checked(FindWords)
    def find(self, need: Need | None = None, /, **words: Unpack[FindWords]) -> Ranking:
        """Rank the pools that fit a need, over all regions that it names.

        A region that does not answer is named in the ranking's warnings; when none answers, the
        first one's problem is raised.
        """
        return self._find.find(need or need_of(words), options_of(words))

    @checked()
    def prices(
        self,
        types: Sequence[str],
        regions: Sequence[str] = (),
        *,
        every_zone: bool = False,
        progress: Progress | None = None,
    ) -> PriceComparison:
        """The cheapest zone of each type and region, in the order in which they were named;
        ``every_zone`` on demand.

        Raises:
            NoOffers: none of the types has a Spot price in the regions.
        """
        from spotkeeper.keeper.prices import Prices

        prices = Prices(self._edges, self._find)
        return prices.comparison(types, regions, zones=every_zone, told=progress)

    @checked()
    def price_history(
        self,
        types: Sequence[str],
        regions: Sequence[str] = (),
        *,
        days: int = MAX_DAYS,
        progress: Progress | None = None,
    ) -> PriceHistory:
        """The prices of every zone in the last days, EC2's 90 at most.

        Raises:
            NoOffers: none of the types has a Spot price in the regions.
        """
        from spotkeeper.keeper.prices import Prices

        return Prices(self._edges, self._find).history(types, regions, days=days, told=progress)

    @checked()
    def doctor(
        self,
        types: Sequence[str],
        *,
        image: str,
        region: str | None = None,
        connect: str = "public",
        role: str = "",
        subnet_id: str | None = None,
    ) -> tuple[Check, ...]:
        """Check what a launch of the types would need, in one region."""
        from spotkeeper.keeper.doctor import checks
        from spotkeeper.lifecycle.doctor import Examined
        from spotkeeper.model.connect import Connect

        asked = Examined(image, Connect(connect), role, subnet_id)
        return checks(types, region, asked, self._edges)

    @checked(NeedWords)
    def policy(
        self,
        part: str | None = None,
        need: Need | None = None,
        /,
        *,
        guard_role: str | None = None,
        role: str | None = None,
        cloudformation: bool = False,
        **words: Unpack[NeedWords],
    ) -> Mapping[str, Any]:
        """The least IAM policy for a command, or for all of them, in the regions of a need and for
        its types; as a stack for an administrator on demand. ``role`` is that of the machines,
        which ``instance-profile`` lets be given to them.

        Raises:
            BadInput: there is no such command, or the policy would be too long.
        """
        from spotkeeper.keeper.policy import grantee
        from spotkeeper.lifecycle import grants, policy

        whose = grantee(need or need_of(words), guard_role, self._edges, self._talk)
        whose = replace(whose, role=role) if role else whose
        printed = policy.stack if cloudformation else policy.document
        return printed(part or grants.EVERYDAY, whose)

    @checked(RehearseWords)
    def rehearse(
        self, command: Sequence[str], /, **words: Unpack[RehearseWords]
    ) -> RehearsalReport:
        """Run a command as on a Spot machine, interrupt it, start it again, and give a verdict.

        It needs no account and costs nothing: all happens on this computer, in a folder of its
        own with the code of the working folder.

        Raises:
            BadInput: the folder holds too much to be code.
        """
        import os
        from pathlib import Path

        from spotkeeper.keeper.rehearse import own_surroundings, rehearse

        surroundings = own_surroundings(os.environ)
        order = order_of(command, words)
        return rehearse(order, folder=Path.cwd(), environment=surroundings, talk=self._talk)

    @checked(BacktestWords)
    def backtest(
        self,
        path: str | Path,
        /,
        *,
        work: timedelta | str,
        within: timedelta | str,
        **words: Unpack[BacktestWords],
    ) -> BacktestReport:
        """Try on the past when a job should wait for Spot and when it should pay On-Demand.

        Raises:
            BadInput: the file cannot be read, or the job does not fit into it.
            Declined: the file has Spot so rarely that its 1 and 0 may be the wrong way round, and
                ``yes`` was not said.
        """
        from spotkeeper.keeper.backtest import backtest, list_price

        def confirm(question: str) -> None:
            if not words.get("yes"):
                raise Declined(question, next_step="If it is so, pass yes=True.")

        request = request_of(path, {**words, "work": work, "within": within})
        return backtest(request, list_price=list_price(self.prices), confirm=confirm)
