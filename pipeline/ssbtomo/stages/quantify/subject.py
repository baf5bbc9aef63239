"""What is measured: a labelled volume with its phases, and what a measure returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Grid, Source
from ssbtomo.blocks.particles import Necks
from ssbtomo.errors import PhaseMissingError
from ssbtomo.model import Phase, Quantify
from ssbtomo.results import Measurement
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.quantify.one_read import OneRead
from ssbtomo.units import AXES, Spacing

__all__ = ["Findings", "Rows", "Subject"]

Rows = Mapping[str, Sequence[Any] | NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a group of measures found.

    Parameters
    ----------
    measurements : list of Measurement
        The numbers.
    tables : mapping of str to columns
        Per-object tables by name.
    """

    measurements: list[Measurement] = field(default_factory=list)
    tables: dict[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """A labelled volume: label ``i`` is the recipe's phase number ``i``.

    Parameters
    ----------
    labels : Source
        Labels of shape (Z, Y, X), uint8.
    desk : Desk
        The sample it belongs to.
    full : bool
        Whether tables, maps and fields are wanted too: true for the chosen
        segmentation, false for its variants.
    counted : callable
        Returns the counts of the additive measures; the labels are read at its first call.
    """

    labels: Source
    desk: Desk
    full: bool
    counted: Callable[[], OneRead]

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases, darkest first."""
        return self.desk.phases

    @property
    def names(self) -> list[str]:
        """Names of the phases; the position is the label."""
        return [phase.name for phase in self.phases]

    @property
    def settings(self) -> Quantify:
        """What the recipe asks for."""
        return self.desk.sample.quantify

    @property
    def necks(self) -> Necks:
        """What tells a neck between two particles."""
        return Necks(self.settings.particle_depth, self.settings.particle_neck)

    @property
    def spacing(self) -> Spacing:
        """Voxel edges along (Z, Y, X) in µm."""
        return self.desk.spacing

    @property
    def grid(self) -> Grid:
        """The volume cut into blocks."""
        return self.desk.grid

    @property
    def axis(self) -> str:
        """Name of the transport axis."""
        return AXES[self.desk.axis]

    @property
    def volume_um3(self) -> float:
        """Volume of the region."""
        return float(np.prod(self.desk.shape)) * float(np.prod(self.spacing))

    @property
    def counted_um3(self) -> float:
        """Volume of the slices that were recorded: what additive measures are taken over."""
        return self.counted().share * self.volume_um3

    def phase_of(self, role: str) -> str | None:
        """Return the name of the first phase that plays a role.

        Parameters
        ----------
        role : str
            For example ``"void"``.

        Returns
        -------
        str or None
            Its name, or ``None`` if no phase plays it.
        """
        return next((phase.name for phase in self.phases if phase.role == role), None)

    def label_of(self, name: str) -> int:
        """Return the label of a phase.

        Parameters
        ----------
        name : str
            Its name in the recipe.

        Returns
        -------
        int
            The label.
        """
        return self.names.index(name)

    def whole(self) -> NDArray[np.uint8]:
        """Read the labels as one array: for the measures that still need it whole."""
        return np.asarray(self.labels[:, :, :])

    def missing(self, name: str) -> PhaseMissingError:
        """Return the error that tells that a phase is nowhere.

        Parameters
        ----------
        name : str
            Its name in the recipe.

        Returns
        -------
        PhaseMissingError
            To be raised.
        """
        return PhaseMissingError(
            f"{self.desk.name}: the phase {name!r} does not occur in the segmentation",
            hint="check the phases and the thresholds in the report",
        )
