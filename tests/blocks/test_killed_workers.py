"""A worker that is killed in the middle of an algorithm: not a byte of the result is another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.basins import basins
from ssbtomo.blocks.cleanup import fill_holes, remove_small
from ssbtomo.blocks.components import Wanted, components
from ssbtomo.blocks.connection import connectivities
from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.filters import denoise
from ssbtomo.blocks.particles import separate
from ssbtomo.blocks.thickness import size_distribution
from ssbtomo.blocks.workers import Pool
from ssbtomo.io.ome_zarr import ArrayFile

GRID = Grid((28, 26, 30), (14, 13, 15))
SPACING = (0.2, 0.1, 0.1)


@dataclass
class Saboteur:
    """A pool in which the worker of one task is killed, once; and which counts the tasks."""

    pool: Pool
    deadly: Callable[..., Any] | None = None
    at: int = -1
    sent: int = field(default=0, init=False)
    remote = True

    def submit(self, task: Callable[[Any], Any], item: Any) -> Any:
        self.sent += 1
        if self.deadly and self.sent - 1 == self.at:
            task = partial(self.deadly, task=task)
        return self.pool.submit(task, item)

    def check(self) -> None:
        self.pool.check()


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Grains of three phases with specks, and their distances, in stores on disk."""
    folder = tmp_path_factory.mktemp("volumes")
    noise = ndi.gaussian_filter(np.random.default_rng(3).standard_normal(GRID.shape), 1.5)
    labels = np.digitize(noise, np.quantile(noise, [0.3, 0.5])).astype(np.uint8)
    labels[np.random.default_rng(4).random(GRID.shape) < 0.01] = 0
    made = {}
    for name, values in (
        ("labels", labels),
        ("heights", np.sqrt(ndi.distance_transform_edt(labels == 2)).astype(np.float32)),
    ):
        made[name] = stored(folder, name, values.dtype)
        made[name][...] = values
    return made


def stored(folder: Path, name: str, dtype: Any) -> ArrayFile:
    return io.ome_zarr.create(
        folder / f"{name}.ome.zarr", GRID.shape, dtype, None, block=GRID.block
    )


def filtered(volumes, engine, allocate):
    denoise(volumes["labels"], allocate("filtered", np.float32), GRID, engine, sigma=(1.0,) * 3)


ALGORITHMS = {
    "components": lambda v, e, a: components(v["labels"], GRID, e, Wanted(2, neighbours=26), allocate=a)[1].table,
    "connectivities": lambda v, e, a: connectivities(v["labels"], GRID, e),
    "holes": lambda v, e, a: fill_holes(v["labels"], GRID, e, 2, allocate=a),
    "specks": lambda v, e, a: remove_small(v["labels"], 5, GRID, e, allocate=a),
    "distance by halos": lambda v, e, a: distance(v["labels"], SPACING, GRID, e, allocate=a, phase=2, scheme="halo").largest,
    "distance by passes": lambda v, e, a: distance(v["labels"], SPACING, GRID, e, allocate=a, phase=2, scheme="passes").largest,
    "sizes": lambda v, e, a: size_distribution(v["labels"], SPACING, GRID, e, allocate=a, phase=2),
    "basins": lambda v, e, a: basins(v["heights"], SPACING, GRID, e, allocate=a),
    "particles": lambda v, e, a: separate(v["labels"], SPACING, GRID, e, allocate=a, phase=2).table,
    "filter": filtered,
    "areas": lambda v, e, a: interface_areas(v["labels"], SPACING, [0, 1, 2], GRID, e),
}  # fmt: skip


def told(result: Any) -> Any:
    """Return the numbers of a result, to the last bit; those of stores are compared as files."""
    if isinstance(result, np.ndarray | np.generic):
        return (str(result.dtype), result.shape, result.tobytes())
    if isinstance(result, dict):
        return [(key, told(value)) for key, value in result.items()]
    if isinstance(result, ArrayFile):
        return None
    if is_dataclass(result):
        return [told(getattr(result, each.name)) for each in fields(result)]
    return repr(result)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_killed_worker_changes_no_byte(name, processes, volumes, tasks, tmp_path):
    """It dies before its block is done; where blocks are written, when it is and nobody knows."""
    written = name not in {"connectivities", "sizes", "areas"}
    run, flag = ALGORITHMS[name], tmp_path / "died"
    quiet = Saboteur(processes.pool)
    for folder in ("quiet", "killed"):
        (tmp_path / folder).mkdir()
    once = run(volumes, Engine(quiet, 2), partial(stored, tmp_path / "quiet"))
    deadly = partial(tasks.die_once, flag=str(flag), written=written)
    killer = Saboteur(processes.pool, deadly, at=quiet.sent // 2)
    again = run(volumes, Engine(killer, 2), partial(stored, tmp_path / "killed"))
    assert flag.exists()
    assert told(again) == told(once)
    assert files(tmp_path / "killed") == files(tmp_path / "quiet")
