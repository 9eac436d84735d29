"""``spot.toml``, and the JSON file of the script that spotkeeper replaces."""

import json
import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from spotkeeper.errors import BadInput
from spotkeeper.model.duration import parse_duration
from spotkeeper.model.option import OPTIONS, Takes
from spotkeeper.model.risk import Work
from spotkeeper.model.spelling import did_you_mean

DEFAULT_FILE = "spot.toml"

#: More than any such file needs; the parsers take their time for more, and recurse.
MAX_BYTES = 128 * 1024
MAX_DOTS_IN_A_LINE = 1000
MAX_SHOWN = 60

#: No number of a wish is larger, in whatever unit; what is larger cannot even be printed.
LARGEST = 10**9

#: Keys of ``[machine]``: every option of ``spot up``, by its long name.
MACHINE_KEYS = {option.flag: option for option in OPTIONS if option.in_file}

#: Keys of ``[work]``: what an interruption costs, each a length of time such as "10m".
WORK_KEYS = ("restart", "checkpoint", "run")

SECTIONS: Mapping[str, Collection[str]] = {"machine": MACHINE_KEYS, "work": WORK_KEYS}

#: The old script's keys, and what they are called here.
OLD_KEYS: Mapping[str, str] = {
    "Name": "name",
    "Project": "tag",
    "Owner": "tag",
    "Key_Name": "key-name",
    "Volume_Size": "disk",
    "AMI_Id": "image",
    "AWSCLI_Profile": "profile",
    "User_Data": "user-data-text",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a configuration file says; the command line wins over it.

    ``lines`` tells where a value stands, by what an error calls it: ``--gpus``, or a tag's key in
    quotes.
    """

    machine: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    origin: Path | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    def get(self, key: str) -> Any | None:
        """The value of an option, ``None`` where the file is silent."""
        return self.machine.get(key)


def load(path: Path | None, *, folder: Path) -> Settings:
    """Read the named file, or ``spot.toml`` of the folder if there is one.

    Raises:
        BadInput: the file cannot be read or understood; the message has file, line and key.
    """
    chosen = path or folder / DEFAULT_FILE
    if path is None and not os.path.lexists(chosen):
        return Settings()
    try:
        text = _read(chosen).decode("utf-8-sig")  # an editor's byte order mark is not the user's
    except OSError as problem:
        raise BadInput(f"Cannot read {chosen}: {problem.strerror or problem}") from problem
    except UnicodeDecodeError as problem:
        raise BadInput(f"{chosen} is not UTF-8 text: {problem.reason}") from problem
    file = _File(chosen, text)
    return _from_json(file) if chosen.suffix == ".json" else _from_toml(file)


def _read(path: Path) -> bytes:
    """The bytes of a regular file; nothing else is waited for, as one would for a pipe."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadInput(f"Cannot read {path}: it is not a regular file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path} is over {MAX_BYTES:,} bytes, too long for a configuration file")
    return data


@dataclass(frozen=True, slots=True)
class _File:
    """A configuration file while it is read."""

    path: Path
    text: str

    def wrong(self, key: str, told: str, *, section: str = "", hint: str = "") -> NoReturn:
        """Refuse a key, with file and line."""
        line = _line_of(self.text, key, section)
        raise BadInput(
            f"{self.path}, line {line}: {_cut(key)} {told}", next_step=hint or "Fix that line."
        )

    def unreadable(self, told: object) -> BadInput:
        """The error for a text that no parser takes."""
        return BadInput(f"{self.path}: {told}", next_step="Fix that line.")

    def refuse_depth(self) -> None:
        """Refuse lines that would keep the parser of TOML busy for minutes."""
        for number, line in enumerate(self.text.split("\n"), start=1):
            if line.count(".") > MAX_DOTS_IN_A_LINE:
                raise self.unreadable(f"too many dots (at line {number})")

    def refuse_unknown(
        self, found: Mapping[str, Any], known: Collection[str], section: str = ""
    ) -> None:
        """Refuse a key that means nothing, with the nearest that does."""
        for key in found:
            if key not in known:
                hint = did_you_mean(key, known, f"Known keys: {', '.join(known)}.")
                place = next((each for each in SECTIONS if key in SECTIONS[each]), "")
                if place:
                    hint = f"It belongs under [{place}]."
                self.wrong(key, "is not a known key", section=section, hint=hint)


def _from_toml(file: _File) -> Settings:
    import tomllib  # where there is a file, and there seldom is

    file.refuse_depth()
    try:
        document = tomllib.loads(file.text)
    except ValueError as problem:  # TOMLDecodeError, or a number of more digits than Python reads
        raise file.unreadable(problem) from problem
    except RecursionError:
        raise file.unreadable("it is nested too deeply") from None
    file.refuse_unknown(document, ("machine", "tags", "work"))
    machine = _section(file, document, "machine")
    tags = _section(file, document, "tags")
    file.refuse_unknown(machine, MACHINE_KEYS, "machine")
    for key, value in machine.items():
        if not _fits(key, value):
            told = f"must be a {MACHINE_KEYS[key].takes.value}, not {_shown(value)}"
            file.wrong(key, told, section="machine")
    for key, value in tags.items():
        if not isinstance(value, str):
            file.wrong(key, f"must be text in quotes, not {_shown(value)}", section="tags")
    options = {key: _listed(key, value) for key, value in machine.items()}
    lines = {f"--{key}": _line_of(file.text, key, "machine") for key in machine}
    lines |= {repr(key): _line_of(file.text, key, "tags") for key in tags}
    return Settings(options, tags, _work(file, document), file.path, lines)


def _work(file: _File, document: Mapping[str, Any]) -> Work:
    section = _section(file, document, "work")
    file.refuse_unknown(section, WORK_KEYS, "work")
    lengths = {}
    for key, value in section.items():
        try:
            lengths[key] = parse_duration(value if isinstance(value, str) else _shown(value))
        except ValueError as problem:
            file.wrong(key, f"cannot be read: {_cut(str(problem))}", section="work")
    return Work(**lengths)


def _document(file: _File) -> Any:
    """What the text of a JSON file says."""
    try:
        return json.loads(file.text)
    except json.JSONDecodeError as problem:
        told = f"{problem.msg} (at line {problem.lineno}, column {problem.colno})"
        raise file.unreadable(told) from problem
    except ValueError as problem:  # a number of more digits than Python reads
        raise file.unreadable(problem) from problem
    except RecursionError:
        raise file.unreadable("it is nested too deeply") from None


def _from_json(file: _File) -> Settings:
    document = _document(file)
    if not isinstance(document, dict):
        raise BadInput(f"{file.path} must hold one JSON object, with keys such as Name and AMI_Id")
    file.refuse_unknown(document, OLD_KEYS)
    machine: dict[str, Any] = {}
    for key, value in document.items():
        name = OLD_KEYS[key]
        if name == "disk":
            machine[name] = _old_size(file, value)
        elif not _is_text(value):
            file.wrong(key, f"must be text in quotes, not {_shown(value)}")
        elif name != "tag" and value:
            machine[name] = value
    tags = {key: document[key] for key in ("Project", "Owner") if document.get(key)}
    return Settings(machine, tags, origin=file.path)


def _old_size(file: _File, value: object) -> int:
    text = _shown(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not re.fullmatch(r"-?[0-9]{1,9}", text.strip()):
        file.wrong("Volume_Size", f"must be a whole number of GB, not {_shown(value)}")
    return int(text)


def _section(file: _File, document: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = document.get(name, {})
    if not isinstance(section, dict):
        file.wrong(name, f"must be a table: [{name}]")
    return section


def _fits(key: str, value: Any) -> bool:
    number = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= LARGEST  # which neither inf nor nan is
    )
    return {
        Takes.TEXT: isinstance(value, str),
        Takes.PRICE: isinstance(value, str) or number,
        Takes.WHOLE: number and isinstance(value, int),
        Takes.NUMBER: number,
        Takes.USD: number,
        Takes.SWITCH: isinstance(value, bool),
        Takes.TEXTS: isinstance(value, str)
        or (isinstance(value, list) and all(isinstance(each, str) for each in value)),
    }[MACHINE_KEYS[key].takes]


def _listed(key: str, value: Any) -> Any:
    return [value] if MACHINE_KEYS[key].takes is Takes.TEXTS and isinstance(value, str) else value


def _is_text(value: object) -> bool:
    """Whether it is text that can be sent; JSON may spell half of a character."""
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def _shown(value: object) -> str:
    """A value for a message: short, and whatever it is."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case int() if abs(value) > LARGEST:
            return "so large a number"
        case _:
            return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _line_of(text: str, key: str, section: str = "") -> int:
    """The line on which a key stands, in its section where it has one; 1 if it is not found."""
    wanted = re.compile(rf"""[\s{{,\["']*{re.escape(key)}["']?\s*(?:[=:\].]|$)""")
    inside = not section
    for number, line in enumerate(text.split("\n"), start=1):
        inside = inside or re.match(rf"\s*\[\s*{re.escape(section)}\s*\]", line) is not None
        if inside and wanted.match(line):
            return number
    return 1
