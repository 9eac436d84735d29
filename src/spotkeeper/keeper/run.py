"""``run``: a command is brought to a machine, and its agent keeps it until it is over."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spotkeeper.errors import (
    BadInput,
    Interrupted,
    NameTaken,
    NotFound,
    Refused,
    SpotkeeperError,
)
from spotkeeper.keeper.inputs import given_length
from spotkeeper.keeper.logs import RunReader
from spotkeeper.keeper.machine_agent import MachineAgent
from spotkeeper.keeper.push import progress
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.market.market import Market
from spotkeeper.model.machine import Machine
from spotkeeper.model.record import moment
from spotkeeper.model.spelling import counted
from spotkeeper.ssh.shell import Login
from spotkeeper.ssh.transfer import push
from spotkeeper.store.working_folder import WorkingFolder
from spotkeeper.work.contract import RunSpec, UnreadableSpec
from spotkeeper.work.run_report import RunReport


@dataclass(frozen=True)
class RunOrder:
    """What is to be run, with the folder as it is now. ``variables`` are shown nowhere."""

    command: tuple[str, ...]
    code: WorkingFolder
    files: tuple[Path, ...]
    setup_file: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    signal: str = "TERM"
    grace_s: float = 60.0
    retries: int = 0
    then: str = "stop"

    def spec(self, machine: Machine, run_id: str) -> RunSpec:
        """The same in the words of the agent, for a machine."""
        return RunSpec(
            run_id,
            machine.name,
            self.command,
            _steps(self.code.path, self.setup_file),
            self.variables,
            user=machine.login,
            signal=self.signal,
            grace_s=self.grace_s,
            retries=self.retries,
            then=self.then,
            deadline=moment(machine.deadline) or "never",
            commit=self.code.commit(),
        )


def run_order(
    command: Sequence[str], words: Mapping[str, Any], *, environment: Mapping[str, str]
) -> RunOrder:
    """What is to be run, for the command line or a program; nothing was asked of anybody yet.

    Raises:
        BadInput: something that no machine could run, or a folder that is too big.
    """
    folder = _folder()
    code = WorkingFolder(folder)
    files = tuple(code.files())
    order = RunOrder(
        tuple(command),
        code,
        files,
        _setup_file(folder, files, words.get("setup")),
        _variables(words, environment),
        words.get("signal") or "TERM",
        given_length(words.get("grace") or "60s", "--grace", "Use 60s or 2m.").total_seconds(),
        words.get("retries") or 0,
        words.get("then") or "stop",
    )
    try:
        order.spec(Machine(None, None), "run").check()
    except UnreadableSpec as problem:
        raise BadInput(str(problem), next_step="See `spot run --help`.") from None
    return order


def _folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise BadInput(
            "The folder that this was typed in does not exist any more",
            next_step="Go to the folder with the code, and repeat the command.",
        ) from None


#: Sets up from the file that ``$1`` names: into ``venv`` beside the folder of the attempts, so
#: that all of them have what was resolved once. Canonical's images come without python3-venv.
_INSTALL = """set -e
venv=${PWD%/*}/venv
make_venv() {
    python3 -m venv --clear "$@" || {
        sudo -n apt-get -q update
        sudo -n apt-get -q install -y python3-venv
        python3 -m venv --clear "$@"
    }
}
pip() { "$1/bin/python" -m pip --disable-pip-version-check install "$2" "$3"; }
case $1 in
*.txt)
    make_venv --system-site-packages "$venv"
    pip "$venv" -r "$1" ;;
*)
    uv=$(command -v uv) || {
        tools=$(mktemp -d)
        trap 'rm -rf "$tools"' EXIT
        make_venv "$tools"
        pip "$tools" --quiet uv
        uv=$tools/bin/uv
    }
    [ "$1" != uv.lock ] || frozen=--frozen
    UV_PROJECT_ENVIRONMENT=$venv "$uv" sync $frozen ;;
esac"""

#: What tells by itself what the code needs; the first that is there.
_TELLING = ("uv.lock", "pyproject.toml", "requirements.txt")

#: These tell it, too, to tools that are not ours to bring.
_TELLING_OTHERS = tuple(map(Path, ("environment.yml", "poetry.lock", "Pipfile", "setup.py")))

#: Instead of a file: nothing is set up.
_NOTHING = "none"


def _steps(folder: Path, file: str) -> tuple[tuple[str, ...], ...]:
    """What a set-up file means: requirements are installed; a script is run as it says itself
    where it may be executed, else by bash."""
    if not file:
        return ()
    if file in _TELLING or file.endswith(".txt"):
        return (("bash", "-c", _INSTALL, "set-up", file),)
    executable = (folder / file).stat().st_mode & 0o100
    return ((f"./{file}",) if executable else ("bash", file),)


def _setup_file(folder: Path, files: Sequence[Path], file: str | Path | None) -> str:
    """What is to be set up from; by itself from what is pushed and tells what the code needs."""
    if file is None:
        told = (each for each in _TELLING if Path(each) in files)
        return next((each for each in told if _tells_needs(folder / each)), "")
    if str(file) == _NOTHING:
        return ""
    path = folder / file
    try:
        inside = path.resolve().relative_to(folder.resolve())
    except ValueError:
        inside = None
    if inside is None or not path.is_file():
        raise BadInput(
            f"--setup {file} is no file of {folder}",
            next_step="It is run on the machine in a copy of this folder: name a script in it.",
        )
    return str(inside)


def _tells_needs(path: Path) -> bool:
    """Not every pyproject.toml does: many only set up tools."""
    if path.suffix != ".toml":
        return True
    import tomllib  # where there is such a file

    try:
        project = tomllib.loads(path.read_text("utf-8")).get("project", {})
        return "dependencies" in {*project, *project.get("dynamic", ())}
    except (OSError, ValueError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"{path.name} cannot be read: {problem}",
            next_step=f"Mend it, or set nothing up: --setup {_NOTHING}.",
        ) from None


def _variables(words: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Those of the file first, so that what is typed wins."""
    typed = words.get("env") or ()
    if isinstance(typed, Mapping):
        typed = [f"{name}={value}" for name, value in typed.items()]
    pairs = [*_file_lines(words.get("env_file")), *typed]
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals and name not in environment:
            raise BadInput(
                f"--env {name}: this shell has no variable of that name",
                next_step=f"Export it, or give its value: --env {name}=VALUE.",
            )
        found[name] = value if equals else environment[name]
    return found


def _file_lines(path: str | Path | None) -> list[str]:
    """NAME=VALUE or NAME a line; a pair of quotes around a value is not part of it."""
    if path is None:
        return []
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError, RuntimeError) as problem:
        told = getattr(problem, "strerror", None) or problem
        raise BadInput(f"--env-file {path}: {told}", next_step="Name a readable file.") from None
    lines = (line.strip().removeprefix("export ").strip() for line in text.splitlines())
    return [_unquoted(line) for line in lines if line and not line.startswith("#")]


def _unquoted(line: str) -> str:
    name, equals, value = (part.strip() for part in line.partition("="))
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return name + equals + value


class Runner:
    """Brings an order to a machine that can be reached."""

    def __init__(self, reader: RunReader, market: Market, talk: Talk) -> None:
        self._reader, self._market, self._talk = reader, market, talk

    def start(self, order: RunOrder, machine: Machine, login: Login) -> RunReport:
        """Lay the agent down, push the folder, and start the command once the machine shows its
        GPUs.

        Raises:
            NameTaken: another run is on the machine and not over.
            SpotkeeperError: nothing was started, and why; the next step says what costs on.
        """
        name, agent = machine.name, self._reader.agent(machine)
        run_id, asked = f"{name}-{secrets.token_hex(4)}", False
        try:
            self._refuse_second(machine, agent)
            agent.have(self._talk, name=name)
            code = agent.prepare(run_id)
            setup = f"; set-up is from {order.setup_file}" if order.setup_file else ""
            if not setup and (others := [e for e in _TELLING_OTHERS if e in order.files]):
                self._talk.say(f"note: {others[0]} is not installed; --setup SCRIPT can do that")
            gpus = self._gpus(machine)
            if told := order.code.warning():
                self._talk.say(told)
            self._talk.say(f"{name}: pushing {counted(len(order.files), 'file')}{setup}")
            files = [str(each) for each in order.files]
            push(
                login,
                order.code.path,
                code,
                files=files,
                told=progress(self._talk, f"{name}: pushing"),
            )
            self._reader.name_on(machine, run_id, self._talk)
            asked = True
            agent.start(replace(order.spec(machine, run_id), gpus=gpus))
            return self._reader.look(machine, agent)[0]
        except Refused as problem:
            self._refuse_second(machine, agent)  # another run may have been quicker
            raise _not_started(problem, name, is_doubtful=False) from problem
        except (SpotkeeperError, KeyboardInterrupt) as problem:
            raise _not_started(problem, name, is_doubtful=asked) from problem

    def _gpus(self, machine: Machine) -> int:
        """How many cards of NVIDIA the machine's type has; 0 where nobody tells."""
        try:
            kinds = self._market.hardware(machine.region, [str(machine.instance_type)]).value
        except SpotkeeperError:
            return 0
        cards = (kind.gpus for kind in kinds if kind.gpus)
        return next((each.count for each in cards if each.manufacturer == "NVIDIA"), 0)

    def _refuse_second(self, machine: Machine, agent: MachineAgent) -> None:
        try:
            report, _ = self._reader.look(machine, agent)
        except NotFound:
            return
        if not report.run.is_over:
            name = machine.name
            raise NameTaken(
                f"The run {report.run.run_id} is on {name} and not over: {report.sentence()}",
                next_step=f"Follow it with `spot logs -f {name}`, end it with `spot cancel "
                f"{name}`, or run this on a machine of another name.",
            )


def _not_started(
    problem: SpotkeeperError | KeyboardInterrupt, name: str, *, is_doubtful: bool
) -> SpotkeeperError:
    """The problem, with what it leaves behind."""
    costs = f"{name} runs, and costs, until `spot stop {name}` or `spot down {name}`."
    if isinstance(problem, NameTaken):
        return problem
    if is_doubtful:
        costs = f"Whether the command was started is not known: see `spot show {name}`."
    if isinstance(problem, KeyboardInterrupt):
        told = "Interrupted" if is_doubtful else "Interrupted: nothing was started"
        return Interrupted(told, next_step=costs)
    problem.next_step = f"{problem.next_step} {costs}"
    return problem
