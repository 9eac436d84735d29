"""How machines are shown; shared by the commands that show some."""

from datetime import datetime

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.keeper.results import MachineList, MachineReport, RememberedList
from spotkeeper.model.connect import Connect
from spotkeeper.model.machine import Machine
from spotkeeper.model.tags import TAG_PREFIX

COLUMNS = (
    render.field("Name", "name"),
    render.field("State", "summary", wraps=True),
    render.field("Type", "instance_type", spare=5),
    render.field("Zone", "zone", spare=4),
    render.usd("Spot $/h", "spot_usd_per_hour"),
    render.percent("Saved %", "saving_percent", spare=3),
    render.Column("Deadline", lambda row: short_time(row["deadline"]), spare=6),
)

#: Only where there is one.
RUN = render.Column("Run, seen", lambda row: _run_seen(row["run"]), spare=2)

#: So many of what the machine of a run had to say are shown.
LAST_REMARKS = 5

LABELS = (
    ("name", "name"),
    ("kind", "kind"),
    ("state", "summary"),
    ("type", "instance_type"),
    ("zone", "zone"),
    ("region", "region"),
    ("instance", "instance_id"),
    ("request", "request_id"),
    ("request state", "request_state"),
    ("request status", "request_status"),
    ("address", "public_ip"),
    ("role", "role"),
)
TIMES = (("launched", "launched_at"), ("deadline", "deadline"))


def show_list(choices: Choices, listing: MachineList) -> None:
    """A table of machines."""
    fields = MachineReport(Machine(None, None)).to_dict()
    rows = render.HeadedRows((report.to_dict() for report in listing.reports), fields)
    columns = (*COLUMNS, RUN) if any(row["run"] for row in rows) else COLUMNS
    render.emit(choices, "machines", rows, columns=columns, warnings=listing.warnings)
    if not rows and choices.output == "table":
        click.echo("No machines. Launch one with `spot up NAME --gpus 1`.", err=True)


def show_remembered(choices: Choices, listing: RememberedList) -> None:
    """The list of last time, with its age."""
    render.emit(choices, "machines", listing.items, columns=COLUMNS, warnings=listing.warnings)


def show_one(choices: Choices, report: MachineReport, warnings: tuple[str, ...]) -> None:
    """One machine, a fact per line; lines are never wrapped, so that they can be copied."""
    row = report.to_dict()
    if choices.output != "table":
        render.emit(choices, "machines", [row], columns=COLUMNS, warnings=warnings)
        return
    choices.talk.finish()
    render.warn(warnings)
    facts = [(label, row[key]) for label, key in LABELS if row[key] is not None]
    facts += [("connect", row["connect"])] if row["connect"] != Connect.PUBLIC else []
    facts += [(label, _moment(row[key])) for label, key in TIMES if row[key] is not None]
    facts += [("guard", row["guard"])] if row["guard"] else []
    disks = ", ".join(row["volume_ids"]) or "none"
    facts += [("tags", tags)] if (tags := _own_tags(row)) else []
    facts += [("budget", _budget(row))] if row["budget_usd"] is not None else []
    if row["running_seconds"] is not None and row["spent_usd"] is not None:
        facts.append(("so far", _so_far(row)))
    if row["run"]:
        facts.append(("run", _run(row)))
        said = row["run"]["remarks"][-LAST_REMARKS:]
        facts += [("", f"{short_time(each['at'])} UTC: {each['words']}") for each in said]
    facts += [("disk", disks)]
    facts += [("costs now", _only_disks(row))] if row["state"] == "stopped" else []
    for label, value in (*facts, ("price", _price(row))):
        click.echo(plain_text(f"{label:<16}{value}"))
    if row["ssh"]:
        click.echo(f"\n{plain_text(row['ssh'])}")


def _own_tags(row: render.Row) -> str:
    own = {key: value for key, value in row["tags"].items() if not key.startswith(TAG_PREFIX)}
    return ", ".join(f"{key}={value}" for key, value in own.items() if key != "Name")


def _so_far(row: render.Row) -> str:
    """Running time, cost and time left."""
    cost, left = f"{render.total(row['spent_usd'])} of compute", row["remaining_seconds"]
    time = "no deadline" if left is None else "deadline passed"
    time = f"{render.seconds(left)} left" if left is not None and left > 0 else time
    return f"runs for {render.seconds(row['running_seconds'])}, {cost}, {time}"


def _moment(text: str) -> str:
    return render.moment(datetime.fromisoformat(text))


def _run(row: render.Row) -> str:
    run, seen_at = row["run"], row["run"]["seen_at"]
    when = f"; seen {_moment(seen_at)} by its own clock" if seen_at else ""
    return f"{run['summary']}{when}"


def _run_seen(run: render.Row | None) -> str:
    return (
        f"{run['state']} {short_time(run['seen_at'])}" if run and run["state"] else render.UNKNOWN
    )


def _budget(row: render.Row) -> str:
    budget = f"{render.total(row['budget_usd'])} of compute"
    spent = row["spent_usd"]
    return budget if spent is None else f"{budget}, {render.total(spent)} spent"


def _only_disks(row: render.Row) -> str:
    usd = row["disk_usd_per_month"]
    if usd is None:
        return "only its disk (price unknown)"
    return f"only its disk: {render.total(usd)}/month ({render.rate(row['disk_usd_per_hour'])})"


def _price(row: render.Row) -> str:
    spot, on_demand = row["spot_usd_per_hour"], row["on_demand_usd_per_hour"]
    if spot is None:
        return "unknown"
    told = f"{render.rate(spot)} Spot"
    if on_demand is None:
        return f"{told}, On-Demand unknown"
    saved = render.money(row["saving_percent"], 2)
    return f"{told}, {render.rate(on_demand)} On-Demand, {saved} % saved"


def short_time(text: str | None) -> str:
    """A time as people read it in a table."""
    return render.UNKNOWN if text is None else f"{text[5:10]} {text[11:16]}"
