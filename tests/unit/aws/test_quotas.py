"""What the account's Spot quotas leave, remembered for minutes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from tests.unit.model.make import NOON

from spotkeeper.aws.account import Ec2Account
from spotkeeper.aws.quotas import SpotQuotas
from spotkeeper.errors import PermissionDenied
from spotkeeper.model.offer import Dated
from spotkeeper.model.quota import QuotaFamily, SpotQuota, quota_family
from spotkeeper.store.cache import Cache
from spotkeeper.timings import QUOTA_AGE

GPUS = cast("QuotaFamily", quota_family("g5.xlarge"))


@dataclass
class Account:
    """An account with one quota; it counts what it is asked."""

    limit: float | None = 8.0
    used: int = 4
    denied: bool = False
    asked: list[str] = field(default_factory=list)

    def spot_quota_vcpus(self, region: str, code: str) -> float | None:
        if self.denied:
            raise PermissionDenied("no")
        self.asked.append(f"limit {region} {code}")
        return self.limit

    def spot_vcpus_in_use(self, region: str, family: QuotaFamily) -> int:
        self.asked.append(f"use {region} {family.code}")
        return self.used


def quota(
    account: Account, folder: Path, *, ask: bool = True, now: datetime = NOON, login: str = "me"
) -> Dated[SpotQuota] | None:
    memory = Cache(folder, lambda: now)
    feed = SpotQuotas(cast("Ec2Account", account), memory, lambda: now, login)
    return feed.spot_quota("us-east-1", GPUS, ask=ask)


def test_what_is_left_is_the_limit_without_what_runs(tmp_path: Path) -> None:
    found = quota(Account(), tmp_path)
    assert found == Dated(SpotQuota(8, 4), NOON)
    assert found is not None
    assert found.value.free_vcpus == 4


def test_more_in_use_than_allowed_leaves_nothing() -> None:
    assert SpotQuota(4, 96).free_vcpus == 0


def test_nobody_is_asked_unless_told_to_and_then_once_in_some_minutes(tmp_path: Path) -> None:
    account = Account()
    assert quota(account, tmp_path, ask=False) is None
    assert account.asked == []
    first = quota(account, tmp_path)
    later = NOON + QUOTA_AGE - timedelta(seconds=1)
    assert quota(account, tmp_path, ask=False, now=later) == first
    assert len(account.asked) == 2
    assert quota(account, tmp_path, ask=False, now=NOON + QUOTA_AGE) is None


def test_the_quota_of_another_login_is_another(tmp_path: Path) -> None:
    quota(Account(), tmp_path)
    assert quota(Account(), tmp_path, ask=False, login="you") is None


def test_a_quota_of_nothing_needs_no_second_question(tmp_path: Path) -> None:
    account = Account(limit=0.0)
    assert quota(account, tmp_path) == Dated(SpotQuota(0, 0), NOON)
    assert account.asked == [f"limit us-east-1 {GPUS.code}"]


def test_a_quota_that_aws_does_not_know_is_unknown(tmp_path: Path) -> None:
    assert quota(Account(limit=None), tmp_path) is None


def test_who_may_not_ask_is_told(tmp_path: Path) -> None:
    with pytest.raises(PermissionDenied):
        quota(Account(denied=True), tmp_path)


def test_the_name_of_a_quota_is_short() -> None:
    assert GPUS.short_name == "G and VT"
