"""From labels or fractions to codes: which voxels conduct, how well, and which are joined."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.transport.operator import CONTACT, MASK, OPEN, SERIES
from ssbtomo.kernels.transport.storage import MEMORY, Storage

__all__ = [
    "Medium",
    "check_conductivities",
    "connected_mean",
    "from_fractions",
    "from_labels",
]

Contacts = Mapping[tuple[int, int], float]

_SLAB = 16
"""Planes that are handled at a time, to keep temporary arrays small."""


@dataclass(frozen=True, slots=True)
class Medium:
    """What the codes of the voxels mean.

    Parameters
    ----------
    table : ndarray of float64, shape (256,)
        Half the conducting fraction, or the resistance of half a voxel, of each code.
    mode : int
        `MASK`, `OPEN` or `SERIES`.
    scale : float
        Conductivity that the table counts as 1.
    fraction : float
        Volume fraction of what conducts, clusters without connection included.
    mean : float
        Volume average of the conductivity.
    contrast : float
        Largest over smallest conductivity.
    contact : ndarray of float64, shape (codes, codes), or None
        Resistance of the contact between two codes times `scale`: the thickness of a layer
        of the best conductor that has it.
    """

    table: NDArray[np.float64]
    mode: int
    scale: float
    fraction: float
    mean: float
    contrast: float = 1.0
    contact: NDArray[np.float64] | None = None


def from_labels(
    labels: NDArray[Any],
    conductivities: Mapping[int, float],
    contacts: Contacts | None = None,
    storage: Storage = MEMORY,
) -> tuple[NDArray[np.uint8], Medium]:
    """Give each label its conductivity; labels without one do not conduct.

    Parameters
    ----------
    labels : ndarray of int or bool, shape (Z, Y, X)
        Phase labels.
    conductivities : mapping of int to float
        Conductivity of the labels, in any one unit; not negative.
    contacts : mapping of pairs of int to float, optional
        Area-specific resistance where two labels touch, in the unit of the voxel edges over
        that of the conductivities.
    storage : Storage
        Where the codes lie.

    Returns
    -------
    codes : ndarray of uint8, shape (Z, Y, X)
        One code per distinct conductivity (per label with `contacts`), 0 where nothing
        conducts.
    medium : Medium
        What they mean.

    Raises
    ------
    InputDataError
        If a conductivity or resistance is negative or not finite, or there are more than 255.
    """
    check_conductivities(conductivities)
    resistances = _checked(contacts or {}, conductivities)
    conducting = {int(label): float(v) for label, v in conductivities.items() if v > 0}
    values = sorted(conducting.values()) if resistances else sorted(set(conducting.values()))
    order = sorted(conducting, key=conducting.__getitem__)
    code_of = {
        label: 1 + (order.index(label) if resistances else values.index(value))
        for label, value in conducting.items()
    }
    scale = values[-1] if values else 1.0
    codes = storage.zeros(labels.shape, np.uint8)
    counts = np.zeros(len(values) + 1, np.int64)
    for part in _slabs(labels.shape[0]):
        for label, code in code_of.items():
            chosen = labels[part] == label
            codes[part][chosen] = code
            counts[code] += np.count_nonzero(chosen)
        storage.release(codes, part.start, part.stop)
    series = len(values) > 1
    table = np.full(256, np.inf if series else 0.0)
    if series:
        table[1 : len(values) + 1] = 0.5 / (np.array(values) / scale)
    else:
        table[1:] = 0.5  # of one phase the codes will be counts of faces
    fraction = int(counts.sum()) / labels.size
    mean = float(counts[1:] @ np.array(values)) / labels.size
    contrast = scale / values[0] if values else 1.0
    if not resistances:
        return codes, Medium(table, SERIES if series else MASK, scale, fraction, mean, contrast)
    contact = np.zeros((len(values) + 1, len(values) + 1))
    for (one, two), resistance in resistances.items():
        contact[code_of[one], code_of[two]] = contact[code_of[two], code_of[one]] = (
            resistance * scale
        )
    return codes, Medium(table, CONTACT, scale, fraction, mean, contrast, contact)


def _checked(
    contacts: Contacts, conductivities: Mapping[int, float]
) -> dict[tuple[int, int], float]:
    """Return the resistances of pairs that conduct both; refuse impossible ones."""
    for (one, two), value in contacts.items():
        if not (math.isfinite(value) and value >= 0) or one == two:
            raise InputDataError(
                f"the resistance of the contact of phases {one} and {two} is {value!r}",
                hint="give a finite number, not negative, for two different phases",
            )
    both = {pair for pair in contacts if all(conductivities.get(p, 0) > 0 for p in pair)}
    return {pair: value for pair, value in contacts.items() if pair in both and value > 0}


def connected_mean(codes: NDArray[np.uint8], medium: Medium) -> tuple[float, float]:
    """Return the volume fraction and the mean conductivity of what is left to conduct.

    Parameters
    ----------
    codes : ndarray of uint8, shape (Z, Y, X)
        Codes of the voxels, 0 where nothing conducts.
    medium : Medium
        What the codes mean.

    Returns
    -------
    fraction : float
        Volume fraction.
    mean : float
        Volume average of the conductivity, over the whole volume.
    """
    counts = np.zeros(256, np.int64)
    for part in _slabs(codes.shape[0]):
        counts += np.bincount(codes[part].ravel(), minlength=256)
    counts[0] = 0
    table = np.asarray(medium.table, float)
    open_area = medium.mode == OPEN
    share = 2 * table if open_area else np.ones(256)
    value = 2 * table if medium.mode in (OPEN, MASK) else 0.5 / table
    mean = float(counts @ np.nan_to_num(value, posinf=0)) * medium.scale / codes.size
    return float(counts @ share) / codes.size, mean


def check_conductivities(conductivities: Mapping[int, float]) -> None:
    """Refuse conductivities that no medium has.

    Parameters
    ----------
    conductivities : mapping of int to float
        Conductivity of the labels.

    Raises
    ------
    InputDataError
        If a conductivity is negative or not finite, or there are more than 255.
    """
    for label, value in conductivities.items():
        if not (math.isfinite(value) and value >= 0):
            raise InputDataError(
                f"the conductivity of phase {label} is {value!r}",
                hint="give a finite number, zero for an insulator",
            )
    if len(set(conductivities.values())) > 255:
        raise InputDataError(
            f"there are {len(set(conductivities.values()))} different conductivities, at most 255 fit",
            hint="round them to fewer values",
        )


def from_fractions(
    fractions: NDArray[Any], conductivity: float, storage: Storage = MEMORY
) -> tuple[NDArray[np.uint8], Medium]:
    """Take the conducting share of each voxel from class probabilities.

    Fractions are sorted into 255 bins, each with the mean of what it holds; what is below
    half a bin does not conduct.

    Parameters
    ----------
    fractions : ndarray of float in [0, 1] or uint8 in [0, 255], shape (Z, Y, X)
        Share of each voxel that conducts.
    conductivity : float
        Conductivity of what conducts.
    storage : Storage
        Where the codes lie.

    Returns
    -------
    codes : ndarray of uint8, shape (Z, Y, X)
        One code per bin, 0 where nothing conducts.
    medium : Medium
        What they mean.

    Raises
    ------
    InputDataError
        If a fraction is not a number from 0 to 1.
    """
    full = np.float64(255 if fractions.dtype == np.uint8 else 1)
    codes = storage.zeros(fractions.shape, np.uint8)
    counts = np.zeros(256, np.int64)
    sums = np.zeros(256)
    for part in _slabs(fractions.shape[0]):
        values = fractions[part] / full
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            raise InputDataError(
                f"the fractions hold values from {low:g} to {high:g}",
                hint="give the conducting share of each voxel, from 0 to 1, or uint8 from 0 to 255",
            )
        codes[part] = np.rint(values * 255)
        flat = codes[part].ravel()
        counts += np.bincount(flat, minlength=256)
        sums += np.bincount(flat, values.ravel(), minlength=256)
        storage.release(codes, part.start, part.stop)
    table = 0.5 * sums / np.maximum(counts, 1)
    table[0] = 0.0
    fraction = float(2 * (table @ counts)) / fractions.size
    return codes, Medium(table, OPEN, conductivity, fraction, fraction * conductivity)


def _slabs(planes: int) -> Iterator[slice]:
    """Yield slices of a few planes."""
    return (slice(z, z + _SLAB) for z in range(0, planes, _SLAB))
