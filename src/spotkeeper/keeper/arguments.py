"""What a verb may be given, as its signature says; anything else is a ``BadInput``.

A signature is read as text, so that a verb which is passed no class of ours imports none.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, TypeVar

from spotkeeper.errors import BadInput, SpotkeeperError
from spotkeeper.model.option import OPTIONS, Takes
from spotkeeper.model.record import Result
from spotkeeper.model.spelling import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

#: Where the default of an option is told by its verb.
UNSAID = ...


def checked(words: Any = None) -> Callable[[F], F]:
    """Refuse what a verb cannot mean: an unknown keyword, text for a list, a wrong type.

    Its keywords beyond those it names are ``words``, a ``TypedDict``, each as good as not said
    when it is ``None``; ``help`` lists them.
    """

    def check_first(verb: F) -> F:
        signature = _signature(verb, words)

        @functools.wraps(verb)
        def call(*args: Any, **named: Any) -> Any:
            options = signature.parameters
            is_of_program = getattr(next(iter(args), None), "is_of_program", True)
            try:
                for word, value in _bound(verb, signature, args, named).items():
                    _check(verb, options[word], value)
                said = {
                    word: it for word, it in named.items() if not _is_unsaid(options[word], it)
                }
                found = verb(*args, **said)
            except SpotkeeperError as problem:
                if is_of_program:
                    problem.respell(for_program)
                raise
            return _spoken(found) if is_of_program else found

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return check_first


def _signature(verb: Callable[..., Any], words: Any) -> Signature:
    """The signature with each of the words as a keyword of its own."""
    signature = inspect.signature(verb)
    named = [each for each in signature.parameters.values() if each.kind != Parameter.VAR_KEYWORD]
    for word, kind in (words.__annotations__ if words else {}).items():
        text = kind.__forward_arg__  # as it is written in the class
        named.append(Parameter(word, Parameter.KEYWORD_ONLY, default=UNSAID, annotation=text))
    return signature.replace(parameters=named)


def _bound(
    verb: Callable[..., Any], signature: Signature, args: Any, named: Mapping[str, Any]
) -> Mapping[str, Any]:
    for word in named:
        if word not in signature.parameters:
            raise BadInput(
                f"{verb.__name__} takes no {word}",
                next_step=did_you_mean(word, signature.parameters, _help(verb)),
            )
    try:
        return signature.bind(*args, **named).arguments
    except TypeError as problem:
        raise BadInput(f"{verb.__name__}: {problem}", next_step=_help(verb)) from None


def _check(verb: Callable[..., Any], option: Parameter, value: object) -> None:
    if option.annotation is Parameter.empty or _is_unsaid(option, value):
        return
    kinds = _kinds(option)
    if any(_is(value, kind) for kind in kinds):
        return
    told = " or ".join(_TOLD.get(kind, kind) for kind in kinds if kind != "None")
    raise BadInput(
        f"{verb.__name__}: {option.name} must be {told}, not {value!r:.60}",
        next_step=f'Write {option.name}=["..."].' if TEXTS in kinds else _help(verb),
    )


def _is_unsaid(option: Parameter, value: object) -> bool:
    return value is None and option.default is UNSAID and "None" not in _kinds(option)


def _help(verb: Callable[..., Any]) -> str:
    place = "Keeper." if "." in verb.__qualname__ else ""
    return f"`help(spotkeeper.{place}{verb.__name__})` lists what it takes."


def _kinds(option: Parameter) -> list[str]:
    return str(option.annotation).split(" | ")


def _is(value: object, kind: str) -> bool:
    """Whether a value is of a kind; a class of ours is known by its name."""
    known = KINDS.get(kind)
    return known(value) if known else kind in {each.__name__ for each in type(value).__mro__}


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_texts(value: object) -> bool:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection):
        return False
    return all(map(_is_text, value))


def _are_texts_by_text(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, (*value, *value.values())))


TEXTS = "Sequence[str]"

#: What a value of a kind is, as signatures spell it; every other kind is a class of ours.
KINDS: Mapping[str, Callable[[object], bool]] = {
    "None": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: _is_number(value, int),
    "float": lambda value: _is_number(value, int, float),
    "Decimal": lambda value: isinstance(value, Decimal),
    "str": _is_text,
    "Path": lambda value: isinstance(value, Path),
    "timedelta": lambda value: isinstance(value, timedelta),
    TEXTS: _are_texts,
    "Mapping[str, str]": _are_texts_by_text,
    "Progress": callable,
    "Opened": callable,
}

_TOLD = {
    TEXTS: "a list of texts",
    "Mapping[str, str]": "a dict of texts",
    "Progress": "callable",
    "Opened": "callable",
}

#: Options whose keyword is not their flag, and those of other commands than ``up``.
_WORDS = {option.flag: option.word for option in OPTIONS} | {
    "all": "everything",
    "on-demand": "on_demand_usd_per_hour",
    "spot": "spot_usd_per_hour",
    "policy": "policies",
    "debug": "boto3.set_stream_logger('')",
    "help": "help()",
}
_ALIKE = "apply egress-gb endpoint-url grace offline quota refresh restart score why within work"
_FLAG = re.compile(
    rf"--({'|'.join(sorted((*_WORDS, *_ALIKE.split()), key=len, reverse=True))})(?![\w-])"
)
_COMMAND = re.compile(r"`spot (?!cache|policy guard|sandbox|tour|ssh [^`]* -- )([\w-]+)([^`>]*)`")
#: Switches of commands whose methods have none of that name; a program is not asked.
_SWITCHES = {"-f": "follow=True", "--yes": "", "--print": ""}
#: What is copied to a shell as it is, in quotes or not.
_OF_OTHERS = r"(`[^`]*`|\baws [a-z][\w-]+ [a-z][\w-]+(?: --[\w-]+(?: (?!--)[^\s,;]+)*)+)"
_MANY = {option.word for option in OPTIONS if option.takes is Takes.TEXTS}


#: Facts of a result that are sentences for a person.
_SPOKEN = frozenset({"warnings", "reason", "told", "fix", "refused_by_reason"})


def _spoken(found: Any) -> Any:
    """A result, and what is in it, with its sentences in the words of a program."""
    if type(found) is tuple:
        said = tuple(map(_spoken, found))
        return said if any(a is not b for a, b in zip(said, found, strict=True)) else found
    if not isinstance(found, Result) or not is_dataclass(found):
        return found
    changed = {}
    for each in fields(found):
        value = getattr(found, each.name)
        said = _respelled(value) if each.name in _SPOKEN else _spoken(value)
        if said is not value:
            changed[each.name] = said
    return replace(found, **changed) if changed else found


def _respelled(value: Any) -> Any:
    match value:
        case str():
            return for_program(value)
        case tuple():
            return tuple(map(_respelled, value))
        case Mapping():
            return {_respelled(key): count for key, count in value.items()}
        case _:
            return value


@functools.lru_cache
def for_program(text: str) -> str:
    """A sentence for people at a command line, in the words of a program: its options as keywords,
    its commands as calls. Commands of others stay as they are."""
    parts = re.split(_OF_OTHERS, text)
    parts[::2] = [_FLAG.sub(_as_word, each) for each in parts[::2]]
    parts[1::2] = map(_quoted, parts[1::2])
    return "".join(parts)


def _quoted(line: str) -> str:
    return _FLAG.sub(_as_word, line) if line.startswith("`--") else _COMMAND.sub(_as_call, line)


def _as_word(flag: re.Match[str]) -> str:
    return _WORDS.get(flag[1], flag[1].replace("-", "_"))


def _as_call(command: re.Match[str]) -> str:
    verb, words = command[1], command[2].split()
    given, named = list[str](), list[str]()
    while words:
        flag = _FLAG.fullmatch(word := words.pop(0))
        if word == "--":
            given.append(repr(words))
            break
        if word in _SWITCHES:
            named.append(_SWITCHES[word])
        elif flag is None:
            given.append(repr([word] if verb in {"down", "prices"} else word))
        else:
            keyword, value = _as_word(flag), True if not words else words.pop(0)
            named.append(f"{keyword}={[value] if keyword in _MANY else value!r}")
    return f"`keeper.{verb.replace('-', '_')}({', '.join(filter(None, (*given, *named)))})`"
