"""Bytes per voxel of a block in flight: ``python tests/benchmarks/bench_block_bytes.py [EDGE [BLOCK]]``.

A seeded scan of three phases is measured by the whole pipeline, one task at a time, so that
the most that is held at once is one block's. For each stage and each group of measures the growth
of the resident memory (``VmHWM``, which Linux resets through ``clear_refs``) is divided by the
voxels of a block. What stays the same for blocks of half the edge is no block's: the samples that
the noise is estimated from, 0.1 GB at most, are most of what denoising takes. The first run
compiles, the second is counted. Linux only.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import ndimage as ndi

from ssbtomo.model import MEASURES, load_recipe
from ssbtomo.runner import execute, plan, predict
from ssbtomo.stages.quantify import stage as quantify

RECIPE = """\
sample: {{path: scan.tif, voxel_size: [100 nm, 100 nm, 100 nm]}}
phases:
  - {{name: void, role: void}}
  - {{name: electrolyte, role: electrolyte}}
  - {{name: active, role: active}}
denoise: {{method: {denoise}, sigma: 100 nm}}
range: {{shift: 0}}
quantify:
  measures: {measures}
  tortuosity_axes: [z]
  tortuosity_phases: [electrolyte]
run: {{scheduler: synchronous, block: [{block}, {block}, {block}]}}
"""


def scan(edge: int, seed: int = 1) -> np.ndarray:
    """Grey volume of three phases with blurred edges and noise."""
    rng = np.random.default_rng(seed)
    field, other = (
        ndi.gaussian_filter(rng.standard_normal((edge,) * 3, np.float32), 3.0) for _ in range(2)
    )
    labels = np.where(field > np.quantile(field, 0.55), 2, 1)
    labels[other < np.quantile(other, 0.25)] = 0
    grey = ndi.gaussian_filter(np.array([60, 130, 190], np.float32)[labels], 0.8)
    noisy = grey + 4 * rng.standard_normal(grey.shape, np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def status(key: str) -> int:
    """Return a line of this process's status in bytes."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def counted(call: Callable[..., Any], name: Callable[..., str], found: dict[str, int]) -> Any:
    """Wrap a call so that the growth of memory during it is noted."""

    def wrapper(*args: Any) -> Any:
        ctypes.CDLL(None).malloc_trim(
            0
        )  # what an earlier task freed would hide what this one takes
        Path("/proc/self/clear_refs").write_text("5", "utf-8")
        before = status("VmRSS")
        try:
            return call(*args)
        finally:
            found[name(*args)] = status("VmHWM") - before

    return wrapper


def measure(edge: int, block: int, denoise: str, measures: tuple[str, ...]) -> dict[str, int]:
    """Run the pipeline; return what was planned, and by how many bytes each stage and group grew."""
    found: dict[str, int] = {}
    stage, group = execute._Work._do, quantify._measured
    execute.write_report = lambda folder, formats: folder
    execute._Work._do = counted(stage, lambda work, stage, *_: stage.name, found)
    quantify._measured = counted(group, lambda group, subject: f"  {group}", found)
    try:
        with tempfile.TemporaryDirectory() as folder:
            tifffile.imwrite(f"{folder}/scan.tif", scan(edge), photometric="minisblack")
            recipe = Path(folder, "recipe.yaml")
            text = RECIPE.format(denoise=denoise, measures=list(measures), block=block)
            recipe.write_text(text, encoding="utf-8")
            planned = plan.plan_run(load_recipe(recipe), recipe.parent, workers=1, memory=None)
            (sample,) = planned.samples
            found[f"planned {sample.stage}"] = sample.memory - int(predict.base(sample.stage))
            execute.run(recipe, f"{folder}/out")
    finally:
        execute._Work._do, quantify._measured = stage, group
    return found


def main(edge: int, block: int, denoise: str = "gaussian", *measures: str) -> None:
    wanted = measures or MEASURES
    measure(40, 20, denoise, wanted)
    for name, grown in measure(edge, block, denoise, wanted).items():
        sys.stdout.write(f"{name:18s} {grown / 1e6:8.1f} MB {grown / block**3:7.1f} B/voxel\n")


if __name__ == "__main__":
    edge, block, *rest = [*sys.argv[1:], *("192", "128")[len(sys.argv) - 1 :]]
    main(int(edge), int(block), *rest)
