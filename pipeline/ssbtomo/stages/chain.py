"""The stages of a sample, in order."""

from __future__ import annotations

from ssbtomo.model import Sample
from ssbtomo.stages.denoise import Denoise
from ssbtomo.stages.ingest import Ingest
from ssbtomo.stages.quantify import Quantify
from ssbtomo.stages.reconstruct import Reconstruct
from ssbtomo.stages.segment import Segment
from ssbtomo.stages.stage import Stage

__all__ = ["chain"]


def chain(sample: Sample) -> list[Stage]:
    """List the stages that turn a scan into measurements.

    Parameters
    ----------
    sample : Sample
        The sample's part of the recipe.

    Returns
    -------
    list of Stage
        Each reads what the ones before it wrote.
    """
    segment = Segment(sample.segment, sample.range, sample.phases)
    return [
        Ingest(sample),
        Reconstruct(sample.reconstruct),
        Denoise(sample.denoise),
        segment,
        Quantify(
            sample.quantify, sample.transport_axis, sample.range, sample.phases,
            segment.variants,
        ),
    ]  # fmt: skip
