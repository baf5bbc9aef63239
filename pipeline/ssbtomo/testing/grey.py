"""Grey volumes with every voxel's phase known, to train and to score classifiers on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["GreyTruth", "pore_back_volume", "three_phase_volume"]

Shape = tuple[int, int, int]
Greys = tuple[float, float, float]
_STROKE = 12  # voxels of a stroke


@dataclass(frozen=True, slots=True, eq=False)
class GreyTruth:
    """An image and its truth.

    Parameters
    ----------
    image : ndarray of uint8, shape (Z, Y, X)
        Grey values.
    labels : ndarray of uint8, shape (Z, Y, X)
        0 void, 1 electrolyte, 2 active material.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def scribbles(
        self,
        share: float = 0.01,
        slices: int = 3,
        *,
        seed: int = 0,
        kind: Literal["random", "strokes"] = "random",
    ) -> NDArray[np.uint8]:
        """Label some voxels of some slices.

        Parameters
        ----------
        share : float
            Share of the voxels of a slice.
        slices : int
            Slices across z, evenly spread.
        seed : int
            Seed of where they lie.
        kind : {"random", "strokes"}
            Single voxels anywhere; or straight strokes of 12 voxels that stop at an edge.

        Returns
        -------
        ndarray of uint8, shape (Z, Y, X)
            0 where nothing is labelled, else the label plus one.

        Raises
        ------
        InputDataError
            If there are fewer slices than asked for.
        """
        depth = len(self.labels)
        if not 1 <= slices <= depth:
            raise InputDataError(f"{slices} slices of {depth} cannot be labelled")
        rng = np.random.default_rng(seed)
        marks = np.zeros(self.labels.shape, np.uint8)
        for number in range(slices):
            z = (2 * number + 1) * depth // (2 * slices)
            truth = self.labels[z]
            draw = _points if kind == "random" else _strokes
            here = draw(truth, max(round(share * truth.size), 1), rng)
            marks[z][here] = truth[here] + 1
        return marks


def _points(truth: NDArray[np.uint8], count: int, rng: np.random.Generator) -> Any:
    return np.unravel_index(rng.choice(truth.size, count, replace=False), truth.shape)


def _strokes(truth: NDArray[np.uint8], count: int, rng: np.random.Generator) -> Any:
    drawn = np.zeros(truth.shape, bool)
    for _ in range(100 * count):
        y, x = rng.integers(truth.shape[0]), rng.integers(truth.shape[1])
        angle = rng.uniform(0, 2 * np.pi)
        steps = np.arange(_STROKE)
        rows = np.rint(y + steps * np.sin(angle)).astype(int)
        columns = np.rint(x + steps * np.cos(angle)).astype(int)
        inside = (rows >= 0) & (rows < truth.shape[0])
        inside &= (columns >= 0) & (columns < truth.shape[1])
        rows, columns = rows[inside], columns[inside]
        same = truth[rows, columns] == truth[y, x]
        last = same.size if same.all() else int(np.argmin(same))
        drawn[rows[:last], columns[:last]] = True
        if np.count_nonzero(drawn) >= count:
            break
    return np.nonzero(drawn)


def three_phase_volume(
    shape: Shape = (96, 256, 256),
    *,
    seed: int = 0,
    void: float = 0.2,
    greys: Greys = (50.0, 115.0, 175.0),
    noise: float = 14.0,
    blur: float = 0.8,
    curtains: float = 0.0,
) -> GreyTruth:
    """Make a volume of three phases of random shapes, with blur, noise and curtains.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    seed : int
        Seed of everything random.
    void : float
        Share of the void; of the rest 45 % are active material.
    greys : tuple of float
        Grey value of void, electrolyte and active material.
    noise : float
        Standard deviation of white noise.
    blur : float
        Standard deviation in voxels of the blur.
    curtains : float
        Standard deviation of stripes along y, other ones in each slice.

    Returns
    -------
    GreyTruth
        Shapes of about 10 (void) and 20 voxels.
    """
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    labels = _phases(shape, void, rng)
    grey = ndi.gaussian_filter(np.asarray(greys, np.float32)[labels], blur)
    if curtains:
        stripes = rng.standard_normal((shape[0], 1, shape[2]))
        stripes = ndi.gaussian_filter1d(stripes, 1.0, axis=2)
        grey = grey + stripes * (curtains / stripes.std())
    return GreyTruth(_whole(grey + rng.normal(0.0, noise, shape)), labels)


def pore_back_volume(
    shape: Shape = (80, 192, 192),
    *,
    seed: int = 0,
    void: float = 0.27,
    greys: Greys = (30.0, 120.0, 180.0),
    noise: float = 8.0,
    decay: float = 6.0,
) -> GreyTruth:
    """Make serial sections of an unfilled sample: in a pore, the wall behind it is seen.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X); slices are cut from the first on.
    seed : int
        Seed of everything random.
    void : float
        Share of the void.
    greys : tuple of float
        Grey value of void, electrolyte and active material.
    noise : float
        Standard deviation of white noise.
    decay : float
        Slices in which what is seen through a pore loses contrast by e.

    Returns
    -------
    GreyTruth
        Sharp along z, blurred by 0.8 voxels within a slice.
    """
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    labels = _phases(shape, void, rng)
    values = np.asarray(greys, np.float32)
    seen = np.empty(shape, np.float32)
    behind = np.full(shape[1:], values[0])
    depth = np.full(shape[1:], 1e3, np.float32)
    for z in range(shape[0] - 1, -1, -1):
        solid = labels[z] != 0
        depth = np.where(solid, np.float32(0), depth + 1)
        behind = np.where(solid, values[labels[z]], behind)
        shine = values[0] + (behind - values[0]) * np.exp(-depth / decay) * 0.9
        seen[z] = np.where(solid, values[labels[z]], shine)
    grey = ndi.gaussian_filter(seen, (0.0, 0.8, 0.8))
    return GreyTruth(_whole(grey + rng.normal(0.0, noise, shape)), labels)


def _phases(shape: Shape, void: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    pores, grains = (_field(shape, width, rng) for width in (5.0, 9.0))
    active = grains > np.quantile(grains, 0.55)
    labels = np.where(pores > np.quantile(pores, 1 - void), 0, np.where(active, 2, 1))
    return labels.astype(np.uint8)


def _field(shape: Shape, width: float, rng: np.random.Generator) -> NDArray[np.float32]:
    from scipy import ndimage as ndi

    return np.asarray(ndi.gaussian_filter(rng.standard_normal(shape, np.float32), width))


def _whole(grey: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)
