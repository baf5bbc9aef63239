"""Peak memory of a tomography run: ``python tests/benchmarks/bench_tomography_memory.py [ROWS ...]``.

Scans of 512 columns and 720 projections with ROWS detector rows (256 and 1024) become volumes and
volume fractions in a run each, in a process of its own; its peak resident memory is printed beside
the size of the projections and of the volume. It must not grow with the rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import yaml

from ssbtomo.testing import Ball, DetectorFaults, expose, project_balls

COLUMNS, ANGLES, PATCH = 512, 720, 64
RECIPE = {
    "sample": {"path": "scan.tif"},
    "phases": [{"name": "matrix", "role": "electrolyte"}, {"name": "grains", "role": "active"}],
    "reconstruct": {
        "method": "tomography",
        "tomography": {
            "angles": [0, 180 - 180 / ANGLES], "pixel_size": "0.5 um",
            "flats": "flats.tif", "darks": "darks.tif", "axis": (COLUMNS - 1) / 2 + 3.4,
        },
    },
    "segment": {"repair": False},
    "range": {"shift": 0},
    "quantify": {"measures": ["fractions"]},
    "run": {"workers": 2, "scheduler": "threads"},
}  # fmt: skip
RUN = """
import json, resource, sys, time
from ssbtomo import runner
begin = time.process_time()
runner.run(sys.argv[1], sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"cpu": time.process_time() - begin, "peak": peak}))
"""


def scan(folder: Path, rows: int) -> None:
    """Write a scan: a patch of 64 rows of balls, again and again."""
    rng = np.random.default_rng(3)
    balls = [
        Ball((*rng.uniform(-26, 26, 1), *rng.uniform(-150, 150, 2)), rng.uniform(6, 20), 0.004)
        for _ in range(60)
    ]
    angles = np.arange(ANGLES) * np.pi / ANGLES
    lines = project_balls(balls, angles, (PATCH, COLUMNS), (COLUMNS - 1) / 2 + 3.4)
    shot = expose(lines, angles, DetectorFaults(), spacing=(0.5,) * 3, seed=1)
    tile = (1, rows // PATCH, 1)
    with tifffile.TiffWriter(folder / "scan.tif", bigtiff=True) as file:
        for image in np.asarray(shot.data):
            file.write(np.tile(image, tile[1:]), contiguous=True, photometric="minisblack")
    for name, stack in (("flats", shot.flats), ("darks", shot.darks)):
        images = np.tile(np.asarray(stack), tile)
        tifffile.imwrite(folder / f"{name}.tif", images, photometric="minisblack")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE), "utf-8")


def main(*counts: int) -> None:
    """Print a line for each number of rows."""
    for rows in counts or (256, 1024):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            scan(folder, rows)
            begin = time.perf_counter()
            command = [sys.executable, "-c", RUN, str(folder / "recipe.yaml"), str(folder / "out")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            size = (folder / "scan.tif").stat().st_size
        sys.stdout.write(
            f"{rows} rows: projections {size / 1e6:.0f} MB, peak {found['peak'] / 1e6:.0f} MB, "
            f"{time.perf_counter() - begin:.0f} s, {found['cpu']:.0f} s of CPU\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
