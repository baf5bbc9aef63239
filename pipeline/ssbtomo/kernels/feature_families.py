"""What each family of features computes, from smoothed windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.derivatives import tensor_eigenvalues
from ssbtomo.kernels.feature_box import Box
from ssbtomo.kernels.feature_list import Feature

__all__ = ["FAMILIES"]

Float = NDArray[np.float32]
Margin = tuple[int, int, int]
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def _intensity(box: Box, feature: Feature) -> Float:
    return box.window(feature.channel, (0, 0, 0))


def _gaussian(box: Box, feature: Feature) -> Float:
    return box.smooth(feature.channel, feature.scale, (0, 0, 0))


def _length(box: Box, feature: Feature) -> float:
    """Return what makes derivatives dimensionless: the largest scale, or the largest voxel edge."""
    return max(feature.scale) or max(box.spacing)


def _slopes(box: Box, values: Float, length: float) -> list[Float]:
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


def _bend(box: Box, values: Float, axis: int, length: float) -> Float:
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


def _gradient(box: Box, feature: Feature) -> Float:
    values = box.smooth(feature.channel, feature.scale, (1, 1, 1))
    total, *others = _slopes(box, values, _length(box, feature))
    total *= total
    for slope in others:
        total += slope * slope
    return np.asarray(np.sqrt(total, out=total))


def _log(box: Box, feature: Feature) -> Float:
    values, length = box.smooth(feature.channel, feature.scale, (1, 1, 1)), _length(box, feature)
    total = _bend(box, values, 0, length)
    total += _bend(box, values, 1, length)
    total += _bend(box, values, 2, length)
    return total


def _spread(box: Box, feature: Feature) -> Float:
    mean = box.smooth(feature.channel, feature.scale, (0, 0, 0))
    radii = box.radii(feature.scale)
    values, cut = box.windows[feature.channel], box.cut(radii)
    square = box.blurred(values, feature.scale, radii, cut=cut, squared=True)
    square -= mean * mean
    np.maximum(square, np.float32(0), out=square)
    return np.sqrt(square, out=square)


def _eigenvalue(entries: Sequence[Float], order: int) -> Float:
    values = np.empty((entries[0].size, 3), np.float32)
    tensor_eigenvalues(tuple(np.ascontiguousarray(entry).reshape(-1) for entry in entries), values)
    return values[:, order].reshape(entries[0].shape)


def _structure(box: Box, feature: Feature) -> Float:
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
    chosen: Float = box.kept[key][feature.order]
    return chosen


def _hessian(box: Box, feature: Feature) -> Float:
    key = ("hessian", feature.channel, feature.scale)
    if key not in box.kept:
        values, length = (
            box.smooth(feature.channel, feature.scale, (1, 1, 1)),
            _length(box, feature),
        )
        entries = [_bend(box, values, axis, length) for axis in range(3)]
        entries += [_twist(box, values, pair, length) for pair in _PAIRS[3:]]
        box.kept[key] = np.stack([_eigenvalue(entries, k) for k in range(3)])
    chosen: Float = box.kept[key][feature.order]
    return chosen


def _twist(box: Box, values: Float, axes: tuple[int, int], length: float) -> Float:
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


def _lag(box: Box, feature: Feature) -> Float:
    return _shifted(box, feature, feature.steps(box.spacing)) - _gaussian(box, feature)


def _ahead(box: Box, feature: Feature) -> Float:
    steps = feature.steps(box.spacing)
    sign = 1 if steps > 0 else -1
    here = _gaussian(box, feature)
    most = here.copy()
    for step in range(sign, steps + sign, sign):
        np.maximum(most, _shifted(box, feature, step), out=most)
    most -= here
    return most


def _shifted(box: Box, feature: Feature, steps: int) -> Float:
    margin = [0, 0, 0]
    margin[feature.axis] = far = abs(feature.steps(box.spacing))
    values = box.smooth(feature.channel, feature.scale, (margin[0], margin[1], margin[2]))
    cut = [slice(None)] * 3
    cut[feature.axis] = slice(far + steps, far + steps + box.shape[feature.axis])
    return values[tuple(cut)]


def _column(box: Box, feature: Feature) -> Float:
    along = [feature.integration] * 3
    along[feature.axis] = feature.scale[feature.axis]
    none = (0, 0, 0)
    values = box.smooth(feature.channel, (feature.integration,) * 3, none).copy()
    values -= box.smooth(feature.channel, (along[0], along[1], along[2]), none)
    values += box.smooth(feature.channel, feature.scale, none)
    return values


def _distance(box: Box, feature: Feature) -> Float:
    axis = feature.axis
    size, start = box.place.within[axis], box.place.start[axis]
    start += box.first if axis == 0 else 0
    index = np.arange(start, start + box.shape[axis])
    index = size - 1 - index if feature.order else index
    depth = np.minimum((index + 0.5) * box.spacing[axis] / feature.lag, 1.0).astype(np.float32)
    shape = [1, 1, 1]
    shape[axis] = -1
    return np.broadcast_to(depth.reshape(shape), box.shape)


#: The computation of each family.
FAMILIES: dict[str, Callable[[Box, Feature], Float]] = {
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
