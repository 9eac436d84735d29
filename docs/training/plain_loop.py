"""A training loop that survives: standard library only, so that it runs anywhere.

It fits a line to points by gradient descent. What matters stands at the marks (1) to (4).
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
FOLDER = Path(os.environ.get("SPOT_CHECKPOINT_DIR", "checkpoint"))

# (1) The signal only leaves a note; the loop reads it between two steps.
stop: list[int] = []
signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))


def save(state: dict[str, object]) -> None:
    """(2) Whole or not at all: a file of another name, on the disk, and then its name."""
    partial = FOLDER / "state.json.tmp"
    with partial.open("w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(FOLDER / "state.json")


def load() -> dict[str, object]:
    """(3) Where the last attempt stopped, or the beginning. The order of the data is part of it."""
    file = FOLDER / "state.json"
    if file.exists():
        return dict(json.loads(file.read_text()))
    return {"step": 0, "slope": 0.0, "offset": 0.0, "seed": 7}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    state = load()
    slope, offset = float(str(state["slope"])), float(str(state["offset"]))
    for step in range(int(str(state["step"])) + 1, STEPS + 1):
        draw = random.Random(f"{state['seed']} {step}")  # the data of a step, whoever runs it
        loss = 0.0
        for x in (draw.uniform(-1, 1) for _ in range(100)):
            error = slope * x + offset - (3 * x + 1)
            slope, offset = slope - 0.01 * error * x, offset - 0.01 * error
            loss += error * error / 100
        time.sleep(0.05)
        print(f"step {step} loss {loss:.6f}", flush=True)
        # (4) Now and then, for a machine that is gone without notice; and when it is told.
        if stop or step % 25 == 0 or step == STEPS:
            save({"step": step, "slope": slope, "offset": offset, "seed": state["seed"]})
        if stop:
            print(f"saved at step {step}", flush=True)
            return
    Path(os.environ.get("SPOT_OUTPUT_DIR", "."), "line.json").write_text(json.dumps([slope, offset]))
    print(f"done: {slope:.3f} x + {offset:.3f}", flush=True)


main()
