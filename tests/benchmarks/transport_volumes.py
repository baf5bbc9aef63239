"""The volumes on which transport is timed: blobs, a packing of balls, real and drawn electrodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.testing.packing import pack

SHARED = Path(__file__).parents[3] / "shared" / "volumes"
REAL = SHARED / "soc_electrode" / "labels_128x256x256_u8.tif"
DRAWN = SHARED / "electrodes_segmented" / "taufactor_electrode_256.tif"
LARGEST = 512
NAMES = ("blobs-0.5", "blobs-0.3", "packing", "electrode", "taufactor-electrode")


def volume(name: str, size: int) -> NDArray[np.uint8] | None:
    """Return the mask of what conducts, or None where there is none of that name and size."""
    if name.startswith("blobs-"):
        return blobs(size, float(name.partition("-")[2]))
    if name == "packing":
        return packing(size)
    path = {"electrode": REAL, "taufactor-electrode": DRAWN}[name]
    if not path.is_file() or size > 256:
        return None
    import tifffile

    labels = tifffile.imread(path)[:size, :size, :size]
    return np.ascontiguousarray(labels == 0, np.uint8)  # the pores


def blobs(size: int, porosity: float, seed: int = 1) -> NDArray[np.uint8]:
    """Return a random two-phase volume, features a fortieth of its edge but at most 6.4 voxels.

    That is what ``porespy.generators.blobs`` with a blobiness of 1 does, but for other noise.
    Above 512 voxels it is one of 512, repeated: it is periodic, and a larger one takes long.
    """
    if size > LARGEST:
        part = blobs(LARGEST, porosity, seed)
        return np.tile(part, (-(-size // LARGEST),) * 3)[:size, :size, :size]
    noise = np.random.default_rng(seed).standard_normal((size,) * 3, dtype=np.float32)
    gaussian_filter(noise, min(size / 40, 6.4), mode="wrap", truncate=3, output=noise)
    threshold = np.quantile(noise[::2, ::2, ::2], porosity)
    return (noise < threshold).astype(np.uint8)


def packing(size: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return the space between packed balls, touching or nearly: about 0.4 of the volume."""
    rng = np.random.default_rng(seed)
    diameters = rng.uniform(0.09, 0.13, 1250)
    balls = pack(diameters, np.zeros(3), np.ones(3), gap=0.012, contacts=0.6, rng=rng)
    pores = np.ones((size,) * 3, np.uint8)
    for centre, radius in zip(balls.centers * size, balls.radii * size, strict=True):
        low = np.maximum((centre - radius).astype(int), 0)
        high = np.minimum((centre + radius).astype(int) + 2, size)
        z, y, x = (np.arange(a, b) + 0.5 - c for a, b, c in zip(low, high, centre, strict=True))
        ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius**2
        pores[low[0] : high[0], low[1] : high[1], low[2] : high[2]][ball] = 0
    return pores
