"""Columns along the stacking axis: where lithium ends, where electrolyte begins, what is between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit

__all__ = ["CATHODE", "ELECTROLYTE", "LITHIUM", "OTHER", "VOID", "Columns", "scan_columns"]

OTHER, LITHIUM, ELECTROLYTE, VOID, CATHODE = range(5)
_MAPS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Maps over the columns of a volume; heights are voxels from the anode's end. 36 bytes each.

    Parameters
    ----------
    front : ndarray of int32, shape (V, U)
        First voxel that is not lithium after the first that is; -1 without lithium before the
        electrolyte.
    top : ndarray of int32, shape (V, U)
        One after the last lithium voxel before the electrolyte; 0 without.
    lithium : ndarray of int32, shape (V, U)
        Lithium voxels before the electrolyte.
    electrolyte : ndarray of int32, shape (V, U)
        First electrolyte voxel; -1 without.
    end : ndarray of int32, shape (V, U)
        First voxel of the cathode; the length of the column without.
    void : ndarray of int32, shape (V, U)
        Void voxels between the last lithium and the first electrolyte.
    other : ndarray of int32, shape (V, U)
        Voxels of further phases there.
    buried : ndarray of int32, shape (V, U)
        Void voxels below the last lithium voxel, and above the first.
    solid : ndarray of int32, shape (V, U)
        Electrolyte voxels before the cathode.
    length : int
        Voxels of a column.
    """

    front: NDArray[np.int32]
    top: NDArray[np.int32]
    lithium: NDArray[np.int32]
    electrolyte: NDArray[np.int32]
    end: NDArray[np.int32]
    void: NDArray[np.int32]
    other: NDArray[np.int32]
    buried: NDArray[np.int32]
    solid: NDArray[np.int32]
    length: int


def scan_columns(roles: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Walk along each column from the anode.

    Parameters
    ----------
    roles : ndarray of uint8, shape (N, V, U)
        `LITHIUM`, `ELECTROLYTE`, `VOID`, `CATHODE` or `OTHER`; the first axis leads away from the
        anode, and is whole.

    Returns
    -------
    ndarray of int32, shape (9, V, U)
        The maps of `Columns`, in their order. Exact, column by column.
    """
    maps = np.zeros((_MAPS, *roles.shape[1:]), np.int32)
    maps[0] = maps[3] = -1
    maps[4] = roles.shape[0]
    _scan(np.ascontiguousarray(roles), maps)
    return maps


@njit(nogil=True, cache=True)
def _scan(roles, maps):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912 - one walk
    front, top, lithium, first, end, void, other, buried, solid = maps
    for n in range(roles.shape[0]):
        for v in range(roles.shape[1]):
            for u in range(roles.shape[2]):
                role = roles[n, v, u]
                if role == CATHODE and end[v, u] == roles.shape[0]:
                    end[v, u] = n
                    if first[v, u] < 0 and lithium[v, u] > 0 and front[v, u] < 0:
                        front[v, u] = n
                if end[v, u] < roles.shape[0]:
                    continue
                if first[v, u] >= 0 or role == ELECTROLYTE:
                    if first[v, u] < 0:
                        first[v, u] = n
                        if lithium[v, u] > 0 and front[v, u] < 0:
                            front[v, u] = n
                    solid[v, u] += role == ELECTROLYTE
                elif role == LITHIUM:
                    lithium[v, u] += 1
                    top[v, u] = n + 1
                    buried[v, u] += void[v, u] * (lithium[v, u] > 1)
                    void[v, u] = other[v, u] = 0
                else:
                    if lithium[v, u] > 0 and front[v, u] < 0:
                        front[v, u] = n
                    if role == VOID:
                        void[v, u] += 1
                    else:
                        other[v, u] += 1
    for v in range(roles.shape[1]):
        for u in range(roles.shape[2]):
            if lithium[v, u] > 0 and front[v, u] < 0:
                front[v, u] = roles.shape[0]
