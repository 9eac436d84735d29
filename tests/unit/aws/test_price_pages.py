"""Our reader against botocore's own, on a thousand pages in all the layouts we could think of."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.aws.price_pages import FIELDS, ROOT, SET, BadPage, read_page

PAGES = 1_000
XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"
MEMBERS = (
    "InstanceType",
    "ProductDescription",
    "SpotPrice",
    "Timestamp",
    "AvailabilityZone",
    "AvailabilityZoneId",
)
USUAL = ("g5.xlarge", "Linux/UNIX", "0.4021", "2026-11-01T10:00:00.000Z", "us-east-1a", "use1-az6")

Shape = Callable[[random.Random, list[str]], list[str]]


@cache
def _model() -> Any:
    session = botocore.session.Session()
    return session.get_service_model("ec2").operation_model("DescribeSpotPriceHistory")


def botocores(body: bytes) -> tuple[list[Any], str]:
    """What botocore reads in a page."""
    answer = {"status_code": 200, "headers": {}, "body": body}
    found = create_parser("ec2").parse(answer, _model().output_shape)
    rows = [tuple(row.get(name, "") for name in MEMBERS) for row in found["SpotPriceHistory"]]
    return rows, found.get("NextToken", "")


def ours(body: bytes) -> tuple[list[Any], str]:
    page = read_page(body)
    rows = [(*row[:3], as_time(row.since), *row[4:]) for row in page.rows]
    return rows, page.next_token


def as_time(text: str) -> Any:
    if not text:
        return ""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def page_of(items: list[str], *, token: str = "", indent: str = "    ") -> bytes:
    told = f"<nextToken>{token}</nextToken>" if token else "<nextToken/>"
    inner = f"\n{indent}".join(items)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{ROOT} xmlns="{XMLNS}">\n{indent}'
        f"<requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>\n{indent}"
        f"<{SET}>{inner}</{SET}>\n{indent}{told}\n</{ROOT}>\n"
    ).encode()


def fields(row: tuple[str, ...] = USUAL) -> list[str]:
    return [f"<{name}>{escape(value)}</{name}>" for name, value in zip(FIELDS, row, strict=True)]


def item(inner: list[str], indent: str = "\n        ") -> str:
    return f"<item>{indent}{indent.join(inner)}{indent}</item>"


def random_row(dice: random.Random) -> tuple[str, ...]:
    zone = dice.choice(["us-east-1a", "us-west-2b", "eu-central-1c"])
    day = f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
    return (
        dice.choice(["g5.xlarge", "p4d.24xlarge", "t4g.nano"]),
        dice.choice(["Linux/UNIX", "Windows", "Red Hat & Co", "a<b"]),
        f"{dice.random() * 30:.6f}",
        f"{day}T{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:07{dice.choice(['', '.000'])}Z",
        zone,
        f"{zone}-az{dice.randint(1, 6)}",
    )


def shuffled(dice: random.Random, inner: list[str]) -> list[str]:
    return dice.sample(inner, len(inner))


def with_more(dice: random.Random, inner: list[str]) -> list[str]:
    extra = dice.choice(["<tier>x</tier>", "<more><item><spotPrice>9</spotPrice></item></more>"])
    return [*inner, extra]


def without_zone_id(_: random.Random, inner: list[str]) -> list[str]:
    return inner[:-1]


def without_zone(_: random.Random, inner: list[str]) -> list[str]:
    return [*inner[:4], *inner[5:]]


def with_an_empty_field(dice: random.Random, inner: list[str]) -> list[str]:
    place = dice.choice([0, 1, 2, 4, 5])
    return [f"<{FIELDS[place]}/>" if at == place else text for at, text in enumerate(inner)]


def with_entities(_: random.Random, inner: list[str]) -> list[str]:
    return [inner[0].replace("g", "&#103;"), *inner[1:]]


def with_a_comment(_: random.Random, inner: list[str]) -> list[str]:
    return ["<!-- <item> -->", *inner]


def with_cdata(_: random.Random, inner: list[str]) -> list[str]:
    return [
        *inner[:1],
        "<productDescription><![CDATA[Linux/UNIX]]></productDescription>",
        *inner[2:],
    ]


def with_a_prefix(_: random.Random, inner: list[str]) -> list[str]:
    name = FIELDS[0]
    renamed = inner[0].replace(f"<{name}>", f'<e:{name} xmlns:e="{XMLNS}">')
    return [renamed.replace(f"</{name}>", f"</e:{name}>"), *inner[1:]]


def with_attributes(dice: random.Random, inner: list[str]) -> list[str]:
    place = dice.randrange(len(inner))
    name = FIELDS[place]
    return [
        text.replace(f"<{name}>", f'<{name} unit="USD" note="a &gt; b">') if at == place else text
        for at, text in enumerate(inner)
    ]


def with_an_instruction(_: random.Random, inner: list[str]) -> list[str]:
    return [*inner, "<?printer off?>"]


def with_text_between(dice: random.Random, inner: list[str]) -> list[str]:
    return [*inner[:2], dice.choice(["stray", "a > b", "]", "\u00a0"]), *inner[2:]]


def with_other_signs(dice: random.Random, inner: list[str]) -> list[str]:
    signs = dice.choice(
        ["gr\u00f6\u00dfer", "\u4e2d", "\U0001f600", "a > b", "x]y", " g5 ", "\x85"]
    )
    return [inner[0], f"<productDescription>{signs}</productDescription>", *inner[2:]]


def with_another_time(dice: random.Random, inner: list[str]) -> list[str]:
    times = ("2026-11-01T10:00:00+01:00", "2028-02-29T23:59:59.123456Z", "1999-12-31T00:00:00Z")
    return [*inner[:3], f"<timestamp>{dice.choice(times)}</timestamp>", *inner[4:]]


def as_usual(_: random.Random, inner: list[str]) -> list[str]:
    return inner


SHAPES: tuple[Shape, ...] = (
    as_usual,
    as_usual,
    shuffled,
    with_more,
    without_zone_id,
    without_zone,
    with_an_empty_field,
    with_entities,
    with_a_comment,
    with_cdata,
    with_a_prefix,
    with_attributes,
    with_an_instruction,
    with_text_between,
    with_other_signs,
    with_another_time,
)


def random_page(dice: random.Random) -> bytes:
    shapes = [dice.choice(SHAPES)] if dice.random() < 0.8 else list(SHAPES)
    indent = dice.choice(["", "\n", "\n\t", "\r\n  ", "\n                "])
    items = [
        item(dice.choice(shapes)(dice, fields(random_row(dice))), indent)
        for _ in range(dice.randint(0, 12))
    ]
    body = page_of(items, token=dice.choice(["", "abc123=="]), indent=dice.choice(["", "    "]))
    return dice.choice(FRAMES)(body)


def as_it_is(body: bytes) -> bytes:
    return body


def after_a_mark(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


def with_other_line_ends(body: bytes) -> bytes:
    return body.replace(b"\n", b"\r\n")


def undeclared(body: bytes) -> bytes:
    return body.partition(b"\n")[2]


def token_first(body: bytes) -> bytes:
    begin, end = body.rfind(b"<nextToken"), body.rfind(b"\n</")
    token, rest = body[begin:end], body[:begin] + body[end:]
    return rest.replace(f"<{SET}>".encode(), token + f"<{SET}>".encode(), 1)


def without_namespace(body: bytes) -> bytes:
    return body.replace(f' xmlns="{XMLNS}"'.encode(), b"", 1)


def with_an_outer_prefix(body: bytes) -> bytes:
    for tag in (ROOT, SET):
        body = body.replace(f"<{tag}".encode(), f"<ec2:{tag}".encode())
        body = body.replace(f"</{tag}".encode(), f"</ec2:{tag}".encode())
    return body.replace(b" xmlns=", b" xmlns:ec2=", 1)


def with_more_at_the_top(body: bytes) -> bytes:
    return body.replace(b"<requestId>", b"<more><nextToken>no</nextToken></more><requestId>", 1)


def commented(body: bytes) -> bytes:
    return body.replace(b"<requestId>", b"<!-- a > b --><?x y?><requestId>", 1) + b"<!-- end -->"


FRAMES: tuple[Callable[[bytes], bytes], ...] = (
    as_it_is,
    as_it_is,
    as_it_is,
    after_a_mark,
    with_other_line_ends,
    undeclared,
    token_first,
    without_namespace,
    with_an_outer_prefix,
    with_more_at_the_top,
    commented,
)


def test_a_thousand_pages_are_read_as_botocore_reads_them() -> None:
    dice = random.Random(7)  # noqa: S311
    for _ in range(PAGES):
        body = random_page(dice)
        assert ours(body) == botocores(body), body.decode()


@pytest.mark.parametrize("frame", FRAMES[2:])
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_every_shape_in_every_frame_is_read_as_botocore_reads_it(
    shape: Shape, frame: Callable[[bytes], bytes]
) -> None:
    dice = random.Random(11)  # noqa: S311
    rows = [random_row(dice) for _ in range(6)]
    items = [item(shape(dice, fields(each)), "\n  ") for each in rows]
    body = frame(page_of([item(fields()), *items], token="abc=="))
    assert ours(body) == botocores(body), body.decode()
    assert len(ours(body)[0]) == len(items) + 1


GROSS = page_of([item(["<tier>gr\u00f6sser</tier>", *fields()])])


@pytest.mark.parametrize(
    "body",
    [
        GROSS.replace(b'"1.0" encoding="UTF-8"', b'"9.9"'),
        GROSS.replace(b"UTF-8", b"utf-8"),
        GROSS.replace(b"UTF-8", b"ISO-8859-1"),
        GROSS.decode().encode("utf-16"),
        GROSS.replace(b"?>", b' standalone="yes"?>', 1),
        b"\n" + GROSS.partition(b"\n")[2],
    ],
)
def test_what_is_declared_is_understood_as_botocore_does(body: bytes) -> None:
    assert ours(body) == botocores(body)


@given(st.integers(0, 10**9), st.integers(0, 3_000), st.binary(max_size=6))
def test_damage_is_never_read_as_something_else(seed: int, place: int, damage: bytes) -> None:
    """Where we read a damaged page at all, botocore reads the same."""
    body = random_page(random.Random(seed))  # noqa: S311
    place %= len(body)
    damaged = body[:place] + damage + body[place + len(damage) :]
    try:
        found = ours(damaged)
    except BadPage:
        return
    assert found == botocores(damaged)


def test_the_usual_page_is_read() -> None:
    page = read_page(page_of([item(fields())], token="more"))
    assert page == ([USUAL], "more")


def test_a_page_without_rows_is_an_answer_too() -> None:
    assert read_page(page_of([], token="more")) == ([], "more")


LAYOUTS = {
    "usual": page_of([item(fields()) for _ in range(40)], token="more"),
    "unusual": page_of([item(["<tier>x</tier>", *fields()]) for _ in range(40)], token="more"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_page_that_is_cut_off_is_an_error(layout: str) -> None:
    whole = LAYOUTS[layout]
    assert len(read_page(whole).rows) == 40
    ends = [*range(0, len(whole), 64), *range(len(whole) - 80, len(whole) - 1)]
    for cut in ends:
        with pytest.raises(BadPage):
            read_page(whole[:cut])


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    f"<{ROOT}><{SET}><item><instanceType>&b;</instanceType></item></{SET}></{ROOT}>"
)
TWICE = item([*fields(), "<spotPrice>1</spotPrice>"])
NESTED = item(["<spotPrice>0.1<b/>2</spotPrice>"])
OTHER = item(fields()).replace("item>", "member>")
NO_DAY = item(fields((*USUAL[:3], "2026-02-30T10:00:00.000Z", *USUAL[4:])))
NO_TIME = item(fields((*USUAL[:3], "yesterday", *USUAL[4:])))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html><body>Service unavailable</body></html>",
        b"<Response><Errors/></Response>",
        f"<{ROOT}/>".encode(),
        page_of([]).replace(b"<requestId>", b"<nextToken>a</nextToken><requestId>"),
        page_of([]).replace(f"<{SET}>".encode(), f"<nextToken>a</nextToken><{SET}>".encode()),
        page_of([]).replace(b"<nextToken/>", b"<requestId>again</requestId><nextToken/>"),
        b"\xff\xfe\x00",
        BOMB.encode(),
        page_of([TWICE]),
        page_of([NESTED]),
        page_of([NO_DAY]),
        page_of([NO_TIME]),
        page_of([item(fields((*USUAL[:3], "2026-11-01T10:00:00", *USUAL[4:])))]),
        page_of([item(fields((*USUAL[:3], "2026-W01-1", *USUAL[4:])))]),
        page_of([item(fields((*USUAL[:3], "", *USUAL[4:])))]),
        page_of([OTHER]),
        page_of([item(fields()), OTHER]),
        page_of([item(fields())]).replace(
            f"</{SET}>".encode(), f"</{SET}><{SET}></{SET}>".encode()
        ),
        page_of([item(fields())]).replace(b"<requestId>", b"<e:requestId>"),
        page_of([item(fields())]).replace(b"</item>", b"]]></item>"),
        page_of([item(fields())]).replace(b"<item>", b"<item>&unknown;"),
        page_of([item(fields())]) + b"\xc2\xa0",
        page_of([item(fields())])[:-1] + b"\x00",
        page_of([item(fields())]).replace(b"</item>", b"</item>\x01"),
        page_of([item(fields())], token="a") + b"<trailing/>",
        page_of([], token="a").replace(b"<nextToken>", b"<nextToken>z</nextToken><nextToken>"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(BadPage):
        read_page(body)
