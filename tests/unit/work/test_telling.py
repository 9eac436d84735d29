"""Who of a command's processes is told: trees as they are seen on machines."""

import pytest

from spotkeeper.work.telling import Process, to_be_told

#: pid, parent, command line, and marks: L listens, C is a copy of its parent.
Row = tuple[int, int, str, str]


def tree(*rows: Row) -> list[Process]:
    return [
        Process(pid, parent, "0", tuple(line.split()), "C" in marks, "L" in marks)
        for pid, parent, line, marks in rows
    ]


SPAWNED = "python -c spawn_main() --multiprocessing-fork"

CASES: dict[str, tuple[tuple[Row, ...], set[int]]] = {
    "a script": (((2, 1, "python train.py", "L"),), {2}),
    "a script with data workers": (
        ((2, 1, "python train.py", "L"), (3, 2, "python train.py", "CL"), (4, 2, SPAWNED, "L")),
        {2},
    ),
    "a shell that does not forward": (
        ((2, 1, "bash train.sh", ""), (3, 2, "python train.py", "L")),
        {2, 3},
    ),
    "a shell with a trap": (
        ((2, 1, "bash train.sh", "L"), (3, 2, "python train.py", "L")),
        {3},
    ),
    "a shell whose trap does the saving": (
        ((2, 1, "bash train.sh", "L"), (3, 2, "./simulate", "")),
        {2, 3},
    ),
    "a subshell": (
        ((2, 1, "bash train.sh", ""), (3, 2, "bash train.sh", "C"), (4, 3, "python a.py", "L")),
        {2, 3, 4},
    ),
    "a pipe": (
        ((2, 1, "sh -c x", ""), (3, 2, "python train.py", "L"), (4, 2, "tee log", "")),
        {2, 3},
    ),
    "two at once": (
        ((2, 1, "bash both.sh", ""), (3, 2, "python a.py", "L"), (4, 2, "python b.py", "L")),
        {2, 3, 4},
    ),
    "torchrun": (
        (
            (2, 1, "python /bin/torchrun --nproc 2 train.py --lr 1", "L"),
            (3, 2, "python -u train.py --lr 1", "L"),
            (4, 2, "python -u train.py --lr 1", "L"),
            (5, 3, "python -u train.py --lr 1", "CL"),
        ),
        {3, 4},
    ),
    "torchrun before its workers listen": (
        ((2, 1, "python /bin/torchrun train.py", "L"), (3, 2, "python -u train.py", "")),
        {2},
    ),
    "deepspeed, whose launcher adds an argument": (
        (
            (2, 1, "python /bin/deepspeed train.py --lr 1", ""),
            (3, 2, "python -u -m deepspeed.launcher.launch --world=x train.py --lr 1", "L"),
            (4, 3, "python -u train.py --local_rank=0 --lr 1", "L"),
        ),
        {4},
    ),
    "uv run": (((2, 1, "uv run train.py", "L"), (3, 2, "python train.py", "L")), {3}),
    "uv run torchrun": (
        (
            (2, 1, "uv run torchrun train.py", "L"),
            (3, 2, "python /x/.venv/bin/torchrun train.py", "L"),
            (4, 3, "python -u train.py", "L"),
        ),
        {4},
    ),
    "conda run, deaf": (
        ((2, 1, "python /bin/conda run python train.py", ""), (3, 2, "python train.py", "L")),
        {3},
    ),
    "a script of python that runs another": (
        ((2, 1, "python driver.py", ""), (3, 2, "python train.py", "L")),
        {3},
    ),
    "ranks that are started as the first was": (
        ((2, 1, "python train.py", "L"), (3, 2, "python train.py", "L")),
        {2, 3},
    ),
    "ranks of torch.multiprocessing": (
        ((2, 1, "python train.py", ""), (3, 2, SPAWNED, "L"), (4, 2, SPAWNED, "L")),
        {3, 4},
    ),
    "a tracker's sender": (
        ((2, 1, "python train.py", "L"), (3, 2, "/lib/wandb-core --port 1", "L")),
        {2},
    ),
    "a tracker's sender below a deaf script": (
        ((2, 1, "python train.py", ""), (3, 2, "/lib/wandb-core --port 1", "L")),
        set(),
    ),
    "a decoder below a script": (
        ((2, 1, "python train.py", "L"), (3, 2, "ffmpeg -i x", "L")),
        {2},
    ),
    "a daemon that left its parent": (((3, 1, "python train.py", "CL"),), {3}),
    "nobody listens": (((2, 1, "python train.py", ""), (3, 2, "sleep 9", "")), set()),
    "nobody is there": ((), set()),
}


@pytest.mark.parametrize(("rows", "wanted"), CASES.values(), ids=CASES.keys())
def test_those_that_work_are_told_and_nobody_else(rows: tuple[Row, ...], wanted: set[int]) -> None:
    told = to_be_told(tree(*rows), may_work_on=True)
    assert {each.pid for each in told} == wanted
    assert len(told) == len(wanted)


def test_where_nobody_listens_all_are_told_but_who_serves_another() -> None:
    rows = (
        (2, 1, "python train.py", ""),
        (3, 2, "python train.py", "C"),
        (4, 2, "sleep 9", ""),
        (5, 2, SPAWNED, ""),
    )
    assert {each.pid for each in to_be_told(tree(*rows), may_work_on=False)} == {2, 4}
