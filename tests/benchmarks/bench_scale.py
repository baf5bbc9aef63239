"""The whole recipe: ``python tests/benchmarks/bench_scale.py FOLDER [SIZE ...]``.

Writes a grey volume of three phases (uint8; seeded; blurred, with noise) to an OME-Zarr store, a
slab at a time, and runs a recipe on it from the scan to the numbers, without the report: fractions,
contact areas, triple lines, components, particles, pore sizes, and the tortuosity factor of one phase
along one axis. Each run is a process of its own; told are, for each stage, wall and processor time,
the peak of memory of the process and of its largest worker, and what `ssbtomo check` had predicted;
then the exponents of time in voxels. 256, 512 and 1024 if no SIZE is given; 1024 takes 20 GB of disk.

Nothing is done twice: started again on the same FOLDER after it was stopped, it goes on; what is
finished is read from its ``run.json`` (remove the folder of a size to measure it anew).

``SCHEDULER`` (threads), ``WORKERS`` (2), ``BLOCK`` (128), ``MEASURES`` (a list with commas, or ``all``) and
``SHIFT`` (0; 0.05 for ranges) are read from the environment. ``--costs`` prints rows for
``stages/costs.toml`` instead of the table.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench_growth import SPACING, noise, slab
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.model import MEASURES
from ssbtomo.runner.calibration import probe_seconds

SCHEDULER = os.environ.get("SCHEDULER", "threads")
WORKERS = int(os.environ.get("WORKERS", "2"))
BLOCK = int(os.environ.get("BLOCK", "128"))
SHIFT = float(os.environ.get("SHIFT", "0"))
ASKED = os.environ.get("MEASURES", "fractions,contacts,connectivity,transport,particles,pores")
WARM = 48
GREY = np.array([60.0, 130.0, 190.0], np.float32)
REACH = 4  # layers around a slab that its blur reaches
RECIPE = """\
sample: {{path: grey.ome.zarr, name: volume}}
phases:
  - {{name: void, role: void}}
  - {{name: electrolyte, role: electrolyte}}
  - {{name: active, role: active}}
range: {{shift: {shift}}}
quantify:
  measures: [{measures}]
  tortuosity_axes: [z]
  tortuosity_phases: [active]
run: {{block: [{block}, {block}, {block}]}}
"""
RUN = """
import sys
from ssbtomo import runner
from ssbtomo.runner import execute
execute.write_report = lambda folder, formats: folder
if __name__ == "__main__":
    runner.run(sys.argv[1], sys.argv[2], scheduler=sys.argv[3], workers=int(sys.argv[4]))
"""


def generate(folder: Path, size: int, depth: int) -> None:
    """Write the grey volume of `depth` layers, unless it is there."""
    if (folder / "generated").exists():
        return
    block = (min(BLOCK, size),) * 3
    sink = io.ome_zarr.create(
        folder / "grey.ome.zarr", (depth, size, size), np.uint8, SPACING, block=block, kind="image"
    )
    tiles = noise(0), noise(1)
    for start in range(0, depth, BLOCK):
        z = slice(start, min(start + BLOCK, depth))
        sink[z, :, :] = grey(tiles, size, z)
    io.ome_zarr.finish(folder / "grey.ome.zarr")
    (folder / "generated").touch()


def grey(tiles: tuple[np.ndarray, np.ndarray], size: int, z: slice) -> np.ndarray:
    """Blur the phases' grey values and add noise; a slab is the same however it is asked for."""
    near, far = max(z.start - REACH, 0), z.stop + REACH
    blurred = ndi.gaussian_filter(GREY[slab(tiles, size, slice(near, far))], 0.8)
    values = blurred[z.start - near : z.stop - near]
    for n, layer in enumerate(range(z.start, z.stop)):
        values[n] += 4 * np.random.default_rng([7, layer]).standard_normal((size, size), np.float32)
    return np.clip(values, 0, 255).astype(np.uint8)


def measured(folder: Path, size: int, depth: int = 0, workers: int = WORKERS) -> dict[str, Any]:
    """Run the recipe, or go on with it, and return what ``run.json`` says."""
    story = folder / "results" / "run.json"
    if not story.exists():
        generate(folder, size, depth or size)
        measures = MEASURES if ASKED == "all" else ASKED.split(",")
        text = RECIPE.format(shift=SHIFT, measures=", ".join(measures), block=min(BLOCK, size))
        (folder / "recipe.yaml").write_text(text, encoding="utf-8")
        (folder / "run.py").write_text(RUN, encoding="utf-8")
        words = [folder / "recipe.yaml", folder / "results", SCHEDULER, workers]
        subprocess.run([sys.executable, folder / "run.py", *map(str, words)], check=True)
    return dict(json.loads(story.read_text("utf-8")))


def stages(story: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for stage in story["samples"][0]["stages"]:
        if stage.get("taken", {}).get("seconds", 0) > 0.01:
            yield stage["name"], stage


def told(size: int, name: str, taken: dict[str, float], said: dict[str, float]) -> str:
    memory = max(taken["memory"], taken["worker_memory"]) / 1e9
    return (
        f"| {size} | {name} | {taken['seconds']:.1f} | {taken['cpu_seconds']:.1f} | {memory:.2f} | "
        f"{said['seconds'] / taken['seconds']:.2f} | {said['cpu_seconds'] / max(taken['cpu_seconds'], 0.01):.2f} | "
        f"{said['total_memory'] / taken['total_memory']:.2f} |\n"
    )


def table(folder: Path, sizes: list[int]) -> None:
    sys.stdout.write(
        f"{SCHEDULER}, {WORKERS} workers, blocks of {BLOCK}; the last three: predicted to taken\n\n"
        "| edge | stage | s | CPU s | peak GB | s | CPU s | memory |\n|---|---|---|---|---|---|---|---|\n"
    )
    grown: dict[str, list[float]] = defaultdict(list)
    for size in sizes:
        story = measured(folder / str(size), size)
        whole: dict[str, dict[str, float]] = {"taken": {}, "predicted": {}}
        for name, stage in stages(story):
            sys.stdout.write(told(size, name, stage["taken"], stage["predicted"]))
            grown[name].append(stage["taken"]["cpu_seconds"])
            for kind, into in whole.items():
                for key, value in stage[kind].items():
                    add = key.endswith("seconds")
                    into[key] = into.get(key, 0) + value if add else max(into.get(key, 0), value)
        sys.stdout.write(told(size, "**all**", whole["taken"], whole["predicted"]))
        sys.stdout.flush()
        grown["all"].append(whole["taken"]["cpu_seconds"])
    if len(sizes) > 1:
        ratio = 3 * math.log(sizes[-1] / sizes[0])
        texts = (f"{name} {math.log(t[-1] / t[0]) / ratio:.2f}" for name, t in grown.items())
        sys.stdout.write(f"\nexponents of processor time in voxels: {', '.join(texts)}\n")


def costs(folder: Path, sizes: list[int]) -> None:
    """Print what each part costs, from the two largest sizes; the smallest tells what is fixed."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for size in sizes:
        for name, stage in stages(measured(folder / str(size), size)):
            parts = by_part(stage)
            for kind, values in parts.items():
                found[kind][size] = sum(values) / len(values)
            if not parts:
                found[name][size] = stage["taken"]["cpu_seconds"]
    for name, by_size in sorted(found.items()):
        sys.stdout.write(f"{name}: {row(by_size)}   # {by_size}\n")
    for name, seconds in probe_seconds().items():
        sys.stdout.write(f"probe {name} = {seconds}\n")


def by_part(stage: dict[str, Any]) -> dict[str, list[float]]:
    """Return the processor seconds of a stage's parts, by their names in the table of costs."""
    sums: dict[str, list[float]] = defaultdict(list)
    for item in stage.get("costs", []):
        other = item.get("variant") in ("half resolution", "smooth surfaces")
        if not other and item["cpu_seconds"] is not None:
            varied = "" if item.get("variant", "base") == "base" else ".variant"
            sums[item.get("part") or f"quantify.{item['group']}{varied}"].append(
                item["cpu_seconds"]
            )
    return sums


def row(by_size: dict[int, float]) -> str:
    sizes = sorted(by_size)
    last, before = sizes[-1], sizes[max(len(sizes) - 2, 0)]
    exponent = 1.0
    if last != before and by_size[before] > 0.2:
        exponent = math.log(by_size[last] / by_size[before]) / (3 * math.log(last / before))
        exponent = round(min(max(exponent, 1.0), 1.35), 2)
    cpu = by_size[last] / (last**3 / 1e6) ** exponent
    fixed = max(by_size[sizes[0]] - cpu * (sizes[0] ** 3 / 1e6) ** exponent, 0.0)
    return f"{{ cpu = {cpu:.3g}, exponent = {exponent}, fixed = {fixed:.2g} }}"


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    numbers = [int(word) for word in words if word.isdigit()] or [256, 512, 1024]
    place = next((Path(word) for word in words if not word.isdigit()), None)
    if place is None:
        sys.exit(__doc__)
    for edge in (WARM, *numbers):
        (place / str(edge)).mkdir(parents=True, exist_ok=True)
    measured(place / str(WARM), WARM)
    (costs if "--costs" in sys.argv else table)(place, numbers)
