"""Is the volume large enough for its conductivity: apparent values over cells of growing size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.measure.transport import axis_number, check_present, in_memory, in_micrometres
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd

    from ssbtomo.kernels.transport.tensor import EffectiveTensor

__all__ = ["cell_edges", "periodic_tensor", "subvolume_statistics", "tortuosity_subvolumes"]

_LEAST = 4
"""Voxels along the edge of the smallest cell."""
_USUAL = 8
_HALVINGS = 3

Start = tuple[int, int, int]


def tortuosity_subvolumes(  # noqa: PLR0913 - all but two are options
    labels: Any,
    spacing: Spacing,
    *,
    axis: str = "z",
    phase: int = 1,
    conductivities: Mapping[int, float] | None = None,
    contact_resistances: Mapping[tuple[int, int], float] | None = None,
    sizes: Sequence[float] | None = None,
    tolerance: float = 1e-4,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Solve the cells that a volume is cut into, each under three kinds of boundary.

    Cubic cells side by side, as many as fit, centred; what is left at the sides is not used.
    Of each cell come the conductivities with uniform current through its faces, with held
    faces and insulated sides, and with a uniform gradient on its surface: in this order they
    grow, and they close in on each other as cells grow towards a representative volume. See
    `ssbtomo.kernels.transport.apparent.apparent`; `subvolume_statistics` sums up.

    Parameters
    ----------
    labels : ndarray or dask array of int or bool, shape (Z, Y, X)
        Phase labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    axis : {"z", "y", "x"}
        The transport axis.
    phase : int
        Label of the conducting phase.
    conductivities : mapping of int to float, optional
        Conductivities of the labels, in place of `phase`.
    contact_resistances : mapping of pairs of int to float, optional
        Resistance of contacts in Ω·cm², with conductivities in S/cm.
    sizes : sequence of float, optional
        Edges of the cells in µm; a half, a quarter and an eighth of the shortest edge of the
        volume if not given, as long as that is 8 voxels.
    tolerance : float
        Relative error of each solve; cells scatter by far more.
    progress : callable, optional
        Called as ``progress(done, total)`` after each cell.
    cancelled : callable, optional
        ``True`` ends the work.

    Returns
    -------
    pandas.DataFrame
        One row per cell: ``size_um``, its first corner ``z_um``, ``y_um``, ``x_um``, its
        ``fraction``, mean conductivity ``mean``, and ``uniform_current`` ≤ ``held_faces`` ≤
        ``uniform_gradient``; ``tau`` is ``mean`` over ``held_faces``, ``inf`` where no path
        joins the faces; ``strict`` tells whether the current is uniform on the whole face.

    Raises
    ------
    AxisError
        If there is no such axis, or the labels are not a volume.
    PhaseMissingError
        If a phase that conducts does not occur.
    InputDataError
        If a size is smaller than 4 voxels or does not fit the volume.

    Examples
    --------
    >>> labels = np.zeros((16, 16, 16), np.uint8)
    >>> labels[:, :8] = 1
    >>> cells = tortuosity_subvolumes(labels, (1.0, 1.0, 1.0), sizes=[16.0])
    >>> cells["held_faces"].tolist()
    [0.5]
    """
    import pandas as pd

    number = axis_number(axis)
    edges = check_spacing(spacing)
    wanted = {int(phase): 1.0} if conductivities is None else dict(conductivities)
    solid = in_memory(labels)
    check_present(solid, wanted)
    contacts = None if contact_resistances is None else in_micrometres(contact_resistances)
    cells = list(_cells(solid.shape, edges, sizes))
    solve = partial(
        _solved, labels=solid, spacing=edges, axis=number, conductivities=wanted,
        contacts=contacts, tolerance=tolerance, cancelled=cancelled,
    )  # fmt: skip
    rows = []
    with ThreadPoolExecutor(_threads()) as pool:
        for row in pool.map(solve, cells):
            rows.append(row)
            if progress is not None:
                progress(len(rows), len(cells))
    return pd.DataFrame(rows)


def subvolume_statistics(cells: pd.DataFrame) -> pd.DataFrame:
    """Sum up cells by their size.

    Parameters
    ----------
    cells : pandas.DataFrame
        Of `tortuosity_subvolumes`.

    Returns
    -------
    pandas.DataFrame
        One row per size: ``size_um``, ``cells``, the means ``fraction``, ``uniform_current``,
        ``held_faces`` and ``uniform_gradient``, the standard deviation ``sd`` of
        ``held_faces``, the 95 % interval of its mean ``ci_low`` … ``ci_high`` (Student's t,
        cells taken as independent: too narrow where neighbours are alike; NaN for one cell),
        the ``bracket`` (uniform gradient − uniform current) / held faces of the means, the
        ``joined`` share of cells with a path, and whether the currents are ``strict``: only
        then do the means enclose the value of the medium, closer and closer as cells grow.
    """
    import pandas as pd
    from scipy.special import stdtrit

    rows = []
    for _, group in cells.groupby("size_um"):
        values = group["held_faces"].to_numpy(float)
        count = values.size
        sd = float(values.std(ddof=1)) if count > 1 else math.nan
        half = float(stdtrit(count - 1, 0.975)) * sd / math.sqrt(count) if count > 1 else math.nan
        mean = float(values.mean())
        low, high = (float(group[name].mean()) for name in ("uniform_current", "uniform_gradient"))
        rows.append(
            {
                "size_um": float(group["size_um"].iloc[0]), "cells": count, "fraction": float(group["fraction"].mean()),
                "uniform_current": low, "held_faces": mean, "uniform_gradient": high,
                "sd": sd, "ci_low": mean - half, "ci_high": mean + half,
                "bracket": (high - low) / mean if mean > 0 else math.inf,
                "joined": float((values > 0).mean()), "strict": bool(group["strict"].all()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def periodic_tensor(
    labels: Any,
    spacing: Spacing,
    *,
    phase: int = 1,
    conductivities: Mapping[int, float] | None = None,
    contact_resistances: Mapping[tuple[int, int], float] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> EffectiveTensor:
    """Measure the effective tensor of a periodic medium whose cell the volume is.

    See `ssbtomo.kernels.transport.periodic.periodic_tensor`; about 70 bytes per voxel.

    Parameters
    ----------
    labels : ndarray or dask array of int or bool, shape (Z, Y, X)
        Phase labels, continued by themselves across all faces.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phase : int
        Label of the conducting phase.
    conductivities : mapping of int to float, optional
        Conductivities of the labels, in place of `phase`.
    contact_resistances : mapping of pairs of int to float, optional
        Resistance of contacts in Ω·cm², with conductivities in S/cm.
    cancelled : callable, optional
        ``True`` ends the solve.

    Returns
    -------
    EffectiveTensor
        Three by three, symmetric.

    Raises
    ------
    AxisError
        If the labels are not a volume.
    PhaseMissingError
        If a phase that conducts does not occur.
    """
    from ssbtomo.kernels.transport.periodic import periodic_tensor as solve

    wanted = {int(phase): 1.0} if conductivities is None else dict(conductivities)
    solid = in_memory(labels)
    check_present(solid, wanted)
    contacts = None if contact_resistances is None else in_micrometres(contact_resistances)
    return solve(solid, spacing, wanted, contacts=contacts, cancelled=cancelled)


def cell_edges(size: float, shape: Sequence[int], spacing: Spacing) -> tuple[int, int, int]:
    """Return the voxels along the edges of a cell, or say why there is none.

    Parameters
    ----------
    size : float
        Edge in µm.
    shape : sequence of int
        Voxels of the volume along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of int
        Along (Z, Y, X).

    Raises
    ------
    InputDataError
        If it is smaller than 4 voxels or does not fit.
    """
    z, y, x = (round(size / edge) for edge in spacing)
    extent = min(n * edge for n, edge in zip(shape, spacing, strict=True))
    if min(z, y, x) < _LEAST or any(n > m for n, m in zip((z, y, x), shape, strict=True)):
        raise InputDataError(
            f"cells of {size:g} µm do not suit a volume whose shortest edge is {extent:g} µm",
            hint=f"give edges from {_LEAST * max(spacing):g} to {extent:g} µm",
        )
    return z, y, x


def _cells(
    shape: tuple[int, ...], spacing: Spacing, sizes: Sequence[float] | None
) -> Iterator[tuple[float, Start, Start]]:
    """Yield the edge, the first voxel and the shape of every cell, the smallest cells first."""
    if sizes is None:
        extent = min(n * edge for n, edge in zip(shape, spacing, strict=True))
        sizes = [extent / 2**k for k in range(1, _HALVINGS + 1)]
        sizes = [size for size in sizes if size >= _USUAL * max(spacing)] or [extent]
    for size in sorted(sizes):
        edges = cell_edges(size, shape, spacing)
        counts = [n // edge for n, edge in zip(shape, edges, strict=True)]
        rest = [n % edge // 2 for n, edge in zip(shape, edges, strict=True)]
        for index in product(*map(range, counts)):
            z, y, x = (r + i * edge for r, i, edge in zip(rest, index, edges, strict=True))
            yield size, (z, y, x), edges


def _solved(
    cell: tuple[float, Start, Start],
    labels: NDArray[Any],
    spacing: Spacing,
    conductivities: Mapping[int, float],
    **options: Any,
) -> dict[str, float | bool]:
    """Return the row of one cell."""
    from ssbtomo.kernels.transport.apparent import apparent

    size, start, edges = cell
    box = labels[tuple(slice(a, a + n) for a, n in zip(start, edges, strict=True))]
    found = apparent(box, spacing, conductivities=conductivities, threads=1, **options)
    z, y, x = (a * edge for a, edge in zip(start, spacing, strict=True))
    return {
        "size_um": size, "z_um": z, "y_um": y, "x_um": x,
        "fraction": found.fraction, "mean": found.mean,
        "uniform_current": found.current, "held_faces": found.faces,
        "uniform_gradient": found.gradient,
        "tau": max(1.0, found.mean / found.faces) if found.faces > 0 else math.inf,
        "strict": found.uniform,
    }  # fmt: skip


def _threads() -> int:
    """Return how many cells are solved at a time: as many as Numba would take threads."""
    from numba import config

    return max(1, int(config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
