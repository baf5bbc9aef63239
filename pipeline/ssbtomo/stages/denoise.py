"""Denoise: contrast and a filter over the volume, block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np

from ssbtomo import io
from ssbtomo.blocks.derived import Mapped
from ssbtomo.blocks.engine import Source
from ssbtomo.blocks.filters import Method, denoise, estimate_noise
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.kernels.mixture import gaussian_mixture
from ssbtomo.model import Denoise as Section
from ssbtomo.stages.costs import Work
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.units import format_length

__all__ = ["Denoise"]

_CITED = {
    "gaussian": (),
    "median": (),
    "nlm": ("buades2005",),
    "tv": ("chambolle2004",),
    "none": (),
}

_FILTER: dict[str, Method] = {"median": "median", "nlm": "nlm", "tv": "tv"}

#: Per voxel of a block in flight with its halo.
_BLOCK_BYTES = {"none": 16.0, "gaussian": 34.0, "median": 34.0, "nlm": 34.0, "tv": 44.0}
Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Denoise:
    """Reduce noise; ``none`` leaves the ingested volume as it is.

    Parameters
    ----------
    section : ssbtomo.model.Denoise
        The recipe's section.
    """

    name: ClassVar[str] = "denoise"
    version: ClassVar[int] = 1

    section: Section

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        left_out = set() if self.section.contrast else {"contrast"}
        return self.section.model_dump(mode="json", exclude=left_out)

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        return 0.0

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        return _BLOCK_BYTES[self.section.method] if self.section.changes else 0.0, 0.0

    def expected(self, shape: Shape, itemsize: int) -> list[Work]:
        """Return the parts of the stage's work."""
        section, voxels = self.section, math.prod(shape)
        if not section.changes:
            return []
        patches = (2 * section.distance + 1) ** 3 / 125  # that of the defaults is 1
        times = {"nlm": patches, "tv": section.iterations / 20}.get(section.method, 1.0)
        return [Work(f"denoise.{_FILTER.get(section.method, 'gaussian')}", voxels, times)]

    def __call__(self, desk: Desk) -> Facts:
        """Write ``volume.ome.zarr``; the noise level is estimated once, for all blocks."""
        if not self.section.changes:
            return {}
        source, told = self._mapped(io.ome_zarr.open_array(desk.untouched), desk)
        noise = estimate_noise(source, desk.engine)
        dtype = source.dtype if self.section.method == "median" else np.dtype(np.float32)
        sink, markers = desk.marked_draft("volume", desk.shape, dtype, desk.spacing, kind="image")
        total, before = len(desk.grid), markers.count(desk.grid)
        desk.tell(before, total)
        done = count(before + 1)
        denoise(
            source, sink, desk.grid, desk.engine, _FILTER.get(self.section.method, "gaussian"),
            on_block=lambda _: desk.tell(next(done), total),
            noise=noise, markers=markers, **self._options(desk),
        )  # fmt: skip
        io.ome_zarr.finish(sink.path, engine=desk.engine)
        desk.publish("volume")
        return {"noise": noise, "sigma_um": self._sigma(desk), **told}

    def _mapped(self, source: Source, desk: Desk) -> tuple[Source, Facts]:
        """Return the volume with the grey values that two phases are to have."""
        wanted = self.section.contrast
        if wanted is None:
            return source, {}
        names = [phase.name for phase in desk.phases]
        summary = grey_summary(source, desk.grid, desk.engine)
        means = gaussian_mixture(summary.check(), len(names)).means
        one, two = (float(means[names.index(name)]) for name in wanted)
        first, second = wanted.values()
        slope = (second - first) / (two - one)
        offset = first - slope * one
        return Mapped(source, slope, offset), {
            "contrast": {"slope": slope, "offset": offset, "found": [one, two]}
        }

    def _sigma(self, desk: Desk) -> float:
        return self.section.sigma or max(desk.spacing)

    def _options(self, desk: Desk) -> dict[str, Any]:
        asked = self.section
        sigma = tuple(self._sigma(desk) / edge for edge in desk.spacing)
        options: dict[str, dict[str, Any]] = {
            "none": {"sigma": (0.0, 0.0, 0.0)},
            "gaussian": {"sigma": sigma},
            "median": {"radius": asked.radius},
            "nlm": {
                "patch": asked.patch,
                "distance": asked.distance,
                "strength": asked.strength,
            },
            "tv": {"strength": asked.strength, "iterations": asked.iterations},
        }
        return options[asked.method]

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as a sentence for a paper."""
        said = [self._contrast(facts), self._filter(facts)]
        return " ".join(sentence for sentence in said if sentence)

    def _contrast(self, facts: Facts) -> str:
        wanted = self.section.contrast
        if wanted is None:
            return ""
        pairs = zip(wanted.items(), facts["contrast"]["found"], strict=True)
        told = " and ".join(f"{name} from {mean:.5g} to {grey:g}" for (name, grey), mean in pairs)
        return (
            f"Grey values were mapped by a straight line that takes the mean of {told} (means of a "
            "Gaussian mixture with partial-volume classes [@laidlaw1998])."
        )

    def _filter(self, facts: Facts) -> str:
        asked = self.section
        if asked.method == "none":
            return ""
        size = 2 * asked.radius + 1
        how = {
            "gaussian": f"a Gaussian filter (standard deviation {format_length(facts['sigma_um'])})",
            "median": f"a {size} x {size} x {size}-voxel median filter",
            "nlm": f"non-local means (patch radius {asked.patch}, search radius {asked.distance} "
            f"voxels, filter strength {asked.strength:g} noise levels)",
            "tv": f"total-variation minimisation (weight {asked.strength:g} noise levels, "
            f"{asked.iterations} iterations)",
        }
        return (
            f"Noise (estimated standard deviation {facts['noise']:.3g} grey levels) was reduced "
            f"with {how[asked.method]}."
        )

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentences cite beside those that they name."""
        return _CITED[self.section.method]
