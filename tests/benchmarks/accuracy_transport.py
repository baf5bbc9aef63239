"""Error of conduction through lattices of insulating spheres: ``python tests/benchmarks/accuracy_transport.py``.

Against `ssbtomo.testing.lattices.lattice_conductivity` (multipoles, six digits), for labels, for a smooth surface
through them, for exact volume fractions, and for an image blurred (Gaussian, 0.7 voxels) with noise of 5 % of the contrast, as
it is (cut off at 0 and 1) and sharpened. Errors are in percent: the worst of 16, 17, 19, 20 and 24 voxels per cell
edge, each with the lattice where its symmetry has it and moved at random along the joined sides, and the same of 32.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.kernels.sharpening import sharpened_fractions, smooth_fractions
from ssbtomo.kernels.transport import solve
from ssbtomo.testing.lattices import (
    CENTERS,
    lattice_conductivity,
    lattice_fractions,
    lattice_radius,
)

Soft = NDArray[np.float64]
NEAREST = {"sc": 1.0, "bcc": np.sqrt(0.75), "fcc": np.sqrt(0.5)}
_BEYOND = 4
"""Voxels of its surroundings with which a cell is sharpened."""
CASES = [(lattice, solid) for lattice in CENTERS for solid in (0.05, 0.1, 0.3, 0.45, 0.5)]


def noisy(share: Soft) -> Soft:
    """Return what an instrument would show."""
    rng = np.random.default_rng(share.shape[0])
    return gaussian_filter(share, 0.7, mode="wrap") + rng.normal(0, 0.05, share.shape)


def sharpened(image: Soft) -> Soft:
    """Return what sharpening makes of an image that goes on beyond the cell."""
    wide = sharpened_fractions(np.pad(image, _BEYOND, mode="wrap"))
    return wide[(slice(_BEYOND, -_BEYOND),) * 3].astype(np.float64)


def smoothed(share: Soft) -> Soft:
    """Return what a smooth surface makes of the labels of a cell that goes on beyond itself."""
    wide = smooth_fractions(np.pad(share > 0.5, _BEYOND, mode="wrap"))
    return wide[(slice(_BEYOND, -_BEYOND),) * 3].astype(np.float64)


WAYS: dict[str, Callable[[Soft], Soft]] = {
    "labels": lambda share: (share > 0.5).astype(np.float64),
    "labels, smooth surface": smoothed,
    "exact fractions": lambda share: share,
    "image, cut off": lambda share: np.clip(noisy(share), 0, 1),
    "image, cut off, sharpened": lambda share: sharpened(np.clip(noisy(share), 0, 1)),
    "image, sharpened": lambda share: sharpened(noisy(share)),
}


def error(share: Soft, truth: float) -> float:
    """Return the relative error in percent."""
    ones = np.ones(share.shape, np.uint8)
    found = solve(ones, (1.0,) * 3, 0, {1: 1.0}, fractions=share, periodic=True)
    return 100 * (found.effective / truth - 1)


def worst(lattice: str, solid: float, sides: tuple[int, ...], way: Callable[[Soft], Soft]) -> float:
    """Return the largest of the errors at some sizes."""
    truth, errors = lattice_conductivity(lattice, solid), []
    for side in sides:
        y, x = np.random.default_rng(side).random(2)
        for offset in ((0.0, 0.0, 0.0), (0.0, y, x)):
            share = lattice_fractions(lattice, solid, side, offset=offset)
            errors.append(error(way(share), truth))
    return max(errors, key=abs)


def main() -> None:
    """Print the table."""
    sys.stdout.write(f"| lattice, solid | gap at 16, voxels | {' | '.join(WAYS)} |\n")
    sys.stdout.write("|---" * (len(WAYS) + 2) + "|\n")
    for lattice, solid in CASES:
        gap = 16 * (NEAREST[lattice] - 2 * lattice_radius(lattice, solid))
        cells = []
        for way in WAYS.values():
            small = worst(lattice, solid, (16, 17, 19, 20, 24), way)
            cells.append(f"{small:+.1f}, {worst(lattice, solid, (32,), way):+.1f}")
        sys.stdout.write(f"| {lattice}, {solid} | {gap:.1f} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
