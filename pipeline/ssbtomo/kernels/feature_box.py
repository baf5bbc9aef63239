"""A window of a volume and what is smoothed in it: where features of voxels are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.feature_list import Feature, tap_radius
from ssbtomo.units import Spacing

__all__ = ["Box", "Place", "normalised", "smoothed_inside", "trimmed"]

Float = NDArray[np.float32]
Margin = tuple[int, int, int]
Cut = tuple[slice, slice, slice]


def normalised(grey: NDArray[Any], centre: float, width: float) -> Float:
    """Return grey values as shares of a width around a centre.

    Parameters
    ----------
    grey : ndarray
        Grey values, of any real type.
    centre, width : float
        What becomes 0, and what distance becomes 1.

    Returns
    -------
    ndarray of float32
        Four bytes per voxel.
    """
    values = grey.astype(np.float32)
    values -= np.float32(centre)
    values *= np.float32(1.0 / width)
    return values


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block lies in its volume, for the features that ask.

    Parameters
    ----------
    start : tuple of int
        First voxel of the block.
    within : tuple of int
        Voxels of the volume.
    """

    start: Margin
    within: Margin


class Box:
    """A slab's view of the windows: smoothed volumes with the margins that features ask for.

    Parameters
    ----------
    windows : sequence of ndarray of float32, shape (Z, Y, X)
        Normalised values of each channel: a block with `halo` voxels on all sides, contiguous.
    halo : tuple of int
        At least what the features need.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    place : Place
        Where the block lies.
    planes : tuple of int
        First plane of the slab in the block, and the one after the last.
    """

    def __init__(
        self,
        windows: Sequence[Float],
        halo: Margin,
        spacing: Spacing,
        place: Place,
        planes: tuple[int, int],
    ) -> None:
        self.windows, self.halo, self.spacing, self.place = windows, halo, spacing, place
        self.first = planes[0]
        block = [n - 2 * m for n, m in zip(windows[0].shape, halo, strict=True)]
        self.shape: Margin = (planes[1] - planes[0], block[1], block[2])
        self.margins: dict[Any, Margin] = {}
        self.kept: dict[Any, Float] = {}

    def wanted(self, feature: Feature) -> list[tuple[Any, Margin]]:
        """List the smoothed volumes that a feature needs, with their margins.

        Parameters
        ----------
        feature : Feature
            The feature.

        Returns
        -------
        list of tuple
            Key of `smooth`, and margin.
        """
        plain = (feature.channel, feature.scale)
        match feature.family:
            case "gaussian" | "spread":
                return [(plain, (0, 0, 0))]
            case "gradient" | "log" | "hessian":
                return [(plain, (1, 1, 1))]
            case "lag" | "ahead":
                margin = [0, 0, 0]
                margin[feature.axis] = abs(feature.steps(self.spacing))
                return [(plain, (margin[0], margin[1], margin[2]))]
        return []

    def radii(self, scale: Sequence[float]) -> Margin:
        """Return how far a Gaussian reaches; an axis of one voxel is not smoothed along.

        Parameters
        ----------
        scale : sequence of float
            Standard deviation along (Z, Y, X) in µm.

        Returns
        -------
        tuple of int
            Voxels along (Z, Y, X).
        """
        z, y, x = (
            tap_radius(s / edge) if size > 1 else 0
            for s, edge, size in zip(scale, self.spacing, self.place.within, strict=True)
        )
        return z, y, x

    def window(self, channel: int, margin: Margin) -> Float:
        """Return the slab's values with a margin.

        Parameters
        ----------
        channel : int
            Which window.
        margin : tuple of int
            Voxels on all sides.

        Returns
        -------
        ndarray of float32
            A view.
        """
        return self.windows[channel][self.cut(margin)]

    def cut(self, margin: Margin) -> Cut:
        """Return where the slab lies in the windows.

        Parameters
        ----------
        margin : tuple of int
            Voxels on all sides.

        Returns
        -------
        tuple of slice
            Along (Z, Y, X).
        """
        z, y, x = (h - m for h, m in zip(self.halo, margin, strict=True))
        depth, height, width = (n + 2 * m for n, m in zip(self.shape, margin, strict=True))
        z += self.first
        return slice(z, z + depth), slice(y, y + height), slice(x, x + width)

    def smooth(self, channel: int, scale: tuple[float, float, float], least: Margin) -> Float:
        """Return the smoothed slab, which is kept with the margin that was announced.

        Parameters
        ----------
        channel : int
            Which window.
        scale : tuple of float
            Standard deviation along (Z, Y, X) in µm.
        least : tuple of int
            The margin that is wanted.

        Returns
        -------
        ndarray of float32
            A view.
        """
        key = (channel, scale)
        margin = self.margins.get(key, least)
        margin = tuple(map(max, margin, least))  # type: ignore[assignment]
        if key not in self.kept or any(
            n < size + 2 * m
            for n, size, m in zip(self.kept[key].shape, self.shape, margin, strict=True)
        ):
            radii = self.radii(scale)
            wide: Margin = tuple(a + b for a, b in zip(margin, radii, strict=True))  # type: ignore[assignment]
            whole, cut = self.windows[channel], self.cut(wide)
            self.kept[key] = self.blurred(whole, scale, radii, cut=cut)
        return trimmed(self.kept[key], self.shape, least)

    def blurred(
        self,
        values: Float,
        scale: Sequence[float],
        radii: Margin,
        *,
        cut: Cut | None = None,
        squared: bool = False,
    ) -> Float:
        """Smooth values where all taps are inside.

        Parameters
        ----------
        values : ndarray of float32
            Values with their halo.
        scale : sequence of float
            Standard deviation along (Z, Y, X) in µm.
        radii : tuple of int
            From `radii`.
        cut : tuple of slice, optional
            The part of them that is smoothed.
        squared : bool
            Whether their squares are smoothed in their place.

        Returns
        -------
        ndarray of float32
            Smaller by the radii on all sides.
        """
        widths = [s / edge for s, edge in zip(scale, self.spacing, strict=True)]
        return smoothed_inside(values, widths, radii, cut=cut, squared=squared)


def smoothed_inside(
    values: Float,
    widths: Sequence[float],
    radii: Margin,
    *,
    cut: Cut | None = None,
    squared: bool = False,
) -> Float:
    """Smooth values with a Gaussian where all its taps are inside.

    Parameters
    ----------
    values : ndarray of float32, shape (Z, Y, X)
        Values with their halo.
    widths : sequence of float
        Standard deviations in voxels.
    radii : tuple of int
        Taps on either side along each axis; 0 leaves an axis as it is.
    cut : tuple of slice, optional
        The part of the values that is smoothed, all if absent; it is read where it lies.
    squared : bool
        Whether the squares of the values are smoothed in their place; they are never held.

    Returns
    -------
    ndarray of float32
        Smaller than the part by the radii on all sides.
    """
    cut = cut or (slice(0, values.shape[0]), slice(0, values.shape[1]), slice(0, values.shape[2]))
    if not any(radii):
        part: Float = values[cut]
        return part * part if squared else part
    first, shape = tuple(c.start for c in cut), [c.stop - c.start for c in cut]
    for axis in (k for k in range(3) if radii[k]):
        shape[axis] -= 2 * radii[axis]
        out = np.empty(shape, np.float32)
        weights = half_taps(widths[axis], radii[axis])
        _convolve(np.ascontiguousarray(values), first, weights, axis, squared, out)
        values, first, squared = out, (0, 0, 0), False
    return values


def trimmed(values: Float, shape: Margin, margin: Margin) -> Float:
    """Cut values back to a shape with a margin, about their middle.

    Parameters
    ----------
    values : ndarray, shape (Z, Y, X)
        Values with at least this margin.
    shape, margin : tuple of int
        What is wanted.

    Returns
    -------
    ndarray
        A view.
    """
    cut = tuple(
        slice((n - size - 2 * m) // 2, (n - size - 2 * m) // 2 + size + 2 * m)
        for n, size, m in zip(values.shape, shape, margin, strict=True)
    )
    view: Float = values[cut]
    return view


def half_taps(width: float, radius: int) -> Float:
    """Return the middle weight of a Gaussian and those of one side, summing to one with the other.

    Parameters
    ----------
    width : float
        Standard deviation in voxels.
    radius : int
        Voxels on one side.

    Returns
    -------
    ndarray of float32
        Weights at 0, 1, ... radius.
    """
    taps: NDArray[np.float64] = np.exp(-0.5 * (np.arange(radius + 1) / width) ** 2)
    return np.asarray(taps / (2 * taps.sum() - taps[0]), np.float32)


@njit(nogil=True, cache=True)
def _convolve(image, first, weights, axis, squared, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917 - a part of an array
    # Symmetric taps in pairs, middle first; stretches of 1024 values stay in the first cache.
    radius = weights.size - 1
    dz, dy, dx = int(axis == 0), int(axis == 1), int(axis == 2)
    planes, rows, columns = out.shape
    for z in range(planes):
        for y in range(rows):
            for start in range(0, columns, 1024):
                count = min(1024, columns - start)
                target = out[z, y, start : start + count]
                target[:] = np.float32(0)
                for tap in range(radius + 1):
                    low, high = radius - tap, radius + tap
                    here, there = first[2] + start + dx * low, first[2] + start + dx * high
                    one = image[first[0] + z + dz * low, first[1] + y + dy * low]
                    two = image[first[0] + z + dz * high, first[1] + y + dy * high]
                    weight = weights[tap] if tap else np.float32(0.5) * weights[0]
                    pair = one[here : here + count], two[there : there + count]
                    _add_pair(target, weight, pair, squared)


@njit(nogil=True, cache=True)
def _add_pair(target, weight, pair, squared):  # type: ignore[no-untyped-def]
    one, two = pair
    if squared:
        for column in range(target.size):
            target[column] += weight * (one[column] * one[column] + two[column] * two[column])
    else:
        for column in range(target.size):
            target[column] += weight * (one[column] + two[column])
