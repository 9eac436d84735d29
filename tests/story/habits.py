"""Commands with habits, as people write them, and what a rehearsal of each must say."""

from collections.abc import Mapping
from dataclasses import dataclass

#: A loop over steps that are saved whole; `stop` fills at a signal. Each habit changes a line.
LOOP = """
import json, os, pathlib, signal, sys, time
file = pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")
steps = json.loads(file.read_text()) if file.exists() else []
def save():
    file.with_suffix(".tmp").write_text(json.dumps(steps))
    os.replace(file.with_suffix(".tmp"), file)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
while len(steps) < 60:
    time.sleep(0.05)
    steps.append(len(steps) + 1)
    print("step", steps[-1], flush=True)
    if stop:
        save(); sys.exit(0)
print("done", len(steps), len(set(steps)), flush=True)
"""

LISTENS = "signal.signal(signal.SIGTERM, lambda *_: stop.append(True))\n"
EVERY_FIFTH = "    if len(steps) % 5 == 0: save()\n"
PRINTS = '    print("step", steps[-1], flush=True)\n'


@dataclass(frozen=True)
class Habit:
    """A command, its files, and what must be seen: ``lost`` steps, None where it does not matter;
    words of the verdict; whether it survives."""

    command: str
    files: Mapping[str, str]
    verdict: str = "it survives"
    survives: bool = True
    lost: int | None = 0
    options: tuple[str, ...] = ()
    warning: str = ""


def loop(*changes: tuple[str, str]) -> dict[str, str]:
    """The loop with lines exchanged; each must be there."""
    text = LOOP
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {"train.py": text}


PYTHON = "python3 train.py"
SHORT = ("--grace", "2s")
DEAF = (LISTENS, "")
PERIODIC = (PRINTS, PRINTS + EVERY_FIFTH)
ONCE = (PRINTS, PRINTS + "    if len(steps) == 2: save()\n")

#: What a data worker of multiprocessing does: it dies of the signal, and its parent with it.
WORKERS = """
import multiprocessing as mp
def work(queue):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True: queue.put(0)
queue = mp.get_context("fork").Queue(2)
workers = [mp.get_context("fork").Process(target=work, args=(queue,), daemon=True) for _ in "ab"]
[each.start() for each in workers]
def lost(*_): raise RuntimeError("DataLoader worker is killed by signal: Terminated.")
signal.signal(signal.SIGCHLD, lost)
"""
END_WORKERS = "signal.signal(signal.SIGCHLD, signal.SIG_DFL); [each.kill() for each in workers]\n"

HABITS: dict[str, Habit] = {
    "a plain loop": Habit(PYTHON, loop()),
    "data workers": Habit(
        PYTHON,
        loop(
            ("stop = []\n", "stop = []\n" + WORKERS),
            ("        save(); sys.exit(0)", "        save(); break"),
            ('print("done"', END_WORKERS + 'print("done"'),
        ),
    ),
    "a shell around it that does not forward": Habit(
        "bash train.sh",
        {**loop(), "train.sh": "set -e\npython3 train.py\necho evaluated\n"},
    ),
    "a shell with a trap that forwards": Habit(
        "bash train.sh",
        {
            **loop(),
            "train.sh": "trap 'kill -TERM $!' TERM\npython3 train.py & wait; wait; exit $?\n",
        },
    ),
    "a driver of python around it": Habit(
        "python3 drive.py",
        {
            **loop(),
            "drive.py": "import subprocess, sys\n"
            "sys.exit(subprocess.run([sys.executable, 'train.py']).returncode)\n",
        },
    ),
    "a pipe into tee": Habit("bash -c 'python3 train.py | tee log.txt'", loop()),
    "a save that takes its time": Habit(
        PYTHON,
        loop(("save(); sys.exit(0)", "time.sleep(1.5); save(); sys.exit(0)")),
    ),
    "a bar of tqdm, rewritten": Habit(
        PYTHON,
        loop(
            (
                PRINTS,
                '    print(f" {steps[-1]}%|# | {steps[-1]}/60 [00:01<", end="\\r", flush=True)\n',
            )
        ),
    ),
    "output that is no text": Habit(
        PYTHON,
        loop((PRINTS, '    os.write(1, b"\\xff\\xfe\\0 step %d \\x1b[2J\\n" % steps[-1])\n')),
    ),
    "a file instead of a signal": Habit(
        PYTHON,
        loop(DEAF, ("    if stop:", '    if os.path.exists(os.environ["SPOT_NOTICE_FILE"]):')),
    ),
    "another signal": Habit(
        PYTHON,
        loop(("signal.SIGTERM", "signal.SIGUSR1")),
        options=("--signal", "USR1"),
    ),
    "a wish to be run again": Habit(PYTHON, loop(("sys.exit(0)", "sys.exit(75)"))),
    "a daemon that left its shell": Habit(
        "bash train.sh",
        {**loop(), "train.sh": "setsid nohup python3 train.py < /dev/null &\n"},
    ),
    "saves now and then, deaf": Habit(
        PYTHON,
        loop(DEAF, ONCE, ("0.05", "0.1")),
        verdict="that a save at the notice would keep",
        lost=None,
        options=("--grace", "1s"),
    ),
    "deaf on purpose": Habit(
        PYTHON,
        loop((LISTENS, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"), ONCE, ("0.05", "0.1")),
        verdict="that a save at the notice would keep",
        lost=None,
        options=("--grace", "1s"),
    ),
    "somebody left running": Habit(
        "bash -c 'sleep 300 & exec python3 train.py'",
        loop(),
        options=SHORT,
        warning="left running when the command had ended: sleep",
    ),
    "somebody left running who is deaf to all": Habit(
        "bash -c '(trap \"\" TERM; exec sleep 300) & exec python3 train.py'",
        loop(),
        options=SHORT,
        warning="left running when time was up, and killed: sleep",
    ),
    "no notice at all": Habit(
        PYTHON, loop(DEAF, PERIODIC), lost=None, options=("--hard", "--notices", "3")
    ),
    "a polite end that saves nothing": Habit(
        PYTHON,
        loop(("save(); sys.exit(0)", 'print("bye"); sys.exit(0)')),
        survives=False,
        verdict="it saves nothing, and begins again each time",
        lost=None,
    ),
    "a save elsewhere": Habit(
        PYTHON,
        loop(
            (
                'pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")',
                'pathlib.Path("checkpoints/state.json"); file.parent.mkdir(exist_ok=True)',
            ),
        ),
        survives=False,
        verdict="it saves to ./checkpoints, which is not kept",
        lost=None,
    ),
    "a save in the folder of all": Habit(
        PYTHON,
        loop(
            (
                'pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")',
                'pathlib.Path("/tmp/rehearsed-habit/state"); file.parent.mkdir(exist_ok=True)',
            ),
            ("if file.exists() else []", 'if file.exists() and "REAL" in os.environ else []'),
        ),
        survives=False,
        verdict="it saves to /tmp/rehearsed-habit, which is not kept",
        lost=None,
    ),
    "a save of its own at home": Habit(
        PYTHON,
        loop(
            (
                'pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")',
                'pathlib.Path.home() / ".state.json"; file.parent.mkdir(exist_ok=True)',
            ),
            ('"done"', '"done", file.unlink()'),
        ),
        survives=False,
        verdict="it goes on from a place of its own",
        lost=None,
    ),
    "half a pickle": Habit(
        PYTHON,
        loop(
            ("json.loads(file.read_text())", "__import__('pickle').loads(file.read_bytes()[:0])"),
        ),
        survives=False,
        verdict="it cannot go on from what it saved",
        lost=None,
    ),
    "a program that begins itself anew": Habit(
        PYTHON,
        loop(
            (
                PRINTS,
                PRINTS + "    if len(steps) % 9 == 0: save(); os.execv(sys.executable, "
                "[sys.executable, *sys.argv])\n",
            )
        ),
    ),
    "a shell that restarts whatever ends": Habit(
        "bash train.sh",
        {
            **loop(("sys.exit(0)", "sys.exit(143)")),
            "train.sh": "until python3 train.py; do :; done",
        },
    ),
    "a thread that waits for the signal": Habit(
        PYTHON,
        loop(
            (
                LISTENS,
                "import threading; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
                "def wait(): stop.append(signal.sigwait({signal.SIGTERM}))\n"
                "threading.Thread(target=wait, daemon=True).start()\n",
            )
        ),
    ),
    "a pool of processes": Habit(
        PYTHON,
        loop(
            (
                "stop = []\n",
                "stop = []\nfrom concurrent.futures import ProcessPoolExecutor\n"
                "pool = ProcessPoolExecutor(2)\n",
            ),
            ("    time.sleep(0.05)\n", "    pool.submit(time.sleep, 0.05).result()\n"),
        ),
    ),
    "a folder that it goes to": Habit(
        PYTHON,
        loop(
            (
                'pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "state.json")',
                'os.chdir(os.environ["SPOT_CHECKPOINT_DIR"]) or pathlib.Path("state.json")',
            ),
        ),
    ),
    "a save that is never read": Habit(
        PYTHON,
        loop(("json.loads(file.read_text()) if file.exists() else []", "[]")),
        survives=False,
        verdict="it saves, but begins at its first step again",
        lost=None,
    ),
    "a save that cannot be read": Habit(
        PYTHON,
        loop(("json.dumps(steps)", "json.dumps(steps)[:-1]")),
        survives=False,
        verdict="it cannot go on from what it saved",
        lost=None,
    ),
    "a question": Habit(
        "python3 ask.py",
        {"ask.py": "print('Enter your choice: ', end='')\ninput()\n"},
        survives=False,
        verdict="it asks a question, and nobody is there to answer",
        lost=None,
    ),
    "a fault of its own": Habit(
        "python3 -c 'raise SystemExit(7)'",
        {},
        survives=False,
        verdict="it fails by itself (exit 7)",
        lost=None,
    ),
    "no such command": Habit(
        "trian.py",
        {},
        survives=False,
        verdict="it fails by itself (exit 127, trian.py: there is no such command)",
        lost=None,
    ),
    "nothing to do": Habit(
        "true", {}, survives=False, verdict="it was over before a notice could reach it", lost=None
    ),
}

#: Tried with every change; the others in a soak.
USUAL = (
    "data workers",
    "a shell around it that does not forward",
    "a polite end that saves nothing",
    "a save elsewhere",
    "a question",
    "no such command",
)
