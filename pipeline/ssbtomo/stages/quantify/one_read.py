"""The additive measures of a segmentation: what the recipe asks for, in one read of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Grid, Source
from ssbtomo.blocks.additive import Measure, measure_all
from ssbtomo.blocks.areas import ContactCounts, Contacts
from ssbtomo.blocks.cells import statistics_grid
from ssbtomo.blocks.fractions import Fractions, VoxelCounts
from ssbtomo.kernels.representative import cell_spread
from ssbtomo.stages.desk import Desk

__all__ = ["ADDITIVE", "OneRead", "Wanted"]

ADDITIVE = ("fractions", "contacts")
"""The groups of measures that are additive."""

#: What is tabled: quantity, subject, and the amount in each cell.
Wanted = tuple[str, str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class OneRead:
    """Counts of the additive measures, and the cells by which they are kept.

    Parameters
    ----------
    cells : Grid
        The cells.
    voxels : VoxelCounts
        Voxels of each phase.
    contacts : ContactCounts or None
        Areas and lines, if they were asked for.
    recorded : ndarray of bool, shape (Z,)
        Slices that were recorded. The others were interpolated, and are not counted.
    """

    cells: Grid
    voxels: VoxelCounts
    contacts: ContactCounts | None
    recorded: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Share of the slices that is counted."""
        return float(self.recorded.mean())

    @classmethod
    def of(cls, labels: Source, desk: Desk, groups: Collection[str]) -> OneRead:
        """Count.

        Parameters
        ----------
        labels : Source
            Label ``i`` is the recipe's phase number ``i``.
        desk : Desk
            The sample.
        groups : collection of str
            What is to be measured; of `ADDITIVE`.

        Returns
        -------
        OneRead
            Voxels in any case.
        """
        cells = statistics_grid(desk.shape, desk.spacing)
        phases = tuple(range(len(desk.phases)))
        out = desk.synthetic
        measures: list[Measure] = [Fractions(phases, cells, left_out=out)]
        if "contacts" in groups:
            measures.append(Contacts(phases, desk.spacing, cells, axis=desk.axis, left_out=out))
        counts = measure_all(labels, measures, desk.grid, desk.engine)
        recorded = np.isin(np.arange(desk.shape[0]), out, invert=True)
        return cls(cells, counts[0], counts[1] if len(counts) > 1 else None, recorded)

    def slices_um3(self, desk: Desk) -> NDArray[np.float64]:
        """Return the volume that is counted in each slice across the transport axis.

        Parameters
        ----------
        desk : Desk
            The sample.

        Returns
        -------
        ndarray of float64
            NaN where nothing is.
        """
        size = desk.shape[desk.axis]
        whole = float(np.prod(desk.shape)) * float(np.prod(desk.spacing)) / size
        if desk.axis == 0:
            return np.where(self.recorded, whole, np.nan)
        return np.full(size, whole * self.share)

    def spread(self, desk: Desk, wanted: Iterable[Wanted]) -> dict[str, list[Any]]:
        """Table the scatter of densities over cells of growing size.

        Parameters
        ----------
        desk : Desk
            The sample.
        wanted : iterable of (quantity, subject, amounts)
            What is tabled, with the amount in each cell in the order of the cells.

        Returns
        -------
        dict of str to list
            Columns of the table ``representative``; see `ssbtomo.kernels.representative`.
        """
        rows: dict[str, list[Any]] = {
            name: []
            for name in (
                "quantity", "subject", "cell_um", "cells", "mean", "sd", "standard_error",
            )
        }  # fmt: skip
        starts = np.arange(0, desk.shape[0], self.cells.block[0])
        seen = np.add.reduceat(self.recorded, starts, dtype=np.int64)
        fill = np.add.reduceat(np.ones_like(self.recorded), starts, dtype=np.int64) / np.maximum(
            seen, 1
        )
        for quantity, subject, amounts in wanted:
            by_cell = amounts.reshape(self.cells.counts) * fill[:, None, None]
            for one in cell_spread(by_cell, self.cells.block, desk.shape, desk.spacing):
                row = (
                    quantity, subject, round(one.cell_um, 9), one.cells, one.mean, one.sd,
                    one.standard_error,
                )  # fmt: skip
                for column, value in zip(rows.values(), row, strict=True):
                    column.append(value)
        return rows
