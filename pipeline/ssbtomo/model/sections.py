"""The tables of a recipe: every parameter once, with type, bounds, default and help."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ssbtomo.model.base import Charge, Length, Memory, Section
from ssbtomo.model.fib_sem import FibSem
from ssbtomo.model.lithium import Lithium
from ssbtomo.model.networks import Network
from ssbtomo.model.tomography import Tomography
from ssbtomo.model.training import Train
from ssbtomo.model.transport import Conduction

__all__ = [
    "MEASURES",
    "Denoise",
    "Graded",
    "Length",
    "Memory",
    "Phase",
    "Quantify",
    "Range",
    "Reconstruct",
    "Section",
    "Segment",
]

Axis = Literal["z", "y", "x"]
Measure = Literal[
    "fractions",
    "contacts",
    "connectivity",
    "correlation",
    "transport",
    "particles",
    "graded",
    "interfaces",
    "pores",
    "cracks",
    "crack_contacts",
    "anode",
]
MEASURES: tuple[Measure, ...] = (
    "fractions",
    "contacts",
    "connectivity",
    "correlation",
    "transport",
    "particles",
    "graded",
    "interfaces",
    "pores",
    "cracks",
    "crack_contacts",
    "anode",
)


class Graded(Section):
    """A composition that grey values tell inside a phase, such as the lithiation of tin."""

    zero: float | None = Field(
        default=None,
        description="Grey value that stands for 0, such as pristine; the 99th percentile inside "
        "the phase if absent.",
    )
    one: float | None = Field(
        default=None,
        description="Grey value that stands for 1, such as fully lithiated; the 1st percentile if "
        "absent.",
    )
    sigma: Length | None = Field(
        default=None,
        description="Standard deviation of the smoothing inside the phase; one largest voxel edge if absent.",
    )
    margin: Length | None = Field(
        default=None,
        description="Voxels nearer to another phase have no value; two largest voxel edges if absent.",
    )

    @model_validator(mode="after")
    def _ends_differ(self) -> Self:
        if self.zero is not None and self.zero == self.one:
            raise ValueError("`zero` and `one` are the same grey value")
        return self


class Phase(Section):
    """A phase of the sample; the recipe lists them from dark to bright."""

    name: str = Field(
        description="Name in tables, figures and napari.",
        min_length=1,
        max_length=40,
        pattern=r"^[^|/\\\x00-\x1f=+\-@ ][^|/\\\x00-\x1f]*$",
    )
    role: Literal["void", "electrolyte", "active", "lithium", "carbon", "other"] = Field(
        default="other", description="What the phase is in the cell; sets colour and measures."
    )
    value: int | None = Field(
        default=None, ge=0, description="Its value in the scan, for segment.method: labels."
    )
    graded: Graded | None = Field(
        default=None, description="Measure a composition inside it by grey value."
    )


class Reconstruct(Section):
    """From projections or raw slices to a volume."""

    method: Literal["none", "tomography", "fib-sem"] = Field(
        default="none",
        description="none: the scan is a reconstructed, aligned volume already; tomography: it "
        "holds the projections of a CT scan; fib-sem: the slices of a FIB-SEM run.",
    )
    fib_sem: FibSem = Field(
        default_factory=FibSem, description="How slices become an aligned volume."
    )
    tomography: Tomography = Field(
        default_factory=Tomography, description="How projections become slices."
    )


class Denoise(Section):
    """Contrast and noise before segmentation."""

    contrast: dict[str, float] | None = Field(
        default=None,
        description="Grey values that two phases are to have, {void: 20, active: 180}: a straight line "
        "through their means in this scan maps all grey values, so that scans of one kind share "
        "thresholds or a classifier. The values are then decimal numbers.",
    )
    method: Literal["none", "gaussian", "median", "nlm", "tv"] = Field(
        default="none", description="Filter; nlm is non-local means, tv total variation."
    )
    sigma: Length | None = Field(
        default=None, description="gaussian: standard deviation; one largest voxel edge if absent."
    )
    radius: int = Field(default=1, ge=1, le=5, description="median: radius of the cube in voxels.")
    strength: float = Field(
        default=1.0, gt=0, le=10, description="nlm, tv: strength in units of the noise level."
    )
    patch: int = Field(default=1, ge=1, le=3, description="nlm: patch radius in voxels.")
    distance: int = Field(default=2, ge=1, le=6, description="nlm: search radius in voxels.")
    iterations: int = Field(default=20, ge=1, le=100, description="tv: number of iterations.")

    @field_validator("contrast")
    @classmethod
    def _tells_a_line(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is None:
            return None
        greys = list(value.values())
        if len(greys) != 2 or not all(map(math.isfinite, greys)) or greys[0] == greys[1]:
            raise ValueError(f"contrast needs two phases with different grey values, got {value}")
        return value

    @property
    def changes(self) -> bool:
        """Whether grey values are changed at all."""
        return self.method != "none" or self.contrast is not None


class Segment(Section):
    """From grey values to phases."""

    method: Literal["multi-otsu", "gaussian-mixture", "thresholds", "labels", "trained"] = Field(
        default="multi-otsu",
        description="How thresholds are found; labels: the scan holds phase labels already; "
        "trained: a voxel classifier, from `model` or `train`.",
    )
    thresholds: tuple[float, ...] | None = Field(
        default=None, description="thresholds: grey values between the phases, dark to bright."
    )
    repair: bool = Field(
        default=True,
        description="Repair the partial-volume film of the middle phase on edges between a dark "
        "and a bright one.",
    )
    regularise: Literal["none", "potts", "hysteresis", "watershed"] = Field(
        default="none",
        description="Instead of the repair, how voxels near a threshold are decided: by their "
        "neighbours (potts), by being joined to surely brighter ones (hysteresis), or by growing "
        "from sure voxels along the gradient (watershed).",
    )
    potts_strength: float = Field(
        default=1.0, gt=0, le=20,
        description="potts: what an equal neighbour is worth, in units of log likelihood.",
    )  # fmt: skip
    potts_sweeps: int = Field(default=6, ge=1, le=16, description="potts: number of sweeps.")
    band: float = Field(
        default=0.2, ge=0, lt=0.5,
        description="hysteresis, watershed: voxels within this share of the distance of two mean "
        "grey values from the threshold between them are unsure.",
    )  # fmt: skip
    smallest_object: int = Field(
        default=0, ge=0, description="Pieces of a phase below this many voxels are given away."
    )
    model: str | None = Field(
        default=None, description="trained: the model file, from `ssbtomo train`."
    )
    train: Train | None = Field(
        default=None, description="trained: train on this sample, from its scribbles."
    )
    companions: tuple[str, ...] = Field(
        default=(), description="trained: further channels, registered to the scan."
    )
    corrections: str | None = Field(
        default=None,
        description="Labels corrected by hand, from the napari plugin: they hold whatever the "
        "method says, in every variant.",
    )
    lithium: Lithium = Field(
        default=Lithium(),
        description="When lithium and void are told apart, where the recipe has both side by side.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_way_to_surfaces(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("regularise", "none") != "none":
            return {"repair": False, **data}
        return data

    @model_validator(mode="after")
    def _repair_or_regularise(self) -> Self:
        if self.repair and self.regularise != "none":
            raise ValueError(
                f"`repair: true` and `regularise: {self.regularise}` exclude each other"
            )
        if self.regularise != "none" and self.method in ("labels", "trained"):
            raise ValueError(f"`regularise` needs thresholds; `method: {self.method}` has none")
        if self.lithium.files and self.method in ("labels", "trained"):
            raise ValueError(
                "`lithium.companion` and `lithium.reference` need thresholds; "
                f"`method: {self.method}` has none"
            )
        return self

    @model_validator(mode="after")
    def _thresholds_go_with_their_method(self) -> Self:
        if (self.method == "thresholds") != (self.thresholds is not None):
            raise ValueError("`thresholds` and `method: thresholds` go together")
        if self.thresholds is not None and list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError(f"thresholds must rise from dark to bright, got {self.thresholds}")
        return self

    @model_validator(mode="after")
    def _training_goes_with_its_method(self) -> Self:
        if self.method != "trained":
            if self.model is not None or self.companions:
                raise ValueError("`model` and `companions` need `method: trained`")
        elif (self.model is None) == (self.train is None):
            raise ValueError("`method: trained` needs either `model` or `train`")
        return self


class Range(Section):
    """The nominal 95 % range of every number: what it becomes when the segmentation is varied."""

    shift: float = Field(
        default=0.05,
        ge=0,
        le=0.4,
        description="Each threshold is moved up and down by this share of the distance between "
        "the mean grey values of its two phases; 0 turns ranges off.",
    )
    repeats: int = Field(
        default=1,
        ge=0,
        le=16,
        description="How often the labels are imaged, with the blur and the noise of the scan, and "
        "segmented again; each costs as much as the segmentation.",
    )
    draws: int = Field(
        default=8,
        ge=0,
        le=64,
        description="How many labels are drawn out of class probabilities, where the segmentation "
        "has them; 0 for none.",
    )
    halved: bool = Field(
        default=True,
        description="Whether fractions, contacts and transport are measured with half the "
        "resolution, and transport with smooth surfaces, too, for what the voxels miss.",
    )


class Quantify(Section):
    """What is measured."""

    measures: tuple[Measure, ...] = Field(
        default=MEASURES, min_length=1, description="Groups of measures to take."
    )
    tortuosity_axes: tuple[Axis, ...] = Field(
        default=("z", "y", "x"), description="Axes along which transport is solved."
    )
    tortuosity_phases: tuple[str, ...] | None = Field(
        default=None, description="Phases that conduct, one solve each; all if absent."
    )
    correlation_reach: Length | None = Field(
        default=None,
        description="Longest distance of the two-point correlation; half the volume, and 128 "
        "voxels at most, if absent.",
    )
    networks: tuple[Network, ...] = Field(
        default=(), description="Phases that conduct together, one solve per axis each."
    )
    transport: Conduction = Field(
        default=Conduction(), description="How transport is solved: convention, accuracy, sides."
    )
    transport_extras: tuple[Literal["tensor", "electrode", "geodesic", "periodic"], ...] = Field(
        default=(),
        description="More than tortuosity factors: the effective tensor, the tortuosity of a "
        "blocking electrode (transport axis), the lengths of the shortest ways, the tensor of a "
        "periodic cell.",
    )
    fields: tuple[str, ...] = Field(
        default=(),
        description="Phases and networks of which the maps of `transport.maps` are written as volumes, "
        "along the transport axis.",
    )
    particle_phase: str | None = Field(
        default=None, description="Phase split into particles; the active material if absent."
    )
    particle_depth: Length | None = Field(
        default=None,
        description="particles: smallest fall from the radius of the smaller particle to that of the "
        "neck for the two to be apart; one largest voxel edge if absent.",
    )
    particle_neck: float = Field(
        default=0.85, gt=0, le=1,
        description="particles: largest ratio of the radius of the neck to that of the smaller particle.",
    )  # fmt: skip
    pore_phase: str | None = Field(
        default=None, description="Phase whose pores and cracks are measured; the void if absent."
    )
    filled_cracks: bool = Field(
        default=True,
        description="cracks: look for cracks that the phase of role lithium has filled, too.",
    )
    collector_phase: str | None = Field(
        default=None,
        description="interfaces: phase that is the current collector, if the volume shows it.",
    )
    widest_gap: Length | None = Field(
        default=None,
        description="interfaces: a gap thicker than this is a pore; 12 largest voxel edges if absent.",
    )
    interface_maps: tuple[str, ...] | None = Field(
        default=None,
        description="interfaces: pairs of phases, as 'active|electrolyte', whose interface is written "
        "as a volume, on the first one's voxels; active material and electrolyte if absent.",
    )
    interface_points: bool = Field(
        default=False,
        description="interfaces: write the same as a table of points with area and normal, too.",
    )
    anode_side: Literal["low", "high"] = Field(
        default="low",
        description="anode: at which end of the transport axis the lithium electrode is.",
    )
    charge: Charge | None = Field(
        default=None,
        description="anode: charge of lithium plated, such as '2 mAh/cm2'; volumes are compared with it.",
    )
    contact_states: tuple[float, float] = Field(
        default=(0.9, 0.5),
        description="anode: contact fractions from which the interface is called stable, and in "
        "transition; below is contact failure. A convention: no source gives values.",
    )
    roughness_cutoff: Length | None = Field(
        default=None,
        description="anode: wavelength that parts roughness and waviness; a fifth of the shorter side "
        "if absent.",
    )
    electrolyte_thickness: Length | None = Field(
        default=None,
        description="anode: thickness of the electrolyte; to the active material, or to the end of the "
        "volume, if absent.",
    )

    @model_validator(mode="after")
    def _states_fall(self) -> Self:
        stable, transition = self.contact_states
        if not 0 <= transition <= stable <= 1:
            raise ValueError("contact_states: give two shares that fall, such as [0.9, 0.5]")
        return self
