"""The conduction operator on voxels: face conductances from codes, run by run.

A field is stored as (Z + 2, area): one row per plane, and the plane's rows of voxels one
after the other, all with a ghost layer. The number of voxels from row to row, the pitch, is
odd, so that the colours of red-black sweeps alternate along stretches of a plane.

A face conductance is made where it is needed, from the codes of the two voxels that share
the face, so that the finest grid costs one byte per voxel; coarser grids store theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.halves import widen

__all__ = [
    "CONTACT",
    "DEVICE",
    "FACES",
    "FREE",
    "INLINE",
    "KERNEL",
    "MASK",
    "OPEN",
    "SERIES",
    "STORED",
    "Operator",
    "across",
    "in_cells",
    "in_masks",
    "inside",
    "is_mask",
    "pitch_of",
    "room",
    "wrap",
]

MASK = 0
"""One conducting phase: the code counts the open faces of each axis, two bits each."""
OPEN = 1
"""Conductance is the sum of the table values of the two voxels."""
SERIES = 2
"""Several phases: conductance is that of two half voxels in series (harmonic mean)."""
STORED = 3
"""Coarse grid: conductances of the far faces of every cell are stored."""
CONTACT = 4
"""Several phases with a resistance of its own at the contact of some of them, in series."""

FACES = 5
"""Open area: conductance is the open area of the face, stored as a code."""

_FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Floating-point freedom: sums may be reordered; inf and nan stay what they are."""
_COMMON: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy"}
FREE: Any = _COMMON
"""How parts that are chosen by the type of the operator are compiled."""
KERNEL: dict[str, Any] = _COMMON | {"cache": True, "no_cfunc_wrapper": True}
"""How the passes are compiled; see `team` for how they run in parallel."""
DEVICE: dict[str, Any] = _COMMON | {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""How the parts that only passes call are compiled: into them, without doors of their own."""
INLINE: dict[str, Any] = DEVICE | {"inline": "always"}
"""The same for parts that are called from one place: part of the caller, compiled once."""

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


class Operator(NamedTuple):
    """The discrete conduction operator of one grid.

    Parameters
    ----------
    mode : int
        How face conductances are made: `MASK`, `OPEN`, `SERIES`, `CONTACT`, `FACES` or
        `STORED`.
    axis : int
        The transport axis, whose two outer faces are held at fixed potentials.
    size : tuple of int
        Cells along (Z, Y, X).
    pitch : int
        Cells from one row of the store to the next; odd.
    codes : ndarray of uint8, shape (Z + 2, area)
        One code per voxel, 0 where nothing conducts; a dummy on coarse grids.
    table : ndarray of float64, shape (256,)
        Half the conducting fraction (`MASK`, `OPEN`, `FACES`) or the resistance of half a voxel
        (`SERIES`, `CONTACT`) of each code.
    weights : ndarray of float64, shape (3,)
        Face area over distance for each axis, relative to the largest.
    gz, gy, gx : ndarray of uint16, shape (Z + 2, area)
        Conductance between a cell and the next along each axis, the upper halves of float32
        (see `halves`); dummies on the finest grid.
    wraps : ndarray of int64, shape (3,)
        1 for each axis along which the sides are joined.
    edges : tuple of float
        For the first and the last face across the transport axis: 2 where it is held at a
        potential, half a voxel from the centre; 1 where the centres of the ghosts are held;
        0 where nothing passes.
    contact : ndarray of float64, shape (3, codes²), or None
        For each axis, the resistance between two codes beside those of the half voxels
        (`CONTACT`); None where the finest grid is a mask, else a dummy. By its type passes
        over masks and over cells are compiled apart (see `in_cells`), each when first used.
    source : ndarray of uint8, shape (Z + 2, area)
        What kind of source each voxel is, in place of the drive by the linear potential; a
        dummy without sources.
    charge : ndarray of float64, shape (256,)
        Current of each kind of source; a dummy without.
    faces : ndarray of uint8, shape (3, Z + 2, area)
        For each axis a code of the face after each voxel (`FACES`); else a dummy.
    opening : ndarray of float64, shape (3, 256)
        The open area of each code of a face, by axis; else a dummy.
    """

    mode: int
    axis: int
    size: tuple[int, int, int]
    pitch: int
    codes: NDArray[np.uint8]
    table: NDArray[np.float64]
    weights: NDArray[np.float64]
    gz: NDArray[np.uint16]
    gy: NDArray[np.uint16]
    gx: NDArray[np.uint16]
    wraps: NDArray[np.int64]
    edges: tuple[float, float]
    contact: NDArray[np.float64] | None
    source: NDArray[np.uint8]
    charge: NDArray[np.float64]
    faces: NDArray[np.uint8]
    opening: NDArray[np.float64]


def pitch_of(size: tuple[int, int, int]) -> int:
    """Return the odd number of cells from row to row of the store.

    Parameters
    ----------
    size : tuple of int
        Cells along (Z, Y, X).

    Returns
    -------
    int
        At least two more than the cells of a row.
    """
    return size[2] + 2 + (size[2] + 1) % 2


def room(size: tuple[int, int, int]) -> tuple[int, int]:
    """Return the shape of the store of a field.

    Parameters
    ----------
    size : tuple of int
        Cells along (Z, Y, X).

    Returns
    -------
    tuple of int
        Planes and voxels per plane, ghosts included.
    """
    return size[0] + 2, (size[1] + 2) * pitch_of(size)


def inside(op: Operator, field: NDArray[Any]) -> NDArray[Any]:
    """Return the cells of a stored field without ghosts, as a view.

    Parameters
    ----------
    op : Operator
        The grid.
    field : ndarray, shape (Z + 2, area)
        As stored.

    Returns
    -------
    ndarray, shape (Z, Y, X)
        A view of it.
    """
    nz, ny, nx = op.size
    return field.reshape(nz + 2, ny + 2, op.pitch)[1:-1, 1:-1, 1 : nx + 1]


def wrap(op: Operator, field: NDArray[Any]) -> None:
    """Refresh the ghosts of a stored field where sides are joined.

    Parameters
    ----------
    op : Operator
        The grid.
    field : ndarray, shape (Z + 2, area)
        Changed in place.
    """
    nz, ny, nx = op.size
    box = field.reshape(nz + 2, ny + 2, op.pitch)[:, :, : nx + 2]
    for axis in range(3):
        if op.wraps[axis]:
            faces = np.moveaxis(box, axis, 0)
            faces[0], faces[-1] = faces[-2], faces[1]


def is_mask(op: Any) -> bool:
    """Tell whether the type of an operator is that of a mask and its coarse grids.

    Parameters
    ----------
    op : numba.types.Type
        The type.

    Returns
    -------
    bool
        Whether it is; cells otherwise.
    """
    return isinstance(op.types[op.fields.index("contact")], types.NoneType)


def _nothing(op: Any, x: Any, run: Any, sums: Any, work: Any) -> None:
    """Stand for what is not needed."""


def in_cells(kernel: Kernel) -> Kernel:
    """Compile a part of `stencil` for operators of cells; for those of masks it does nothing.

    Parameters
    ----------
    kernel : callable
        Takes what `stencil` takes.

    Returns
    -------
    callable
        The same.
    """

    def chosen(op: Any, x: Any, run: Any, sums: Any, work: Any) -> Callable[..., Any]:
        return _nothing if is_mask(op) else kernel

    overload(kernel, FREE, strict=False, inline="always")(chosen)
    return kernel


def in_masks(kernel: Kernel) -> Kernel:
    """Compile a part of `stencil` for operators of masks; for those of cells it does nothing.

    Parameters
    ----------
    kernel : callable
        Takes what `stencil` takes.

    Returns
    -------
    callable
        The same.
    """

    def chosen(op: Any, x: Any, run: Any, sums: Any, work: Any) -> Callable[..., Any]:
        return kernel if is_mask(op) else _nothing

    overload(kernel, FREE, strict=False, inline="always")(chosen)
    return kernel


@njit(**DEVICE)
def edge(op: Operator, axis: int, index: int) -> float:
    """Return 1 over the voxels between the potentials on both sides of a face."""
    if axis == op.axis:
        if index == 0:
            return op.edges[0]
        if index == op.size[axis]:
            return op.edges[1]
    return 1.0


@njit(**DEVICE)
def join(mode: int, near: float, far: float) -> float:
    """Return the conductance between two voxels from their table values."""
    if mode in (SERIES, CONTACT):
        return 1.0 / (near + far)
    return near + far if near > 0.0 and far > 0.0 else 0.0


def across(
    table: NDArray[np.float64],
    contact: NDArray[np.float64] | None,
    axis: int,
    here: int,
    there: int,
) -> float:
    """Return the table value of a code, and the resistance of its contact with another.

    Parameters
    ----------
    table, contact : ndarray of float64
        Those of the operator.
    axis : int
        Across which face they touch.
    here, there : int
        The two codes; the table value is that of the second.

    Returns
    -------
    float
        Their sum.
    """
    if contact is None or contact.shape[1] == 1:
        return float(table[there])
    codes = int(np.sqrt(contact.shape[1]))
    return float(table[there] + contact[axis, here * codes + there])


def _simply(table: Any, contact: Any, axis: int, here: int, there: int) -> float:
    """Do `across` without contacts."""
    return float(table[there])


def _across(table: Any, contact: Any, axis: Any, here: Any, there: Any) -> Callable[..., float]:
    """Choose `across` by the type of the contacts."""
    return _simply if isinstance(contact, types.NoneType) else across


overload(across, FREE, strict=False)(_across)


@njit(**DEVICE)
def _join_row(
    op: Operator,
    axis: int,
    codes: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    out: NDArray[np.float64],
) -> None:
    """Write the conductances between two rows of voxels, but for the weight of the axis."""
    mode, table, contact = op.mode, op.table, op.contact
    here, there = codes
    if mode == MASK:
        for i in range(out.size):
            out[i] = 1.0 if (here[i] > 0) & (there[i] > 0) else 0.0
    else:
        for i in range(out.size):
            far = across(table, contact, axis, here[i], there[i])
            out[i] = join(mode, table[here[i]], far)


@njit(**DEVICE)
def face_row(op: Operator, axis: int, k: int, j: int, out: NDArray[np.float64]) -> None:
    """Write the conductances between a row of cells, from its first ghost on, and the next.

    The arrays of the operator are named outside of the loops: a call that takes an
    operator counts references to each of its arrays, too much for every voxel.
    """
    at = j * op.pitch
    if op.mode == STORED:
        stored = op.gz if axis == 0 else (op.gy if axis == 1 else op.gx)
        row = stored[k, at : at + out.size]
        for i in range(out.size):
            out[i] = widen(row[i])
        return
    size = out.size
    to = at + (op.pitch if axis == 1 else (1 if axis == 2 else 0))
    here = op.codes[k, at : at + size]
    there = op.codes[k + 1 if axis == 0 else k, to : to + size]
    weight = op.weights[axis]
    if axis < 2:
        weight *= edge(op, axis, k if axis == 0 else j)
    if op.mode == FACES:
        faces, opening = op.faces[axis, k, at : at + size], op.opening[axis]
        for i in range(size):
            out[i] = weight * opening[faces[i]]
    else:
        _join_row(op, axis, (here, there), out)
        for i in range(size):
            out[i] *= weight
    if axis == 2 and op.axis == 2:
        out[0] *= op.edges[0]
        out[size - 1] *= op.edges[1]
