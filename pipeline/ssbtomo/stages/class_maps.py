"""The stores of a classification: labels, the probability of each class, and the entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Markers
from ssbtomo.io.zarr_arrays import ArrayFile
from ssbtomo.model import Phase
from ssbtomo.palette import phase_colors
from ssbtomo.results import folder_name
from ssbtomo.stages.desk import Desk

__all__ = ["ClassMaps"]

_LABELS, _ENTROPY = "phases", "entropy"


@dataclass(frozen=True, slots=True, eq=False)
class ClassMaps:
    """Drafts that are written together, and published together.

    Parameters
    ----------
    phases : tuple of Phase
        The classes.
    leader : str
        Name of the draft with the labels; the others are beside it.
    stores : tuple of ArrayFile
        Labels, probabilities, entropy, in the order of `ssbtomo.blocks.classify.classify`.
    markers : Markers
        Of the finished blocks of all.
    """

    phases: tuple[Phase, ...]
    leader: str
    stores: tuple[ArrayFile, ...]
    markers: Markers

    @classmethod
    def of(cls, desk: Desk, phases: Sequence[Phase], leader: str = _LABELS) -> ClassMaps:
        """Open the drafts of an earlier run, or make them.

        Parameters
        ----------
        desk : Desk
            The sample.
        phases : sequence of Phase
            The classes.
        leader : str
            Name of the draft with the labels.

        Returns
        -------
        ClassMaps
            Ready to be written.
        """
        sink, markers = desk.marked_draft(
            leader, desk.shape, np.uint8, desk.spacing, kind="labels",
            phases={phase.name: label for label, phase in enumerate(phases)},
            colors=phase_colors((phase.name, phase.role) for phase in phases),
            attributes={"roles": {phase.name: phase.role for phase in phases}},
        )  # fmt: skip
        beside = [
            desk.beside_draft(f"{leader}~{name}", markers, np.uint8, kind="image")
            for name in (*_maps(phases), _ENTROPY)
        ]
        return cls(tuple(phases), leader, (sink, *beside), markers)

    @property
    def labels(self) -> ArrayFile:
        """The most probable class of each voxel."""
        return self.stores[0]

    @property
    def shares(self) -> tuple[ArrayFile, ...]:
        """The probability of each class."""
        return self.stores[1:-1]

    @property
    def maps(self) -> list[str]:
        """Names under which the probabilities are published."""
        return _maps(self.phases)

    @property
    def names(self) -> list[str]:
        """Names under which all but the labels are published."""
        return [*self.maps, _ENTROPY]

    def publish(self, desk: Desk) -> None:
        """Finish the stores and move them to their places, the labels last.

        Parameters
        ----------
        desk : Desk
            The sample.
        """
        for store in (*self.stores[1:], self.labels):
            io.ome_zarr.finish(store.path, engine=desk.engine)
        for name in self.names:
            desk.publish(f"{self.leader}~{name}", desk.store(name))
        desk.publish(self.leader, desk.store(_LABELS))

    def discard(self, desk: Desk) -> None:
        """Remove the drafts.

        Parameters
        ----------
        desk : Desk
            The sample.
        """
        for name in (self.leader, *(f"{self.leader}~{name}" for name in self.names)):
            desk.discard(name)


def _maps(phases: Sequence[Phase]) -> list[str]:
    return [f"probability-{folder_name(phase.name)}" for phase in phases]
