"""Micro-dollars as EC2 writes them."""


def usd(micros: int) -> str:
    """Six decimals, as in DescribeSpotPriceHistory: 0.137500."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def short_usd(micros: int) -> str:
    """Without trailing zeros, as in error texts: 0.1375."""
    return usd(micros).rstrip("0").rstrip(".")


def micros(text: str) -> int:
    """Dollars as typed to micro-dollars; ``ValueError`` when it is not a number."""
    return round(float(text) * 1_000_000)
