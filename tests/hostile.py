"""Texts that an enemy would write, by family, and what must never come of them.

Every family is made of a few ideas, each put at the beginning, in the middle and at the end of a
harmless text: some programs look at one of these places only.
"""

import unicodedata
from collections.abc import Iterator, Mapping

#: A shell that executes a payload makes a file of this name in its working folder.
CANARY = "hostile-canary"

_TOUCH = f"touch {CANARY}"

SHELL = (
    f"$({_TOUCH})",
    f"`{_TOUCH}`",
    f"; {_TOUCH};",
    f"| {_TOUCH}",
    f"|| {_TOUCH}",
    f"& {_TOUCH} &",
    f"&& {_TOUCH}",
    f"\n{_TOUCH}\n",
    f"'; {_TOUCH}; '",
    f'"; {_TOUCH}; "',
    f"'$({_TOUCH})'",
    f'"$({_TOUCH})"',
    f"\\'; {_TOUCH}; \\'",
    f"<({_TOUCH})",
    f">({_TOUCH})",
    f"> {CANARY}",
    f">> {CANARY}",
    f"a[$({_TOUCH})]",
    f"${{x:=$({_TOUCH})}}",
    f"$(({CANARY}[$({_TOUCH})]))",
    f"() {{ :;}}; {_TOUCH}",
    f"\nGUARD\n{_TOUCH}\n",
    f"\nEOF\n{_TOUCH}\n",
    f"\r\n{_TOUCH}\r\n",
    "$IFS$9",
    "~root",
    "*",
    "?",
    "!!",
    "!$",
    "^a^b",
    "{a,b}",
    "#",
    "\\",
    "'",
    '"',
    "`",
    "$",
)
OPTIONS = (
    f"-oProxyCommand={_TOUCH}",
    f"-o ProxyCommand={_TOUCH}",
    f"-oLocalCommand={_TOUCH}",
    "-oPermitLocalCommand=yes",
    f"-oKnownHostsCommand={_TOUCH}",
    "-F/dev/stdin",
    f"-E{CANARY}",
    "-D1080",
    "-",
    "--",
    "---",
    "--help",
    "--yes",
    "--output=json",
    "-rf /",
    "ssh://root@example.com",
    "root@example.com",
    "%h%r%n%p%u%d",
    "${HOME}",
)
NEWLINES = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
BIDI = tuple("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = tuple(
    "\u00ad\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u2065\ufeff\ufff9\ufffa\ufffb"
    "\U000e0001\U000e0061\U000e007f\U0001d173\ue000\U000f0000\uffff\ufdd0"
)
LOOK_ALIKES = (
    "trаin",  # noqa: RUF001 - a Cyrillic letter
    "ｔｒａｉｎ",  # noqa: RUF001 - full width
    "tráin",
    "tra\u0301in",
    "𝐭𝐫𝐚𝐢𝐧",  # noqa: RUF001 - mathematical
    "tr\u200bain",
    "us\u2010east\u20101",
    "g5．xlarge",  # noqa: RUF001
    "ⅽ5․large",  # noqa: RUF001
    "ſsh",  # noqa: RUF001
    "İ",
    "ı",  # noqa: RUF001
    "ß",
    "ﬁ",
    "１２",  # noqa: RUF001
    "١٢",
    "②",
    "Ⅻ",
)
CONTROLS = (*map(chr, range(0x20)), "\x7f", *map(chr, range(0x80, 0xA0)))
SEQUENCES = (
    "\x1b[2J",
    "\x1b[31m",
    "\x1b[1A\x1b[2K",
    "\x1b[?1049h",
    "\x1b[?25l",
    "\x1b[6n",
    "\x1b[c",
    "\x1b[21t",
    "\x1b]0;title\x07",
    "\x1b]2;title\x1b\\",
    "\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;dG91Y2g=\x07",
    "\x1b]50;font\x07",
    "\x1b]1337;File=name=eA==:eA==\x07",
    "\x1bP$q\x1b\\",
    "\x1bP+q\x1b\\",
    "\x1b_payload\x1b\\",
    "\x1b^payload\x1b\\",
    "\x1bXpayload\x1b\\",
    "\x1bc",
    "\x1b#8",
    "\x1b(0",
    "\x1b%G",
    "\x1b",
    "\x9b31m",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x90q\x9c",
    "\x0e\x0f",
    "\x08\x08\x08",
    "\rspot: all is well",
    "\x05",
)
TEMPLATES = (
    "{{7*7}}",
    "{{config}}",
    "{% include '/etc/passwd' %}",
    "{0}",
    "{}",
    "{name}",
    "{0.__class__.__mro__}",
    "{",
    "}",
    "${7*7}",
    "${jndi:ldap://127.0.0.1/x}",
    "#{7*7}",
    "<%= 7*7 %>",
    "%s%s%s",
    "%n%n",
    "%(name)s",
    "%d",
    "%",
    "%%",
    "$name",
    "$$",
    "[bold red]markup[/]",
    "[/]",
    "[link=http://example.com]x[/link]",
    ":boom:",
    "<script>alert(1)</script>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "&lt;&#x1b;&amp;",
    "]]>",
    "<!--",
    "=1+1",
    "@SUM(1)",
    "+1",
    '","',
    "__import__('os').system('" + _TOUCH + "')",
    "!!python/object/apply:os.system ['" + _TOUCH + "']",
    "'; DROP TABLE machines; --",
    "\\x1b[31m",
    "\\u001b",
    "\\N{ESC}",
    "$\\frac{1}{$",
    "^_{",
)
PATHS = (
    "../../etc/passwd",
    "..",
    ".",
    "/",
    "//",
    "/dev/null",
    "/etc/passwd",
    "..\\..\\windows",
    "C:\\windows",
    "\\\\host\\share",
    "~nobody-of-that-name/x",
    "~/x",
    "file:///etc/passwd",
    "%2e%2e%2f",
    "a/../../b",
    ".ssh/authorized_keys",
    "x.jsonl",
    "con",
    "nul",
    "a b",
)
LONG = (
    "a" * 39,
    "a" * 40,
    "a" * 255,
    "a" * 256,
    "a" * 4_096,
    "é" * 300,
    "\x1b[31m" * 500,
    "\n" * 999,
)
ODD = (
    "",
    " ",
    "\t",
    "\u00a0",
    "\u3000",
    "nan",
    "inf",
    "-inf",
    "1e999999",
    "-1",
    "0",
    "00",
    "0x10",
    "1_000",
    "9" * 40,
    "9" * 5_000,
    "null",
    "none",
    "true",
    "[]",
    "\U0010ffff",
    "\U0001f4a5",
    "z" + "\u0301" * 60,
)

#: Not text at all: half of a pair, and what Python makes of bytes that are no UTF-8.
SURROGATES = ("\ud800", "\udfff", "\udc80\udcff", "a\udcc3b", "\udc1b", "\udc9b31m")

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "shell": SHELL,
    "options": OPTIONS,
    "newlines": NEWLINES,
    "bidi": BIDI,
    "invisible": INVISIBLE,
    "look-alikes": LOOK_ALIKES,
    "controls": CONTROLS,
    "sequences": SEQUENCES,
    "templates": TEMPLATES,
    "paths": PATHS,
    "long": LONG,
    "odd": ODD,
    "surrogates": SURROGATES,
}

_ALONE = {"long", "odd", "paths", "options"}


def payloads() -> tuple[str, ...]:
    """Every payload, once: each idea alone, and in a harmless text where that differs."""
    return tuple(dict.fromkeys(_all()))


def sample() -> tuple[str, ...]:
    """Three of every family, for what takes longer: the first, one in the middle, the last."""
    picked = ((ideas[0], ideas[len(ideas) // 2], ideas[-1]) for ideas in FAMILIES.values())
    return tuple(dict.fromkeys(idea for three in picked for idea in three))


def is_text(payload: str) -> bool:
    """Whether it can be sent or written as UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in payload)


def is_argument(payload: str) -> bool:
    """Whether a program can be given it: no NUL, and of the surrogates those made of bytes."""
    return "\0" not in payload and all(
        character < "\ud800" or character > "\udfff" or "\udc80" <= character <= "\udcff"
        for character in payload
    )


def unsafe(shown: str, *, lines: bool = True) -> set[str]:
    """The characters of a text that a terminal must never see; line ends are allowed."""
    allowed = "\n" if lines else ""
    kinds = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
    return {
        character
        for character in set(shown)
        if character not in allowed and unicodedata.category(character) in kinds
    }


def _all() -> Iterator[str]:
    for family, ideas in FAMILIES.items():
        for idea in ideas:
            yield idea
            if family not in _ALONE:
                yield f"train{idea}"
                yield f"{idea}train"
                yield f"tr{idea}ain"
