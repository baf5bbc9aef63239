"""Several local kernels one after the other on blocks that are read once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid, Shape, Window
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.blocks.task import item_name
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import OutputError

__all__ = ["Step", "chain"]


@dataclass(frozen=True, slots=True)
class Step:
    """One local kernel of a chain.

    Parameters
    ----------
    kernel : callable
        Takes a block with its halo, returns an array of the same shape; picklable.
    halo : int or tuple of int
        Voxels beyond the block on either side that the kernel's result depends on.
    sink : Sink, optional
        Where the step's result is kept; the next step gets what was kept, in the sink's type.
        Its shards must coincide with the grid's blocks.
    """

    kernel: Callable[[Any], Any]
    halo: int | Shape = 0
    sink: Sink | None = None


def chain(
    source: Source,
    steps: Sequence[Step],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
    markers: Markers | None = None,
) -> None:
    """Run kernels one after the other on each block, read once with the sum of their halos.

    What is written is, bit for bit, what the steps would write one after the other over
    whole volumes: a block is cut back to the halo of the steps to come after each, so that
    no kernel's result near an inner border is ever used; at the faces of the volume
    nothing is there to cut, and each kernel applies its own border rule. A task holds its
    block with the sum of the halos, and what the kernels hold on it; voxels in the halos are
    worked on in several blocks, so that this pays while reading and writing costs more.

    Parameters
    ----------
    source : Source
        What is read.
    steps : sequence of Step
        In their order; the last one needs a sink.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each block that was finished now.
    markers : Markers, optional
        Where finished blocks are marked; those that an earlier run marked are left as they
        are in the sinks, and `on_block` is not told of them.

    Raises
    ------
    OutputError
        If the last step keeps nothing, a sink is given twice, two tasks would share a shard of
        one, or nobody would see what they write.
    """
    sinks = [step.sink for step in steps if step.sink is not None]
    if not steps or steps[-1].sink is None:
        raise OutputError(
            "the last step of a chain keeps nothing", hint="give it a sink, or leave it out"
        )
    for index, sink in enumerate(sinks):
        check_sink(sink, grid, engine, source=source)
        for other in sinks[:index]:
            check_sink(sink, grid, engine, source=other)
    task = partial(_run, source=source, steps=tuple(steps))
    done = markers.finished() if markers else frozenset()
    for block, _ in zip(grid, engine.map(task, grid, markers=markers), strict=True):
        if on_block and item_name(block) not in done:
            on_block(block)


def _run(block: Block, *, source: Source, steps: tuple[Step, ...]) -> None:
    left = [_sum(step.halo for step in steps[index:]) for index in range(len(steps) + 1)]
    window = block.window(left[0], left[0])
    values = source[window]
    for step, margin in zip(steps, left[1:], strict=True):
        values = step.kernel(values)
        there = block.window(margin, margin)
        values = values[_inside(there, window)]
        window = there
        if step.sink is not None:
            values = _keep(values, block, margin, step.sink)


def _keep(values: Any, block: Block, margin: Shape, sink: Sink) -> NDArray[Any]:
    kept = np.asarray(values).astype(sink.dtype, copy=False)
    check_wanted()
    sink[block.core] = kept[block.inner(margin)]
    return kept


def _sum(halos: Any) -> Shape:
    margins = [(halo, halo, halo) if isinstance(halo, int) else halo for halo in halos]
    z, y, x = (sum(margin[k] for margin in margins) for k in range(3))
    return z, y, x


def _inside(window: Window, outer: Window) -> Window:
    z, y, x = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(window, outer, strict=True)
    )
    return z, y, x
