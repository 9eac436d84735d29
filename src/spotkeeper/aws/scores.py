"""Spot placement scores: asked sparingly, since EC2 counts every new question of a day."""

from collections.abc import Callable, Sequence
from datetime import datetime

from spotkeeper.aws.memory import AnswerMemory
from spotkeeper.aws.session import AwsSession
from spotkeeper.errors import Refused
from spotkeeper.market.risk import MOST_TYPES, Scored
from spotkeeper.model.offer import Dated
from spotkeeper.timings import SCORE_QUESTIONS_WITHIN, SCORES_AGE

#: EC2 limits the new configurations of a day and does not say to how many; AWS's own sample
#: tracker says about ten ("Placement scores" in docs/reference/aws.md).
NEW_QUESTIONS = 10

#: Types and regions of a question, both sorted.
Question = tuple[tuple[str, ...], tuple[str, ...]]


class PlacementScores:
    """Scores by GetSpotPlacementScores, remembered for a quarter of an hour.

    ``ledger`` holds the questions of the last day. It is no cache: to forget it would waste them.
    """

    def __init__(
        self,
        session: AwsSession,
        memory: AnswerMemory,
        ledger: AnswerMemory,
        now: Callable[[], datetime],
    ) -> None:
        self._aws = session
        self._memory = memory
        self._ledger = ledger
        self._now = now

    def scores(self, ranked: Sequence[str], regions: Sequence[str]) -> Dated[Scored]:
        """The score of each zone for one machine of any of the best types.

        EC2 names the ten best zones; the score of the others is unknown.

        Raises:
            SpotkeeperError: EC2 refuses, or the questions of a day are used up.
        """
        types, places = self._question(ranked, regions)
        key = f"{self._aws.login} {' '.join(types)} in {' '.join(places)}"
        kept = self._memory.get("scores", key, younger_than=SCORES_AGE)
        if kept is None:
            kept = {"at": self._now().isoformat(), "scores": self._ask(types, places)}
            self._memory.put("scores", key, kept)
        scored = Scored(frozenset(types), kept["scores"])
        return Dated(scored, datetime.fromisoformat(kept["at"]))

    def _question(self, ranked: Sequence[str], regions: Sequence[str]) -> Question:
        """An earlier question about the best types, since it is free; else a new one."""
        places = tuple(sorted(regions))
        for types, asked_of in self._asked():
            if asked_of == places and set(types) <= set(ranked):
                return types, places
        return tuple(sorted(ranked[:MOST_TYPES])), places

    def _ask(self, types: Sequence[str], places: Sequence[str]) -> dict[str, int]:
        self._count((tuple(types), tuple(places)))
        rows = self._aws.pages(
            "GetSpotPlacementScores",
            places[0],
            key="SpotPlacementScores",
            InstanceTypes=list(types),
            TargetCapacity=1,
            SingleAvailabilityZone=True,
            RegionNames=list(places),
        )
        return {
            str(row["AvailabilityZoneId"]): int(row["Score"])
            for row in rows
            if "AvailabilityZoneId" in row and "Score" in row
        }

    def _count(self, question: Question) -> None:
        """Note a question before it is asked: one that EC2 did not answer may count too."""
        asked = self._asked()
        if question not in asked and len(asked) >= NEW_QUESTIONS:
            again = min(asked.values()) + SCORE_QUESTIONS_WITHIN
            raise Refused(
                f"{NEW_QUESTIONS} different questions for placement scores were asked in the last "
                f"24 hours, about as many as EC2 allows; a new one is possible after "
                f"{again:%H:%M} UTC"
            )
        asked.setdefault(question, self._now())
        rows = [[*map(list, each), at.isoformat()] for each, at in asked.items()]
        self._ledger.put("score-questions", self._aws.login, rows)

    def _asked(self) -> dict[Question, datetime]:
        """The questions of the last 24 hours, and when each was new."""
        kept = (
            self._ledger.get(
                "score-questions", self._aws.login, younger_than=SCORE_QUESTIONS_WITHIN
            )
            or []
        )
        rows = ((types, places, datetime.fromisoformat(at)) for types, places, at in kept)
        now = self._now()
        return {(tuple(t), tuple(p)): at for t, p, at in rows if now - at < SCORE_QUESTIONS_WITHIN}
