"""Put surfaces where the blur of the labels themselves would show them.

Half-way between two plateaus is where a flat surface lies. A curved one does not show that
value: blur makes a small dark pore brighter, and half-way is inside it. What a surface does
show is known once the labels are: blurred like the image, they give a grey value on their own
surfaces. A voxel belongs to the side of that value on which its own grey value is.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.filters import gaussian, gaussian_halo

__all__ = ["advance", "refine"]

Sigma = tuple[float, float, float]

_SLAB = 32  # planes at once: the model of the whole volume would need 12 bytes per voxel
_GROWN = 128


def refine(
    nearby: NDArray[np.uint8],
    smooth: NDArray[np.float32],
    labels: NDArray[np.uint8],
    means: NDArray[np.float32],
    lifts: NDArray[np.float32],
    sigma: Sigma,
) -> tuple[NDArray[np.uint8], int]:
    """Let every surface take one step, of at most one voxel.

    Parameters
    ----------
    smooth : ndarray of float32, shape (Z, Y, X)
        The smoothed volume.
    labels : ndarray of uint8, shape (Z, Y, X)
        Seeds from 1, grown voxels plus 128.
    means : ndarray of float32, shape (n,)
        Grey value of the plateau of each phase.
    lifts : ndarray of float32, shape (n + 1, n + 1)
        What to add to the grey value of the surface between phases i < j, from 1.
    sigma : tuple of float
        Blur of the smoothed volume, in voxels along (Z, Y, X).

    Returns
    -------
    moved : ndarray of uint8
        The labels after the step.
    changed : int
        Voxels that changed.
    """
    out = np.empty_like(labels)
    table = np.zeros(256, np.float32)
    table[1 : means.size + 1] = table[129 : means.size + 129] = means
    halo = gaussian_halo(sigma)[0] + 3
    changed = 0
    for start in range(0, labels.shape[0], _SLAB):
        stop = min(start + _SLAB, labels.shape[0])
        first = max(start - halo, 0)
        seen = labels[first : stop + halo]
        model = gaussian(table[seen], sigma)
        span = (start - first, stop - first)
        changed += advance(
            smooth[first : stop + halo], seen, model, (nearby[first : stop + halo], lifts, span), out[start:stop]
        )
    return out, changed


@njit(nogil=True, cache=True)
def advance(smooth, labels, model, rules, out):  # type: ignore[no-untyped-def]
    """Do."""
    nearby, lifts, span = rules
    _, ny, nx = labels.shape
    changed = 0
    for z in range(span[0], span[1]):
        for y in range(ny):
            for x in range(nx):
                label = labels[z, y, x]
                out[z - span[0], y, x] = label
                if label <= _GROWN:
                    continue
                others = nearby[z, y, x] & ~(1 << (label & 127))
                if others == 0 or others & (others - 1):
                    continue
                best = _better(smooth[z, y, x], labels, model, lifts, (z, y, x))
                if best > 0:
                    out[z - span[0], y, x] = best + _GROWN
                    changed += 1
    return changed


@njit(nogil=True, cache=True)
def _better(grey, labels, model, lifts, at):  # type: ignore[no-untyped-def]
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
        low, high = min(own, other), max(own, other)
        level = _level(labels, model, (z, y, x), low, high) + lifts[low, high]
        gain = grey - level if other > own else level - grey
        if gain > most:
            best, most = other, gain
    return best


@njit(nogil=True, cache=True)
def _level(labels, model, at, low, high):  # type: ignore[no-untyped-def]
    """Return the mean of the model on the faces between two phases around a voxel."""
    nz, ny, nx = labels.shape
    z, y, x = at
    total, faces = np.float32(0), 0
    for c in range(max(z - 2, 0), min(z + 3, nz)):
        for b in range(max(y - 2, 0), min(y + 3, ny)):
            for a in range(max(x - 2, 0), min(x + 3, nx)):
                here = labels[c, b, a] & 127
                if here != low and here != high:
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
