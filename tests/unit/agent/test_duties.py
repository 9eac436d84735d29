"""Each duty of the agent by itself, on a machine in memory."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.agent.crash_world import RUN, Story, World, WorldAttempts, accept, boot

from spotkeeper.agent import gpus, memory, notify, package_lock, power, serve
from spotkeeper.agent.attempts import CommandEnd
from spotkeeper.agent.build import duty_classes
from spotkeeper.agent.cancel_tag import CANCELLED, CancelTag
from spotkeeper.agent.log import LogWriter
from spotkeeper.agent.metadata import Metadata, MetadataAnswer, NoAnswer
from spotkeeper.agent.notices import NOTICE, RECOMMENDATION, Notices
from spotkeeper.agent.processes import Processes
from spotkeeper.agent.serve import Duty
from spotkeeper.work.outcome import AttemptEnd
from spotkeeper.work.run import Ended, Outcome, Remark, RunState
from spotkeeper.work.telling import Process

HOURS = 3600.0


class Stage:
    """A machine with one duty, and a run under way on it."""

    def __init__(self, folder: Path, name: str, *, setup: bool = False, **spec: object) -> None:
        self.world = World(folder, Story("by hand", RunState.FINISHED, steps=10**9, setup=setup))
        self.world.duties = duty_classes((f"agent.{name}",))
        accept(self.world)
        path = Path(self.world.home.run(RUN).spec)
        path.write_text(json.dumps({**json.loads(path.read_text()), **spec}))
        self.agent = boot(self.world)
        self.duty: Duty = self.agent.duties[0]
        self.duty.every_s = 0.0

    def turns(self, count: int = 1, *, each_s: float = 1.0) -> None:
        for _ in range(count):
            self.world.now += each_s
            self.agent.turn()

    def end(self, code: int = 0) -> None:
        self.world.ends[self.agent.attempt_folder] = CommandEnd(self.world.now, code)
        self.world.command = None
        self.turns()

    @property
    def remarks(self) -> dict[str, str]:
        return {each.about: each.words for each in self.agent.run.remarks}

    @property
    def state(self) -> tuple[RunState, str]:
        return self.agent.run.state, self.agent.run.words


def hear_tag(stage: Stage, says: str | None) -> None:
    """The metadata service shows this as the value of the tag; ``None``: it does not answer."""
    assert isinstance(stage.duty, CancelTag)

    class Service(Metadata):
        def get(self, path: str) -> MetadataAnswer:
            if says is None:
                raise NoAnswer("timed out")
            return MetadataAnswer(says if path == CANCELLED else "", 0.0)

    stage.duty._metadata = Service()


@pytest.mark.parametrize(
    ("at_boot", "later", "attempts", "state"),
    [
        (RUN, RUN, 0, RunState.CANCELLED),
        ("", "", 1, RunState.RUNNING),
        ("the run before", "the run before", 1, RunState.RUNNING),
        ("", RUN, 1, RunState.CANCELLED),
        (None, None, 1, RunState.RUNNING),
        (None, RUN, 0, RunState.CANCELLED),
    ],
)
def test_a_run_that_a_tag_cancels_ends_or_never_begins(
    tmp_path: Path, at_boot: str | None, later: str | None, attempts: int, state: RunState
) -> None:
    stage = Stage(tmp_path, "cancel_tag", grace_s=0)
    hear_tag(stage, at_boot)
    stage.turns(20)
    hear_tag(stage, later)
    stage.turns(60)
    assert (stage.agent.run.last_attempt, stage.state[0]) == (attempts, state)


# --- the agent itself ------------------------------------------------------------------------


def test_a_run_whose_code_is_gone_fails_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "signs", retries=3)
    stage.turns(2)
    shutil.rmtree(stage.agent.folder.paths.code)
    stage.end(4)
    stage.turns(9)
    assert stage.state == (RunState.FAILED, "its code was deleted from the machine")


def test_what_keeps_the_agent_from_going_on_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stage = Stage(tmp_path, "signs")
    monkeypatch.setattr(serve, "_make_fresh", full)
    stage.turns(5)
    told = "the agent cannot go on: [Errno 28] No space left on device"
    assert stage.remarks == {"agent _advance": told}
    monkeypatch.undo()
    stage.turns(1)
    assert stage.state[0] is RunState.RUNNING


# --- notices ---------------------------------------------------------------------------------


def hear(stage: Stage, path: str, text: str) -> None:
    """The metadata service says this from now on; its clock is an hour ahead of the machine's."""
    said = {path: text}
    assert isinstance(stage.duty, Notices)

    class Service(Metadata):
        def get(self, path: str) -> MetadataAnswer:
            return MetadataAnswer(said.get(path, ""), stage.world.now + HOURS)

    stage.duty._metadata = Service()


def with_notices(folder: Path) -> Stage:
    """A machine whose metadata service has nothing to say yet."""
    stage = Stage(folder, "notices")
    hear(stage, NOTICE, "")
    return stage


def notice(stage: Stage, seconds: float) -> str:
    ends = datetime.fromtimestamp(stage.world.now + HOURS + seconds, UTC)
    return json.dumps({"action": "stop", "time": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})


def test_a_notice_is_told_once_and_timed_by_the_service_s_own_clock(tmp_path: Path) -> None:
    stage = with_notices(tmp_path)
    stage.turns(2)
    text = notice(stage, 120)
    hear(stage, NOTICE, text)
    heard_at = stage.world.now + 1
    stage.turns(4)
    asked = stage.agent.run.attempts[-1].asked
    assert asked is not None
    assert (asked.why, asked.at, asked.ends_at) == ("notice", heard_at, heard_at + 119)
    assert asked.until == asked.ends_at - 10
    assert Path(stage.agent.folder.paths.notice).read_text() == text
    assert [about.split()[0] for about in stage.remarks] == ["notice"]


def test_no_attempt_begins_before_the_end_that_a_notice_names_and_then_one_does(
    tmp_path: Path,
) -> None:
    stage = with_notices(tmp_path)
    hear(stage, NOTICE, notice(stage, 100))
    stage.duty.look()
    stage.turns(90)
    assert stage.agent.run.attempts == ()
    stage.turns(250)
    assert (stage.agent.run.last_attempt, stage.state[0]) == (1, RunState.RUNNING)


@pytest.mark.parametrize("text", ["not json", "[]", '{"time": "soon"}', '{"action": "stop"}'])
def test_a_notice_that_cannot_be_read_is_worth_two_minutes(tmp_path: Path, text: str) -> None:
    stage = with_notices(tmp_path)
    stage.turns(2)
    hear(stage, NOTICE, text)
    stage.turns(2)
    asked = stage.agent.run.attempts[-1].asked
    assert asked is not None
    assert 118 <= asked.ends_at - asked.at <= 120


def test_a_recommendation_is_a_remark_and_no_end(tmp_path: Path) -> None:
    stage = with_notices(tmp_path)
    stage.turns(2)
    hear(stage, RECOMMENDATION, '{"noticeTime": "2026-01-01T00:00:00Z"}')
    stage.turns(20)
    assert stage.state[0] is RunState.RUNNING
    assert [about.split()[0] for about in stage.remarks] == ["rebalance"]


# --- GPUs ------------------------------------------------------------------------------------


def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


SEVEN = 'for n in 0 1 2 3 4 5 6; do echo "GPU $n: NVIDIA A100 (UUID: GPU-$n)"; done'


@pytest.mark.parametrize(
    ("script", "expected", "fault"),
    [
        (SEVEN, 7, ""),
        (SEVEN, 8, "7 of 8 GPUs answer"),
        (
            "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18",
            1,
            "nvidia-smi: Failed to initialize NVML: Driver/library version mismatch",
        ),
        ("exit 9", 1, "nvidia-smi: exit 9"),
    ],
)
def test_what_is_wrong_with_the_cards_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: int, fault: str
) -> None:
    smi(tmp_path, monkeypatch, script)
    assert gpus.fault_of(expected) == fault
    monkeypatch.setenv("PATH", "/nowhere")
    assert gpus.fault_of(expected) == "nvidia-smi does not answer: No such file or directory"


def test_cards_that_come_late_are_waited_for_and_those_that_never_come_are_the_machine_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path / "home", "gpus", gpus=8)
    smi(tmp_path, monkeypatch, SEVEN)
    stage.turns(10, each_s=20)
    assert (stage.state, stage.agent.run.attempts) == ((RunState.WAITING, ""), ())
    assert stage.remarks == {"GPUs": "the command waits for its GPUs: 7 of 8 GPUs answer"}
    stage.turns(10, each_s=20)
    assert stage.state == (RunState.UNFIT, "7 of 8 GPUs answer")
    smi(tmp_path, monkeypatch, f"{SEVEN}; echo 'GPU 7: NVIDIA A100'")
    stage.turns(2, each_s=20)
    assert (stage.state[0], stage.agent.run.last_attempt) == (RunState.RUNNING, 1)


def test_where_nothing_tells_of_cards_that_is_said_and_the_command_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for number, vendor in enumerate(("0x1d0f", "0x10de")):  # of Amazon, of NVIDIA
        device = tmp_path / "pci" / str(number)
        device.mkdir(parents=True)
        assert not gpus.has_card(str(tmp_path / "pci"))
        (device / "vendor").write_text(f"{vendor}\n")
    assert gpus.has_card(str(tmp_path / "pci"))
    monkeypatch.setattr(gpus, "has_card", lambda: True)
    stage = Stage(tmp_path, "gpus", gpus=1)
    stage.turns(2)
    assert stage.remarks == {"GPUs": "the GPUs have no driver: there is no nvidia-smi"}
    stage.end(1)
    assert stage.state[0] is RunState.FAILED


def test_a_failure_on_a_broken_card_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path / "home", "gpus", gpus=7)
    smi(tmp_path, monkeypatch, SEVEN)
    stage.turns(2)
    monkeypatch.setattr(gpus, "xids_since", lambda _: {13, 79})
    stage.end(1)
    assert stage.state == (RunState.UNFIT, "the GPU reports Xid 79")


def test_faults_are_read_from_the_kernel_s_log_since_the_attempt_began(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_text(
        "6,1,1000000,-;NVRM: Xid (PCI:0000:00:1e): 48, pid=1, early\n"
        "6,2,9000000,-;usb 1-1: new device\n"
        "4,3,9500000,-;NVRM: Xid (PCI:0000:00:1e): 79, GPU has fallen off the bus.\n"
        " SUBSYSTEM=pci\n"
        "4,4,9600000,-;NVRM: Xid (PCI:0000:00:1e): 31, pid=1, MMU Fault\n"
    )
    assert gpus.xids_since(5.0, str(log)) == {79, 31}
    assert gpus.xids_since(5.0, str(tmp_path / "none")) == set()


# --- memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("killed", "output", "code", "wanted"),
    [
        (1, b"", 1, "out of memory (of 64 GB)"),
        (0, b"torch.OutOfMemoryError: CUDA out of memory. Tried to", 1, "out of GPU memory"),
        (0, b"Traceback\nMemoryError\n", 1, "out of memory"),
        (0, b"ValueError: no\n", 1, ""),
        (1, b"", 0, ""),
    ],
)
def test_a_death_of_want_of_memory_has_its_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed: int,
    output: bytes,
    code: int,
    wanted: str,
) -> None:
    count = {"oom_kill": 3, "MemTotal:": 62_500_000}
    monkeypatch.setattr(memory, "_number", lambda _, key: count[key])
    stage = Stage(tmp_path, "memory")
    stage.turns(2)
    LogWriter(f"{stage.agent.attempt_folder}/log").write(output)
    count["oom_kill"] += killed
    ending = stage.duty.after_attempt(stage.agent.run.attempts[-1], AttemptEnd(0.0, code))
    assert ending.out_of_memory == wanted


# --- signs -----------------------------------------------------------------------------------


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What those who are left have used of the processor."""
    used = {"cpu_s": 0.0}
    monkeypatch.setattr(Processes, "cpu_s", lambda _: used["cpu_s"])
    return used


def test_a_run_without_any_sign_is_told_once_for_each_silence(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "signs")
    stage.turns(2)
    log = LogWriter(f"{stage.agent.attempt_folder}/log")
    for _ in range(2):
        log.write(b"step 5\n")
        stage.turns(40, each_s=60)
    progress = Path(stage.agent.folder.paths.progress)
    for number in range(40):
        progress.write_text(f"0.{number:02}")
        stage.turns(1, each_s=60)
    stalls = [each for each in stage.agent.run.remarks if each.about == "stalled"]
    assert [each.words for each in stalls] == [
        "no output, no save, no progress for 30 minutes"
    ] * 2


@pytest.fixture
def passing() -> Iterator[str]:
    """A folder that the next start of a machine would empty."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield folder


def test_a_run_that_saves_elsewhere_is_told_where(tmp_path: Path, passing: str) -> None:
    stage = Stage(tmp_path, "signs")
    stage.turns(2)
    code = Path(stage.agent.folder.paths.code, "lab", "train.py")
    code.parent.mkdir()
    code.write_text(f"save('{passing}/a/b.pt'); load('/tmp/nothing'); see('/dev/shm/none')\n")
    Path(passing, "a").mkdir()
    Path(passing, "a", "b.pt").touch()
    stage.world.story = replace(stage.world.story, is_deaf=True)
    work = Path(stage.agent.folder.paths.work)
    for name, size in (
        ("checkpoints/a.pt", 100),
        ("runs/tb", 10),
        ("log.txt", 50),
        ("x/y.pyc", 900),
    ):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_bytes(b"x" * size)
    stage.turns(20, each_s=60)
    words = stage.remarks["nothing saved"]
    assert words.endswith(
        "SPOT_CHECKPOINT_DIR is empty; it wrote ./checkpoints, ./log.txt, ./runs, " + passing
    )


def test_who_is_left_and_idle_is_ended_and_who_works_is_not(
    tmp_path: Path, left: dict[str, float]
) -> None:
    stage = Stage(tmp_path, "signs")
    stage.turns(2)
    stage.world.ends[stage.agent.attempt_folder] = CommandEnd(stage.world.now, 0)
    for _ in range(30):
        left["cpu_s"] += 30
        stage.turns(1, each_s=25)
    assert (stage.state[0], stage.remarks) == (
        RunState.RUNNING,
        {"left running 1": "the command has ended; still running: python3"},
    )
    stage.turns(60, each_s=25)
    assert stage.state == (RunState.FINISHED, "exit 0")


# --- power -----------------------------------------------------------------------------------


class PowerStage(Stage):
    """A machine whose uses the test says, and which notes when it is switched off."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, then: str = "keep"
    ) -> None:
        self.use: dict[str, object] = {"login": False, "gpu": False, "counters": (0.0, 0)}
        self.off: list[float] = []
        monkeypatch.setattr(power, "_counters", lambda: self.use["counters"])
        monkeypatch.setattr(power, "has_login", lambda: self.use["login"])
        monkeypatch.setattr(power, "gpu_is_used", lambda: self.use["gpu"])
        super().__init__(folder, "power", then=then)
        monkeypatch.setattr(
            self.agent.machine, "power_off", lambda: self.off.append(self.world.now)
        )
        monkeypatch.setattr(self.agent.machine, "up_s", lambda: self.world.now - 1_000_000.0)


@pytest.mark.parametrize("then", ["stop", "keep"])
def test_at_the_end_of_its_run_a_machine_stops_if_that_was_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    stage = PowerStage(tmp_path, monkeypatch, then=then)
    stage.turns(3)
    stage.end(0)
    ended_at = stage.world.now
    stage.turns(30, each_s=10)
    assert stage.off == ([ended_at + 60] if then == "stop" else [])


def test_a_machine_that_was_started_again_after_its_run_stays_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = PowerStage(tmp_path, monkeypatch, then="stop")
    stage.turns(3)
    stage.end(0)
    stage.world.now += 10_000
    monkeypatch.setattr(stage.agent.machine, "up_s", lambda: 100.0)
    stage.turns(30, each_s=10)
    assert stage.off == []


def test_after_a_notice_only_ec2_ends_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = PowerStage(tmp_path, monkeypatch, then="stop")
    stage.turns(3)
    stage.agent.ask("notice", until=stage.world.now + 110, ends_at=stage.world.now + 120)
    Path(stage.agent.folder.paths.done).touch()
    stage.end(0)
    assert stage.state[0] is RunState.FINISHED
    stage.turns(28, each_s=10)
    assert stage.off == []


USES: dict[str, Callable[[dict[str, object], int], object]] = {
    "an open login": lambda use, n: use.update(login=True),
    "a GPU at work": lambda use, n: use.update(gpu=True),
    "a program": lambda use, n: use.update(counters=(n * 30.0, 0)),
    "a download at 2 MB/s": lambda use, n: use.update(counters=(0.0, n * 60 * 2_000_000)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_machine_is_idle_only_when_nothing_uses_it_and_then_it_stops_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    use: Callable[[dict[str, object], int], object],
) -> None:
    stage = PowerStage(tmp_path, monkeypatch, then="keep")
    Path(stage.world.home.settings).write_text('{"idle_s": 300}')
    stage.turns(3)
    stage.end(0)
    for minute in range(30):
        use(stage.use, minute)
        stage.turns(1, each_s=60)
    assert stage.off == []
    used_at = stage.world.now
    stage.use.update(login=False, gpu=False)
    stage.turns(20, each_s=60)
    assert stage.off == [used_at + 300]


def test_a_run_is_use_and_set_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = PowerStage(tmp_path, monkeypatch)
    Path(stage.world.home.settings).write_text('{"idle_s": 300}')
    stage.turns(100, each_s=60)
    assert (stage.state[0], stage.off) == (RunState.RUNNING, [])


def test_what_the_kernel_counts_is_read() -> None:
    busy, moved = power._counters()
    assert busy > 0
    assert moved >= 0
    assert power.has_login() in {True, False}


# --- the package lock ------------------------------------------------------------------------


def test_set_up_waits_for_who_installs_packages_and_fails_after_a_quarter_of_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock-frontend"
    lock.touch()
    monkeypatch.setattr(package_lock, "LOCK", str(lock))
    hold = f"import fcntl, time; f = open({str(lock)!r}, 'w'); fcntl.lockf(f, fcntl.LOCK_EX)"
    held = subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print(flush=True); time.sleep(600)"],
        stdout=subprocess.PIPE,
    )
    assert held.stdout is not None
    held.stdout.readline()
    stage = Stage(tmp_path / "home", "package_lock", setup=True)
    stage.turns(3)
    holder = f"(process {held.pid})"
    assert holder in stage.remarks["package lock"]
    assert stage.agent.run.attempts == ()
    stage.turns(20, each_s=60)
    assert stage.state[0] is RunState.FAILED
    assert holder in stage.state[1]
    held.kill()
    held.communicate()
    assert package_lock.holder_of(str(lock)) == ""
    free = Stage(tmp_path / "free", "package_lock", setup=True)
    free.turns(2)
    assert free.agent.run.attempts[0].number == 0


def test_a_lock_of_our_own_process_is_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with lock.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert f"(process {os.getpid()})" in package_lock.holder_of(str(lock))
    assert package_lock.holder_of(str(tmp_path / "none")) == ""


# --- notify ----------------------------------------------------------------------------------


def test_what_happens_is_sent_where_the_user_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []
    answers = iter([False, True, True, True])

    def take(url: str, body: bytes) -> bool:
        assert url == "https://ntfy.example/topic"
        sent.append(json.loads(body))
        return next(answers)

    monkeypatch.setattr(notify, "_is_sent", take)
    monkeypatch.setattr(notify, "PAUSE_S", 0.0)
    stage = Stage(tmp_path, "notify")
    stage.agent.run = stage.agent.run
    stage.turns(2)
    stage.duty.heard(Remark(1.0, "stalled", "no sign"))
    Path(stage.world.home.settings).write_text('{"notify_url": "https://ntfy.example/topic"}')
    stage.duty.heard(Remark(1.0, "stalled", "no sign"))
    stage.duty.heard(Remark(1.0, "disk", "full"))
    stage.duty.heard(Ended(1.0, 1, Outcome.FINISHED, "exit 0"))
    assert isinstance(stage.duty, notify.Notify)
    stage.duty._waiting.join()
    assert not stage.duty.is_busy
    assert [each["text"] for each in sent] == [
        "train: stalled: no sign",
        "train: stalled: no sign",
        "train: finished: exit 0",
    ]
    assert sent[-1] == {
        "text": "train: finished: exit 0",
        "name": "train",
        "event": "finished",
        "detail": "exit 0",
    }


# --- room ------------------------------------------------------------------------------------


def test_a_disk_that_is_nearly_full_is_said_and_older_output_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, "room")
    stage.turns(2)
    older = Path(stage.agent.attempt_folder, "log")
    LogWriter(str(older)).write(b"x")
    stage.world.power_cut()
    stage.agent = boot(stage.world)
    stage.agent.duties[0].every_s = 0.0
    stage.turns(3)
    assert older.exists()
    full = os.statvfs_result((4096, 4096, 10**6, 1000, 1000, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    stage.turns(3)
    assert not older.exists()
    assert stage.remarks == {"disk": "the disk is nearly full: 3 of 3906 MB are free"}


# --- telling ---------------------------------------------------------------------------------


def test_who_is_left_when_the_workers_have_ended_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, "room")
    stage.turns(2)
    worker, tee = (
        Process(7, 1, "0", ("python", "a.py"), listens=True),
        Process(8, 1, "0", ("tee",)),
    )
    alive, sent = [worker, tee], []
    monkeypatch.setattr(WorldAttempts, "alive", lambda *_: list(alive))
    monkeypatch.setattr(
        WorldAttempts,
        "send",
        lambda _, folder, who, number: sent.append((number, [p.pid for p in who])),
    )
    stage.agent.ask("notice", until=stage.world.now + 100, ends_at=stage.world.now + 110)
    stage.turns(5)
    assert sent == [(signal.SIGTERM, [7])]
    alive.remove(worker)
    stage.turns(8)
    assert sent == [(signal.SIGTERM, [7])]
    stage.turns(5)
    assert sent == [(signal.SIGTERM, [7]), (signal.SIGTERM, [8])]
