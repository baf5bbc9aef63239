"""Labels drawn out of class probabilities: the variants that the ranges of a classification need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.draws import draw_labels
from ssbtomo.blocks.imaging import error_correlation
from ssbtomo.stages.desk import Desk

__all__ = ["draw_variants"]


def draw_variants(desk: Desk, image: Source, maps: Sequence[str], draws: int) -> list[str]:
    """Draw labels into the stores of variants.

    Parameters
    ----------
    desk : Desk
        The sample; its store ``phases`` holds the most probable labels.
    image : Source
        What was classified.
    maps : sequence of str
        Names of the stores with the probability of each phase, darkest first.
    draws : int
        How many.

    Returns
    -------
    list of str
        The names of the variants, ``draw 1`` and so on.
    """
    if draws < 1:
        return []
    labels = io.ome_zarr.open_array(desk.store("phases"))
    shares = [io.ome_zarr.open_array(desk.store(name)) for name in maps]
    width = error_correlation(
        image, labels, len(maps), desk.grid, desk.engine, spacing=desk.spacing
    )
    names = []
    for seed in range(draws):
        desk.check_cancelled()
        desk.tell(seed, draws)
        names.append(f"draw {seed + 1}")
        draft = f"variant-draw-{seed + 1}"
        sink, markers = desk.marked_draft(draft, desk.shape, np.uint8, desk.spacing, kind="labels")
        draw_labels(
            shares, sink, desk.grid, desk.engine, correlation=width, seed=seed, markers=markers
        )
        desk.publish(draft, desk.work / "variants" / f"draw-{seed + 1}.ome.zarr")
    return names
