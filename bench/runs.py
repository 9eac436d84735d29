"""A run as its user sees it: how far `logs -f` is behind the machine, and the steps that are lost.

Exits with 1 when a limit is passed. The machine is one of the sandbox, reached by ssh over
loopback addresses; the steps are those that a rehearsal counts. Needs bubblewrap and OpenSSH.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINES, EVERY_S = 60, 0.5
NOTICES, SEEDS = 3, 3
SAVED_EVERY_STEPS = 10

#: What must not be exceeded: seconds, steps.
BEHIND_S, LOST_AT_NOTICE, LOST_BY_KILL = 5.0, 0, SAVED_EVERY_STEPS

TELLS_TIME = f"import time\nfor _ in range({LINES}): print(time.time()); time.sleep({EVERY_S})"
TRAIN = f"""
import os, pathlib, signal, time
file = pathlib.Path(os.environ["SPOT_CHECKPOINT_DIR"], "step")
step, stop = int(file.read_text()) if file.exists() else 0, []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
while step < 150 and not stop:
    time.sleep(0.05)
    step += 1
    print("step", step, flush=True)
    if step % {SAVED_EVERY_STEPS} == 0 or stop:
        file.with_suffix(".tmp").write_text(str(step))
        file.with_suffix(".tmp").rename(file)
"""


def spot(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder; its own home is there, too."""
    line = [sys.executable, "-m", "spotkeeper", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


def behind_s(folder: Path) -> list[float]:
    """From each line's print on the machine to its arrival here."""
    launched = spot(folder, "up", "bench", "--type", "m5.large", "--for", "1h", "--yes")
    if launched.returncode:
        raise SystemExit(launched.stderr)
    words = ("run", "bench", "--detach", "--", "python3", "-c", TELLS_TIME)
    if (begun := spot(folder, *words)).returncode:
        raise SystemExit(begun.stderr)
    line = [sys.executable, "-m", "spotkeeper", "logs", "-f", "bench"]
    with subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, text=True) as following:
        arrived = [(time.time(), float(printed)) for printed in following.stdout or ()]
    return [here - there for here, there in arrived[LINES // 3 :]]  # the first came at once


def lost_steps(folder: Path, *options: str) -> list[int]:
    """Of each interruption, over some seeds."""
    found = []
    for seed in range(SEEDS):
        words = ("rehearse", "--seed", str(seed), *options, "--output", "json")
        told = spot(folder, *words, "--", "python3", "train.py")
        found += [each["lost_steps"] for each in json.loads(told.stdout)["items"]]
    return [each for each in found if each is not None]  # None: it had come to its end


def main() -> int:
    """Measure, print, and say whether the limits were held."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "code")
        folder.mkdir()
        os.environ.update(HOME=name, SPOT_HOME=f"{name}/home", SPOT_SANDBOX="1")
        (folder / "train.py").write_text(TRAIN)
        spot(folder, "sandbox", "start", "--guests", "jailed", "--speed", "1")
        try:
            late = behind_s(folder)
        finally:
            spot(folder, "sandbox", "stop")
        at_notice = lost_steps(folder, "--notices", str(NOTICES))
        killed = lost_steps(folder, "--notices", str(NOTICES), "--hard")
    print(
        f"logs -f behind the machine, {len(late)} lines: median {statistics.median(late):.1f} s, "
        f"worst {max(late):.1f} s (at most {BEHIND_S:.0f} s)"
    )
    print(f"steps lost at {len(at_notice)} notices: at most {max(at_notice)} ({LOST_AT_NOTICE})")
    print(
        f"steps lost by {len(killed)} hard ends: at most {max(killed)} each "
        f"(a save every {LOST_BY_KILL} steps)"
    )
    held = max(late) <= BEHIND_S and max(at_notice) <= LOST_AT_NOTICE
    return int(not (held and max(killed) <= LOST_BY_KILL))


if __name__ == "__main__":
    sys.exit(main())
