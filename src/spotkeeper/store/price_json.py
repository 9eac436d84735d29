"""What ``aws ec2 describe-spot-price-history`` prints, item by item, whatever its size."""

import json
import re
from collections.abc import Iterable, Iterator

from spotkeeper.store.unpacking import MAX_LINE, Unreadable

LIST = "SpotPriceHistory"
#: The list alone is what ``--query SpotPriceHistory`` leaves.
_BEGIN = re.compile(rf'\s*(?:\{{[^\[]*?"{LIST}"\s*:\s*)?\[')
_GAP = re.compile(r"[\s,]*")
_END = re.compile(r'\]\s*(?:,\s*"NextToken"\s*:\s*(?:"[^"]*"|null)\s*)?\}?\s*')


def items(pieces: Iterable[str]) -> Iterator[object]:
    """The members of the list, each as JSON has it.

    Raises:
        Unreadable: the text is something else, or not whole.
    """
    rest = iter(pieces)
    text = next(rest, "")
    begin = _BEGIN.match(text)
    if begin is None:
        raise Unreadable(f'is JSON without a list "{LIST}"')
    place, decoder, number = begin.end(), json.JSONDecoder(), 0
    while True:
        place = _past_gap(text, place)
        if text.startswith("]", place):
            break
        try:
            item, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            if len(text) - place > MAX_LINE:
                raise Unreadable(f"is no JSON behind item {number}") from None
            more = next(rest, "")
            if not more:
                raise Unreadable("is cut off") from None
            text, place = text[place:] + more, 0
            continue
        number += 1
        yield item
    _refuse_more(text[place:], rest)


def _past_gap(text: str, place: int) -> int:
    gap = _GAP.match(text, place)
    return gap.end() if gap else place


def _refuse_more(text: str, rest: Iterator[str]) -> None:
    """Two answers in one file would be half of what was meant."""
    while len(text) <= MAX_LINE and (more := next(rest, "")):
        text += more
    if not _END.fullmatch(text):
        raise Unreadable("has more behind its list; give one answer of the AWS CLI per file")
