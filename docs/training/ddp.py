"""Two processes under torchrun, each with data workers: torchrun --nproc-per-node 2 ddp.py"""

import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
FOLDER = Path(os.environ.get("SPOT_CHECKPOINT_DIR", "checkpoint"))
FILE = FOLDER / "state.pt"

stop = []
signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))


def anybody_was_told() -> bool:
    """The signal reaches the processes at different steps: they agree, and stop together."""
    told = torch.tensor(float(bool(stop)))
    dist.all_reduce(told, dist.ReduceOp.MAX)
    return bool(told)


def save(state: dict) -> None:
    """By one process only, and whole."""
    if dist.get_rank() == 0:
        torch.save(state, FILE.with_suffix(".tmp"))
        FILE.with_suffix(".tmp").replace(FILE)
    dist.barrier()


def main() -> None:
    dist.init_process_group("gloo")
    FOLDER.mkdir(parents=True, exist_ok=True)
    model = DistributedDataParallel(torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    start = 0
    if FILE.exists():
        state = torch.load(FILE)
        start = state["step"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    x = torch.rand(4 * STEPS, 1, generator=torch.Generator().manual_seed(7))
    data = torch.utils.data.TensorDataset(x[4 * start :], 3 * x[4 * start :] + 1)
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2)
    for step, (inputs, targets) in enumerate(loader, start=start + 1):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
        if dist.get_rank() == 0:
            print("step", step, flush=True)
        told = anybody_was_told()
        if told or step % 20 == 0 or step == STEPS:
            save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()})
        if told:
            break
    dist.destroy_process_group()
    print("done" if not stop else "saved", flush=True)


main()
