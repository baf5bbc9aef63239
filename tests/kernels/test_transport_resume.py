"""Solves that are cut off and go on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import CancelledError, InputDataError
from ssbtomo.kernels.transport import Checkpoint, electrode, solve, tensor

CUBE = (1.0, 1.0, 1.0)


def blobs(shape: tuple[int, int, int], share: float = 0.4, seed: int = 0) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return (noise < np.quantile(noise, share)).astype(np.uint8)


@pytest.mark.parametrize("values", [{1: 1.0}, {0: 1e-5, 1: 1.0}])
@pytest.mark.parametrize("after", [1, 4])
def test_a_solve_goes_on_from_its_checkpoint(values, after):
    labels = blobs((30, 28, 26))
    kept: list[Checkpoint] = []

    def keep(checkpoint: Checkpoint) -> None:
        copy = checkpoint.deviation.copy()
        kept.append(Checkpoint(copy, checkpoint.iterations, checkpoint.norm))

    options = {"tolerance": 1e-9}
    whole = solve(labels, CUBE, 1, values, keep=keep, **options)
    assert [c.iterations for c in kept] == list(range(1, whole.iterations + 1))
    seen: list[tuple[int, float, float]] = []
    rest = solve(
        labels, CUBE, 1, values, start=kept[after], progress=lambda *s: seen.append(s), **options
    )
    # the true error is below the estimate, that below the tolerance
    assert rest.effective == pytest.approx(whole.effective, rel=2e-9)
    assert seen[0][0] == after + 2
    assert seen[0][1] < kept[after].norm  # relative to the very start
    # conjugacy is lost: some iterations more, not as many as before
    assert rest.iterations <= whole.iterations + 4
    lower, upper = rest.energy_bounds
    assert lower < rest.effective < upper


def test_a_solve_that_was_done_is_done_at_once():
    labels = blobs((20, 20, 20))
    kept: list[Checkpoint] = []
    solve(labels, CUBE, 0, {1: 1.0}, keep=kept.append, tolerance=1e-9)
    again = solve(labels, CUBE, 0, {1: 1.0}, start=kept[-1], tolerance=1e-6)
    assert again.warnings == ()


def test_a_checkpoint_of_another_volume_is_refused():
    kept: list[Checkpoint] = []
    solve(blobs((20, 20, 20)), CUBE, 0, {1: 1.0}, keep=kept.append)
    with pytest.raises(InputDataError, match="another volume"):
        solve(blobs((20, 20, 24)), CUBE, 0, {1: 1.0}, start=kept[-1])


def test_a_solve_asks_often_whether_it_is_cancelled():
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return False

    labels = blobs((40, 40, 40))
    result = solve(labels, CUBE, 0, {1: 1.0}, cancelled=cancelled)
    # each iteration, and within it on the two finest grids, of which the second is visited twice
    assert len(asked) >= 4 * result.iterations

    for last in (1, 2, 3, 5, 8, 13):
        left = iter([False] * (last - 1))
        with pytest.raises(CancelledError):
            solve(labels, CUBE, 0, {1: 1.0}, cancelled=lambda left=left: next(left, True))


def copied(checkpoint: Checkpoint) -> Checkpoint:
    return Checkpoint(checkpoint.deviation.copy(), checkpoint.iterations, checkpoint.norm)


def test_an_electrode_goes_on_from_its_checkpoint():
    labels = blobs((24, 22, 20), 0.6)
    kept: list[Checkpoint] = []
    whole = electrode(labels, CUBE, 0, {1: 1.0}, keep=lambda c: kept.append(copied(c)))
    rest = electrode(labels, CUBE, 0, {1: 1.0}, start=kept[3])
    # each is within its bounds, which are within ten times the tolerance
    assert rest.tau == pytest.approx(whole.tau, rel=1e-5)
    assert rest.iterations <= whole.iterations + 4
    assert rest.bounds[0] <= whole.bounds[1]
    assert whole.bounds[0] <= rest.bounds[1]


def test_a_tensor_goes_on_from_its_checkpoint():
    labels = blobs((22, 20, 18), 0.6)
    kept: dict[int, list[Checkpoint]] = {0: [], 1: [], 2: []}
    whole = tensor(labels, CUBE, {1: 1.0}, keep=lambda axis, c: kept[axis].append(copied(c)))
    begun = {axis: states[1] for axis, states in kept.items()}
    rest = tensor(labels, CUBE, {1: 1.0}, start=begun.get)
    np.testing.assert_allclose(np.diag(rest.effective), np.diag(whole.effective), rtol=2e-6)
