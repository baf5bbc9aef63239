"""The table of a recipe that trains a classifier of voxels."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ssbtomo.model.base import Section

__all__ = ["Train"]


class Train(Section):
    """A classifier trained on this very sample, from sparse labels."""

    labels: str = Field(
        min_length=1,
        description="Scribbles: a label image of the scan's shape (TIFF, OME-Zarr, npy; 0 is "
        "unlabelled, k the k-th phase, or the phases' `value`), or JSON marks.",
    )
    features: Literal["default", "fib-sem", "sheets"] = Field(
        default="default",
        description="What is looked at: default; fib-sem bears shine-through and curtains; sheets "
        "tells cracks, and is slow.",
    )
    rule: Literal["forest", "logistic"] = Field(
        default="forest", description="Random forest, or logistic regression as a quick preview."
    )
    trees: int = Field(default=50, ge=1, le=500, description="Trees of the forest.")
    depth: int = Field(default=12, ge=1, le=24, description="Most levels of a tree.")
    grow: bool = Field(
        default=True,
        description="forest: where scribbles keep away from edges, it learns once more from what "
        "they grow to.",
    )
    settle: bool = Field(
        default=True,
        description="Edges take the phases beside them: no film of a middle phase between a dark "
        "and a bright one. In serial sections (modality or reconstruction fib-sem, or these "
        "features) floors of pores, which are steep, too, stay void.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
