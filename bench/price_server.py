"""A stand-in for EC2's market in a process of its own: pages made beforehand, a delay per call.

usage: python price_server.py [--regions 30] [--pages 3] [--latency-ms 80]

Prints its port when everything is ready and leaves when its standard input is closed. A page has
1,000 prices in the layout of EC2's documentation with zone ids. Region and page come from the
signature's scope and the token; nothing is checked.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

ROWS_PER_PAGE = 1_000
ZONES = "abc"
#: So many pages hold every pool of a region once; what comes after them is older prices.
PAGES_OF_A_MARKET = 3
MOST_REGIONS = 30

FAMILIES = """
    c5 c5a c5d c6a c6g c6gd c6gn c6i c6id c6in c7a c7g c7gd c7gn c7i c8g m5 m5a m5ad m5d m5dn m5n
    m6a m6g m6gd m6i m6id m6in m7a m7g m7gd m7i m8g r5 r5a r5b r5d r5n r6a r6g r6i r6id r7a r7g
    r7i r8g t3 t3a t4g g4ad g4dn g5 g5g g6 g6e p3 p4d p5 inf1 inf2 trn1 x2idn z1d i3 i3en i4i
    im4gn d3 h1 c4 m4 r4 x1 x1e u-3tb1 vt1 dl1 f1 g3 hpc6a hpc7g r7iz i7ie c8gd
""".split()  # noqa: SIM905 - easier to read and to change
SIZES = """
    medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge
    metal
""".split()  # noqa: SIM905 - easier to read and to change
TYPES = [f"{family}.{size}" for family in FAMILIES for size in SIZES][:ROWS_PER_PAGE]
ACCELERATED = re.compile(r"g\d|p\d")

XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="' + XMLNS + '">\n'
    "    <requestId>59dbff89-35bd-4eac-99ed-be587ab1c2d3</requestId>\n"
)
PRICE = (
    "        <item>\n"
    "            <instanceType>{name}</instanceType>\n"
    "            <productDescription>Linux/UNIX</productDescription>\n"
    "            <spotPrice>{usd:.6f}</spotPrice>\n"
    "            <timestamp>{day}T{hour:02}:{minute:02}:{second:02}.000Z</timestamp>\n"
    "            <availabilityZone>{region}{letter}</availabilityZone>\n"
    "            <availabilityZoneId>{zone_id}</availabilityZoneId>\n"
    "        </item>\n"
)
TYPE = (
    "<item><instanceType>{name}</instanceType>"
    "<supportedUsageClasses><item>on-demand</item><item>spot</item></supportedUsageClasses>"
    "<processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures>"
    "</processorInfo><vCpuInfo><defaultVCpus>{vcpus}</defaultVCpus></vCpuInfo>"
    "<memoryInfo><sizeInMiB>{mib}</sizeInMiB></memoryInfo>{gpu}</item>"
)
GPU = (
    "<gpuInfo><gpus><item><name>L4</name><manufacturer>NVIDIA</manufacturer><count>1</count>"
    "<memoryInfo><sizeInMiB>24576</sizeInMiB></memoryInfo></item></gpus>"
    "<totalGpuMemoryInMiB>24576</totalGpuMemoryInMiB></gpuInfo>"
)

IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    b"<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bench</Arn>"
    b"<UserId>AIDABENCH</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
    b"</GetCallerIdentityResponse>"
)

SCOPE = re.compile(rb"Credential=[^/]+/\d+/([a-z0-9-]+)/")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
GZIP = re.compile(rb"\r\naccept-encoding:[^\r]*gzip", re.IGNORECASE)
BLANK = b"\r\n\r\n"
GZIP_FORMAT = 31


def region_names(count: int) -> list[str]:
    """As many of the names that EC2's regions have."""
    areas = "us-east us-west eu-west eu-central ap-south ap-east ca-central sa-east me-south"
    names = [f"{area}-{number}" for number in range(1, 5) for area in areas.split()]
    return names[:count]


class Market:
    """Every answer, made beforehand."""

    def __init__(self, regions: Sequence[str], pages: int) -> None:
        self.regions = regions
        self.pages = pages
        self._prices = {
            (region, page): _prices(region, page)
            for region in regions
            for page in range(min(pages, PAGES_OF_A_MARKET))
        }
        self._packed = {
            (region, page): _packed(self.page(region, page))
            for region in regions
            for page in range(pages)
        }
        self.advisor = _advisor(regions)

    def page(self, region: str, page: int) -> bytes:
        """One page of prices as it is."""
        token = f"p{page + 1}" if page + 1 < self.pages else ""
        tail = f"    </spotPriceHistorySet>\n    <nextToken>{token}</nextToken>\n"
        rows = self._prices[region, page % PAGES_OF_A_MARKET]
        return rows + f"{tail}</DescribeSpotPriceHistoryResponse>".encode()

    def packed_page(self, region: str, page: int) -> bytes:
        """The same, packed."""
        return self._packed[region, page]

    def region_set(self) -> bytes:
        """The answer of DescribeRegions."""
        items = "".join(
            f"<item><regionName>{name}</regionName><regionEndpoint>127.0.0.1</regionEndpoint>"
            "<optInStatus>opt-in-not-required</optInStatus></item>"
            for name in self.regions
        )
        return _xml("DescribeRegions", f"<regionInfo>{items}</regionInfo>")

    def types(self, names: Sequence[str]) -> bytes:
        """The answer of DescribeInstanceTypes; all types for no names."""
        items = "".join(_type(name) for name in names or TYPES)
        return _xml("DescribeInstanceTypes", f"<instanceTypeSet>{items}</instanceTypeSet>")

    def products(self, asked: Mapping[str, str]) -> bytes:
        """The answer of GetProducts."""
        names = [asked["instanceType"]] if "instanceType" in asked else TYPES
        return json.dumps({"FormatVersion": "1", "PriceList": [*map(_product, names)]}).encode()


def _prices(region: str, page: int) -> bytes:
    """A thousand pools: all types in one zone. The same numbers in every run."""
    dice = random.Random(f"{region} {page}")  # noqa: S311
    short = "".join(part[:2] for part in region.split("-"))
    rows = [
        PRICE.format(
            name=name,
            usd=dice.random() * 9 + 0.003,
            day=f"2026-11-{dice.randint(1, 22):02}",
            hour=dice.randint(0, 23),
            minute=dice.randint(0, 59),
            second=dice.randint(0, 59),
            region=region,
            letter=ZONES[page % len(ZONES)],
            zone_id=f"{short}-az{page % len(ZONES) + 1}",
        )
        for name in TYPES
    ]
    head = HEAD.format(action="DescribeSpotPriceHistory") + "    <spotPriceHistorySet>\n"
    return (head + "".join(rows)).encode()


def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=GZIP_FORMAT)
    return packer.compress(body) + packer.flush()


def _xml(action: str, inner: str) -> bytes:
    return f"{HEAD.format(action=action)}{inner}</{action}Response>".encode()


def _type(name: str) -> str:
    family, _, size = name.partition(".")
    vcpus = 2 ** (SIZES.index(size) // 2 + 1)
    gpu = GPU if ACCELERATED.match(family) else ""
    return TYPE.format(name=name, vcpus=vcpus, mib=vcpus * 4096, gpu=gpu)


def _product(name: str) -> str:
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{len(name) * 0.71:.10f}"}}
    terms = {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}
    return json.dumps({"product": {"attributes": {"instanceType": name}}, "terms": terms})


def _advisor(regions: Sequence[str]) -> bytes:
    """The public feed: a band for every type of every region."""
    labels = (("<5%", 5), ("5-10%", 11), ("10-15%", 16), ("15-20%", 22), (">20%", 100))
    ranges = [
        {"index": index, "label": label, "dots": index, "max": most}
        for index, (label, most) in enumerate(labels)
    ]
    dice = random.Random("advisor")  # noqa: S311
    by_region = {
        region: {"Linux": {name: {"s": 60, "r": dice.randint(0, 4)} for name in TYPES}}
        for region in regions
    }
    return json.dumps({"ranges": ranges, "spot_advisor": by_region}).encode()


@dataclass
class Counts:
    """What was asked, so that a bench can prove it."""

    by_action: dict[str, int] = field(default_factory=dict)


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as the clients here need it."""

    def __init__(self, market: Market, latency: float, counts: Counts) -> None:
        self._market = market
        self._latency = latency
        self._counts = counts
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(BLANK)) >= 0:
            head = self._buffer[:end]
            length = LENGTH.search(head)
            whole = end + len(BLANK) + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[end + len(BLANK) : whole], self._buffer[whole:]
            asyncio.get_running_loop().call_later(self._latency, self._answer, head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        kind, content, packed = self._content(head, body)
        about = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        about += "Content-Encoding: gzip\r\n" if packed else ""
        if isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.writelines([f"{about}\r\n".encode(), content])

    def _content(self, head: bytes, body: bytes) -> tuple[str, bytes, bool]:
        if head.startswith(b"GET"):
            action = "counts" if head.startswith(b"GET /counts") else "advisor"
            counted = json.dumps(self._counts.by_action).encode()
            return (
                "application/json",
                counted if action == "counts" else self._market.advisor,
                False,
            )
        if b"AWSPriceListService" in head:
            filters = json.loads(body).get("Filters", ())
            asked = {each["Field"]: each["Value"] for each in filters}
            return "application/x-amz-json-1.1", self._market.products(asked), False
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        action = form["Action"]
        self._counts.by_action[action] = self._counts.by_action.get(action, 0) + 1
        content, packed = self._ec2(action, form, head)
        return "text/xml;charset=UTF-8", content, packed

    def _ec2(self, action: str, form: Mapping[str, str], head: bytes) -> tuple[bytes, bool]:
        market = self._market
        if action == "DescribeSpotPriceHistory":
            return self._prices(form, head)
        if action == "DescribeInstanceTypes":
            names = [value for name, value in form.items() if name.startswith("InstanceType.")]
            return market.types(names), False
        if action == "DescribeRegions":
            return market.region_set(), False
        return IDENTITY if action == "GetCallerIdentity" else _xml(action, ""), False

    def _prices(self, form: Mapping[str, str], head: bytes) -> tuple[bytes, bool]:
        scope = SCOPE.search(head)
        region = scope[1].decode() if scope else self._market.regions[0]
        page = int(form.get("NextToken", "p0")[1:])
        if GZIP.search(head):
            return self._market.packed_page(region, page), True
        return self._market.page(region, page), False


async def main() -> None:
    """Make the pages, listen, say where."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--regions", type=int, default=MOST_REGIONS)
    parser.add_argument("--pages", type=int, default=PAGES_OF_A_MARKET)
    parser.add_argument("--latency-ms", type=float, default=80)
    asked = parser.parse_args()
    market, counts = Market(region_names(asked.regions), asked.pages), Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(market, asked.latency_ms / 1000, counts), "127.0.0.1", 0, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # Whoever started us is gone when the line is closed: no stray servers.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
