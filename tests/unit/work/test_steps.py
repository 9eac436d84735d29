"""Steps are read from output as people print it, and counted over attempts."""

import pytest

from spotkeeper.work.steps import StepReader, best_shape, compare


def read(*pieces: bytes) -> list[int]:
    reader = StepReader()
    for at, piece in enumerate(pieces):
        reader.feed(piece, float(at))
    return [step for step, _ in reader.steps(best_shape([reader]))]


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (b"step 1\nstep 2\n", [1, 2]),
        (b"Step: 10, loss 0.3\nStep: 20, loss 0.2\n", [10, 20]),
        (b"{'loss': 1.2, 'step': 5}\n{'loss': 1.1, 'step': 6}\n", [5, 6]),
        (b"global_step=7 lr=1\n", [7]),
        (b"[step 3/300] loss\n", [3]),
        (b"iter 100: loss 2\niter 200: loss 1\n", [100, 200]),
        (b"Iteration 4\n", [4]),
        (b" 3%|#  | 3/100 [00:01<00:30]\r 4%|#  | 4/100 [00:01<00:30]\r", [3, 4]),
        (b"Epoch 1/3\nEpoch 2/3\n", [1, 2]),
        (b"epoch 1 step 5\nepoch 1 step 6\n", [5, 6]),
        (b"loading 0/1 [00:00<?]\rloading 1/1 [00:00]\rstep 1\nstep 2\nstep 3\n", [1, 2, 3]),
        (b"train_steps_per_second: 12\n", []),
        (b"step 12", []),
        (b"loading 300 files\nwarm up\n", []),
        (b"footstep 9\n", []),
        (b"\xff\xfe\0step 8\n", [8]),
    ],
)
def test_steps_of_every_usual_shape_are_read(output: bytes, wanted: list[int]) -> None:
    assert read(output) == wanted
    assert read(*(output[at : at + 1] for at in range(len(output)))) == wanted


@pytest.mark.parametrize(
    ("attempts", "twice", "lost", "skipped"),
    [
        ([[1, 2, 3], [4, 5]], 0, (0,), 0),
        ([[1, 2, 3], [3, 4]], 1, (1,), 0),
        ([[1, 2, 3], [1, 2, 3, 4]], 3, (3,), 0),
        ([[1, 2, 3], [2, 3], [3, 4]], 3, (2, 1), 0),
        ([[1, 2], [5, 6]], 0, (0,), 2),
        ([[], [1, 2]], 0, (0,), 0),
        ([[1, 2], []], 0, (0,), 0),
        ([[1, 2], [], [3]], 0, (0, 0), 0),
        ([[1, 2], [], [1]], 1, (2, 0), 0),
        ([[1, 1, 2], [3]], 0, (0,), 0),
        ([], 0, (), 0),
    ],
)
def test_steps_lost_twice_and_skipped(
    attempts: list[list[int]], twice: int, lost: tuple[int, ...], skipped: int
) -> None:
    assert compare(attempts) == (twice, lost, skipped)


def test_the_outputs_of_one_command_are_read_in_one_shape() -> None:
    first, second = StepReader(), StepReader()
    first.feed(b"loading 0/2 [x]\rloading 1/2 [x]\rloading 2/2 [x]\rstep 1\n", 1.0)
    second.feed(b"step 2\nstep 3\nstep 4\n", 2.0)
    shape = best_shape([first, second])
    assert (first.steps(shape), second.steps(shape)[0]) == ([(1, 1.0)], (2, 2.0))


def test_a_line_without_end_is_read_at_last() -> None:
    assert read(b"step 5 " + b"x" * 70_000, b"x") == [5]
