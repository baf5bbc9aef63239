"""How much memory and disk a solve takes, before it is begun."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ssbtomo.kernels.transport.multigrid import coarse_sizes
from ssbtomo.kernels.transport.operator import room
from ssbtomo.kernels.transport.solve import STEEP
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Needs", "memory_needed"]

_FINE = {False: 17, True: 29}
"""Bytes per voxel of potential, direction, its copy, residual and codes; in float64, too."""
_COARSE = {False: 12, True: 22}
"""Bytes per cell of a coarse grid: three conductances, right-hand side, field."""
_PIECES = 0.25
"""Bytes per voxel for pieces of conductor and their links, a bound but for noise."""
_FIXED = 2**27
"""Bytes for compiled code and for what threads work on."""
_LABELLING = 6 * 2**26
"""Bytes to find clusters in a part of a volume (see `joined`)."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a solve takes, without the caller's arrays.

    Parameters
    ----------
    memory : int
        Bytes of memory, with all fields in memory.
    memory_with_disk : int
        Bytes of memory, with the fields in files; page cache that the system takes back at
        will is not counted.
    disk : int
        Bytes on disk then.
    """

    memory: int
    memory_with_disk: int
    disk: int


def memory_needed(
    shape: tuple[int, int, int],
    spacing: Spacing,
    conductivities: Mapping[int, float] | None = None,
    *,
    keep_field: bool = False,
    keep_maps: bool = False,
    fractions: bool = False,
) -> Needs:
    """Return how much memory and disk a solve takes.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X); only their ratios matter.
    conductivities : mapping of int to float, optional
        Conductivity of each label: where they differ by more than 1e4 all is float64.
    keep_field, keep_maps : bool
        As of `ssbtomo.kernels.transport.solve`: 4 and 8 bytes per voxel of memory.
    fractions : bool
        Whether fractions are solved: 3 bytes per voxel more, for the areas of faces.

    Returns
    -------
    Needs
        Upper bounds; where few voxels conduct they hold as well.

    Raises
    ------
    VoxelSizeError
        If the spacing is not three positive numbers.

    Examples
    --------
    >>> memory_needed((1024, 1024, 1024), (0.1, 0.1, 0.1)).memory < 22e9
    True
    """
    positive = [value for value in (conductivities or {}).values() if value > 0]
    steep = bool(positive) and max(positive) > STEEP * min(positive)
    edges = check_spacing(spacing)
    z, y, x = (np.full(n, edge) for n, edge in zip(shape, edges, strict=True))
    voxels, stored = math.prod(shape), math.prod(room(shape))
    coarse = [math.prod(room(size)) * _COARSE[steep] for size in coarse_sizes((z, y, x))]
    kept = voxels * (4 * keep_field + 8 * keep_maps)
    around = int(_PIECES * voxels) + _FIXED + kept
    fine = _FINE[steep] + 3 * fractions
    solving = fine * stored + sum(coarse)
    return Needs(
        memory=max(solving, 6 * voxels) + around,
        memory_with_disk=min(6 * voxels, _LABELLING) + sum(coarse[2:]) + around,
        disk=fine * stored + sum(coarse[:2]) + stored + voxels,
    )
