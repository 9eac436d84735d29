"""Spot quotas of the account, and what is left of them."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.model.offer import Dated
from spotkeeper.model.quota import QuotaFamily, SpotQuota
from spotkeeper.timings import QUOTA_AGE

if TYPE_CHECKING:
    from spotkeeper.lifecycle.ports import Account


class SpotQuotas:
    """Limits by Service Quotas, use by EC2, remembered for minutes; ``login`` says whose."""

    def __init__(
        self, account: "Account", memory: AnswerMemory, now: Callable[[], datetime], login: str
    ) -> None:
        self._account = account
        self._memory = memory
        self._now = now
        self._login = login

    def spot_quota(
        self, region: str, family: QuotaFamily, *, ask: bool
    ) -> Dated[SpotQuota] | None:
        """The quota of a family in a region; ``None`` when it is not remembered and not to be
        asked for, or when AWS does not know the quota.

        Raises:
            SpotkeeperError: the account may not ask, or nobody answers.
        """
        key = f"{self._login} {region} {family.code}"
        kept = self._memory.get("quota", key, younger_than=QUOTA_AGE)
        if kept is None and ask:
            kept = self._asked(region, family)
            self._memory.put("quota", key, kept)
        if not kept or kept["limit"] is None:
            return None
        quota = SpotQuota(int(kept["limit"]), int(kept["used"]))
        return Dated(quota, datetime.fromisoformat(kept["at"]))

    def _asked(self, region: str, family: QuotaFamily) -> dict[str, object]:
        limit = self._account.spot_quota_vcpus(region, family.code)
        used = self._account.spot_vcpus_in_use(region, family) if limit else 0
        return {"at": self._now().isoformat(), "limit": limit, "used": used}
