"""The past of one name, as this computer's journal tells it, with what each stretch cost."""

from dataclasses import replace

from spotkeeper.costs.history import Chapter, chapters
from spotkeeper.errors import NotFound
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.results import MachineHistory
from spotkeeper.keeper.spending import spot_costs
from spotkeeper.model.lives import told_lives
from spotkeeper.model.tags import is_name


def history(name: str, edges: Edges, *, every: bool) -> MachineHistory:
    """What happened to the name in the life that is on, else in the last one; or in ``every`` one.

    Raises:
        NotFound: the journal has never heard of it.
    """
    found = list(told_lives(edges.journal.read(name))) if is_name(name) else []
    if not found:
        raise NotFound(
            f"The journal of this computer knows nothing of {name!r}",
            next_step="`spot ls` lists what AWS knows; the past is told where it was launched.",
        )
    shown = enumerate(found, start=1) if every else [(len(found), found[-1])]
    now = edges.clock.now()
    told = [chapter for number, life in shown for chapter in chapters(life, number, now=now)]
    return MachineHistory(name, _priced(told, edges), lives=len(found))


def _priced(told: list[Chapter], edges: Edges) -> tuple[Chapter, ...]:
    """With the cost of each stretch; unknown where a price cannot be had."""
    spot = spot_costs([each.stretch for each in told if each.stretch], edges.prices)
    return tuple(
        replace(each, spot_usd=spot[each.stretch]) if each.stretch else each for each in told
    )
