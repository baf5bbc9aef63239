"""Tortuosity and effective conductivity of labelled volumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    from ssbtomo.kernels.transport import Storage, TransportResult

__all__ = ["axis_number", "check_present", "in_memory", "in_micrometres", "tortuosity"]


def tortuosity(  # noqa: PLR0913 - all but two are options
    labels: Any,
    spacing: Spacing,
    *,
    axis: str = "z",
    phase: int = 1,
    conductivities: Mapping[int, float] | None = None,
    fractions: Any = None,
    blurred: bool | float = False,
    contact_resistances: Mapping[tuple[int, int], float] | None = None,
    periodic: bool = False,
    convention: str | None = None,
    tolerance: float = 1e-6,
    keep_field: bool = False,
    keep_maps: bool = False,
    progress: Callable[[int, float, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    scratch: str | Path | None = None,
) -> TransportResult:
    """Measure the tortuosity factor of a phase, or of several that conduct together.

    The factor is τ = ε σ / σ_eff, with the *total* volume fraction ε of the phase: what
    TauFactor and PuMA call tortuosity factor, and the square of what is called tortuosity
    elsewhere. The outer voxel *faces* across the axis are held at fixed potentials, so that
    a full block has τ = 1 exactly; programs that fix the outer voxel *centres* read up to
    some percent differently (`convention`). See `ssbtomo.kernels.transport.solve` for the method and its bias.

    The solve holds the whole volume: about 20 bytes per voxel.

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
        Conductivities of the labels, in any one unit, in place of `phase`; labels that are
        not named are insulators.
    fractions : ndarray or dask array, shape (Z, Y, X), optional
        Conducting share of each voxel, from 0 to 1 (or uint8 from 0 to 255), such as the
        class probability of the phase; `labels` then only tell the shape. Removes most of
        the bias of the voxel staircase.
    blurred : bool or float
        Whether `fractions` are an image of the phase, blurred and noisy: they are sharpened first
        (`ssbtomo.kernels.sharpening.sharpened_fractions`). The blur is measured, or given as its
        standard deviation in voxels. Blur makes fractions conduct across
        walls. They may then lie below 0 and above 1, as noise leaves them.
    contact_resistances : mapping of pairs of int to float, optional
        Resistance of the contact of two phases in Ω·cm²; the conductivities are in S/cm then.
    periodic : bool
        Whether opposite sides are joined; insulating otherwise.
    convention : {"taufactor", "porespy", "openimpala", "puma"}, optional
        The program whose number is to be reproduced; ours is that of TauFactor. PoreSpy,
        OpenImpala and PuMA hold the outer voxel *centres*; PoreSpy and OpenImpala count only
        the connected fraction; OpenImpala takes the drop over the whole length, so that a
        full block of n layers reads (n - 1) / n. PuMA's sides are periodic by default.
    tolerance : float
        Relative error at which to stop.
    keep_field : bool
        Whether to return the potential of every voxel. Its middle slice comes always.
    keep_maps : bool
        Whether to return maps (``local``): current focusing and share of the resistance.
    progress : callable, optional
        Called as ``progress(iteration, residual, effective)``.
    cancelled : callable, optional
        Asked before each iteration; ``True`` ends the solve.
    scratch : path, optional
        A folder on a fast disk for the fields, where they do not fit into memory; the result is
        the same, bit for bit. About 14 bytes per voxel of disk, and 5 of memory.

    Returns
    -------
    TransportResult
        ``tau``, ``effective``, ``macmullin``, ``fraction`` and how far to trust them; ``tau``
        is ``inf`` where no path joins the two faces.

    Raises
    ------
    AxisError
        If there is no such axis, or the labels are not a volume.
    VoxelSizeError
        If the spacing is not three positive numbers.
    PhaseMissingError
        If a phase that conducts does not occur in the labels.
    InputDataError
        If labels are not integers, shapes differ, or a conductivity or fraction is out of
        range.
    ConvergenceError
        If the tortuosity factor came out below 1: an error of the program.
    CancelledError
        If `cancelled` says so.

    Examples
    --------
    >>> labels = np.ones((8, 4, 4), np.uint8)
    >>> labels[:, 0] = 0
    >>> tortuosity(labels, (0.1, 0.1, 0.1), phase=1).tau
    1.0
    """
    from ssbtomo.kernels.transport import solve

    number = axis_number(axis)
    edges = check_spacing(spacing)
    wanted = {int(phase): 1.0} if conductivities is None else dict(conductivities)
    soft = None if fractions is None else np.asarray(fractions)
    if soft is not None and blurred:
        soft = _sharpened(soft, blurred)
    solid = in_memory(labels)
    if soft is None:
        check_present(solid, wanted)
    with _stored(scratch) as storage:
        return solve(
            solid,
            edges,
            number,
            wanted,
            fractions=soft,
            contacts=None if contact_resistances is None else in_micrometres(contact_resistances),
            periodic=periodic,
            convention=convention,
            tolerance=tolerance,
            keep_field=keep_field,
            keep_maps=keep_maps,
            progress=progress,
            cancelled=cancelled,
            storage=storage,
        )


def _sharpened(soft: NDArray[Any], blurred: bool | float) -> NDArray[np.float32]:  # noqa: FBT001
    from ssbtomo.kernels.sharpening import sharpened_fractions

    return sharpened_fractions(soft, None if blurred is True else float(blurred))


def _stored(scratch: str | Path | None) -> AbstractContextManager[Storage]:
    """Return where the fields of a solve lie."""
    if scratch is None:
        from ssbtomo.kernels.transport.storage import MEMORY

        return nullcontext(MEMORY)
    from ssbtomo.io.scratch import Scratch

    return Scratch(scratch)


def axis_number(axis: str) -> int:
    """Return the number of an axis.

    Parameters
    ----------
    axis : {"z", "y", "x"}
        Its name.

    Returns
    -------
    int
        0, 1 or 2.

    Raises
    ------
    AxisError
        If there is none of that name.
    """
    if axis not in AXES:
        raise AxisError(f"there is no axis {axis!r}", hint=f"choose one of {', '.join(AXES)}")
    return AXES.index(axis)


def in_micrometres(resistances: Mapping[tuple[int, int], float]) -> dict[tuple[int, int], float]:
    """Return resistances in Ω·cm² as µm / (S/cm).

    Parameters
    ----------
    resistances : mapping of pairs of int to float
        Area-specific resistances in Ω·cm².

    Returns
    -------
    dict
        The same in µm of a conductor of 1 S/cm.
    """
    return {pair: 1e4 * value for pair, value in resistances.items()}


def in_memory(labels: Any) -> NDArray[Any]:
    """Return the labels in memory, or say why they are none.

    Parameters
    ----------
    labels : array
        Labels of shape (Z, Y, X).

    Returns
    -------
    ndarray
        The same in memory.

    Raises
    ------
    AxisError
        If they are no volume.
    InputDataError
        If they are not integers.
    """
    if getattr(labels, "ndim", 3) != 3 or 0 in getattr(labels, "shape", ()):
        raise AxisError(
            f"the labels have the shape {labels.shape}", hint="a volume has three axes, (Z, Y, X)"
        )
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise InputDataError(
            f"the labels have the type {array.dtype}",
            hint="pass integers or booleans; soft values go into `fractions`",
        )
    return array


def check_present(labels: NDArray[Any], conductivities: Mapping[int, float]) -> None:
    """Refuse phases that conduct but do not occur.

    Parameters
    ----------
    labels : ndarray, shape (Z, Y, X)
        Labels.
    conductivities : mapping of int to float
        Conductivity of each label.

    Raises
    ------
    PhaseMissingError
        If one does not occur.
    """
    for phase, value in conductivities.items():
        if value != 0 and not any((plane == phase).any() for plane in labels):
            present = np.unique(labels).tolist()
            raise PhaseMissingError(
                f"phase {phase} does not occur in the labels, which hold {present[:20]}",
                hint="check the phases against the segmentation",
            )
