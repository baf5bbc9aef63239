"""Hypothesis strategies: volumes, labels, spacings and ways to cut them into blocks.

Hypothesis itself is needed: ``pip install ssbtomo[test]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from numpy.typing import DTypeLike, NDArray

__all__ = ["axis_orders", "blocks", "images", "labels", "masks", "shapes", "spacings"]

Shape = tuple[int, int, int]


def shapes(*, min_side: int = 1, max_side: int = 8) -> SearchStrategy[Shape]:
    """Draw shapes (Z, Y, X).

    Parameters
    ----------
    min_side, max_side : int
        Fewest and most voxels along an axis.

    Returns
    -------
    SearchStrategy of tuple of int
        Shapes; they shrink to the smallest.
    """
    from hypothesis import strategies as st

    side = st.integers(min_side, max_side)
    return st.tuples(side, side, side)


def labels(
    *,
    phases: int = 3,
    min_side: int = 1,
    max_side: int = 8,
    dtype: DTypeLike = np.uint8,
) -> SearchStrategy[NDArray[Any]]:
    """Draw labelled volumes; they shrink to small volumes of label 0.

    Parameters
    ----------
    phases : int
        Labels are 0 to ``phases - 1``.
    min_side, max_side : int
        Fewest and most voxels along an axis.
    dtype : dtype
        An integer type.

    Returns
    -------
    SearchStrategy of ndarray, shape (Z, Y, X)
        Labels; half of the volumes are noise, half are coarse lumps as in real structures.
    """
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp

    sides = shapes(min_side=min_side, max_side=max_side)
    noise = hnp.arrays(dtype, sides, elements=st.integers(0, phases - 1))
    lumps = st.builds(_lumps, noise, st.integers(2, 4), sides)
    return noise | lumps


def masks(*, min_side: int = 1, max_side: int = 8) -> SearchStrategy[NDArray[np.bool_]]:
    """Draw binary volumes.

    Parameters
    ----------
    min_side, max_side : int
        Fewest and most voxels along an axis.

    Returns
    -------
    SearchStrategy of ndarray of bool, shape (Z, Y, X)
        Masks.
    """
    drawn = labels(phases=2, min_side=min_side, max_side=max_side)
    return drawn.map(lambda volume: volume.astype(np.bool_))


def images(
    *, min_side: int = 1, max_side: int = 8, dtype: DTypeLike = np.uint16
) -> SearchStrategy[NDArray[Any]]:
    """Draw grey volumes of finite values.

    Parameters
    ----------
    min_side, max_side : int
        Fewest and most voxels along an axis.
    dtype : dtype
        An integer type, or float32 or float64 (values from -1000 to 1000).

    Returns
    -------
    SearchStrategy of ndarray, shape (Z, Y, X)
        Grey values.
    """
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp

    kind = np.dtype(dtype)
    elements: SearchStrategy[Any]
    if kind.kind == "f":
        elements = st.floats(-1000, 1000, width=32)
    else:
        elements = st.integers(int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    return hnp.arrays(kind, shapes(min_side=min_side, max_side=max_side), elements=elements)


def spacings(
    *, smallest: float = 0.005, largest: float = 5.0, most_anisotropic: float = 4.0
) -> SearchStrategy[tuple[float, float, float]]:
    """Draw voxel sizes.

    Parameters
    ----------
    smallest, largest : float
        Limits of the smallest edge in µm.
    most_anisotropic : float
        Largest ratio of two edges.

    Returns
    -------
    SearchStrategy of tuple of float
        Edges along (Z, Y, X) in µm; they shrink to cubes.
    """
    from hypothesis import strategies as st

    def scaled(edge: float, ratios: tuple[float, float, float]) -> tuple[float, float, float]:
        z, y, x = (round(edge * ratio, 6) for ratio in ratios)
        return z, y, x

    ratio = st.sampled_from([1.0, 2.0, 1.5, most_anisotropic]).map(
        lambda value: min(value, most_anisotropic)
    )
    return st.builds(scaled, st.floats(smallest, largest), st.tuples(ratio, ratio, ratio))


def blocks(*, max_side: int = 8) -> SearchStrategy[Shape]:
    """Draw block shapes, also larger than the volume and of one voxel.

    Parameters
    ----------
    max_side : int
        Most voxels along an axis.

    Returns
    -------
    SearchStrategy of tuple of int
        Voxels of a block along (Z, Y, X).
    """
    return shapes(min_side=1, max_side=max_side)


def axis_orders() -> SearchStrategy[tuple[int, int, int]]:
    """Draw orders of the three axes.

    Returns
    -------
    SearchStrategy of tuple of int
        Permutations of (0, 1, 2).
    """
    from hypothesis import strategies as st

    return st.permutations((0, 1, 2)).map(lambda order: (order[0], order[1], order[2]))


def _lumps(seeds: NDArray[Any], size: int, shape: Shape) -> NDArray[Any]:
    """Blow each voxel up to a cube, and cut a volume of `shape` out of the repeats."""
    for axis, side in enumerate(shape):
        picked = np.arange(side) // size % seeds.shape[axis]
        seeds = np.take(seeds, picked, axis)
    return seeds
