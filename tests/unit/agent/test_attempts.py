"""Real commands under the real holder: how they end, who they are, and that nobody is left."""

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spotkeeper.agent import attempts as module
from spotkeeper.agent.attempts import Attempts, CommandEnd
from spotkeeper.agent.build import packed_agent
from spotkeeper.agent.disk import Storage
from spotkeeper.agent.holder import Order
from spotkeeper.agent.log import LogReader
from spotkeeper.agent.processes import Processes, make_group, read_one

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")

PATIENCE_S = 20.0

#: A process that is deaf to all it may be deaf to, and one that left every parent it had.
DEAF = """
import signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
print("deaf", flush=True); time.sleep(600)
"""
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2): os.dup2(null, number)
        time.sleep(600)
    os._exit(0)
os.wait(); print("daemon", flush=True)
"""


class Stage:
    """A folder with attempts of one run, and the ways to look at the first of them."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder, self.run_id = folder, run_id
        self.attempts = Attempts(Storage(), run_id)
        self.attempt = str(folder / "1")
        self.log = LogReader(f"{self.attempt}/log")
        self.group = ""

    def begin(self, *arguments: str, **environment: str) -> None:
        own = {"PATH": os.environ["PATH"], "SPOT_RUN_ID": self.run_id, **environment}
        self.attempts.begin(self.attempt, Order(arguments, str(self.folder), own, self.group))

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end, self.output
            time.sleep(0.02)

    def to_its_end(self) -> CommandEnd:
        self.until(lambda: not self.attempts.is_alive(self.attempt))
        ended = self.attempts.end_of_command(self.attempt)
        assert ended is not None
        return ended

    @property
    def output(self) -> bytes:
        return self.log.read(0, 1 << 20)[1]

    @property
    def programs(self) -> list[str]:
        alive = self.attempts.alive(self.attempt, signal.SIGTERM)
        return sorted(each.arguments[-1] for each in alive if each.arguments)

    def clear(self) -> None:
        if self.attempts.is_alive(self.attempt):
            self.attempts.kill(self.attempt)
        self.attempts.forget(self.attempt)


@pytest.fixture(scope="module")
def agent_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("packed") / "agent.pyz"
    file.write_bytes(packed_agent()[0])
    return str(file)


@pytest.fixture(params=["group", "marks"])
def stage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    agent_file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    monkeypatch.setattr(module, "own_file", lambda: agent_file)
    found = Stage(tmp_path, f"test-{os.getpid()}-{time.monotonic_ns()}")
    if request.param == "group":
        found.group = make_group(f"spotkeeper-{found.run_id}")
        if not found.group:
            pytest.skip("no control group can be made here")
    yield found
    found.clear()
    assert not found.group or not Path(found.group).exists()


@pytest.fixture
def plain(tmp_path: Path, agent_file: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(module, "own_file", lambda: agent_file)
    found = Stage(tmp_path, f"test-{os.getpid()}-{time.monotonic_ns()}")
    yield found
    found.clear()


QUICK_CODES = (0, 1, 75, 127, 255)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=() if code in QUICK_CODES else pytest.mark.soak)
        for code in range(256)
    ],
)
def test_the_exit_code_is_the_command_s(plain: Stage, code: int) -> None:
    plain.begin("sh", "-c", f"exit {code}")
    ended = plain.to_its_end()
    assert (ended.code, ended.signal) == (code, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_the_signal_that_ended_it_is_told(plain: Stage, number: int) -> None:
    plain.begin(sys.executable, "-c", f"import os; os.kill(os.getpid(), {number})")
    ended = plain.to_its_end()
    assert (ended.code, ended.signal) == (None, number)


@pytest.mark.parametrize(
    ("content", "mode", "code", "words"),
    [
        (None, 0, 127, "there is no such command"),
        ("#!/bin/sh\n", 0o644, 126, "Permission denied"),
        ("#!/no/such/shell\n", 0o755, 127, "names a program that is not there"),
        ("no first line\n", 0o755, 126, "Exec format error"),
    ],
    ids=["missing", "not executable", "no interpreter", "no format"],
)
def test_a_command_that_cannot_be_run_says_why(
    plain: Stage, content: str | None, mode: int, code: int, words: str
) -> None:
    path = plain.folder / "train.sh"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    plain.begin(str(path))
    ended = plain.to_its_end()
    assert ended.code == code
    assert words in ended.why
    assert words in plain.output.decode()


def test_it_is_given_what_the_contract_says(plain: Stage) -> None:
    odd = "' \" $HOME `x` \\ ü \udcff\n"
    script = (
        "import os, sys\n"
        "print(sys.stdin.read() == '', os.isatty(1), os.getcwd(), os.getpid() == os.getsid(0))\n"
        "sys.stdout.flush()\n"
        "sys.stdout.buffer.write(os.environb[b'ODD'] + os.fsencode(sys.argv[1]))"
    )
    plain.begin(sys.executable, "-c", script, odd, ODD=odd)
    assert plain.to_its_end().code == 0
    told = f"True False {plain.folder} True\n".encode()
    assert plain.output == told + os.fsencode(odd) * 2
    secret = Path(plain.attempt, "order.json")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_signals_are_as_a_shell_would_have_them(plain: Stage) -> None:
    script = (
        "import signal; print([n for n in range(1, 32) if signal.getsignal(n) == signal.SIG_IGN])"
    )
    plain.begin(sys.executable, "-c", script)
    plain.to_its_end()
    own = [signal.SIGPIPE, signal.SIGXFSZ]  # Python's own doing
    assert plain.output.decode().strip() == str([int(n) for n in sorted(own)])


def test_what_was_written_last_is_there_whatever_ended_it(stage: Stage) -> None:
    stage.begin(sys.executable, "-c", DEAF)
    stage.until(lambda: b"deaf" in stage.output)
    stage.attempts.kill(stage.attempt)
    assert stage.to_its_end().signal == signal.SIGKILL
    assert stage.output == b"deaf\n"


@pytest.mark.parametrize("way", ["daemon", "nohup", "own session"])
def test_whoever_leaves_its_parents_is_seen_and_ended(stage: Stage, way: str) -> None:
    lines = {
        "daemon": f"{sys.executable} -c '{DAEMON}'",
        "nohup": "nohup sleep 601 & echo daemon",
        "own session": "setsid sleep 601 < /dev/null > /dev/null 2>&1 & echo daemon",
    }
    stage.begin("sh", "-c", lines[way])
    stage.until(lambda: stage.attempts.end_of_command(stage.attempt) is not None)
    stage.until(lambda: b"daemon" in stage.output)
    stage.until(lambda: len(stage.programs) == 1)
    assert stage.attempts.is_alive(stage.attempt)
    stage.attempts.kill(stage.attempt)
    assert stage.to_its_end().code == 0
    assert stage.programs == []


def test_who_forks_without_end_is_ended(stage: Stage) -> None:
    loop = "import os, time\nwhile True:\n  os.fork() or time.sleep(600)\n  time.sleep(0.005)"
    stage.begin(sys.executable, "-c", loop)
    stage.until(lambda: len(stage.programs) > 5)
    stage.attempts.kill(stage.attempt)
    stage.to_its_end()
    assert stage.programs == []


def test_the_lock_outlives_the_agent_and_nobody_begins_twice(stage: Stage) -> None:
    stage.begin("sleep", "600")
    with pytest.raises(BlockingIOError):
        stage.begin("sleep", "600")
    later = Attempts(Storage(), stage.run_id)  # an agent that knows nothing of the first
    assert later.is_alive(stage.attempt)
    stage.until(lambda: stage.programs == ["600"])
    assert [each.arguments for each in later.alive(stage.attempt, 15)] == [("sleep", "600")]
    later.kill(stage.attempt)
    assert not later.is_alive(stage.attempt)


def test_a_command_whose_holder_was_killed_is_still_known(stage: Stage) -> None:
    stage.begin("sh", "-c", "sleep 602 & sleep 603")
    stage.until(lambda: len(stage.programs) == 3)
    os.kill(stage.attempts.processes(stage.attempt).holder, signal.SIGKILL)
    later = Attempts(Storage(), stage.run_id)
    stage.until(lambda: later.processes(stage.attempt).holder == 0)
    assert later.is_alive(stage.attempt)
    assert later.end_of_command(stage.attempt) is None
    later.kill(stage.attempt)
    assert not later.is_alive(stage.attempt)


def test_a_process_number_that_is_another_s_by_now_is_nobody_of_ours() -> None:
    parent = read_one(os.getppid())
    assert parent is not None
    stranger = Processes(parent.pid, "another start", mark="no such run")
    assert (stranger.holder, stranger.alive()) == (0, [])
    assert Processes(parent.pid, parent.started, mark="no such run").holder == parent.pid


def test_who_listens_and_who_is_a_copy_is_read_from_the_kernel(plain: Stage) -> None:
    script = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "if os.fork() == 0: time.sleep(600)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); time.sleep(600)"
    )
    plain.begin(sys.executable, "-c", script)
    plain.until(lambda: len(plain.programs) == 2)

    def listening(number: int) -> list[tuple[bool, bool]]:
        alive = plain.attempts.alive(plain.attempt, number)
        return sorted((each.is_copy, each.listens) for each in alive)

    plain.until(lambda: listening(signal.SIGUSR2) == [(False, True), (True, False)])
    assert listening(signal.SIGTERM) == [(False, True), (True, True)]
    assert listening(signal.SIGUSR1) == [(False, False), (True, False)]


def test_a_file_that_is_open_for_writing_is_seen(plain: Stage) -> None:
    written, read = plain.folder / "c" / "w.bin", plain.folder / "c" / "r.bin"
    written.parent.mkdir()
    read.write_text("")
    script = (
        f"w = open({str(written)!r}, 'wb'); r = open({str(read)!r}); import time; time.sleep(600)"
    )
    plain.begin(sys.executable, "-c", script)
    plain.until(written.exists)
    processes = plain.attempts.processes(plain.attempt)
    plain.until(lambda: list(processes.written_files(str(written.parent))) == [str(written)])
    assert list(processes.written_files(str(plain.folder / "other"))) == []


@pytest.mark.soak
def test_a_gigabyte_of_output_goes_through_and_the_newest_stays(plain: Stage) -> None:
    plain.begin("sh", "-c", "head -c 1000000000 /dev/zero; echo end")
    plain.until(lambda: not plain.attempts.is_alive(plain.attempt))
    assert plain.log.end == 1_000_000_004
    assert plain.log.last(5) == b"\0end\n"
    kept = sum(path.stat().st_size for path in Path(plain.attempt, "log").iterdir())
    assert kept <= 33 * (8 << 20)
