"""Whatever an enemy wrote, wherever it is shown: a terminal sees text, a program sees it all."""

import ast
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests import hostile
from tests.unit.model.make import NOON, hardware, instance, offer, request

import spotkeeper.cli
from spotkeeper.cli import (
    app,
    doctor,
    offers,
    price_history,
    render,
    sandbox_verbs,
    up,
)
from spotkeeper.cli.context import Choices
from spotkeeper.cli.machines import show_list, show_one
from spotkeeper.cli.terminal import TerminalTalk, plain_text
from spotkeeper.errors import SpotkeeperError, without_secrets
from spotkeeper.keeper.prices import PriceHistory
from spotkeeper.keeper.results import MachineList, MachineReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Candidate, Plan
from spotkeeper.market.series import PoolHistory, series
from spotkeeper.model.instance_type import Gpus
from spotkeeper.model.machine import Machine
from spotkeeper.model.need import Need
from spotkeeper.model.offer import Offer, Ranking
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool
from spotkeeper.ssh.shell import Login

PAYLOADS = hostile.payloads()
Capsys = pytest.CaptureFixture[str]
Show = Callable[[Choices, str], None]


def report(told: str) -> MachineReport:
    """A machine of which AWS says this wherever it can say anything."""
    tags = {"spotkeeper:name": told, "spotkeeper:user": told, "spotkeeper:deadline": told}
    tags |= {"spotkeeper:kind": told, "spotkeeper:launch": told, told: told}
    one = instance(told, zone_name=told, instance_type=told, public_ip=told, tags=tags)
    made = Machine(one, request(told, status_code=told, zone_name=told, tags=tags))
    login = Login(told, made.login, told, Path("/state/known_hosts"), Path("/state/key"))
    return MachineReport(made, Decimal("0.4"), Decimal(1), login, warnings=(told,))


def told_offer(told: str) -> Offer:
    gpus = Gpus(told, told, 1, 1024)
    place = Pool(told, Zone(told, told, told), told)
    row = hardware(told, gpus=gpus, archs=(told,))
    return replace(offer(at=place, row=row), interruption_band=told, cooling=told)


def history(told: str) -> PriceHistory:
    at = float(int(NOON.timestamp()))
    place = Pool(told, Zone(told, told, told), told)
    known = series([at, at + 3600], [0.4, 0.5], end=at + 7200)
    pools = (PoolHistory(place, known, 2, Decimal(1)),)
    return PriceHistory(pools, NOON, NOON + timedelta(hours=2), 2, (told,))


def table_of_everything(choices: Choices, told: str) -> None:
    columns = (render.field(" ", "a"), render.field("b", "b", wraps=True))
    rows = [{"a": told, "b": told, "tags": {told: told}, "list": [told]}]
    render.emit(choices, "x", rows, columns=columns, warnings=(told,))


def offers_and_more(choices: Choices, told: str) -> None:
    ranking = Ranking((told_offer(told),), refused=(), found=2, made_at=NOON)
    rows = [each.to_dict() for each in ranking.offers]
    render.emit(choices, "offers", rows, columns=offers.columns(rows), warnings=(told,))
    offers.say_rest(ranking)
    offers.say_why(None, {told: 1})


def a_listing(choices: Choices, told: str) -> None:
    show_list(choices, MachineList((report(told),), (told,)))


def a_plan(_: Choices, told: str) -> None:
    launch_request = LaunchRequest(told, Need(), image=told, lasting=None)
    plan = Plan(launch_request, (Candidate(told_offer(told)),), NOON, None, (told,))
    up.say_plan(plan, dry_run=False)


def an_error(choices: Choices, told: str) -> None:
    problem = SpotkeeperError(told, next_step=told, region=told, aws_code=told)
    app._told(problem, choices)


def a_wait(_: Choices, told: str) -> None:
    talk = TerminalTalk()
    talk.say(told)
    talk.waiting(told, timedelta(seconds=1))
    talk.finish()


def a_check(_: Choices, told: str) -> None:
    doctor._say([{"verdict": told, "name": told, "told": told, "fix": told}])


def calls(choices: Choices, told: str) -> None:
    choices.debug = True
    choices._count(told, told, told)
    choices.close()


SINKS: dict[str, Show] = {
    "any table": table_of_everything,
    "list of machines": a_listing,
    "one machine": lambda c, told: show_one(c, report(told), (told,)),
    "offers": offers_and_more,
    "plan": a_plan,
    "error": an_error,
    "wait": a_wait,
    "doctor": a_check,
    "debug": calls,
    "price history": lambda c, told: price_history.show(
        c, history(told), price_history.HistoryView()
    ),
    "sandbox": lambda c, told: sandbox_verbs._say(c, {}, told),
}


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("output", ["table", "csv"])
@pytest.mark.one_in(3)
def test_nothing_that_acts_reaches_a_terminal(sink: str, output: str, capsys: Capsys) -> None:
    for payload in PAYLOADS:
        SINKS[sink](Choices(output=output, no_color=True), payload)
        shown = "".join(capsys.readouterr())
        assert not hostile.unsafe(shown), (sink, output, payload)


def test_a_line_on_a_terminal_holds_one_escape_of_our_own(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for payload in PAYLOADS:
        a_wait(Choices(), payload)
        ours = capsys.readouterr().err.replace("\r\x1b[2K", "")
        assert not hostile.unsafe(ours), payload


def test_text_made_safe_is_one_line_and_as_long_as_before() -> None:
    for payload in PAYLOADS:
        told = plain_text(payload)
        assert not hostile.unsafe(told, lines=False), payload
        assert len(told) == len(payload)


@pytest.mark.parametrize("sink", ["any table", "list of machines", "one machine"])
def test_json_holds_every_payload_unchanged(sink: str, capsys: Capsys) -> None:
    for payload in PAYLOADS:
        SINKS[sink](Choices(output="json"), payload)
        out, _ = capsys.readouterr()
        assert out.isascii(), payload
        document = json.loads(out)
        assert payload in set(_texts(document["items"])), payload
        assert document["warnings"] == [payload]


def test_the_json_of_an_error_holds_every_payload_unchanged(capsys: Capsys) -> None:
    for payload in PAYLOADS:
        an_error(Choices(output="json"), payload)
        _, err = capsys.readouterr()
        assert err.isascii()
        error = json.loads(err)["error"]
        told = without_secrets(payload)
        step = told or SpotkeeperError.default_next_step
        expected = (told, step, payload, payload)
        assert tuple(error[k] for k in ("message", "next_step", "region", "aws_code")) == expected


def test_csv_has_one_line_for_one_record(capsys: Capsys) -> None:
    for payload in PAYLOADS:
        table_of_everything(Choices(output="csv"), payload)
        head, row = csv.reader(io.StringIO(capsys.readouterr().out))
        assert head == ["a", "b", "tags", "list"]
        assert row[0] == row[1] == plain_text(payload)
        assert json.loads(row[2]) == {payload: payload}


def test_no_payload_becomes_a_machines_name_or_a_user_but_a_plain_word() -> None:
    for payload in PAYLOADS:
        machine = report(payload).machine
        plain = payload.isascii() and payload.isalnum()
        assert machine.name in ({payload} if plain else {""}) | {""}
        assert machine.login in ({payload} if plain else set()) | {"ec2-user"}


def test_everything_printed_is_made_safe_where_it_is_printed() -> None:
    """Every text given to `click.echo` is a constant, JSON, or comes out of `plain_text`."""
    found = [
        f"{path.name}:{call.lineno}"
        for path in sorted(Path(spotkeeper.cli.__file__).parent.glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and _printer(call) and not _is_safe(call.args[0])
    ]
    allowed = {
        "completion.py": 1,  # a script of click's own
        "price_history.py": 1,  # many lines, each made safe
        "render.py": 2,  # the lines of a table, whose cells are made safe
        "sandbox.py": 2,  # lines for a shell to read, of our own values
        "ssh.py": 1,  # a line for a shell to read, which quotes what is not printable
        "terminal.py": 1,  # where that is printed which its callers made safe
        "tour.py": 2,  # its own constants
    }
    counted = {name: sum(place.startswith(f"{name}:") for place in found) for name in allowed}
    assert counted == allowed, found
    assert len(found) == sum(allowed.values()), found


def _printer(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return bool(call.args) and (name == "print" or name in {"click.echo", "click.secho", "_tell"})


def _is_safe(text: ast.expr) -> bool:
    match text:
        case ast.Call():
            return ast.unparse(text.func) in {"plain_text", "plain_lines", "json.dumps"}
        case ast.IfExp():
            return _is_safe(text.body) and _is_safe(text.orelse)
        case ast.JoinedStr():
            return all(_is_safe(part) for part in text.values)
        case ast.FormattedValue():
            return _is_safe(text.value)
        case _:
            return isinstance(text, ast.Constant) or ast.unparse(text) == "ERASE"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
