"""Undo the partial-volume error: false films of the middle phase on dark | bright edges.

The blurred edge between a dark and a bright phase takes the grey value of what lies between.
Here only plateaus (voxels whose gradient is lower than that of any edge that could have their
grey value) keep the class of their grey value. They grow in order of the gradient until they
meet on its ridges, and last each surface settles where the grey value is half-way between the
plateaus on its two sides; `ssbtomo.kernels.refine` then corrects for its curvature. All limits
follow from the image: the grey values of the plateaus and the width of the edges are measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.plateaus import GREY_BINS

__all__ = [
    "between_phases",
    "gradient_levels",
    "nearby_phases",
    "plant_seeds",
    "restore_thin",
    "settle",
]

Volume8 = NDArray[np.uint8]

_GROWN = 128


@njit(nogil=True, cache=True)
def gradient_levels(smooth, steps, unit, out):  # type: ignore[no-untyped-def]
    """Write the gradient magnitude of a smoothed volume as integer levels.

    Parameters
    ----------
    smooth : ndarray of float32, shape (Z, Y, X)
        The smoothed volume.
    steps : tuple of float32
        Half the finest voxel edge over the edge along each axis: anisotropic voxels count.
    unit : float32
        Levels per grey value and finest voxel edge.
    out : ndarray of uint16
        Filled with 0 to 4095, above which all is 4095. Central differences; one-sided at the faces.
    """
    nz, ny, nx = smooth.shape
    top = np.float32(4095)
    for z in range(nz):
        above, below = smooth[max(z - 1, 0)], smooth[min(z + 1, nz - 1)]
        for y in range(ny):
            before, after = smooth[z, max(y - 1, 0)], smooth[z, min(y + 1, ny - 1)]
            for x in range(nx):
                a = (below[y, x] - above[y, x]) * steps[0]
                b = (after[x] - before[x]) * steps[1]
                c = (smooth[z, y, min(x + 1, nx - 1)] - smooth[z, y, max(x - 1, 0)]) * steps[2]
                out[z, y, x] = np.uint16(min(np.sqrt(a * a + b * b + c * c) * unit, top))


@njit(nogil=True, cache=True)
def plant_seeds(smooth, levels, bins, tables, out):  # type: ignore[no-untyped-def]
    """Mark the voxels that certainly belong to the class of their grey value.

    Parameters
    ----------
    smooth : ndarray of float32, shape (Z, Y, X)
        The smoothed volume.
    levels : ndarray of uint16, shape (Z, Y, X)
        As from `gradient_levels`.
    bins : tuple of float32
        Lower edge of the first grey bin, and width of each.
    tables : tuple of ndarray
        As from `seed_tables`: class per bin, from 1, and gradient below which a voxel is a seed.
    out : ndarray of uint8
        Filled with the class, or 0.
    """
    low, width = bins
    classes, limits = tables
    nz, ny, nx = smooth.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                place = min(max(int((smooth[z, y, x] - low) / width), 0), GREY_BINS - 1)
                out[z, y, x] = classes[place] if levels[z, y, x] < limits[place] else 0


def nearby_phases(labels: Volume8, radius: tuple[int, int, int]) -> Volume8:
    """Return which phases occur around each voxel, as bits.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        Phases from 1 to 7, plus 128 or not; 0 is none.
    radius : tuple of int
        Half-size of the box in voxels along (Z, Y, X).

    Returns
    -------
    ndarray of uint8
        Bit p is set if phase p occurs in the box. 2 bytes per voxel.
    """
    table = np.zeros(256, np.uint8)
    for phase in range(1, 8):
        table[[phase, phase + _GROWN]] = 1 << phase
    found = table[labels]
    for axis, reach in enumerate(radius):
        view = np.moveaxis(found, axis, 0)
        if reach:
            _spread(np.moveaxis(found.copy(), axis, 0), min(reach, view.shape[0] - 1), view)
    return found


def between_phases(labels: Volume8, nearby: Volume8) -> NDArray[np.bool_]:
    """Tell which voxels have both darker and brighter phases around them.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        Phases from 1 to 7, plus 128 or not; 0 is none.
    nearby : ndarray of uint8, shape (Z, Y, X)
        As from `nearby_phases`.

    Returns
    -------
    ndarray of bool
        False where there is no phase.
    """
    darker, brighter = np.zeros((2, 256), np.uint8)
    for phase in range(1, 8):
        darker[[phase, phase + _GROWN]] = (1 << phase) - 1
        brighter[[phase, phase + _GROWN]] = 255 & -(2 << phase)
    between: NDArray[np.bool_] = ((darker[labels] & nearby) > 0) & ((brighter[labels] & nearby) > 0)
    return between


def _spread(before: Volume8, reach: int, out: Volume8) -> None:
    size = before.shape[0]
    for step in range(1, reach + 1):
        out[: size - step] |= before[step:]
        out[step:] |= before[: size - step]


@njit(nogil=True, cache=True)
def restore_thin(smooth, nearby, thresholds, labels):  # type: ignore[no-untyped-def]
    """Give back, in place, features too thin for a seed that blur cannot explain.

    Parameters
    ----------
    smooth : ndarray of float32, shape (Z, Y, X)
        The smoothed volume.
    nearby : ndarray of uint8, shape (Z, Y, X)
        As from `nearby_phases`, of `labels`.
    thresholds : ndarray of float32, shape (n - 1,)
        Half-way between neighbouring plateaus.
    labels : ndarray of uint8, shape (Z, Y, X)
        As from `ssbtomo.kernels.flood.grown_labels`.

    Returns
    -------
    int
        Voxels that changed.

    Notes
    -----
    A blurred grey value lies between those of the phases that it mixes. A grown voxel that is
    brighter, or darker, than every phase nearby is therefore no edge: it keeps its class.
    A thin feature of low contrast is still called by its grey value: a crack of two voxels
    in a bright phase may come out as the middle one.
    """
    nz, ny, nx = labels.shape
    changed = 0
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if labels[z, y, x] <= _GROWN:
                    continue
                phase = 1
                for threshold in thresholds:
                    phase += smooth[z, y, x] >= threshold
                around = int(nearby[z, y, x])
                if around >> phase == 0 or around & ((2 << phase) - 1) == 0:
                    labels[z, y, x] = phase + _GROWN
                    changed += 1
    return changed


@njit(nogil=True, cache=True)
def settle(smooth, labels, nearby, boundaries, out):  # type: ignore[no-untyped-def]
    """Move surfaces by at most one voxel to where the grey value says they are.

    Parameters
    ----------
    smooth : ndarray of float32, shape (Z, Y, X)
        The smoothed volume.
    labels : ndarray of uint8, shape (Z, Y, X)
        Seeds from 1, grown voxels plus 128.
    nearby : ndarray of uint8, shape (Z, Y, X)
        As from `nearby_phases`.
    boundaries : ndarray of float32, shape (n + 1, n + 1)
        Grey value at the surface between phases i < j, from 1.
    out : ndarray of uint8
        Filled with the labels after one step; must not be `labels`.

    Returns
    -------
    int
        Voxels that changed.

    Notes
    -----
    Seeds stay. A grown voxel at a surface is decided only where no third phase is nearby, as
    the blur of a third phase would make its grey value lie. All voxels are decided from the
    same state, so the order does not matter.
    """
    nz, ny, nx = labels.shape
    changed = 0
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                label = labels[z, y, x]
                out[z, y, x] = label
                own = label - _GROWN
                others = nearby[z, y, x] & ~(1 << own) if own > 0 else 0
                if others == 0 or others & (others - 1):
                    continue
                other = 0
                while others > 1:
                    others >>= 1
                    other += 1
                dark = smooth[z, y, x] < boundaries[min(own, other), max(own, other)]
                if dark != (own < other) and _touches(labels, z, y, x, other):
                    out[z, y, x] = other + _GROWN
                    changed += 1
    return changed


@njit(nogil=True, cache=True)
def _touches(labels, z, y, x, phase):  # type: ignore[no-untyped-def]
    nz, ny, nx = labels.shape
    return (
        (z > 0 and labels[z - 1, y, x] & 127 == phase)
        or (z < nz - 1 and labels[z + 1, y, x] & 127 == phase)
        or (y > 0 and labels[z, y - 1, x] & 127 == phase)
        or (y < ny - 1 and labels[z, y + 1, x] & 127 == phase)
        or (x > 0 and labels[z, y, x - 1] & 127 == phase)
        or (x < nx - 1 and labels[z, y, x + 1] & 127 == phase)
    )
