"""One page of DescribeSpotPriceHistory, read without a service model.

botocore's parser is where a scan of all regions spends its time, so the usual layout of a page is
read by one compiled pattern. Counts of the page's own brackets prove that the pattern has seen
everything; a page that fails them (another order of fields, an extra field, an entity) is read by
expat, which is slower and strict. What expat cannot read either is an error, never fewer rows.
"""

import re
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from xml.parsers import expat

ROOT = "DescribeSpotPriceHistoryResponse"
SET = "spotPriceHistorySet"
FIELDS = (
    "instanceType",
    "productDescription",
    "spotPrice",
    "timestamp",
    "availabilityZone",
    "availabilityZoneId",
)

#: Instance type, product, dollars per hour, time of the change, zone name, zone id; "" for none.
Row = tuple[str, str, str, str, str, str]

ITEM = [ROOT, SET, "item"]

#: What XML does not allow, and what it gives a meaning of its own.
NO_XML = bytes(code for code in range(0x20) if code not in b"\t\n\r")
UNUSUAL = "&\r\ufffe\uffff"

BRACKETS_PER_ROW = 12
BRACKETS_OF_A_ZONE_ID = 2


class Page(NamedTuple):
    """The rows of a page, and the token of the next one: "" after the last."""

    rows: list[Row]
    next_token: str


class BadPage(ValueError):
    """A page that is no answer of DescribeSpotPriceHistory, or only the beginning of one."""


def read_page(body: bytes) -> Page:
    """The rows that botocore's parser would give, in the same order.

    Raises:
        BadPage: the page is cut off, malformed, or something else.
    """
    return _by_pattern(body) or _by_expat(body)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Head, item and tail of a page; compiled when the first page arrives."""
    # Text between elements says nothing; stray brackets and entities are counted elsewhere.
    text = gap = "[^<]*+"
    moment = r"\d{4}-[01]\d-[0-3]\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z"
    values = {"timestamp": moment}
    fields = [f"<{name}>({values.get(name, text)})</{name}>{gap}" for name in FIELDS]
    token = rf"(?:<nextToken>({text})</nextToken>|<nextToken/>)?\s*"
    request = rf"(?:<requestId>{text}</requestId>)?\s*"
    head = rf"(?:<\?xml [^<>]*\?>)?\s*<{ROOT}(?: xmlns=\"[^<>]*\")?>\s*{request}{token}<{SET}>"
    item = f"<item>{gap}" + "".join(fields[:-1]) + f"(?:{fields[-1]})?</item>"
    tail = rf"</{SET}>\s*{token}{request}</{ROOT}>\s*"
    return re.compile(head), re.compile(item), re.compile(tail)


def _by_pattern(body: bytes) -> Page | None:
    """The page, if it has exactly the usual layout."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(sign in text for sign in UNUSUAL) or len(body.translate(None, NO_XML)) < len(body):
        return None
    head_pattern, item_pattern, tail_pattern = _patterns()
    head = head_pattern.match(text)
    end = text.rfind(f"</{SET}>")
    tail = tail_pattern.fullmatch(text, end) if head and end > 0 else None
    if head is None or tail is None or (head[1] is not None and tail[1] is not None):
        return None
    rows = item_pattern.findall(text, head.end(), end)
    if not _nothing_else(text, head.end(), end, rows):
        return None
    return Page(rows, head[1] or tail[1] or "")


def _nothing_else(text: str, begin: int, end: int, rows: list[Row]) -> bool:
    """Whether the rows account for every bracket between two places, and their days exist."""
    with_id = sum(1 for row in rows if row[5])
    brackets = BRACKETS_PER_ROW * len(rows) + BRACKETS_OF_A_ZONE_ID * with_id
    counted = text.count("<", begin, end), text.count(">", begin, end)
    return counted == (brackets, brackets) and all(map(_exists, {row[3][:10] for row in rows}))


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


class _Reader:
    """expat's handlers: the path of open elements, and the item that is being read."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.token: str | None = None
        self._path: list[str] = []
        self._item: dict[str, str] = {}
        self._text: list[str] | None = None

    def start(self, name: str, _: Any) -> None:
        local = name.rpartition(":")[2]
        if self._text is not None:
            raise BadPage(f"<{local}> inside <{self._path[-1]}>, which is a value")
        self._path.append(local)
        if len(self._path) == 1 and local != ROOT:
            raise BadPage(f"the page is a <{local}>, not a <{ROOT}>")
        if self._path == ITEM:
            self._item = {}
        elif self._is_value():
            self._text = []

    def data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, _: str) -> None:
        if self._text is not None:
            self._keep(self._path[-1], "".join(self._text))
            self._text = None
        elif self._path == ITEM:
            first, *rest = (self._item.get(field, "") for field in FIELDS)
            self.rows.append((first, *rest))  # type: ignore[arg-type]
        self._path.pop()

    def refuse_doctype(self, *_: Any) -> None:
        raise BadPage("the page has a document type, which EC2's answers never have")

    def _is_value(self) -> bool:
        of_item = self._path[:-1] == ITEM and self._path[-1] in FIELDS
        return of_item or self._path == [ROOT, "nextToken"]

    def _keep(self, name: str, value: str) -> None:
        if name == "nextToken":
            if self.token is not None:
                raise BadPage("the page has two tokens")
            self.token = value
        elif name in self._item:
            raise BadPage(f"a row has two values for <{name}>")
        else:
            self._item[name] = _checked(name, value)


def _checked(name: str, value: str) -> str:
    """A time must be one; the rest is checked where it is used."""
    if name == "timestamp":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise BadPage(f"{value!r} is not a time") from None
    return value


def _by_expat(body: bytes) -> Page:
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes it so
    except expat.ExpatError as problem:
        raise BadPage(f"the page cannot be read: {problem}") from None
    return Page(reader.rows, reader.token or "")
