"""Features of voxels from a window of a volume, the same bits for any window.

Each value comes from the same taps in the same order wherever the window was cut: the window
holds its block and the features' halo, mirrored where the volume ends, and nothing in it is
normalised by the window itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.derivatives import tensor_eigenvalues
from ssbtomo.kernels.feature_list import Feature, tap_radius
from ssbtomo.units import Spacing

__all__ = ["FeatureBank", "Place", "normalised", "smoothed_inside"]

Float = NDArray[np.float32]
Margin = tuple[int, int, int]
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


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


class FeatureBank:
    """The features of one block, computed slab by slab.

    Parameters
    ----------
    windows : sequence of ndarray of float32, shape (Z, Y, X)
        Normalised values of each channel: the block with `halo` voxels on all sides, contiguous.
    halo : tuple of int
        At least what the features need.
    features : sequence of Feature
        What is computed.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    place : Place
        Where the block lies. Along axes on which the volume has one voxel nothing is smoothed.

    Notes
    -----
    A slab of n voxels holds the features (4 bytes each), and at a time a few windows of the slab
    with its halo.
    """

    def __init__(
        self,
        windows: Sequence[Float],
        halo: Margin,
        features: Sequence[Feature],
        spacing: Spacing,
        place: Place,
    ) -> None:
        self._windows = windows
        self._halo = halo
        self._features = tuple(features)
        self._spacing = spacing
        self._place = place
        self.shape = tuple(n - 2 * m for n, m in zip(windows[0].shape, halo, strict=True))

    def slab(self, first: int, last: int) -> Float:
        """Compute the features of some planes of the block.

        Parameters
        ----------
        first, last : int
            First plane, and the one after the last.

        Returns
        -------
        ndarray of float32, shape (features, planes, Y, X)
            In the order of the list.
        """
        box = _Box(self._windows, self._halo, self._spacing, self._place, first, last)
        out = np.empty((len(self._features), last - first, *self.shape[1:]), np.float32)
        margins: dict[Any, Margin] = {}
        for feature in self._features:
            for key, margin in box.wanted(feature):
                old = margins.get(key, (0, 0, 0))
                margins[key] = tuple(map(max, old, margin))  # type: ignore[assignment]
        box.margins = margins
        order = sorted(range(len(self._features)), key=lambda k: _cost_key(self._features[k]))
        for index in order:
            feature = self._features[index]
            out[index] = _FAMILIES[feature.family](box, feature)
        return out


def _cost_key(feature: Feature) -> tuple[Any, ...]:
    return feature.channel, feature.scale, feature.family


class _Box:
    """A slab's view of the windows: smoothed volumes with the margins that features ask for."""

    def __init__(
        self,
        windows: Sequence[Float],
        halo: Margin,
        spacing: Spacing,
        place: Place,
        first: int,
        last: int,
    ) -> None:
        self.windows, self.halo, self.spacing, self.place = windows, halo, spacing, place
        self.first = first
        block = [n - 2 * m for n, m in zip(windows[0].shape, halo, strict=True)]
        self.shape: Margin = (last - first, block[1], block[2])
        self.margins: dict[Any, Margin] = {}
        self.kept: dict[Any, Float] = {}

    def wanted(self, feature: Feature) -> list[tuple[Any, Margin]]:
        """List the smoothed volumes that a feature needs, with their margins."""
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
        """Return how far a Gaussian reaches; an axis of one voxel is not smoothed along."""
        z, y, x = (
            tap_radius(s / edge) if size > 1 else 0
            for s, edge, size in zip(scale, self.spacing, self.place.within, strict=True)
        )
        return z, y, x

    def window(self, channel: int, margin: Margin) -> Float:
        """Return the slab's values with a margin."""
        z, y, x = (h - m for h, m in zip(self.halo, margin, strict=True))
        depth, height, width = (n + 2 * m for n, m in zip(self.shape, margin, strict=True))
        z += self.first
        return self.windows[channel][z : z + depth, y : y + height, x : x + width]

    def smooth(self, channel: int, scale: tuple[float, float, float], least: Margin) -> Float:
        """Return the smoothed slab with the margin that was announced, cut to the least."""
        key = (channel, scale)
        margin = self.margins.get(key, least)
        margin = tuple(map(max, margin, least))  # type: ignore[assignment]
        if key not in self.kept or any(
            n < size + 2 * m
            for n, size, m in zip(self.kept[key].shape, self.shape, margin, strict=True)
        ):
            radii = self.radii(scale)
            wide: Margin = tuple(a + b for a, b in zip(margin, radii, strict=True))  # type: ignore[assignment]
            self.kept[key] = self.blurred(self.window(channel, wide), scale, radii)
        return trimmed(self.kept[key], self.shape, least)

    def blurred(self, values: Float, scale: Sequence[float], radii: Margin) -> Float:
        """Smooth values; the result is smaller by the radii on all sides."""
        widths = [s / edge for s, edge in zip(scale, self.spacing, strict=True)]
        return smoothed_inside(values, widths, radii)


def smoothed_inside(values: Float, widths: Sequence[float], radii: Margin) -> Float:
    """Smooth values with a Gaussian where all its taps are inside.

    Parameters
    ----------
    values : ndarray of float32, shape (Z, Y, X)
        Values with their halo.
    widths : sequence of float
        Standard deviations in voxels.
    radii : tuple of int
        Taps on either side along each axis; 0 leaves an axis as it is.

    Returns
    -------
    ndarray of float32
        Smaller by the radii on all sides.
    """
    for axis in range(3):
        if radii[axis]:
            shape = list(values.shape)
            shape[axis] -= 2 * radii[axis]
            out = np.empty(shape, np.float32)
            weights = half_taps(widths[axis], radii[axis])
            _convolve(np.ascontiguousarray(values), weights, axis, out)
            values = out
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
    return values[cut]


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
    return (taps / (2 * taps.sum() - taps[0])).astype(np.float32)


@njit(nogil=True, cache=True)
def _convolve(image, weights, axis, out):  # type: ignore[no-untyped-def]
    # Symmetric taps in pairs, middle first; stretches of 1024 values stay in the first cache.
    radius = weights.size - 1
    dz, dy, dx = int(axis == 0), int(axis == 1), int(axis == 2)
    planes, rows, columns = out.shape
    for z in range(planes):
        for y in range(rows):
            for start in range(0, columns, 1024):
                stop = min(start + 1024, columns)
                target = out[z, y, start:stop]
                line = image[z + dz * radius, y + dy * radius]
                middle = line[start + dx * radius : stop + dx * radius]
                weight = weights[0]
                for column in range(stop - start):
                    target[column] = weight * middle[column]
                for tap in range(1, radius + 1):
                    weight = weights[tap]
                    low, high = radius - tap, radius + tap
                    one = image[z + dz * low, y + dy * low][start + dx * low : stop + dx * low]
                    two = image[z + dz * high, y + dy * high][start + dx * high : stop + dx * high]
                    for column in range(stop - start):
                        target[column] += weight * (one[column] + two[column])


def _intensity(box: _Box, feature: Feature) -> Float:
    return box.window(feature.channel, (0, 0, 0))


def _gaussian(box: _Box, feature: Feature) -> Float:
    return box.smooth(feature.channel, feature.scale, (0, 0, 0))


def _length(box: _Box, feature: Feature) -> float:
    """Return what makes derivatives dimensionless: the largest scale, or the largest voxel edge."""
    return max(feature.scale) or max(box.spacing)


def _slopes(box: _Box, values: Float, length: float) -> list[Float]:
    """Return central differences of values with a margin of one."""
    inner = slice(1, -1)
    slopes = []
    for axis in range(3):
        near, far = [inner] * 3, [inner] * 3
        near[axis], far[axis] = slice(0, -2), slice(2, None)
        slope = values[tuple(far)] - values[tuple(near)]
        slope *= np.float32(length / (2 * box.spacing[axis]))
        slopes.append(slope)
    return slopes


def _bend(box: _Box, values: Float, axis: int, length: float) -> Float:
    """Return the second difference along an axis of values with a margin of one."""
    inner = slice(1, -1)
    near, far = [inner] * 3, [inner] * 3
    near[axis], far[axis] = slice(0, -2), slice(2, None)
    bend = values[tuple(far)] + values[tuple(near)]
    middle = values[inner, inner, inner]
    bend -= middle
    bend -= middle
    bend *= np.float32((length / box.spacing[axis]) ** 2)
    return bend


def _gradient(box: _Box, feature: Feature) -> Float:
    values = box.smooth(feature.channel, feature.scale, (1, 1, 1))
    total, *others = _slopes(box, values, _length(box, feature))
    total *= total
    for slope in others:
        slope *= slope
        total += slope
    return np.sqrt(total, out=total)


def _log(box: _Box, feature: Feature) -> Float:
    values, length = box.smooth(feature.channel, feature.scale, (1, 1, 1)), _length(box, feature)
    total = _bend(box, values, 0, length)
    total += _bend(box, values, 1, length)
    total += _bend(box, values, 2, length)
    return total


def _spread(box: _Box, feature: Feature) -> Float:
    mean = box.smooth(feature.channel, feature.scale, (0, 0, 0))
    radii = box.radii(feature.scale)
    values = box.window(feature.channel, radii)
    square = box.blurred(values * values, feature.scale, radii)
    square -= mean * mean
    np.maximum(square, np.float32(0), out=square)
    return np.sqrt(square, out=square)


def _eigenvalue(entries: Sequence[Float], order: int) -> Float:
    values = np.empty((entries[0].size, 3), np.float32)
    tensor_eigenvalues(tuple(np.ascontiguousarray(entry).reshape(-1) for entry in entries), values)
    return values[:, order].reshape(entries[0].shape)


def _structure(box: _Box, feature: Feature) -> Float:
    key = ("structure", feature.channel, feature.scale, feature.integration)
    if key not in box.kept:
        second = (feature.integration,) * 3
        radii = box.radii(second)
        margin: Margin = tuple(r + 1 for r in radii)  # type: ignore[assignment]
        values = box.smooth(feature.channel, feature.scale, margin)
        slopes = _slopes(box, values, _length(box, feature))
        entries = [box.blurred(slopes[a] * slopes[b], second, radii) for a, b in _PAIRS]
        eigen = np.stack([_eigenvalue(entries, k) for k in range(3)])
        box.kept[key] = np.sqrt(np.maximum(eigen, np.float32(0)))
    values = box.kept[key][feature.order]
    return values


def _hessian(box: _Box, feature: Feature) -> Float:
    key = ("hessian", feature.channel, feature.scale)
    if key not in box.kept:
        values, length = box.smooth(feature.channel, feature.scale, (1, 1, 1)), _length(box, feature)
        entries = [_bend(box, values, axis, length) for axis in range(3)]
        entries += [_twist(box, values, pair, length) for pair in _PAIRS[3:]]
        box.kept[key] = np.stack([_eigenvalue(entries, k) for k in range(3)])
    values = box.kept[key][feature.order]
    return values


def _twist(box: _Box, values: Float, axes: tuple[int, int], length: float) -> Float:
    """Return the mixed second difference along two axes of values with a margin of one."""
    corners = []
    for sides in ((2, 2), (0, 0), (2, 0), (0, 2)):
        cut = [slice(1, -1)] * 3
        for axis, side in zip(axes, sides, strict=True):
            cut[axis] = slice(side, side - 2 or None)
        corners.append(values[tuple(cut)])
    twist = corners[0] + corners[1]
    twist -= corners[2]
    twist -= corners[3]
    one, two = axes
    twist *= np.float32(length * length / (4 * box.spacing[one] * box.spacing[two]))
    return twist


def _lag(box: _Box, feature: Feature) -> Float:
    return _shifted(box, feature, feature.steps(box.spacing)) - _gaussian(box, feature)


def _ahead(box: _Box, feature: Feature) -> Float:
    steps = feature.steps(box.spacing)
    sign = 1 if steps > 0 else -1
    here = _gaussian(box, feature)
    most = here.copy()
    for step in range(sign, steps + sign, sign):
        np.maximum(most, _shifted(box, feature, step), out=most)
    most -= here
    return most


def _shifted(box: _Box, feature: Feature, steps: int) -> Float:
    margin = [0, 0, 0]
    margin[feature.axis] = far = abs(feature.steps(box.spacing))
    values = box.smooth(feature.channel, feature.scale, (margin[0], margin[1], margin[2]))
    cut = [slice(None)] * 3
    cut[feature.axis] = slice(far + steps, far + steps + box.shape[feature.axis])
    return values[tuple(cut)]


def _column(box: _Box, feature: Feature) -> Float:
    along = [feature.integration] * 3
    along[feature.axis] = feature.scale[feature.axis]
    none = (0, 0, 0)
    values = box.smooth(feature.channel, (feature.integration,) * 3, none).copy()
    values -= box.smooth(feature.channel, (along[0], along[1], along[2]), none)
    values += box.smooth(feature.channel, feature.scale, none)
    return values


def _distance(box: _Box, feature: Feature) -> Float:
    axis = feature.axis
    size, start = box.place.within[axis], box.place.start[axis]
    start += box.first if axis == 0 else 0
    index = np.arange(start, start + box.shape[axis])
    index = size - 1 - index if feature.order else index
    depth = np.minimum((index + 0.5) * box.spacing[axis] / feature.lag, 1.0).astype(np.float32)
    shape = [1, 1, 1]
    shape[axis] = -1
    return np.broadcast_to(depth.reshape(shape), box.shape)


_FAMILIES: dict[str, Callable[[_Box, Feature], Float]] = {
    "intensity": _intensity,
    "gaussian": _gaussian,
    "gradient": _gradient,
    "log": _log,
    "spread": _spread,
    "structure": _structure,
    "hessian": _hessian,
    "lag": _lag,
    "ahead": _ahead,
    "column": _column,
    "distance": _distance,
}
