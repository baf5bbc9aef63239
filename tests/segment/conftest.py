"""Blurred, noisy phantoms of overlapping spheres with known labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage as ndi

Phantom = tuple[NDArray[np.float32], NDArray[np.uint8]]


def spheres(order: tuple[int, ...], size: int, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    z, y, x = np.indices((size, size, size))
    labels = np.full((size, size, size), order[0], np.uint8)
    for phase in order[1:]:
        for _ in range(size**3 // 28000):
            (cz, cy, cx), radius = rng.uniform(0, size, 3), rng.uniform(8, 14)
            labels[(z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = phase
    return labels


@pytest.fixture(scope="session")
def phantom() -> Callable[..., Phantom]:
    """Return a maker of (grey, labels); the order says which phase lies over which."""

    def make(order=(0, 1, 2), *, blur=1.0, contrast=5.0, size=72, seed=1) -> Phantom:
        labels = spheres(order, size, seed)
        clean = ndi.gaussian_filter(60.0 + 60.0 * labels, blur)
        noise = np.random.default_rng(seed + 1).normal(0, 60 / contrast, labels.shape)
        return (clean + noise).astype(np.float32), labels

    return make
