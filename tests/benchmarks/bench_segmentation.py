"""Time and memory of segmentation, instances and tables: ``python tests/benchmarks/bench_segmentation.py [SIZE] [FOLDER]``.

Three or four phases in uint16, tiled from a small phantom, written to disk and run as a recipe
would: ingest, segment, particles and their tables, with ranges turned off. 512 is what the
issue asks for: 20 minutes and 8 GB on two cores. With ``lithium`` as third word the volume has
lithium and void one noise level apart; with ``trained`` the run trains a classifier on 1 % of
three slices. The same command again in the same folder goes on where it was killed.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ssbtomo import io, runner
from ssbtomo.events import StageDone
from ssbtomo.testing import CtOptics, composite_cathode

RECIPE = """\
sample: {path: scan.ome.zarr}
phases:
%s
%srange: {shift: 0}
quantify: {measures: [fractions, contacts, particles]}
run: {scheduler: threads, workers: 2, memory: 8 GB}
"""


TRAINED = "segment: {method: trained, train: {labels: marks.ome.zarr}}\n"


def tile(*, lithium: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A phantom that is mirrored to any size, and its labels."""
    optics = CtOptics.low_contrast() if lithium else CtOptics()
    phantom = composite_cathode((96, 128, 128), (0.2, 0.2, 0.2), seed=1, optics=optics)
    cut = slice(0 if lithium else 32, None)
    names = [name for name in phantom.phases if lithium or name != "lithium"]
    values = [phantom.phases[name] for name in names]
    labels = np.searchsorted(values, phantom.labels[cut]).astype(np.uint8)
    return phantom.image[cut], labels, names


def scribbled(labels: np.ndarray) -> np.ndarray:
    """One per cent of three slices of the tile."""
    chosen = np.random.default_rng(0).random(labels.shape) < 0.01
    marks = np.where(chosen, labels + 1, 0).astype(np.uint8)
    marks[~np.isin(np.arange(len(marks)), (12, 30, 48))] = 0
    return marks


def fill(path: Path, size: int, content: np.ndarray, *, mirrored: bool, **options: object) -> None:
    """Write a store that repeats an array, or holds it once in a corner."""
    shape = (size,) * 3
    if mirrored:
        content = np.pad(content, [(0, n) for n in content.shape], mode="symmetric")
    sink = io.ome_zarr.create(
        path, shape, content.dtype, (0.2, 0.2, 0.2), block=(128, 128, 128), **options
    )
    for start in np.ndindex(*(-(-size // 128),) * 3):
        box = tuple(slice(128 * k, min(128 * k + 128, size)) for k in start)
        ranges = [np.arange(part.start, part.stop) for part in box]
        if mirrored:
            places = [r % n for r, n in zip(ranges, content.shape, strict=True)]
            sink[box] = content[np.ix_(*places)]
        else:
            part = content[box]
            ends = [(0, len(r) - n) for r, n in zip(ranges, part.shape, strict=True)]
            sink[box] = np.pad(part, ends)
    io.ome_zarr.finish(path)


def write(folder: Path, size: int, *, lithium: bool, trained: bool) -> Path:
    recipe = folder / "recipe.yaml"
    if recipe.is_file():
        return recipe
    image, labels, names = tile(lithium=lithium)
    fill(folder / "scan.ome.zarr", size, image, mirrored=True)
    if trained:
        fill(folder / "marks.ome.zarr", size, scribbled(labels), mirrored=False, kind="labels")
    phases = "\n".join(f"  - {{name: {name}, role: {name}}}" for name in names)
    recipe.write_text(RECIPE % (phases, TRAINED if trained else ""), encoding="utf-8")
    return recipe


def main(size: int, folder: Path, *, lithium: bool, trained: bool) -> None:
    recipe = write(folder, size, lithium=lithium, trained=trained)
    start, cpu = time.perf_counter(), time.process_time()

    def tell(event: object) -> None:
        if isinstance(event, StageDone):
            sys.stdout.write(f"{event.stage:12s} {event.seconds:8.1f} s\n")
            sys.stdout.flush()

    results = runner.run(recipe, folder / "out", events=tell)
    seconds = time.perf_counter() - start
    used = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    count = len(results.objects("particles"))
    sys.stdout.write(
        f"{size}³: {seconds:.0f} s, {used:.0f} CPU s, peak {peak:.2f} GiB, {count} particles\n"
    )


if __name__ == "__main__":
    words = sys.argv[1:]
    place = Path(words[1]) if len(words) > 1 else Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    main(int(words[0]) if words else 256, place, lithium="lithium" in words[2:],
         trained="trained" in words[2:])  # fmt: skip
