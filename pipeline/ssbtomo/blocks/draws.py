"""Draw labels from class probabilities, block by block; no draw depends on the cut by a bit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.counter_noise import correlated_noise, white_noise
from ssbtomo.kernels.draws import drawn_labels

__all__ = ["draw_labels"]

Sigma = tuple[float, float, float]
_ASIDE = 0x5DEECE66D  # parts the number that a draw has in common from those of its voxels


def draw_labels(
    probabilities: Sequence[Source],
    sink: Sink,
    grid: Grid,
    engine: Engine,
    *,
    correlation: Sigma,
    seed: int,
    markers: Markers | None = None,
) -> None:
    """Write labels that are as likely as the probabilities say.

    Parameters
    ----------
    probabilities : sequence of Source
        Of each class, darkest first (uint8, in steps of 1/255).
    sink : Sink
        Filled with the number of the class (uint8).
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run: 14 bytes per voxel of a block and its halo of four correlation
        lengths, and one for each class.
    correlation : tuple of float
        Over how many voxels along (Z, Y, X) errors are alike: see
        `ssbtomo.kernels.counter_noise.correlated_noise`.
    seed : int
        Another seed gives another draw.
    markers : Markers, optional
        Where finished blocks are marked.
    """
    check_sink(sink, grid, engine)
    common = float(white_noise((0, 0, 0), (1, 1, 1), seed ^ _ASIDE)[0, 0, 0])
    task = partial(
        _draw, probabilities=tuple(probabilities), sink=sink, correlation=correlation, seed=seed,
        common=common,
    )  # fmt: skip
    for _ in engine.map(task, grid, markers=markers):
        pass


def _draw(
    block: Block,
    *,
    probabilities: tuple[Source, ...],
    sink: Sink,
    correlation: Sigma,
    seed: int,
    common: float,
) -> None:
    shares = np.stack([np.asarray(one[block.core]) for one in probabilities])
    noise = correlated_noise(block.start, block.shape, seed, correlation)
    labels = drawn_labels(shares, noise, common)
    check_wanted()
    sink[block.core] = labels
