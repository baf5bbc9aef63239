"""More of conduction: tensor, blocking electrodes, shortest ways, bottlenecks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.measure.transport import axis_number, check_present, in_memory, in_micrometres
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd

    from ssbtomo.kernels.transport import EffectiveTensor, ElectrodeResult, GeodesicResult

__all__ = ["bottlenecks", "effective_tensor", "electrode_tortuosity", "geodesic_tortuosity"]


def effective_tensor(
    labels: Any,
    spacing: Spacing,
    *,
    phase: int = 1,
    conductivities: Mapping[int, float] | None = None,
    contact_resistances: Mapping[tuple[int, int], float] | None = None,
    periodic: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> EffectiveTensor:
    """Measure the effective conductivity as a tensor; see `ssbtomo.kernels.transport.tensor`.

    Parameters
    ----------
    labels : ndarray or dask array of int or bool, shape (Z, Y, X)
        Phase labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phase : int
        Label of the conducting phase.
    conductivities : mapping of int to float, optional
        Conductivities of the labels, in place of `phase`.
    contact_resistances : mapping of pairs of int to float, optional
        Resistance of contacts in Ω·cm², with conductivities in S/cm.
    periodic : bool
        Whether opposite sides are joined.
    cancelled : callable, optional
        ``True`` ends the solve.

    Returns
    -------
    EffectiveTensor
        Three by three, with certified bounds of the diagonal.

    Raises
    ------
    AxisError
        If the labels are not a volume.
    PhaseMissingError
        If a phase that conducts does not occur.
    """
    from ssbtomo.kernels.transport import tensor

    solid, wanted = _prepared(labels, phase, conductivities)
    contacts = None if contact_resistances is None else in_micrometres(contact_resistances)
    return tensor(solid, spacing, wanted, contacts=contacts, periodic=periodic, cancelled=cancelled)


def electrode_tortuosity(
    labels: Any,
    spacing: Spacing,
    *,
    axis: str = "z",
    phase: int = 1,
    reactive: tuple[int, ...] | None = None,
    convention: str | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ElectrodeResult:
    """Measure the tortuosity of a blocking electrode; see `ssbtomo.kernels.transport.electrode`.

    Parameters
    ----------
    labels : ndarray or dask array of int or bool, shape (Z, Y, X)
        Phase labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    axis : {"z", "y", "x"}
        From the separator (first face) to the collector.
    phase : int
        Label of the conducting phase.
    reactive : tuple of int, optional
        Labels whose surface is charged; all others if not given.
    convention : {"taufactor"}, optional
        The program whose number is to be reproduced.
    cancelled : callable, optional
        ``True`` ends the solve.

    Returns
    -------
    ElectrodeResult
        ``tau`` with its certified bounds.

    Raises
    ------
    AxisError
        If there is no such axis, or the labels are not a volume.
    PhaseMissingError
        If the phase does not occur.
    """
    from ssbtomo.kernels.transport import electrode

    number = axis_number(axis)
    solid, wanted = _prepared(labels, phase, None)
    return electrode(
        solid, spacing, number, wanted,
        reactive=reactive, convention=convention, cancelled=cancelled,
    )  # fmt: skip


def geodesic_tortuosity(
    labels: Any, spacing: Spacing, *, axis: str = "z", phase: int = 1
) -> GeodesicResult:
    """Measure the shortest ways through a phase; see `ssbtomo.kernels.transport.geodesic`.

    Parameters
    ----------
    labels : ndarray or dask array of int or bool, shape (Z, Y, X)
        Phase labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    axis : {"z", "y", "x"}
        The transport axis.
    phase : int
        Label of the phase.

    Returns
    -------
    GeodesicResult
        Mean and distribution; a ratio of lengths, not squared.

    Raises
    ------
    AxisError
        If there is no such axis, or the labels are not a volume.
    PhaseMissingError
        If the phase does not occur.
    """
    from ssbtomo.kernels.transport import geodesic

    number = axis_number(axis)
    solid, _ = _prepared(labels, phase, None)
    return geodesic(solid == phase, spacing, number)


def bottlenecks(
    resistance: NDArray[np.float32], spacing: Spacing, *, share: float = 0.25
) -> pd.DataFrame:
    """Find the places where the current is resisted most.

    The voxels of the highest dissipation density that together make up a share of the
    resistance, joined to places over faces, edges and corners; about 10 bytes per voxel.

    Parameters
    ----------
    resistance : ndarray of float32, shape (Z, Y, X)
        ``local.resistance`` of a solve with ``keep_maps``.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    share : float
        Share of the resistance that the places make up, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row per place, the worst first: ``place``, ``share`` of the resistance, ``voxels``,
        and its centre weighted by dissipation ``z_um``, ``y_um``, ``x_um``.

    Raises
    ------
    InputDataError
        If the share is not between 0 and 1.
    """
    import cc3d
    import pandas as pd

    if not 0 < share < 1:
        raise InputDataError(f"the share is {share!r}", hint="give a number between 0 and 1")
    edges = np.array(check_spacing(spacing))
    values = np.sort(resistance, axis=None)[::-1].astype(np.float64)
    heat = np.cumsum(values)
    least = values[np.searchsorted(heat, share * heat[-1])]
    places = cc3d.connected_components(resistance >= least, connectivity=26, binary_image=True)
    where = np.nonzero(places)
    names, weights = places[where], resistance[where].astype(np.float64)
    sums = np.bincount(names, weights)
    centres = [np.bincount(names, weights * (at + 0.5)) / np.maximum(sums, 1e-300) for at in where]
    table = pd.DataFrame(
        {
            "share": sums / heat[-1],
            "voxels": np.bincount(names),
            **{
                f"{axis}_um": centre * edge
                for axis, centre, edge in zip("zyx", centres, edges, strict=True)
            },
        }
    )[1:].sort_values("share", ascending=False, ignore_index=True)
    table.insert(0, "place", np.arange(1, len(table) + 1))
    return table


def _prepared(
    labels: Any, phase: int, conductivities: Mapping[int, float] | None
) -> tuple[NDArray[Any], dict[int, float]]:
    """Return labels in memory and what conducts, if that occurs."""
    wanted = {int(phase): 1.0} if conductivities is None else dict(conductivities)
    solid = in_memory(labels)
    check_present(solid, wanted)
    return solid, wanted
