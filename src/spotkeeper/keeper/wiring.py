"""The only place where real edges meet the core."""

from __future__ import annotations  # a command imports only the edges that it uses

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from spotkeeper.errors import BadInput
from spotkeeper.keeper.arguments import checked
from spotkeeper.keeper.clocks import PracticeClock, SystemClock
from spotkeeper.keeper.edges import Edges, late
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.sandbox import GuestReach, sandbox_home, sandbox_problems
from spotkeeper.lifecycle.journal_fallback import BestEffortJournal
from spotkeeper.market.market import Market
from spotkeeper.model.risk import Work
from spotkeeper.store.folders import Folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spotkeeper.aws.memory import AnswerMemory
    from spotkeeper.aws.session import AwsSession
    from spotkeeper.lifecycle.ports import (
        Account,
        Clock,
        Cloud,
        Inventory,
        NameClaims,
        Reach,
        Schedules,
    )
    from spotkeeper.market.feeds import AdvisorFeed, PublicPriceFeed, QuotaFeed, ScoreFeed

SANDBOX_VARIABLE = "SPOT_SANDBOX"
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
SANDBOX_REGION = "us-east-1"
SANDBOX_WARNING = "sandbox: prices, capacity and interruptions are simulated"

SANDBOX_ADVISOR = "/_sandbox/public/spot-advisor-data.json"

#: The machines of the sandbox are reached from this computer only.
LOOPBACK_CIDR = "127.0.0.1/32"

#: Called with service, operation and region before every call to AWS.
OnCall = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Connection:
    """What the user chose: whose account, where, and whether it is only practice.

    ``refresh`` asks anew for what is remembered (types, On-Demand prices, images); ``offline``
    asks nobody; ``work`` is what an interruption costs the user; ``command`` is what was typed,
    for the advice of errors.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    sandbox: bool = False
    refresh: bool = False
    offline: bool = False
    work: Work = field(default_factory=Work)
    command: str = ""


@checked()
def connect(
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    sandbox: bool = False,
    refresh: bool = False,
    offline: bool = False,
) -> Keeper:
    """Connect with the credentials that the AWS CLI uses, or to the sandbox.

    ``refresh`` asks anew for what is remembered (types, On-Demand prices, images); ``offline``
    asks nobody.

    Raises:
        SpotkeeperError: no such profile, or the sandbox cannot be started.
    """
    chosen = Connection(profile, region, endpoint_url, sandbox, refresh, offline)
    return Keeper(wired(chosen, environment=os.environ), is_of_program=True)


def is_practice(environment: Mapping[str, str], *, asked: bool) -> bool:
    """Whether the sandbox answers instead of AWS.

    Raises:
        BadInput: the variable says neither yes nor no; a guess could launch real machines.
    """
    told = environment.get(SANDBOX_VARIABLE, "")
    if not asked and told.strip().lower() not in (*YES, *NO):
        raise BadInput(
            f"{SANDBOX_VARIABLE}={told} says neither yes nor no",
            next_step=f"Use one of {', '.join(YES)}, or {', '.join(filter(None, NO))}.",
        )
    return asked or told.strip().lower() in YES


def wired(
    chosen: Connection, *, environment: Mapping[str, str], on_call: OnCall | None = None
) -> Edges:
    """Wire the real edges; starts the sandbox when it is asked for and not running.

    Raises:
        SpotkeeperError: no such profile, or the sandbox cannot be started.
    """
    folders = Folders.of_user(environment)
    if is_practice(environment, asked=chosen.sandbox):
        if chosen.endpoint_url:
            raise BadInput(
                f"The sandbox is asked, so {chosen.endpoint_url} would not be",
                next_step=f"Leave out --endpoint-url, or --sandbox and {SANDBOX_VARIABLE}.",
            )
        return _practice(chosen, folders, environment, on_call)
    from spotkeeper.aws.address import CHECKIP_URL, CHECKIP_VARIABLE, caller_cidr
    from spotkeeper.aws.public_feeds import ADVISOR_URL, ADVISOR_VARIABLE
    from spotkeeper.aws.session import AwsSession

    url = environment.get(CHECKIP_VARIABLE, CHECKIP_URL)
    session = AwsSession(
        profile=chosen.profile,
        region=_region(chosen, environment),
        endpoint_url=chosen.endpoint_url,
        offline=chosen.offline,
        on_call=on_call,
    )
    session.command = chosen.command
    return _edges(
        session,
        Environment(
            folders,
            SystemClock(),
            late(lambda: _ssh_port(chosen.profile)),
            lambda: caller_cidr(url),
            environment.get(ADVISOR_VARIABLE, ADVISOR_URL),
            _prices_url(chosen, environment),
            chosen.work,
            refresh=chosen.refresh,
            offline=chosen.offline,
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """The edges that differ between AWS and the sandbox, besides the session."""

    folders: Folders
    clock: Clock
    reach: Reach
    caller_cidr: Callable[[], str]
    advisor_url: str
    prices_url: str = ""
    work: Work = field(default_factory=Work)
    warnings: tuple[str, ...] = ()
    cache: str = "aws"
    refresh: bool = False
    offline: bool = False


def _practice(
    chosen: Connection, folders: Folders, environment: Mapping[str, str], on_call: OnCall | None
) -> Edges:
    from ec2_sandbox.client import Control, daemon
    from spotkeeper.aws.public_feeds import ADVISOR_VARIABLE
    from spotkeeper.aws.session import AwsSession

    with sandbox_problems():
        found = (daemon.remembered if chosen.offline else daemon.ensure)(
            sandbox_home(folders.sandbox)
        )
    keys = daemon.environment(found)
    session = AwsSession(
        region=_region(chosen, environment) or SANDBOX_REGION,
        endpoint_url=found.url,
        static_credentials=(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]),
        offline=chosen.offline,
        on_call=on_call,
    )
    session.command = chosen.command
    around = Environment(
        folders.practice,
        PracticeClock(Control(found)) if found.running else SystemClock(),
        GuestReach(Control(found)) if found.running else late(_ssh_port),
        lambda: LOOPBACK_CIDR,
        environment.get(ADVISOR_VARIABLE, f"{found.last_url}{SANDBOX_ADVISOR}"),
        work=chosen.work,
        warnings=(SANDBOX_WARNING, *found.notes),
        cache=f"sandbox-{found.options.scenario}-{found.options.seed}-{found.options.account}",
        refresh=chosen.refresh,
        offline=chosen.offline,
    )
    return _edges(session, around)


def _region(chosen: Connection, environment: Mapping[str, str]) -> str | None:
    """The region that was typed, else that of the environment; botocore reads only one of them."""
    named = (environment.get("AWS_REGION"), environment.get("AWS_DEFAULT_REGION"))
    return chosen.region or next((region for region in named if region), None)


def _prices_url(chosen: Connection, environment: Mapping[str, str]) -> str:
    """Where prices are public; nowhere by default, where another server is asked than AWS."""
    from spotkeeper.aws.endpoint import endpoint_in
    from spotkeeper.aws.public_feeds import PRICES_URL, PRICES_VARIABLE

    elsewhere = chosen.endpoint_url or endpoint_in(environment)
    return environment.get(PRICES_VARIABLE, "" if elsewhere else PRICES_URL)


def _edges(session: AwsSession, around: Environment) -> Edges:
    from spotkeeper.aws.feeds import Ec2Catalog, Ec2Prices
    from spotkeeper.aws.price_list import PriceList, StoragePrices
    from spotkeeper.aws.regions import enabled_regions, known_regions
    from spotkeeper.store.cache import Cache
    from spotkeeper.store.journal import FileJournal

    folders, clock = around.folders, around.clock
    cache = Cache(
        folders.cache / around.cache, clock.now, refresh=around.refresh, offline=around.offline
    )
    prices = Ec2Prices(session, cache, clock.now)
    on_demand = PriceList(session, cache, clock.now)
    return Edges(
        cloud=late(lambda: _cloud(session, cache)),
        names=late(lambda: _names(session)),
        account=late(lambda: _account(session)),
        schedules=late(lambda: _schedules(session)),
        inventory=late(lambda: _inventory(session, cache)),
        market=Market(Ec2Catalog(session, cache, clock.now), prices, on_demand, clock.now),
        prices=prices,
        journal=BestEffortJournal(journal := FileJournal(folders.journal), clock),
        launch_journal=journal,
        clock=clock,
        reach=around.reach,
        folders=folders,
        home=Path.home(),
        default_region=session.region,
        enabled_regions=partial(enabled_regions, session, cache),
        known_regions=partial(known_regions, session, cache),
        caller_cidr=around.caller_cidr,
        storage=StoragePrices(session, cache, clock.now),
        memory=cache,
        work=around.work,
        warnings=around.warnings,
        **_facts(session, around, cache),
    )


def _cloud(session: AwsSession, cache: AnswerMemory) -> Cloud:
    from spotkeeper.aws.cloud import Ec2Cloud

    return Ec2Cloud(session, cache)


def _names(session: AwsSession) -> NameClaims:
    from spotkeeper.aws.name_claims import Ec2NameClaims

    return Ec2NameClaims(session)


def _account(session: AwsSession) -> Account:
    from spotkeeper.aws.account import Ec2Account

    return Ec2Account(session)


def _inventory(session: AwsSession, cache: AnswerMemory) -> Inventory:
    from spotkeeper.aws.inventory import Ec2Inventory

    return Ec2Inventory(session, _cloud(session, cache))


def _schedules(session: AwsSession) -> Schedules:
    from spotkeeper.aws.schedules import EventBridgeSchedules

    return EventBridgeSchedules(session)


def _ssh_port(profile: str | None = None) -> Reach:
    from spotkeeper.ssh.reach import SshPort

    return SshPort(profile)


class _Facts(TypedDict):
    """The feeds about risk and quota, and those that need no account."""

    advisor: AdvisorFeed
    scores: ScoreFeed
    quotas: QuotaFeed
    public_prices: PublicPriceFeed | None


def _facts(session: AwsSession, around: Environment, cache: AnswerMemory) -> _Facts:
    from spotkeeper.aws.public_feeds import PublicAdvisor, PublicPrices
    from spotkeeper.aws.quotas import SpotQuotas

    now, offline, url = around.clock.now, around.offline, around.prices_url
    return _Facts(
        advisor=PublicAdvisor(around.advisor_url, cache, now, offline=offline),
        scores=late(lambda: _scores(session, around, cache)),
        quotas=SpotQuotas(late(lambda: _account(session)), cache, now, session.login),
        public_prices=PublicPrices(url, cache, now, offline=offline) if url else None,
    )


def _scores(session: AwsSession, around: Environment, cache: AnswerMemory) -> ScoreFeed:
    from spotkeeper.aws.scores import PlacementScores
    from spotkeeper.store.cache import Cache

    now = around.clock.now
    ledger = Cache(around.folders.cache / around.cache, now)  # counts, whatever is refreshed
    return PlacementScores(session, cache, ledger, now)
