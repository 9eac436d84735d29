"""One page of DescribeSpotPriceHistory, read without a service model.

botocore's parser is where a scan of all regions spends its time, so the usual layout of a page is
read by one compiled pattern. That nothing stands between what it matches proves that it has seen
everything; a page that fails (another order of fields, an extra field, an entity) is read by
expat, which is slower and strict. What expat cannot read either is an error, never fewer rows.
"""

import re
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from spotkeeper.model.price_table import RawPrice, raw_prices

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

NAMESPACE_END = "}"
LIST = [ROOT, SET]
ITEM = [*LIST, "item"]

#: What XML does not allow in a text, and what it gives a meaning of its own.
NO_XML = [chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"]
UNUSUAL = ("&", "]", "\r", "\ufffe", "\uffff", *NO_XML)

#: ``re.split`` gives a row's fields, and before each row what stands between it and the last.
STEP = 1 + len(FIELDS)

#: A day that exists, and a time of it. Other years are left to expat and ``datetime``.
DAY = (
    r"20\d\d-(?:0[1-9]|1[0-2])"
    r"-(?:0[1-9]|1\d|2[0-8]|(?<!02-)(?:29|30)|(?<=(?:0[13578]|1[02])-)31)"
)
TIME = r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6}+)?"
#: The forms of a time that every reader takes for the same moment.
MOMENT = rf"(?a)\d{{4}}-\d\d-\d\d{TIME}(?:Z|[+-]\d\d:\d\d)"


class Page(NamedTuple):
    """The rows of a page, and the token of the next one: "" after the last."""

    rows: list[RawPrice]
    next_token: str


class BadPage(ValueError):
    """A page that is only the beginning of an answer, or that only botocore may understand."""


class NoPage(BadPage):
    """Something else than EC2's answer, which botocore would take for an empty one."""


def read_page(body: bytes) -> Page:
    """The rows that botocore's parser would give, in the same order.

    Raises:
        BadPage: the page is cut off, malformed, or something else.
    """
    return _by_pattern(body) or _by_expat(body)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Head, item and tail of a page; compiled when the first page arrives."""
    # Text between elements says nothing; stray tags and entities are looked for elsewhere.
    text = gap = "[^<]*+"
    space = "[ \t\n]*"
    values = {"timestamp": f"{DAY}{TIME}Z"}
    fields = [f"<{name}>({values.get(name, text)})</{name}>{gap}" for name in FIELDS]
    token = rf"(?P<told><nextToken>(?P<token>{text})</nextToken>|<nextToken/>)?{space}"
    request = rf"(?P<request><requestId>{text}</requestId>)?{space}"
    declared = r"(?:<\?xml version=\"1\.0\"(?: encoding=\"(?i:utf-8)\")?\?>)?"
    root = rf"<{ROOT}(?: xmlns=\"[^<>\"]*\")?>"
    head = f"{declared}{space}{root}{space}{request}{token}<{SET}>{gap}"
    item = f"<item>{gap}" + "".join(fields[:-1]) + f"(?:{fields[-1]})?</item>{gap}"
    tail = rf"</{SET}>{space}{token}{request}</{ROOT}>{space}"
    return re.compile(head), re.compile(item, re.ASCII), re.compile(tail)


def _by_pattern(body: bytes) -> Page | None:
    """The page, if it has exactly the usual layout."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(sign in text for sign in UNUSUAL):
        return None
    head_pattern, item_pattern, tail_pattern = _patterns()
    parts = item_pattern.split(text)
    head, tail = head_pattern.fullmatch(parts[0]), tail_pattern.fullmatch(parts[-1])
    between = parts[STEP:-1:STEP]
    if head is None or tail is None or _told_twice(head, tail) or any(between):
        return None
    *columns, zone_ids = (parts[place::STEP] for place in range(1, STEP))
    if None in zone_ids:
        zone_ids = [zone_id or "" for zone_id in zone_ids]
    rows = raw_prices(zip(*columns, zone_ids, strict=True))
    return Page(rows, head["token"] or tail["token"] or "")


def _told_twice(head: re.Match[str], tail: re.Match[str]) -> bool:
    pairs = zip(head.group("told", "request"), tail.group("told", "request"), strict=True)
    return any(before and after for before, after in pairs)


class _Reader:
    """expat's handlers: the path of open elements, and the item that is being read."""

    def __init__(self) -> None:
        self.rows: list[RawPrice] = []
        self.token = ""
        self._path: list[str] = []
        self._item: dict[str, str] = {}
        self._text: list[str] | None = None
        self._parts: set[str] = set()

    def start(self, name: str, _: Any) -> None:
        local = name.rpartition(NAMESPACE_END)[2]
        if self._text is not None:
            raise BadPage(f"<{local}> inside <{self._path[-1]}>, which is a value")
        self._path.append(local)
        self._check_place(local)
        if self._path == ITEM:
            self._item = {}
        elif self._is_value():
            self._text = []

    def _check_place(self, local: str) -> None:
        """What would be rows for one reader and nothing for another is refused."""
        if len(self._path) == 1 and local != ROOT:
            raise NoPage(f"the page is a <{local}>, not a <{ROOT}>")
        if self._path[:-1] == LIST and local != "item":
            raise BadPage(f"<{local}> among the rows")
        if self._path[:-1] == [ROOT]:
            if local in self._parts:
                raise BadPage(f"the page has two of <{local}>")
            self._parts.add(local)

    def data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, _: str) -> None:
        if self._text is not None:
            self._keep(self._path[-1], "".join(self._text))
            self._text = None
        elif self._path == ITEM:
            self.rows.append(RawPrice(*(self._item.get(field, "") for field in FIELDS)))
        self._path.pop()

    def page(self) -> Page:
        """What was read, to the end."""
        if SET not in self._parts:
            raise NoPage("the page has no list of prices")
        return Page(self.rows, self.token)

    def refuse_doctype(self, *_: Any) -> None:
        raise NoPage("the page has a document type, which EC2's answers never have")

    def _is_value(self) -> bool:
        of_item = self._path[:-1] == ITEM and self._path[-1] in FIELDS
        return of_item or self._path == [ROOT, "nextToken"]

    def _keep(self, name: str, value: str) -> None:
        if name == "nextToken":
            self.token = value
        elif name in self._item:
            raise BadPage(f"a row has two values for <{name}>")
        else:
            self._item[name] = _checked(name, value)


def _checked(name: str, value: str) -> str:
    """A time must be one; the rest is checked where it is used."""
    if name == "timestamp":
        try:
            datetime.fromisoformat(value if re.fullmatch(MOMENT, value) else "")
        except ValueError:
            raise BadPage(f"{value!r} is not a time") from None
    return value


def _by_expat(body: bytes) -> Page:
    from xml.parsers import expat  # few pages need it

    reader = _Reader()
    parser = expat.ParserCreate("utf-8", NAMESPACE_END)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes it so
    except expat.ExpatError as problem:
        raise BadPage(f"the page cannot be read: {problem}") from None
    return reader.page()
