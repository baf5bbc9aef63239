"""Filtered back-projection beside its peers: ``python tests/benchmarks/bench_tomography.py [SIZE]``.

One slice of two phases, SIZE² pixels (512) from 720 projections, with noise, rings and the axis 3.4
pixels off the middle; then 64 such slices. Ours with one and two threads, against algotom (FBP and
DFI) and ``skimage.transform.iradon`` where they can be imported, or from a folder named in PEERS.
Times are the best of three after one call that compiles; errors are root mean squares inside the
inscribed circle against the truth, with the true axis given to all. Last, how far off the axis is
found, and how long that takes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ssbtomo.kernels.ct.backprojection import back_project
from ssbtomo.kernels.ct.centre import find_centre
from ssbtomo.kernels.ct.ramp import filter_rows
from ssbtomo.kernels.ct.stripes import remove_stripes
from ssbtomo.testing import Ball, ball_volume, project_balls

sys.path[1:1] = [folder for folder in os.environ.get("PEERS", "").split(os.pathsep) if folder]
OFF, ANGLES, SLICES = 3.4, 720, 64


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def timed(task: Callable[[], Any]) -> tuple[float, float, Any]:
    task()
    walls, cpus = [], []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        result = task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus), result


def phantom(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    unit = size / 512
    balls = [Ball((0.0, 6 * unit, -9 * unit), 215 * unit, 0.004 / unit)]
    for _ in range(40):
        place = rng.uniform(-130, 130, 2) * unit
        ball = Ball((0.0, *place), rng.uniform(5, 28) * unit, 0.004 / unit)
        balls.append(ball)
    angles = np.arange(ANGLES) * np.pi / ANGLES
    lines = project_balls(balls, angles, (1, size), (size - 1) / 2 + OFF)
    counts = rng.poisson(20_000 * np.exp(-lines)) * (1 + 0.005 * rng.normal(size=(1, 1, size)))
    truth = ball_volume(balls, (1, size, size), fine=3)[0]
    return -np.log(np.maximum(counts, 1) / 20_000)[:, 0].astype(np.float32), truth, angles


def ours(rows: np.ndarray, angles: np.ndarray, axis: float, threads: int) -> np.ndarray:
    def part(sinograms: np.ndarray) -> np.ndarray:
        return back_project(filter_rows(sinograms), angles, axis, rows.shape[2])

    if threads == 1 or len(rows) == 1:
        return part(rows)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(part, np.array_split(rows, threads))))


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    noisy, truth, angles = phantom(size)
    axis = (size - 1) / 2 + OFF
    clean = remove_stripes(noisy, "sorting")
    place = np.arange(size) - (size - 1) / 2
    inside = place[:, None] ** 2 + place**2 < (0.47 * size) ** 2
    say(f"{'':42s}{'wall, s':>9s}{'CPU, s':>9s}{'error':>11s}")

    def row(name: str, task: Callable[[], np.ndarray], scale: float = 1.0, per: int = 1) -> None:
        wall, cpu, image = timed(task)
        error = np.sqrt(np.mean((image.reshape(-1, size, size)[0] * scale - truth)[inside] ** 2))
        say(f"{name:42s}{wall / per:9.3f}{cpu / per:9.3f}{error:11.5f}")

    one, many = clean[None], np.repeat(clean[None], SLICES, 0)
    row("ours, one slice", lambda: ours(one, angles, axis, 1))
    row("ours, per slice of 64, one thread", lambda: ours(many, angles, axis, 1), per=SLICES)
    many = np.repeat(clean[None], 2 * SLICES, 0)
    row("ours, per slice of 128, two threads", lambda: ours(many, angles, axis, 2), per=2 * SLICES)
    try:
        from algotom.rec import reconstruction as rec

        for name, method in (("FBP", rec.fbp_reconstruction), ("DFI", rec.dfi_reconstruction)):
            options = {"apply_log": False, "angles": angles, "ratio": None}
            more = {"gpu": False, "filter_name": None} if name == "FBP" else {}
            # its rows run upwards
            row(
                f"algotom {name}", lambda m=method, o={**options, **more}: m(clean, axis, **o)[::-1]
            )
    except ImportError:
        say("algotom is not there")
    try:
        from skimage.transform import iradon

        # its axis is at size // 2, and a positive angle turns the other way
        shift = axis - size // 2
        moved = np.stack([np.interp(np.arange(size) + shift, np.arange(size), p) for p in clean])
        flip = np.degrees(angles)

        def peer() -> np.ndarray:
            return iradon(moved.T, -flip, filter_name="ramp", circle=False, output_size=size)

        row("scikit-image iradon", peer)
    except ImportError:
        say("scikit-image is not there")
    for name, sinogram in (("clean", clean), ("with rings", noisy)):
        begin = time.perf_counter()
        found = find_centre(sinogram[None], angles).pixel
        seconds = time.perf_counter() - begin
        say(f"axis, {name}: off by {found - axis:+.3f} pixels, {seconds:.2f} s")


if __name__ == "__main__":
    main()
