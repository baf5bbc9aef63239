"""Put surfaces where the blur of the labels themselves would show them.

Half-way between two plateaus is where a flat surface lies. A curved one does not show that
value: blur makes a small dark pore brighter, and half-way is inside it. What a surface does
show is known once the labels are: blurred like the image, they give a grey value on their own
surfaces. A voxel belongs to the side of that value on which its own grey value is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.filters import gaussian, gaussian_halo

__all__ = ["advance", "refine", "refine_halo"]

Float32 = NDArray[np.float32]
Volume8 = NDArray[np.uint8]
Window = tuple[slice, slice, slice]

_REACH = 2  # voxels around a voxel whose faces give the model's grey value: 1 follows noise
_GROWN = 128


def refine_halo(sigma: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the voxels that `refine` needs beyond a block, per axis.

    Parameters
    ----------
    sigma : tuple of float
        Blur of the smoothed volume, in voxels along (Z, Y, X).

    Returns
    -------
    tuple of int
        Four standard deviations, and the faces around a voxel.
    """
    z, y, x = (reach + _REACH + 1 for reach in gaussian_halo(sigma))
    return z, y, x


def refine(
    volume: tuple[Float32, Volume8, Volume8],
    means: Float32,
    lifts: Float32,
    sigma: tuple[float, float, float],
    *,
    inner: Window | None = None,
) -> tuple[Volume8, int]:
    """Let every surface take one step, of at most one voxel.

    Parameters
    ----------
    volume : tuple of ndarray, shape (Z, Y, X)
        The smoothed volume (float32); its labels (uint8), seeds from 1 and grown voxels plus 128;
        and the phases around each voxel (uint8), as from `nearby_phases`.
    means : ndarray of float32, shape (n,)
        Grey value of the plateau of each phase.
    lifts : ndarray of float32, shape (n + 1, n + 1)
        What to add to the grey value of the surface between phases i < j, from 1.
    sigma : tuple of float
        Blur of the smoothed volume, in voxels along (Z, Y, X).
    inner : tuple of slice, optional
        The voxels that are wanted: the rest is a halo of `refine_halo`. All if not given.

    Returns
    -------
    moved : ndarray of uint8
        The wanted labels after the step.
    changed : int
        Voxels that changed.

    Notes
    -----
    One fixed-point step of fitting labels to the image through the blur. A ball whose surface
    half-way leaves too small by sigma²/R gets that back. Steps repeated follow the noise more
    and more: surfaces roughen. 13 bytes per voxel.
    """
    smooth, labels, nearby = volume
    table = np.zeros(256, np.float32)
    table[1 : means.size + 1] = table[_GROWN + 1 : _GROWN + 1 + means.size] = means
    parts = smooth, labels, nearby, gaussian(table[labels], sigma)
    box = inner or tuple(slice(0, size) for size in labels.shape)
    first = tuple(cut.start for cut in box)
    out = np.empty([cut.stop - cut.start for cut in box], np.uint8)
    return out, int(advance(parts, lifts, first, out))


@njit(nogil=True, cache=True)
def advance(parts, lifts, first, out):  # type: ignore[no-untyped-def]
    """Move surfaces by at most one voxel to where a model of the image shows them.

    Parameters
    ----------
    parts : tuple of ndarray, shape (Z, Y, X)
        Smoothed volume (float32), labels and nearby phases (uint8) as for `refine`, and the
        model: the blurred grey values of the labels (float32).
    lifts : ndarray of float32
        As for `refine`.
    first : tuple of int
        Voxel that the first one of `out` stands for.
    out : ndarray of uint8
        Filled with the labels after the step.

    Returns
    -------
    int
        Voxels that changed.

    Notes
    -----
    Seeds stay. A voxel never moves to a phase if one still further in grey value is nearby:
    such a step is what makes a film of blur. All voxels are decided from the same state.
    """
    smooth, labels, nearby, model = parts
    nz, ny, nx = out.shape
    changed = 0
    for plane in range(nz):
        z = first[0] + plane
        for row in range(ny):
            y = first[1] + row
            for column in range(nx):
                x = first[2] + column
                label = labels[z, y, x]
                out[plane, row, column] = label
                own = label - _GROWN
                others = nearby[z, y, x] & ~(1 << own) if own > 0 else 0
                if others == 0:
                    continue
                best = _better(smooth[z, y, x], (labels, model, lifts), others, (z, y, x))
                if best > 0:
                    out[plane, row, column] = best + _GROWN
                    changed += 1
    return changed


@njit(nogil=True, cache=True)
def _better(grey, state, others, at):  # type: ignore[no-untyped-def]
    labels, model, lifts = state
    nz, ny, nx = labels.shape
    z, y, x = at
    own = labels[at] & 127
    best, most = 0, np.float32(0)
    tried = 1 << own
    for side in range(6):
        step = 1 if side & 1 else -1
        axis = side >> 1
        c, b, a = z + step * (axis == 0), y + step * (axis == 1), x + step * (axis == 2)
        if not (0 <= c < nz and 0 <= b < ny and 0 <= a < nx):
            continue
        other = labels[c, b, a] & 127
        if tried >> other & 1:
            continue
        tried |= 1 << other
        # Nothing may lie beyond `other` as seen from here.
        if others >> (other + 1) if other > own else others & ((1 << other) - 1):
            continue
        low, high = min(own, other), max(own, other)
        level = _level(labels, model, (z, y, x), low, high) + lifts[low, high]
        gain = grey - level if other > own else level - grey
        if gain > most:
            best, most = other, gain
    return best


@njit(nogil=True, cache=True)
def _level(labels, model, at, low, high):  # type: ignore[no-untyped-def]
    # The mean of the model on the faces between two phases around a voxel.
    nz, ny, nx = labels.shape
    z, y, x = at
    total, faces = np.float32(0), 0
    for c in range(max(z - _REACH, 0), min(z + _REACH + 1, nz)):
        for b in range(max(y - _REACH, 0), min(y + _REACH + 1, ny)):
            for a in range(max(x - _REACH, 0), min(x + _REACH + 1, nx)):
                here = labels[c, b, a] & 127
                if here not in (low, high):
                    continue
                other = low + high - here
                if c + 1 < nz and labels[c + 1, b, a] & 127 == other:
                    total += model[c, b, a] + model[c + 1, b, a]
                    faces += 1
                if b + 1 < ny and labels[c, b + 1, a] & 127 == other:
                    total += model[c, b, a] + model[c, b + 1, a]
                    faces += 1
                if a + 1 < nx and labels[c, b, a + 1] & 127 == other:
                    total += model[c, b, a] + model[c, b, a + 1]
                    faces += 1
    return total / (2 * faces)
