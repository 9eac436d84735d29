"""``spot run``."""

import os
from pathlib import Path
from typing import Any

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.logs import show_log
from spotkeeper.cli.options import launch_options, need_options
from spotkeeper.cli.terminal import plain_text
from spotkeeper.cli.up import agreed_plan, say_plan
from spotkeeper.errors import NotFound
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.launch_inputs import launch_request_from
from spotkeeper.keeper.run import run_order
from spotkeeper.model.machine import Kind, Machine
from spotkeeper.store.settings import load
from spotkeeper.work.contract import SIGNALS
from spotkeeper.work.run_report import RunReport

#: Words of the run itself; all others are those of a launch.
OF_THE_RUN = ("setup", "env", "env_file", "signal", "grace", "retries", "then")

COLUMNS = (
    render.field("Name", "name"),
    render.field("Run", "run_id"),
    render.field("State", "summary", wraps=True),
)


@click.command(
    name="run",
    short_help="Run a command on a machine until it is done.",
    context_settings={"allow_interspersed_args": True},
)
@click.argument("name")
@click.argument("command_line", metavar="-- COMMAND", nargs=-1, required=True)
@click.option("--setup", metavar="FILE", help="A script or list of requirements.")
@click.option("--env", multiple=True, metavar="NAME[=V]", help="A variable of the command.")
@click.option("--env-file", metavar="FILE", help="Variables, NAME=VALUE a line.")
@click.option(
    "--signal", type=click.Choice(SIGNALS), help="What it is told with; TERM by default."
)
@click.option("--grace", metavar="TIME", help="From that signal to its end; 60s by default.")
@click.option(
    "--retries",
    type=click.IntRange(0),
    metavar="N",
    help="Start again so often when it fails; 0 by default.",
)
@click.option(
    "--then",
    type=click.Choice(("stop", "keep")),
    help="What becomes of the machine; stop by default.",
)
@click.option("--detach", is_flag=True, help="Do not follow its output.")
@click.option("--config", metavar="FILE", help="spot.toml, or the JSON of the old script.")
@click.option("--yes", is_flag=True, help="Do not ask (needed without a terminal).")
@need_options
@launch_options
@global_options
@pass_choices
def command(
    choices: Choices, /, name: str, command_line: tuple[str, ...], *, detach: bool, **given: Any
) -> int:
    """Run a command on a machine until it is done, across interruptions.

    A machine of that name is used; else one is launched, as `spot up` would. This folder is pushed
    (what git knows or does not ignore, without what .spotignore names), the command runs in a copy
    of it, and its output is followed; Ctrl-C leaves it running. What uv.lock, pyproject.toml or
    requirements.txt asks for is installed once, for all attempts; --setup names another file, or
    `none`. When EC2 takes the machine, the command is told, and started again when the machine is
    back; it resumes from what it saved in SPOT_CHECKPOINT_DIR. At the end the machine powers off,
    and only its disk costs.

    Example: spot run train --gpus 1 --for 8h -- python3 train.py
    """
    words = {word: given.pop(word) for word in OF_THE_RUN}
    order = run_order(command_line, words, environment=os.environ)
    keeper = choices.keeper()
    machine = _machine_for_it(choices, keeper, {"name": name, **given})
    fate = (machine.kind, order.then)
    if fate == (Kind.ONCE, "stop"):
        choices.talk.say(f"note: {name} is gone with its disk when the run is over; --then keep")
    report = keeper.run(name, order, choices.region)
    if detach:
        show_run(choices, report)
        return 0
    log = keeper.logs(name, choices.region, follow=True, whole=True)
    code = show_log(choices, log)
    show_run(choices, log.report or report)
    click.echo(plain_text(_WHAT_COSTS[fate].format(name=name)), err=True)
    return code


_WHAT_COSTS = {
    (Kind.BOX, "stop"): "{name} powers off in a minute or two; only its disk costs then, until "
    "`spot down {name}`.",
    (Kind.BOX, "keep"): "{name} runs, and costs, until `spot stop {name}` or `spot down {name}`.",
    (Kind.ONCE, "stop"): "{name} powers off in a minute or two, and is gone with its disk.",
    (Kind.ONCE, "keep"): "{name} runs, and costs, until `spot down {name}`.",
}


def _machine_for_it(choices: Choices, keeper: Keeper, given: dict[str, Any]) -> Machine:
    """The machine of the name; launched where there is none."""
    name, config, yes = given["name"], given.pop("config"), given.pop("yes")
    try:
        machine = keeper.show(name, choices.region).machine
    except NotFound:
        choices.talk.say(f"There is no machine {name}: it is to be launched")
    else:
        if any(value not in {None, False, ()} for word, value in given.items() if word != "name"):
            choices.talk.say(f"{name} is there already: the options of a launch change nothing")
        return machine
    settings = load(Path(config) if config else None, folder=Path.cwd())
    request = launch_request_from(given, settings, choices.region)
    choices.region = request.need.regions
    plan = keeper.plan(request)
    say_plan(plan, dry_run=False)
    if not yes:
        plan = agreed_plan(choices, keeper, plan, "Launch it, and run the command there?")
    machine = keeper.up(plan).machine
    choices.region, choices.runs = (machine.region,), name
    return machine


def show_run(choices: Choices, report: RunReport) -> None:
    """One run, in a line; its output went before it."""
    if choices.output == "table":
        choices.talk.say(f"{report.name}: {report.sentence()}")
    else:
        render.emit(choices, "runs", [report.to_dict()], columns=COLUMNS)
