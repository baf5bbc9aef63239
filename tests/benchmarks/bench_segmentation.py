"""Time and memory of segmentation, instances and tables: ``python tests/benchmarks/bench_segmentation.py [SIZE] [FOLDER]``.

Three or four phases in uint16, tiled from a small phantom, written to disk and run as a recipe
would: ingest, segment, particles and their tables, with ranges turned off. 512 is what the
issue asks for: 20 minutes and 8 GB on two cores. With ``lithium`` as third word the volume has
lithium and void one noise level apart.
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
range: {shift: 0}
quantify: {measures: [fractions, contacts, particles]}
run: {scheduler: threads, workers: 2, memory: 8 GB}
"""


def tile(*, lithium: bool) -> tuple[np.ndarray, list[str]]:
    """A phantom that is mirrored to any size."""
    optics = CtOptics.low_contrast() if lithium else CtOptics()
    phantom = composite_cathode((96, 128, 128), (0.2, 0.2, 0.2), seed=1, optics=optics)
    image = phantom.image if lithium else phantom.image[32:]
    return image, [name for name in phantom.phases if lithium or name != "lithium"]


def write(folder: Path, size: int, *, lithium: bool) -> Path:
    image, names = tile(lithium=lithium)
    image = np.pad(image, [(0, n) for n in image.shape], mode="symmetric")
    shape = (size,) * 3
    path = folder / "scan.ome.zarr"
    sink = io.ome_zarr.create(path, shape, np.uint16, (0.2, 0.2, 0.2), block=(128, 128, 128))
    for start in np.ndindex(*(-(-size // 128),) * 3):
        box = tuple(slice(128 * k, min(128 * k + 128, size)) for k in start)
        places = [
            np.arange(part.start, part.stop) % n for part, n in zip(box, image.shape, strict=True)
        ]
        sink[box] = image[np.ix_(*places)]
    io.ome_zarr.finish(path)
    phases = "\n".join(f"  - {{name: {name}, role: {name}}}" for name in names)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE % phases, encoding="utf-8")
    return recipe


def main(size: int, folder: Path, *, lithium: bool) -> None:
    recipe = write(folder, size, lithium=lithium)
    start = time.perf_counter()

    def tell(event: object) -> None:
        if isinstance(event, StageDone):
            sys.stdout.write(f"{event.stage:12s} {event.seconds:8.1f} s\n")
            sys.stdout.flush()

    results = runner.run(recipe, folder / "out", events=tell)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    count = len(results.objects("particles"))
    sys.stdout.write(f"{size}³: {seconds:.0f} s, peak {peak:.2f} GiB, {count} particles\n")


if __name__ == "__main__":
    words = sys.argv[1:]
    place = Path(words[1]) if len(words) > 1 else Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    main(int(words[0]) if words else 256, place, lithium="lithium" in words[2:])
