"""Stores of instance labels beside the phases: particles, cracks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ssbtomo import io
from ssbtomo.blocks import Sink
from ssbtomo.blocks.passes import Allocate
from ssbtomo.stages.desk import clipped
from ssbtomo.stages.quantify.subject import Subject

__all__ = ["instance_store"]


@contextmanager
def instance_store(subject: Subject, name: str) -> Iterator[Allocate]:
    """Lend an allocator whose store `name` is kept, if the subject is the chosen segmentation.

    What else it makes is on disk only meanwhile. The store is finished and published when the
    ``with`` block ends without an error.

    Parameters
    ----------
    subject : Subject
        The sample it belongs to.
    name : str
        Name of the store of instances.

    Yields
    ------
    callable
        For the functions of `ssbtomo.blocks`.
    """
    desk = subject.desk
    path = desk.draft(name) if subject.full else None

    def allocate(store: str, dtype: Any) -> Sink:
        if store != name or path is None:
            return desk.allocate(store, dtype)
        block = clipped(desk.block, desk.shape)
        return io.ome_zarr.create(path, desk.shape, dtype, desk.spacing, kind="labels", block=block)

    try:
        yield allocate
    finally:
        desk.clear_scratch()
    if path is not None:
        io.ome_zarr.finish(path, desk.engine)
        desk.publish(name)
