"""The names of regions: those that there are, and those that an account may use."""

from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.aws.session import AwsSession
from spotkeeper.timings import ENABLED_REGIONS_AGE, REGION_NAMES_AGE


def known_regions(session: AwsSession, memory: AnswerMemory) -> tuple[str, ...]:
    """Every region that botocore knows; remembered, since to ask botocore is to import it."""
    kept = memory.get("known-regions", "all", younger_than=REGION_NAMES_AGE)
    if kept is None:
        kept = list(session.known_regions)
        memory.put("known-regions", "all", kept)
    return tuple(kept)


def enabled_regions(session: AwsSession, memory: AnswerMemory) -> tuple[str, ...]:
    """The regions enabled for the account, remembered for a day."""
    kept = memory.get("regions", session.login, younger_than=ENABLED_REGIONS_AGE)
    if not kept:
        kept = list(session.enabled_regions())
        memory.put("regions", session.login, kept)
    return tuple(kept)
