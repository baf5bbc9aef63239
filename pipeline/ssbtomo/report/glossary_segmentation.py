"""What the quantities mean that rest on more than the phase of a voxel."""

from __future__ import annotations

from ssbtomo.report.definition import Definition

__all__ = ["SEGMENTATION"]

_GRADED = (
    "Grey values of the phase, smoothed inside it and without voxels beside other phases, on a "
    "straight line between the grey values of two end members."
)
_GRADED_BIAS = (
    "Wrong by as much as the end members are: give them where they are known, as percentiles of the "
    "phase's own grey values only rank voxels. Gradients shorter than the smoothing are flattened."
)
_SOURCE = "A. Banerjee et al., Chem. Rev. 120 (2020) 6878"


def _graded(percent: int) -> Definition:
    return Definition(
        f"Composition d{percent}",
        f"Composition below which {percent} % of the phase's volume lies, from 0 to 1.",
        "1",
        _GRADED,
        _GRADED_BIAS,
        _SOURCE,
    )


SEGMENTATION = {
    "dead_lithium_fraction": Definition(
        "Dead lithium",
        "Share of the lithium that is not joined to the electrode's face of the volume.",
        "1",
        "Connected components of lithium (6 neighbours: through voxel faces).",
        "Necks thinner than a voxel are cut: too large. Lithium joined outside the volume counts as dead.",
        _SOURCE,
    ),
    "graded_mean": Definition(
        "Mean composition",
        "Mean of the composition inside a graded phase, such as the lithiation of tin, from 0 to 1.",
        "1",
        _GRADED,
        _GRADED_BIAS,
        _SOURCE,
    ),
    **{f"graded_d{percent}": _graded(percent) for percent in (10, 50, 90)},
}
