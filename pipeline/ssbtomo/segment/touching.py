"""Touching particles as instances: one call, arrays in, labels and a table out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.necks import particle_shapes
from ssbtomo.blocks.particles import Necks, separate
from ssbtomo.errors import CancelledError, InputDataError, PhaseMissingError
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.inputs import check_image
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Instances", "instances"]


@dataclass(frozen=True, slots=True, repr=False)
class Instances:
    """The particles of a phase.

    Parameters
    ----------
    labels : ndarray of int32, shape (Z, Y, X)
        0 outside the phase, else the particle: they count from 1 in the order of their first
        voxel, whatever the cut of the volume.
    table : pandas.DataFrame
        One row each: columns as of `ssbtomo.kernels.particles.particle_table` and
        `ssbtomo.blocks.necks.particle_shapes`.
    """

    labels: NDArray[np.int32]
    table: pd.DataFrame

    def __repr__(self) -> str:
        cut = int(self.table["touches_border"].sum())
        return f"Instances: {len(self.table)} particles, {cut} cut by the border"


def instances(
    labels: Any,
    spacing: Spacing,
    phase: int = 1,
    *,
    depth: float | None = None,
    neck: float = 0.85,
    phases: Mapping[str, int] | None = None,
    bench: Bench | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Instances:
    """Cut a phase into particles at its necks, and measure each.

    Parameters
    ----------
    labels : array_like of int or bool, shape (Z, Y, X)
        Segmented volume, or a mask; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phase : int
        Label of the phase; 1 for a mask.
    depth : float, optional
        Smallest fall in µm from the radius of the smaller particle to that of the neck (the h of
        h-maxima); the largest voxel edge if not given.
    neck : float
        Largest ratio of the radius of the neck to that of the smaller particle.
    phases : mapping of str to int, optional
        Names for the shares of contact; ``phase_0`` … of the labels that occur if not given.
    bench : Bench, optional
        Where the blocks are worked on; in memory if not given. Stores of another bench are read
        back whole.
    cancelled : callable, optional
        Returns whether to stop.

    Returns
    -------
    Instances
        Labels and table; the same for any bench.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur.
    InputDataError
        If the labels are not integers from 0 to 254, or the limits are no limits.

    Notes
    -----
    Estimator: seeded watershed of the exact distance to the phase's outside, merged where the way
    between two peaks is shallow; see `ssbtomo.kernels.particles.separate` for bias and references.

    Examples
    --------
    >>> mask = np.zeros((5, 5, 11), bool)
    >>> mask[1:4, 1:4, 1:4] = mask[1:4, 1:4, 7:10] = mask[2, 2, 4:7] = True
    >>> len(instances(mask, (1.0, 1.0, 1.0)).table)
    2
    """
    import pandas as pd

    found = check_image(labels)
    if found.dtype.kind == "f" or int(found.min()) < 0 or int(found.max()) > 254:
        raise InputDataError("labels must be integers from 0 to 254, one per phase")
    values = found.astype(np.uint8)
    if not (values == phase).any():
        raise PhaseMissingError(
            f"the phase {phase} has no voxel", hint="check the label against the segmentation"
        )
    place = bench or Bench.in_memory(values.shape)

    def go_on(_: object) -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("the separation of particles was cancelled")

    parts = separate(
        values, spacing, place.grid, place.engine, allocate=place.allocate, phase=phase,
        necks=Necks(depth, neck), on_block=go_on,
    )  # fmt: skip
    named = dict(phases or {f"phase_{k}": int(k) for k in np.unique(values)})
    shapes = particle_shapes(
        (values, parts.labels),
        spacing,
        named,
        place.grid,
        place.engine,
        own=phase,
        table=parts.table,
    )
    return Instances(np.asarray(parts.labels[:, :, :]), pd.DataFrame({**parts.table, **shapes}))
