"""Connected pieces of a labelled array, found on its runs of equal voxels along X."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.bits import cut_masks, look_up
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.pieces import Pieces
from ssbtomo.kernels.union import flatten, unite

__all__ = ["Neighbours", "Rims", "Runs", "check_neighbours", "find_runs"]

Neighbours = Literal[6, 18, 26]
Ints = NDArray[np.int64]
Shape = tuple[int, int, int]
_FEW = 4  # labels below this are found by their bits, mask by mask

Rims = tuple[tuple[NDArray[np.int32], NDArray[np.int32]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """An array as runs of equal voxels along X, and the piece that each run belongs to.

    Parameters
    ----------
    shape : tuple of int
        Voxels of the array.
    rows : ndarray of int64, shape (Z * Y + 1,)
        First run of each row.
    start, stop : ndarray of int32
        First voxel of each run, and the one after its last, along X.
    label : ndarray
        Value of each run.
    piece : ndarray of int64
        Number of each run's piece, from 0, in the order of their first voxels.
    count : int
        Number of pieces.
    """

    shape: Shape
    rows: Ints
    start: NDArray[np.int32]
    stop: NDArray[np.int32]
    label: NDArray[Any]
    piece: Ints
    count: int

    def table(self, origin: Shape = (0, 0, 0), within: Shape | None = None) -> Pieces:
        """Count each piece's voxels, add up their indexes, and bound them.

        Parameters
        ----------
        origin : tuple of int
            Where the array lies in a volume.
        within : tuple of int, optional
            Shape of that volume; the array's own if not given.

        Returns
        -------
        Pieces
            In indexes of the volume; exact integers.
        """
        table = Pieces.empty(self.count)
        _, height, width = within or self.shape
        place = (*origin, self.shape[1], height, width)
        _add_runs(self._runs, self.label, self.piece, place, table.columns)
        return table

    def paint(self, values: NDArray[Any], target: NDArray[Any]) -> None:
        """Write one value per piece into an array; what is in no piece stays.

        Parameters
        ----------
        values : ndarray, shape (count,)
            Value of each piece.
        target : ndarray, shape (Z, Y, X)
            C-contiguous; written to.
        """
        flat = target.reshape(self.rows.size - 1, self.shape[2])
        _paint(self._runs, self.piece, values, flat, (0, 1))

    def fill(self, values: NDArray[Any], target: NDArray[Any], origin: Shape = (0, 0, 0)) -> None:
        """Write one value per piece into a box of an array, and 0 into the rest of the box.

        Parameters
        ----------
        values : ndarray, shape (count,)
            Value of each piece.
        target : ndarray, shape (Z, Y, X)
            C-contiguous, at least as large as the box; every voxel of the box is written once.
        origin : tuple of int
            Where the box lies in it.
        """
        (nz, height, width), (z, y, x) = target.shape, origin
        place = (z * height + y, x, x + self.shape[2], self.shape[1], height)
        _fill(self._runs, self.piece, values, target.reshape(nz * height, width), place)

    @property
    def nbytes(self) -> int:
        """Bytes that the runs take."""
        arrays = (self.rows, self.start, self.stop, self.label, self.piece)
        return sum(array.nbytes for array in arrays)

    def any_of(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which pieces have a voxel in a mask.

        Parameters
        ----------
        mask : ndarray of bool, shape (Z, Y, X)
            C-contiguous.

        Returns
        -------
        ndarray of bool, shape (count,)
            One for each piece.
        """
        found = np.zeros(self.count, np.bool_)
        _look(self._runs, self.piece, mask.reshape(self.rows.size - 1, self.shape[2]), found)
        return found

    def rims(self) -> Rims:
        """Return the pieces on the near and the far face along (Z, Y, X), counted from 1; 0 is none.

        Returns
        -------
        tuple
            For each axis the near and the far plane, int32.
        """
        nz, ny, nx = self.shape
        z_near, z_far, y_near, y_far, x_near, x_far = (
            np.zeros(face, np.int32)
            for face in np.repeat([(ny, nx), (nz, nx), (nz, ny)], 2, axis=0)
        )
        numbers = np.arange(1, self.count + 1, dtype=np.int32)
        rows = ((0, 1), ((nz - 1) * ny, 1), (0, ny), (ny - 1, ny))
        for plane, place in zip((z_near, z_far, y_near, y_far), rows, strict=True):
            _paint(self._runs, self.piece, numbers, plane, place)
        _paint_ends(self._runs, self.piece, nx, x_near.reshape(-1), x_far.reshape(-1))
        return (z_near, z_far), (y_near, y_far), (x_near, x_far)

    @property
    def _runs(self) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
        return self.rows, self.start, self.stop


def check_neighbours(neighbours: int) -> None:
    """Refuse a neighbourhood that does not exist.

    Parameters
    ----------
    neighbours : int
        How many neighbours a voxel has.

    Raises
    ------
    InputDataError
        If it is none of 6, 18 and 26.
    """
    if neighbours not in {6, 18, 26}:
        raise InputDataError(
            f"{neighbours} neighbours do not exist in 3-D", hint="take 6, 18 or 26"
        )


def find_runs(
    labels: NDArray[Any],
    neighbours: Neighbours = 6,
    *,
    phase: int | None = None,
    background: int | None = None,
) -> Runs:
    """Find the connected pieces of one phase, or of every phase at once.

    Rows are cut into runs of equal voxels; runs that touch runs of the rows before are
    merged [1]_. Threads run at once: no lock is held.

    Parameters
    ----------
    labels : ndarray of int or bool, shape (Z, Y, X)
        Phases; voxels of different phases are never in one piece.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.
    phase : int, optional
        The only phase wanted; every one if not given.
    background : int, optional
        A label that has no pieces; for every phase at once.

    Returns
    -------
    Runs
        About 25 bytes per run beside the labels: 1 to 3 bytes per voxel in structures that
        are resolved, up to 25 in noise of a voxel's width. Beside that 2 bytes per voxel
        for `phase`, and 4 for labels below 4 in uint8, which are found 64 voxels at once.

    Raises
    ------
    InputDataError
        If there are no such neighbours, or the labels are not integers.

    References
    ----------
    .. [1] L. He et al., *Pattern Recognition* 70 (2017) 25, doi:10.1016/j.patcog.2017.04.018.
    """
    check_neighbours(neighbours)
    labels = np.asarray(labels)
    _check_labels(labels)
    if phase is not None:
        return _mask_runs(labels == phase, neighbours)
    if labels.dtype == np.bool_ and background == 0:
        return _mask_runs(labels, neighbours)
    values, skip = _selected(labels, background)
    if values.size and values.dtype == np.uint8 and values.max() < _FEW:
        return _few_runs(values, skip, neighbours)
    flat = values.reshape(values.shape[0] * values.shape[1], values.shape[2])
    skipped = values.dtype.type(0 if skip is None else skip)
    count = _count_runs(flat, skipped, skip is not None)
    rows = np.zeros(len(flat) + 1, np.int64)
    start, stop = np.empty(count, np.int32), np.empty(count, np.int32)
    value = np.empty(count, values.dtype)
    runs = (rows, start, stop)
    _cut(flat, skipped, skip is not None, runs, value)
    parent = np.arange(count, dtype=np.int64)
    _join_rows(runs, value, parent, values.shape[1], neighbours)
    pieces, found = flatten(parent)
    return Runs(values.shape, rows, start, stop, value, pieces, found)


def _mask_runs(mask: NDArray[np.bool_], neighbours: int) -> Runs:
    """Find the pieces of a mask, 64 voxels at once."""
    rows, start, stop, parent = cut_masks([mask], mask.shape[1], neighbours)
    return Runs(mask.shape, rows, start, stop, np.ones(start.size, np.uint8), *flatten(parent))


def _few_runs(values: NDArray[Any], skip: int | None, neighbours: int) -> Runs:
    """Find the pieces of a few phases by their masks."""
    masks = (values == phase for phase in range(_FEW) if phase != skip)
    rows, start, stop, parent = cut_masks(masks, values.shape[1], neighbours)
    label = np.empty(start.size, values.dtype)
    look_up(rows, start, values.reshape(rows.size - 1, values.shape[2]), label)
    return Runs(values.shape, rows, start, stop, label, *flatten(parent))


def _check_labels(labels: NDArray[Any]) -> None:
    if labels.ndim != 3 or labels.dtype.kind not in "bui":
        raise InputDataError(
            f"pieces are found in integers of shape (Z, Y, X), not {labels.dtype} of {labels.shape}"
        )


def _selected(labels: NDArray[Any], background: int | None) -> tuple[NDArray[Any], int | None]:
    """Return what to cut into runs, and the value that has none."""
    if labels.dtype == np.bool_:
        labels = labels.view(np.uint8)
    limits = np.iinfo(labels.dtype)
    skip = background if background is None or limits.min <= background <= limits.max else None
    return np.ascontiguousarray(labels), skip


@njit(nogil=True, cache=True)
def _count_runs(flat, skip, skipping):  # type: ignore[no-untyped-def]
    count = 0
    rows, width = flat.shape
    for row in range(rows):
        line = flat[row]
        if width and not (skipping and line[0] == skip):
            count += 1
        if skipping:
            for x in range(1, width):
                count += (line[x] != line[x - 1]) & (line[x] != skip)
        else:
            for x in range(1, width):
                count += line[x] != line[x - 1]
    return count


@njit(nogil=True, cache=True)
def _cut(flat, skip, skipping, runs, value):  # type: ignore[no-untyped-def]
    rows, start, stop = runs
    count = 0
    height, width = flat.shape
    edges = np.empty(width + 1, np.int32)
    for row in range(height):
        line = flat[row]
        edges[0], found = 0, min(width, 1)
        for x in range(1, width):  # no branch: the processor could not foresee it
            edges[found] = x
            found += line[x] != line[x - 1]
        edges[found] = width
        for edge in range(found):
            here = line[edges[edge]]
            if not (skipping and here == skip):
                start[count], stop[count], value[count] = edges[edge], edges[edge + 1], here
                count += 1
        rows[row + 1] = count


@njit(nogil=True, cache=True)
def _join_rows(runs, value, parent, ny, neighbours):  # type: ignore[no-untyped-def]
    beside = 0 if neighbours == 6 else 1
    corner = 1 if neighbours == 26 else 0
    rows = runs[0]
    for row in range(rows.size - 1):
        if rows[row] == rows[row + 1]:
            continue
        z, y = row // ny, row % ny
        if y:
            _join(runs, value, parent, (row, row - 1), beside)
        if z:
            _join(runs, value, parent, (row, row - ny), beside)
        if z and y and neighbours > 6:
            _join(runs, value, parent, (row, row - ny - 1), corner)
        if z and y + 1 < ny and neighbours > 6:
            _join(runs, value, parent, (row, row - ny + 1), corner)


@njit(nogil=True, cache=True)
def _join(runs, value, parent, pair, reach):  # type: ignore[no-untyped-def]
    """Merge the runs of two rows that overlap, or with `reach` 1 touch at an end."""
    rows, start, stop = runs
    b, end = rows[pair[1]], rows[pair[1] + 1]
    for a in range(rows[pair[0]], rows[pair[0] + 1]):
        low, high, here = start[a] - reach, stop[a] + reach, value[a]
        while b < end and stop[b] <= low:
            b += 1
        other = b
        while other < end and start[other] < high:
            if value[other] == here and parent[other] != parent[a]:
                unite(parent, parent[other], parent[a])
            other += 1


@njit(nogil=True, cache=True)
def _add_runs(runs, label, piece, place, table):  # type: ignore[no-untyped-def]
    rows, start, stop = runs
    z0, y0, x0, ny, height, width = place
    labels, size, first, sums, low, high = table
    for row in range(rows.size - 1):
        z, y = z0 + row // ny, y0 + row % ny
        for run in range(rows[row], rows[row + 1]):
            n, a, b = piece[run], x0 + start[run], x0 + stop[run]
            if size[n] == 0:
                labels[n], first[n], low[n, 0] = label[run], (z * height + y) * width + a, z
            size[n] += b - a
            sums[n, 0] += z * (b - a)
            sums[n, 1] += y * (b - a)
            sums[n, 2] += (a + b - 1) * (b - a) // 2
            low[n, 1], low[n, 2] = min(low[n, 1], y), min(low[n, 2], a)
            high[n, 0], high[n, 1], high[n, 2] = z + 1, max(high[n, 1], y + 1), max(high[n, 2], b)


@njit(nogil=True, cache=True)
def _paint(runs, piece, values, plane, place):  # type: ignore[no-untyped-def]
    rows, start, stop = runs
    row, step = place
    for line in plane:
        for run in range(rows[row], rows[row + 1]):
            value = values[piece[run]]
            for x in range(start[run], stop[run]):
                line[x] = value
        row += step


@njit(nogil=True, cache=True)
def _fill(runs, piece, values, flat, place):  # type: ignore[no-untyped-def]
    rows, start, stop = runs
    begin, left, right, ny, height = place
    for row in range(rows.size - 1):
        line = flat[begin + row // ny * height + row % ny, left:right]
        line[:] = 0
        for run in range(rows[row], rows[row + 1]):
            value = values[piece[run]]
            for x in range(np.uint64(start[run]), np.uint64(stop[run])):
                line[x] = value


@njit(nogil=True, cache=True)
def _look(runs, piece, mask, found):  # type: ignore[no-untyped-def]
    rows, start, stop = runs
    for row in range(rows.size - 1):
        for run in range(rows[row], rows[row + 1]):
            if not found[piece[run]]:
                found[piece[run]] = mask[row, start[run] : stop[run]].any()


@njit(nogil=True, cache=True)
def _paint_ends(runs, piece, width, near, far):  # type: ignore[no-untyped-def]
    rows, start, stop = runs
    for row in range(rows.size - 1):
        a, b = rows[row], rows[row + 1]
        if a < b and start[a] == 0:
            near[row] = piece[a] + 1
        if a < b and stop[b - 1] == width:
            far[row] = piece[b - 1] + 1
