"""How long the live preview of a slice takes: at first, after a stroke, on the next slice.

    python tests/benchmarks/bench_slice_preview.py [EDGE]

prints a table of seconds for a volume of 48 slices of EDGE² voxels (1024 if not given).
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from ssbtomo.blocks import Engine
from ssbtomo.segment.preview import SlicePreview
from ssbtomo.segment.scribbles import Scribbles


def scan(edge: int) -> tuple[Any, Any]:
    """Return a noisy volume of three phases, and its labels."""
    z, y, x = np.ogrid[:48, :edge, :edge]
    wave = np.sin(z / 7) + np.sin(y / 23 + z / 11) + np.sin(x / 19)
    labels = np.digitize(wave, (-0.6, 0.8)).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 12, labels.shape)
    return np.clip(60 + 60.0 * labels + noise, 0, 255).astype(np.uint8), labels


def strokes(labels: Any, slices: list[int], count: int) -> Scribbles:
    """Return so many labelled voxels in each slice."""
    rng = np.random.default_rng(1)
    places = np.concatenate(
        [
            np.stack([np.full(count, z), *rng.integers(0, labels.shape[1], (2, count))], 1)
            for z in slices
        ]
    )
    places = np.unique(places, axis=0)
    return Scribbles(places, labels[tuple(places.T)].astype(np.intp))


def main(edge: int = 1024) -> None:
    """Print the table."""
    image, labels = scan(edge)
    with Engine.start("threads", os.cpu_count()) as engine:
        warm = SlicePreview(image[:, :64, :64], (0.1, 0.1, 0.1), engine=engine)
        warm.view(0, 3, strokes(labels[:, :64, :64], [3, 9], 60), 3)  # compiles
        preview = SlicePreview(image, (0.1, 0.1, 0.1), engine=engine)
        steps = (
            ("first look at a slice", 20, strokes(labels, [20], 300)),
            ("a stroke later", 20, strokes(labels, [20], 330)),
            ("another slice", 30, strokes(labels, [20], 330)),
            ("strokes on both", 30, strokes(labels, [20, 30], 330)),
            ("back again", 20, strokes(labels, [20, 30], 330)),
        )
        print(f"preview of {edge}² voxels, 14 features, {os.cpu_count()} threads")  # noqa: T201
        for what, index, marks in steps:
            begin, work = time.perf_counter(), time.process_time()
            view = preview.view(0, index, marks, 3)
            seconds, work = time.perf_counter() - begin, time.process_time() - work
            right = float((view.labels[0] == labels[index]).mean())
            told = f"{seconds:6.2f} s by the clock, {work:6.2f} s of processors"
            print(f"{what:24s} {told}   {right:.1%} right")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
