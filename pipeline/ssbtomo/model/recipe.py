"""The recipe: samples, phases, and one section per stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ssbtomo.model.networks import Network
from ssbtomo.model.reporting import Report
from ssbtomo.model.sections import (
    Axis,
    Denoise,
    Length,
    Phase,
    Quantify,
    Range,
    Reconstruct,
    Section,
    Segment,
)
from ssbtomo.model.working import Run

__all__ = ["Recipe", "Sample", "SampleRecipe"]

#: Sections that a sample may override, key by key.
_SHARED = ("reconstruct", "denoise", "segment", "range", "quantify")
_Whole = Annotated[int, Field(ge=0)]


class SampleRecipe(Section):
    """Everything that decides the numbers of one sample."""

    phases: tuple[Phase, ...] = Field(
        min_length=2, max_length=5, description="The phases, darkest first."
    )
    transport_axis: Axis = Field(
        default="z", description="Axis from the separator to the current collector."
    )
    reconstruct: Reconstruct = Field(default=Reconstruct(), description="Projections to volume.")
    denoise: Denoise = Field(default=Denoise(), description="Noise reduction.")
    segment: Segment = Field(default=Segment(), description="Grey values to phases.")
    range: Range = Field(default=Range(), description="Range of every number.")
    quantify: Quantify = Field(default=Quantify(), description="What is measured.")

    @model_validator(mode="after")
    def _phases_fit(self) -> Self:
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError(f"two phases have the same name: {', '.join(names)}")
        wanted = self.segment.thresholds
        if wanted is not None and len(wanted) != len(names) - 1:
            raise ValueError(
                f"{len(names)} phases need {len(names) - 1} thresholds, got {len(wanted)}"
            )
        if self.segment.method == "labels":
            values = [phase.value for phase in self.phases]
            if None in values or len(set(values)) < len(values):
                raise ValueError("segment.method: labels needs a distinct `value` for each phase")
            if any(phase.graded is not None for phase in self.phases):
                raise ValueError("phases.graded needs grey values; segment.method: labels has none")
        self._known_phases(names)
        for unknown in set(self.denoise.contrast or ()) - set(names):
            raise ValueError(
                f"denoise.contrast names the phase {unknown!r}; the phases are {', '.join(names)}"
            )
        return self

    def _known_phases(self, names: list[str]) -> None:
        asked = self.quantify
        for network in asked.networks:
            if network.name in names:
                raise ValueError(f"quantify.networks: {network.name!r} is the name of a phase")
        for key, wanted in (
            ("tortuosity_phases", asked.tortuosity_phases or ()),
            ("particle_phase", (asked.particle_phase,)),
            ("pore_phase", (asked.pore_phase,)),
            ("collector_phase", (asked.collector_phase,)),
            *(("interface_maps", pair.split("|")) for pair in asked.interface_maps or ()),
            ("fields", [n for n in asked.fields if n not in [w.name for w in asked.networks]]),
            *(("networks", _phases(network)) for network in asked.networks),
        ):
            for name in wanted:
                if name is not None and name not in names:
                    raise ValueError(
                        f"quantify.{key} names the phase {name!r}; the phases are {', '.join(names)}"
                    )

        for pair in asked.interface_maps or ():
            if len(set(pair.split("|"))) != 2 or pair.count("|") != 1:
                raise ValueError(
                    f"quantify.interface_maps has {pair!r}; write two phases, as 'active|electrolyte'"
                )

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


def _phases(network: Network) -> list[str]:
    """Return the phases that a network names, those of its contacts included."""
    return [*network.conductivities, *(name for pair in network.pairs() for name in pair)]


class Sample(SampleRecipe):
    """What was imaged: the file, its voxel size, and what differs from the other samples."""

    path: str = Field(
        min_length=1,
        description="TIFF stack, folder of slices, HDF5, npy, raw or OME-Zarr, relative to the "
        "recipe; a pattern such as scans/*.tif stands for many samples.",
    )
    name: str | None = Field(
        default=None,
        max_length=80,
        pattern=r"^[^/\\|.\x00-\x1f=+\-@ ][^/\\|\x00-\x1f]*$",
        description="Name of the sample; from the file if absent.",
    )
    voxel_size: tuple[Length, Length, Length] | None = Field(
        default=None,
        description="Voxel edges along (Z, Y, X), each with its unit: '25 nm'. Needed where the "
        "file has none; it overrules the file.",
    )
    modality: str = Field(default="", pattern=r"^(xct|fib-sem|)$", description="xct or fib-sem.")
    dataset: str | None = Field(default=None, description="HDF5, npz: path inside the file.")
    truth: str | None = Field(
        default=None, description="JSON with known values, shown beside the results (phantoms)."
    )
    conditions: dict[str, str | int | float] = Field(
        default_factory=dict,
        description="Stack pressure, temperature, current density, state of charge, ...: travels "
        "with every result.",
    )


class Recipe(Section):
    """A recipe file."""

    samples: tuple[Sample, ...] = Field(min_length=1, description="The samples.")
    run: Run = Field(default=Run(), description="How the work is done.")
    report: Report = Field(default=Report(), description="What the report shows.")

    @model_validator(mode="before")
    @classmethod
    def _hand_down(cls, data: Any) -> Any:
        return hand_down(data)


def hand_down(data: Any) -> Any:
    """Give each sample the recipe's sections, with its own keys laid over them.

    Parameters
    ----------
    data : object
        What the YAML file holds.

    Returns
    -------
    object
        The same with one complete table per sample, if it has the form of a recipe.
    """
    if not isinstance(data, Mapping):
        return data
    top = dict(data)
    samples = top.pop("samples", None)
    single = top.pop("sample", None)
    if samples is None and single is not None:
        samples = [single]
    common = {key: top.pop(key) for key in ("phases", "transport_axis", *_SHARED) if key in top}
    if isinstance(samples, list):
        samples = [_over(common, sample) for sample in samples]
    if samples is not None:
        top["samples"] = samples
    return top


def _over(common: Mapping[str, Any], sample: Any) -> Any:
    if not isinstance(sample, Mapping):
        return sample
    merged = {**common, **sample}
    for key in _SHARED:
        if isinstance(common.get(key), Mapping) and isinstance(sample.get(key), Mapping):
            merged[key] = {**common[key], **sample[key]}
    return merged
