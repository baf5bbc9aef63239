"""Volume fractions of phases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.measure.sources import cut, label_source, named_phases

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["volume_fractions"]


def volume_fractions(
    labels: ArrayLike, phases: Mapping[str, int] | None = None, *, engine: Engine = SERIAL
) -> pd.DataFrame:
    """Measure the share of the volume that each phase fills.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    phases : mapping of str to int, optional
        Names and labels of the phases; all labels that occur if not given. A phase
        without a voxel has the fraction 0.
    engine : Engine
        Where the blocks are counted.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase``, ``label``, ``voxels``, ``volume_fraction`` (of all voxels, also
        of those of no listed phase).
    """
    import pandas as pd

    source = label_source(labels)
    named = dict(phases) if phases is not None else named_phases(source, None, engine)
    counts = phase_counts(source, list(named.values()), cut(source, engine), engine).total
    return pd.DataFrame(
        {
            "phase": list(named),
            "label": list(named.values()),
            "voxels": counts,
            "volume_fraction": counts / float(np.prod(source.shape, dtype=np.int64)),
        }
    )
