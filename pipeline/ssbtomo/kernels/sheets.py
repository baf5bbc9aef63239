"""Sheets in a volume: how flat a phase is locally, and which faces of flat objects are sides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FIXED", "face_sums", "planarity", "sheet_halo", "voxel_edge"]

Window = tuple[slice, slice, slice]

_PART = 2_200_000  # voxels that are worked on at once, with halo: 64 x 128 x 128 and 13 around it
_GAIN = 1.1  # a cut in two may read so much more: the next ones gain more than that
_SMOOTHING = 1.0  # sd of the Gaussian that gives normals, in voxel edges (geometric mean)
_REACH = 4.0  # half-width of the box that gives the local plane; applied twice
FIXED = 2.0**24  # fixed point of gradient products and of areas: sums are exact
_SIDE = 0.6  # |n·N| from which a face is on a side of the sheet, not on its rim


def voxel_edge(spacing: Spacing) -> float:
    """Return the edge in µm of the cube that has the volume of a voxel.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    float
        Geometric mean of the three edges.
    """
    return float(np.cbrt(np.prod(spacing)))


def sheet_halo(spacing: Spacing) -> tuple[int, int, int]:
    """Return how far around a voxel its planarity and its faces are told from.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of int
        Voxels along (Z, Y, X).
    """
    z, y, x = (
        a + 2 * b + 2 for a, b in zip(_gauss_reach(spacing), _box_reach(spacing), strict=True)
    )
    return z, y, x


def planarity(
    mask: NDArray[np.bool_], spacing: Spacing, core: Window | None = None
) -> NDArray[np.uint8]:
    """Tell how much a phase looks like a sheet around each of its voxels.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    core : tuple of slice, optional
        Where it is wanted, from plain numbers; a part of a volume gives there what the whole
        gives, bit for bit, if `mask` goes on for `sheet_halo` around it. Everywhere if not given.

    Returns
    -------
    ndarray of uint8
        For the voxels of `core` 200·(λ₁ - λ₂)/λ₁ of the structure tensor of the smoothed
        phase: 200 for a sheet, near 0 for a rod or a ball; 0 outside the phase.

    Notes
    -----
    Estimator: gradients of the phase smoothed by a Gaussian of one voxel edge, their
    products summed over a box of ±8 edges. Bias: features thicker than that box look flat.
    Sums are fixed-point, so that blocks change nothing. Memory: 1 byte per voxel of the core,
    and 90 per voxel of the part at work, at most 0.2 GB.

    References
    ----------
    Bigün and Granlund, 1987 (structure tensor); Sato et al., 2000, 10.1109/2945.856997.
    """
    here = core or _everywhere(mask)
    values = np.zeros(mask[here].shape, dtype=np.uint8)
    for window, inner, place in _parts(mask, here, spacing):
        part = mask[window]
        _, tensor = _tensor(part, spacing)
        values[place] = _planar(tensor, part)[inner]
    return values


def face_sums(
    labels: NDArray[np.int32],
    spacing: Spacing,
    normals: NDArray[np.float64],
    phase: NDArray[np.bool_] | None = None,
    core: Window | None = None,
) -> NDArray[np.int64]:
    """Add up the faces of objects: all, those on their sides, and the open ones.

    Parameters
    ----------
    labels : ndarray of int32, shape (Z, Y, X)
        Objects from 1; 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    normals : ndarray of float, shape (n, 3)
        Of each object: unit vectors along (z, y, x).
    phase : ndarray of bool, optional
        The phase that the objects were cut from, in the same voxels as `labels`; tells which
        faces are open. The objects themselves if not given.
    core : tuple of slice, optional
        The voxels whose faces are added; see `planarity`.

    Returns
    -------
    ndarray of int64, shape (n, 4)
        Fixed-point areas on the sides, by the local plane and by `normals`; faces; faces
        behind which the phase goes on. They add over parts of a volume.

    Notes
    -----
    Memory: 95 bytes per voxel of the part at work; see `planarity`.
    """
    sums = np.zeros((len(normals), 4), dtype=np.int64)
    steps = np.asarray(spacing) / voxel_edge(spacing)
    whole = labels > 0 if phase is None else phase
    for window, inner, _ in _parts(labels, core or _everywhere(labels), spacing):
        part = np.ascontiguousarray(labels[window])
        fields = (*_tensor(part > 0, spacing), normals)
        bounds = np.array([(side.start, side.stop) for side in inner])
        masks = (part, np.ascontiguousarray(whole[window]))
        _add_faces(masks, fields, bounds, steps.prod() / steps, sums)
    return sums


def _parts(
    values: NDArray[Any], core: Window, spacing: Spacing
) -> Iterator[tuple[Window, Window, Window]]:
    """Cut a core into boxes around what it holds, as long as that makes less to read.

    Yields what to read around a part, where the part lies in that, and where in the core.
    """
    halo = sheet_halo(spacing)
    origin = [cut.start for cut in core]
    waiting = [_shrunk(values, core)]
    while waiting:
        box = waiting.pop()
        if box is None:
            continue
        size, halves = _read(box, halo), _halves(values, box, halo)
        if halves and (size > _PART or sum(_read(half, halo) for half in halves) < _GAIN * size):
            waiting += halves
            continue
        low, high = [cut.start for cut in box], [cut.stop for cut in box]
        near = [max(a - h, 0) for a, h in zip(low, halo, strict=True)]
        far = [min(b + h, n) for b, h, n in zip(high, halo, values.shape, strict=True)]
        yield _window(near, far), _window(low, high, near), _window(low, high, origin)


def _halves(
    values: NDArray[Any], box: Window, halo: Sequence[int]
) -> tuple[Window | None, Window | None] | None:
    """Halve a box across the axis that leaves the least to read; `None` for a single voxel."""
    found: list[tuple[Window | None, Window | None]] = []
    low, high = [cut.start for cut in box], [cut.stop for cut in box]
    for axis in range(3):
        end, start = list(high), list(low)
        end[axis] = start[axis] = (low[axis] + high[axis]) // 2
        if end[axis] > low[axis]:
            parts = _window(low, end), _window(start, high)
            found.append((_shrunk(values, parts[0]), _shrunk(values, parts[1])))
    return min(found, key=lambda pair: sum(_read(half, halo) for half in pair), default=None)


def _read(box: Window | None, halo: Sequence[int]) -> int:
    """Count the voxels of a box and its halo."""
    if box is None:
        return 0
    return math.prod(cut.stop - cut.start + 2 * h for cut, h in zip(box, halo, strict=True))


def _shrunk(values: NDArray[Any], box: Window) -> Window | None:
    """Return the box of all that is not zero in a box."""
    start, stop = [], []
    for axis, cut in enumerate(box):
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(values[box].any(axis=others))
        if held.size == 0:
            return None
        start.append(cut.start + int(held[0]))
        stop.append(cut.start + int(held[-1]) + 1)
    return _window(start, stop)


def _window(start: Sequence[int], stop: Sequence[int], origin: Sequence[int] = (0, 0, 0)) -> Window:
    z, y, x = (slice(a - o, b - o) for a, b, o in zip(start, stop, origin, strict=True))
    return z, y, x


def _everywhere(values: NDArray[Any]) -> Window:
    return _window((0, 0, 0), values.shape)


def _deviations(spacing: Spacing) -> list[float]:
    return [_SMOOTHING * voxel_edge(spacing) / edge for edge in spacing]


def _gauss_reach(spacing: Spacing) -> list[int]:
    return [int(3 * sd + 0.5) for sd in _deviations(spacing)]


def _box_reach(spacing: Spacing) -> list[int]:
    return [max(round(_REACH * voxel_edge(spacing) / edge), 1) for edge in spacing]


def _tensor(
    mask: NDArray[np.bool_], spacing: Spacing
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the gradient of the smoothed mask, and its structure tensor."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(
        mask.astype(np.float64), _deviations(spacing), mode="nearest", truncate=3.0
    )
    steps = np.asarray(spacing) / voxel_edge(spacing)
    gradient = np.empty((*mask.shape, 3), dtype=np.float32)
    tensor = np.empty((*mask.shape, 6), dtype=np.int64)
    _products(smooth, steps, gradient, tensor)
    line = np.zeros((max(mask.shape) + 1, 48), dtype=np.int64)
    for axis, reach in enumerate(_box_reach(spacing)):
        inner = 6 * math.prod(mask.shape[axis + 1 :])
        for _ in range(2):
            _box_sums(tensor.reshape(-1, mask.shape[axis], inner), reach, line)
    return gradient, tensor


@njit(nogil=True, cache=True)
def _products(smooth, steps, gradient, tensor):  # type: ignore[no-untyped-def]
    """Fill in central differences and their products (zz, yy, xx, zy, zx, yx)."""
    nz, ny, nx = smooth.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                dz = smooth[min(z + 1, nz - 1), y, x] - smooth[max(z - 1, 0), y, x]
                dy = smooth[z, min(y + 1, ny - 1), x] - smooth[z, max(y - 1, 0), x]
                dx = smooth[z, y, min(x + 1, nx - 1)] - smooth[z, y, max(x - 1, 0)]
                a, b, c = dz / (2 * steps[0]), dy / (2 * steps[1]), dx / (2 * steps[2])
                gradient[z, y, x, 0], gradient[z, y, x, 1], gradient[z, y, x, 2] = a, b, c
                for k, value in enumerate((a * a, b * b, c * c, a * b, a * c, b * c)):
                    tensor[z, y, x, k] = np.int64(np.rint(value * FIXED))


@njit(nogil=True, cache=True)
def _box_sums(values, reach, line):  # type: ignore[no-untyped-def]
    """Replace each entry by the sum over ±`reach` along the middle axis, in place."""
    outer, n, inner = values.shape
    room = line.shape[1]
    for j in range(outer):
        for start in range(0, inner, room):
            width = min(room, inner - start)
            for h in range(n):
                for i in range(width):
                    line[h + 1, i] = line[h, i] + values[j, h, start + i]
            for h in range(n):
                upper, lower = min(h + reach + 1, n), max(h - reach, 0)
                for i in range(width):
                    values[j, h, start + i] = line[upper, i] - line[lower, i]


@njit(nogil=True, cache=True)
def _main_direction(t):  # type: ignore[no-untyped-def]
    """Return the unit eigenvector of the largest eigenvalue: a column of the 32nd power."""
    scale = np.float64(t[0] + t[1] + t[2])
    if scale <= 0:
        return 0.0, 0.0, 0.0
    a, b, c = t[0] / scale, t[1] / scale, t[2] / scale
    d, e, f = t[3] / scale, t[4] / scale, t[5] / scale
    for _ in range(5):
        aa, bb, cc = a * a + d * d + e * e, d * d + b * b + f * f, e * e + f * f + c * c
        dd, ee, ff = a * d + d * b + e * f, a * e + d * f + e * c, d * e + b * f + f * c
        size = aa + bb + cc
        a, b, c, d, e, f = aa / size, bb / size, cc / size, dd / size, ee / size, ff / size
    if a >= b and a >= c:
        u, v, w = a, d, e
    elif b >= c:
        u, v, w = d, b, f
    else:
        u, v, w = e, f, c
    size = np.sqrt(u * u + v * v + w * w)
    return u / size, v / size, w / size


@njit(nogil=True, cache=True)
def _planar(tensor, mask):  # type: ignore[no-untyped-def]
    """Return 200 (λ₁ - λ₂) / λ₁ at the voxels of the mask."""
    values = np.zeros(mask.shape, dtype=np.uint8)
    nz, ny, nx = mask.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if not mask[z, y, x]:
                    continue
                t = tensor[z, y, x]
                u, v, w = _main_direction(t)
                trace = np.float64(t[0] + t[1] + t[2])
                if trace <= 0:
                    continue
                first = t[0] * u * u + t[1] * v * v + t[2] * w * w
                first = (first + 2 * (t[3] * u * v + t[4] * u * w + t[5] * v * w)) / trace
                squares = np.float64(t[0]) ** 2 + np.float64(t[1]) ** 2 + np.float64(t[2]) ** 2
                cross = np.float64(t[3]) ** 2 + np.float64(t[4]) ** 2 + np.float64(t[5]) ** 2
                rest = 1.0 - first  # λ₂ + λ₃
                others = (squares + 2 * cross) / trace**2 - first * first  # λ₂² + λ₃²
                second = (rest + np.sqrt(max(2 * others - rest * rest, 0.0))) / 2
                values[z, y, x] = np.uint8(200 * max(1 - second / first, 0.0))
    return values


@njit(nogil=True, cache=True)
def _side(near, far, plane, axis):  # type: ignore[no-untyped-def]
    """Return |e·N| of a face if it is on a side, 0 if on the rim; from the two gradients."""
    size, along = 0.0, 0.0
    for i in range(3):
        part = np.float64(near[i]) + np.float64(far[i])
        size += part * part
        along += part * plane[i]
    return abs(plane[axis]) if along * along >= _SIDE * _SIDE * size else 0.0


@njit(nogil=True, cache=True)
def _add_voxel(place, masks, fields, areas, sums):  # type: ignore[no-untyped-def]
    """Add the faces of one voxel of an object to its sums."""
    labels, phase = masks
    gradient, tensor, normals = fields
    shape = labels.shape
    row = labels[place] - 1
    plane = _main_direction(tensor[place])
    for k in range(6):
        axis, step = k // 2, 2 * (k % 2) - 1
        a = place[0] + step * (axis == 0)
        b = place[1] + step * (axis == 1)
        c = place[2] + step * (axis == 2)
        inside = min(a, b, c) >= 0 and a < shape[0] and b < shape[1] and c < shape[2]
        if inside and labels[a, b, c] != labels[place]:
            here, there = gradient[place], gradient[a, b, c]
            area = areas[axis] * FIXED
            sums[row, 0] += np.int64(np.rint(area * _side(here, there, plane, axis)))
            sums[row, 1] += np.int64(np.rint(area * _side(here, there, normals[row], axis)))
            sums[row, 2] += 1
            sums[row, 3] += phase[a, b, c]


@njit(nogil=True, cache=True)
def _add_faces(masks, fields, bounds, areas, sums):  # type: ignore[no-untyped-def]
    """Add surface, sides, faces and open faces of the objects in the block to `sums`."""
    for z in range(bounds[0, 0], bounds[0, 1]):
        for y in range(bounds[1, 0], bounds[1, 1]):
            for x in range(bounds[2, 0], bounds[2, 1]):
                if masks[0][z, y, x] > 0:
                    _add_voxel((z, y, x), masks, fields, areas, sums)
