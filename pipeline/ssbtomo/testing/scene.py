"""A scene of painted solids: its voxels, and its volumes and contact areas without voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ssbtomo.testing.solids import Disc, Solid
from ssbtomo.testing.surfaces import Box, Surface
from ssbtomo.units import Spacing

__all__ = ["Paint", "Raster", "Scene"]

_SLAB = 8  # slices painted at a time: bounds the memory of the fine grid
_ROUNDS = 4  # independent repeats of an estimate, for its standard error


@dataclass(frozen=True, slots=True)
class Paint:
    """One step of painting a scene.

    Parameters
    ----------
    solid : Solid
        Where it paints.
    label : int
        What it paints.
    over : frozenset of int or None
        The labels that it may cover; ``None`` for all.
    """

    solid: Solid
    label: int
    over: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Raster:
    """A scene cut into voxels.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        Label at the centre of each voxel.
    grey : ndarray of float32, shape (Z, Y, X)
        Mean grey value over the sub-voxels of each voxel.
    shares : ndarray of float64
        Volume fraction of each label, over all sub-voxels.
    """

    labels: NDArray[np.uint8]
    grey: NDArray[np.float32]
    shares: NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """Solids painted one over another in a box; the first paint lies on the `base` label.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm. The corner of the first voxel is the origin.
    base : int
        Label where nothing is painted.
    paints : tuple of Paint
        The solids in the order of painting.
    """

    shape: tuple[int, int, int]
    spacing: Spacing
    base: int
    paints: tuple[Paint, ...]

    @property
    def view(self) -> Box:
        """The box of the volume in µm."""
        z, y, x = (n * d for n, d in zip(self.shape, self.spacing, strict=True))
        return Box((0.0, 0.0, 0.0), (z, y, x))

    @cached_property
    def _boxes(self) -> tuple[Box, ...]:
        return tuple(paint.solid.bounds for paint in self.paints)

    @property
    def volume_um3(self) -> float:
        """Volume of the box in µm³."""
        z, y, x = self.view.high
        return z * y * x

    def rasterise(self, greys: Sequence[float], samples: int = 3) -> Raster:
        """Cut the scene into voxels.

        Parameters
        ----------
        greys : sequence of float
            Grey value of each label; whole numbers below 65536.
        samples : int
            Sub-voxels per voxel edge; odd, so that the middle one is the voxel's centre.

        Returns
        -------
        Raster
            Labels, grey values with partial volume, and volume fractions.
        """
        labels = np.empty(self.shape, np.uint8)
        grey = np.empty(self.shape, np.float32)
        counts = np.zeros(len(greys), np.int64)
        table = np.asarray(greys, np.float32)
        mid = slice(samples // 2, None, samples)
        for start, fine in self._slabs(samples):
            rows = slice(start, start + fine.shape[0] // samples)
            labels[rows] = fine[mid, mid, mid]
            counts += [np.count_nonzero(fine == label) for label in range(len(greys))]
            grey[rows] = _means(table[fine], samples)
        return Raster(labels, grey, counts / counts.sum())

    def labels(self) -> NDArray[np.uint8]:
        """Return the label at the centre of each voxel."""
        return np.concatenate([slab for _, slab in self._slabs(1)])

    def contact_areas(
        self, density: float, seed: int
    ) -> dict[tuple[int, int], tuple[float, float]]:
        """Estimate the area of every pair of labels in µm², with its standard error.

        Every interface lies on the surface of a solid. Points are spread evenly on each
        surface (a randomly shifted lattice: unbiased), and a point counts for the pair of
        labels just above and below it; points outside the box count for nothing. No two solids
        may share a piece of their surfaces: it would count twice.

        Parameters
        ----------
        density : float
            Points per µm² and round; four rounds give the standard error.
        seed : int
            Seed of the shifts.

        Returns
        -------
        dict
            (lower label, higher label) to (area, standard error of the area).
        """
        rng = np.random.default_rng(seed)
        number = max([self.base, *(paint.label for paint in self.paints)]) + 1
        rounds = np.zeros((_ROUNDS, number * number))
        nudge = 1e-4 * min(self.spacing)
        for index, paint in enumerate(self.paints):
            near = self._near(index)
            for number_of_round in range(_ROUNDS):
                surface = self._seen(paint.solid.surface(self.view, density, rng))
                points = np.concatenate(
                    [surface.points + side * nudge * surface.normals for side in (-1, 1)]
                )
                sides = self._painted(points, near)[1].reshape(2, -1)
                low, high = np.minimum(*sides), np.maximum(*sides)
                rounds[number_of_round] += np.bincount(
                    low * number + high, surface.areas, number * number
                )
        mean = rounds.mean(axis=0)
        error = rounds.std(axis=0, ddof=1) / np.sqrt(_ROUNDS)
        pairs = [(a, b) for a in range(number) for b in range(a + 1, number)]
        return {
            (a, b): (float(mean[a * number + b]), float(error[a * number + b])) for a, b in pairs
        }

    def disc_areas(self, density: float, seed: int) -> dict[int, float]:
        """Estimate the area of the middle plane of each disc, where it was painted and shows.

        Parameters
        ----------
        density : float
            Points per µm².
        seed : int
            Seed of the shifts.

        Returns
        -------
        dict of int to float
            Index of the paint to area in µm².
        """
        rng = np.random.default_rng(seed)
        areas = {}
        for index, paint in enumerate(self.paints):
            if isinstance(paint.solid, Disc):
                middle = self._seen(paint.solid.middle(density, rng))
                painter = self._painted(middle.points, self._near(index))[0]
                areas[index] = float(middle.areas[painter == index].sum())
        return areas

    def _seen(self, surface: Surface) -> Surface:
        low, high = self.view
        seen = ((surface.points >= low) & (surface.points < high)).all(axis=1)
        return Surface(*(part[seen] for part in surface))

    def _near(self, index: int) -> list[int]:
        boxes = self._boxes
        return [k for k, box in enumerate(boxes) if box.meets(boxes[index])]

    def _painted(
        self, points: NDArray[np.float64], near: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which paint shows at each point (-1: none), and the label there."""
        z, y, x = points.T
        painter = np.full(len(points), -1, np.int64)
        label = np.full(len(points), self.base, np.int64)
        for index in near:
            paint = self.paints[index]
            covered = paint.solid.inside(z, y, x)
            if paint.over is not None:
                covered &= np.isin(label, list(paint.over))
            painter[covered], label[covered] = index, paint.label
        return painter, label

    def _slabs(self, samples: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Paint slab after slab on a grid of `samples` points per voxel edge."""
        axes: list[NDArray[np.float64]] = [
            (np.arange(n * samples, dtype=np.float64) + 0.5) * (d / samples)
            for n, d in zip(self.shape, self.spacing, strict=True)
        ]
        edges = [*range(0, self.shape[0], _SLAB), self.shape[0]]
        for start, stop in pairwise(edges):
            z = axes[0][start * samples : stop * samples]
            fine = np.full((len(z), len(axes[1]), len(axes[2])), self.base, np.uint8)
            for paint in self.paints:
                _paint(fine, paint, [z, axes[1], axes[2]])
            yield start, fine


def _paint(fine: NDArray[np.uint8], paint: Paint, axes: Sequence[NDArray[np.float64]]) -> None:
    low, high = paint.solid.bounds
    window = tuple(
        slice(int(np.searchsorted(axis, a)), int(np.searchsorted(axis, b, "right")))
        for axis, a, b in zip(axes, low, high, strict=True)
    )
    z, y, x = (axis[part] for axis, part in zip(axes, window, strict=True))
    if not (len(z) and len(y) and len(x)):
        return
    covered = paint.solid.inside(z[:, None, None], y[None, :, None], x[None, None, :])
    target = fine[window]
    if paint.over is not None:
        allowed = np.zeros(256, np.bool_)
        allowed[list(paint.over)] = True
        covered = covered & allowed[target]
    target[covered] = paint.label


def _means(fine: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Average cubes of `samples` sub-voxels; exact for whole numbers."""
    for axis in range(3):
        pick = [slice(None)] * 3
        total = None
        for first in range(samples):
            pick[axis] = slice(first, None, samples)
            part = fine[tuple(pick)]
            total = part.copy() if total is None else total + part
        fine = fine if total is None else total
    return fine / np.float32(samples**3)
