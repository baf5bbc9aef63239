"""Labels that agree with their grey values and with their neighbours: a Potts model by ICM."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.thresholds import Classes

__all__ = ["iterate", "potts_energies", "potts_halo"]

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]

_MIXED = 0.05  # share of the voxels that hold two classes, for each pair
_MOST = 50.0


def potts_halo(sweeps: int) -> tuple[int, int, int]:
    """Return the voxels that `iterate` needs beyond a block, per axis.

    Parameters
    ----------
    sweeps : int
        Number of sweeps.

    Returns
    -------
    tuple of int
        Two for each sweep: one for each colour of the checkerboard.
    """
    return (2 * sweeps,) * 3


def potts_energies(grey: Floats, classes: Classes, thresholds: Floats) -> Float32:
    """Return how badly each grey value fits each class.

    Parameters
    ----------
    grey : ndarray of float64, shape (n,)
        Grey values, such as the centres of bins.
    classes : Classes
        Gaussians of the classes.
    thresholds : ndarray of float64, shape (k - 1,)
        Grey values at which neighbours fit equally well.

    Returns
    -------
    ndarray of float32, shape (n, k)
        Minus the logarithm of the likelihood, whatever the shares of the classes. Half of what
        two classes mix, in all shares equally often, is counted for either [1]_.

    References
    ----------
    .. [1] D. H. Laidlaw et al., 1998, doi:10.1109/42.668696.
    """
    cuts = _crossings(classes)
    moved = grey + np.interp(grey, thresholds, cuts - thresholds)
    energies: Float32 = _energies(moved, classes).astype(np.float32)
    return energies


def _energies(grey: Floats, classes: Classes) -> Floats:
    means, sds = classes.means, np.maximum(classes.sds, 1e-9)
    away = (grey[:, None] - means) / sds
    likely = np.exp(-0.5 * away**2) / (sds * np.sqrt(2 * np.pi))
    for a, b in combinations(range(means.size), 2):
        sd = float(np.sqrt((sds[a] ** 2 + sds[b] ** 2) / 2))
        low, high = means[a], means[b]
        bridge = (ndtr((grey - low) / sd) - ndtr((grey - high) / sd)) / max(high - low, 1e-9)
        likely[:, a] += _MIXED / 2 * bridge
        likely[:, b] += _MIXED / 2 * bridge
    # far outside, the nearest mean decides: likelihoods there are all zero
    far = 1e-30 / (1 + np.abs(away))
    return np.asarray(np.minimum(-np.log(likely + far), _MOST + np.abs(away)), np.float64)


def _crossings(classes: Classes) -> Floats:
    cuts = []
    for k in range(classes.means.size - 1):
        grey = np.linspace(classes.means[k], classes.means[k + 1], 2049)
        energy = _energies(grey, classes)
        better = np.flatnonzero(energy[:, k + 1] < energy[:, k])
        cuts.append(grey[better[0]] if better.size else grey[1024])
    return np.asarray(cuts, np.float64)


@njit(nogil=True, cache=True)
def iterate(bins, energies, weights, origin, sweeps):  # type: ignore[no-untyped-def]
    """Let each voxel take the class that its grey value and its six neighbours favour most.

    Parameters
    ----------
    bins : ndarray of uint16, shape (Z, Y, X)
        Row of `energies` for each voxel.
    energies : ndarray of float32, shape (n, k)
        As from `potts_energies`.
    weights : ndarray of float32, shape (3,)
        What a neighbour of the same class along (Z, Y, X) takes off the energy.
    origin : int
        Sum of the indices of the array's first voxel in the volume.
    sweeps : int
        Each visits first the voxels whose indices sum to an even number, then the others.

    Returns
    -------
    ndarray of uint8
        Of equally good classes the darkest. A voxel at a face of the volume has fewer neighbours.

    Notes
    -----
    Iterated conditional modes [1]_ on a checkerboard: no two voxels that are decided in one step
    are neighbours, so that order and cut do not show. 4 bytes per voxel.

    References
    ----------
    .. [1] J. Besag, 1986, doi:10.1111/j.2517-6161.1986.tb01412.x.
    """
    nz, ny, nx = bins.shape
    labels = np.empty(bins.shape, np.uint8)
    none = np.zeros(3, np.float32)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                labels[z, y, x] = _best(energies[bins[z, y, x]], none, labels, (z, y, x))
    for step in range(2 * sweeps):
        for z in range(nz):
            for y in range(ny):
                first = (step + origin + z + y) & 1
                for x in range(first, nx, 2):
                    row = energies[bins[z, y, x]]
                    labels[z, y, x] = _best(row, weights, labels, (z, y, x))
    return labels


@njit(nogil=True, cache=True)
def _best(row, weights, labels, at):  # type: ignore[no-untyped-def]
    best, least = 0, np.float32(1e30)
    for k in range(row.size):
        energy = row[k]
        for side in range(6):
            axis = side >> 1
            if weights[axis] > 0 and _is(labels, at, axis, 2 * (side & 1) - 1, k):
                energy -= weights[axis]
        if energy < least:
            best, least = k, energy
    return best


@njit(nogil=True, cache=True)
def _is(labels, at, axis, step, phase):  # type: ignore[no-untyped-def]
    place = at[axis] + step
    if place < 0 or place >= labels.shape[axis]:
        return False
    z, y, x = at
    if axis == 0:
        return labels[place, y, x] == phase
    if axis == 1:
        return labels[z, place, x] == phase
    return labels[z, y, place] == phase
