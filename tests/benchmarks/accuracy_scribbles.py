"""What a classifier makes of scribbles of several kinds, with and without growing them.

    SHARED=/a/folder/with/volumes python tests/benchmarks/accuracy_scribbles.py

Strokes are drawn at random inside the phases, two voxels or more from their edges where they are
thick enough; ``everywhere`` labels a share of all voxels of the slices instead. Prints the
intersection over union of each phase. Volumes that are absent are left out.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo.testing import three_phase_volume

FOLDER = Path(os.environ.get("SHARED", "../shared/volumes"))
SPACING = (0.02, 0.02, 0.02)
BOX = (slice(40, 80), slice(0, 160), slice(0, 160))


class Case(NamedTuple):
    """An image, its truth, and what was labelled."""

    name: str
    image: Any
    truth: Any
    marks: Any


def allowed(phase: Any, margin: float) -> Any:
    """Where strokes of a phase may go: away from its edges, as far as it is thick enough."""
    depth = ndi.distance_transform_edt(np.pad(phase, 1))[1:-1, 1:-1]
    pieces, count = ndi.label(phase)
    deepest = np.asarray(ndi.maximum(depth, pieces, np.arange(count + 1)))
    deepest[0] = 0.0
    return phase & (depth >= np.maximum(np.minimum(margin, 0.7 * deepest)[pieces], 1.0))


def stroke(free: Any, length: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield the pixels of a wandering line."""
    y, x = (float(v) for v in rng.permutation(np.argwhere(free))[0])
    angle = rng.uniform(0, 2 * math.pi)
    for _ in range(length):
        yield round(y), round(x)
        for turn in np.linspace(0.25, 3.0, 8):
            new = angle + rng.normal(0, turn)
            place = round(y + math.sin(new)), round(x + math.cos(new))
            if all(0 <= p < n for p, n in zip(place, free.shape, strict=True)) and free[place]:
                y, x, angle = y + math.sin(new), x + math.cos(new), new
                break
        else:
            return


def strokes(truth: Any, slices: tuple[int, ...], count: int, length: int, seed: int = 0) -> Any:
    """Draw strokes in each phase of some slices."""
    rng = np.random.default_rng(seed)
    marks = np.zeros(truth.shape, np.uint8)
    for z in slices:
        for phase in np.unique(truth[z]):
            free = allowed(truth[z] == phase, 2.0)
            for _ in range(count if free.any() else 0):
                for y, x in stroke(free, length, rng):
                    marks[z, y, x] = phase + 1
    return marks


def everywhere(truth: Any, slices: tuple[int, ...], share: float) -> Any:
    """Label a share of all voxels of some slices."""
    rng = np.random.default_rng(0)
    marks = np.zeros(truth.shape, np.uint8)
    for z in slices:
        here = rng.random(truth.shape[1:]) < share
        marks[z][here] = truth[z][here] + 1
    return marks


def micrograph() -> Iterator[Case]:
    """The micrograph with strokes and truth of its own."""
    folder, values = FOLDER / "sem_2d", [85, 170, 255]
    if folder.is_dir():
        marks = np.searchsorted([0, *values], tifffile.imread(folder / "0_labels.tif"))[None]
        truth = np.searchsorted(values, tifffile.imread(folder / "0_ground_truth.tif"))[None]
        yield Case("micrograph, its own strokes", tifffile.imread(folder / "0.tif")[None],
                   truth, marks.astype(np.uint8))  # fmt: skip


def electrode() -> Iterator[Case]:
    """A real nickel-YSZ electrode, by slice and by volume."""
    folder = FOLDER / "soc_electrode"
    if not folder.is_dir():
        return
    grey = tifffile.imread(folder / "grey_128x256x256_u16.tif")
    truth = tifffile.imread(folder / "labels_128x256x256_u8.tif") // 127
    for z in (20, 64, 100):
        one = truth[z : z + 1]
        yield Case(f"electrode, slice {z}, 6 strokes", grey[z : z + 1], one,
                   strokes(one, (0,), 6, 25))  # fmt: skip
    grey, truth, slices = grey[BOX], truth[BOX], (6, 20, 34)
    yield Case("electrode, 3 x 10 strokes", grey, truth, strokes(truth, slices, 10, 30))
    yield Case("electrode, 0.5 % everywhere", grey, truth, everywhere(truth, slices, 0.005))


def phantoms() -> Iterator[Case]:
    """Three phases with noise."""
    for seed in (0, 1):
        made = three_phase_volume((40, 128, 128), seed=seed)
        slices = (6, 20, 33)
        yield Case(f"phantom {seed}, 3 x 8 strokes", made.image, made.labels,
                   strokes(made.labels, slices, 8, 30))  # fmt: skip
    yield Case("phantom 1, 0.5 % everywhere", made.image, made.labels,
               everywhere(made.labels, slices, 0.005))  # fmt: skip


def overlaps(found: Any, truth: Any) -> list[float]:
    """Intersection over union of each phase."""
    pairs = [(found == k, truth == k) for k in range(int(truth.max()) + 1)]
    return [np.count_nonzero(a & b) / np.count_nonzero(a | b) for a, b in pairs]


SOURCES: tuple[Callable[[], Iterator[Case]], ...] = (micrograph, electrode, phantoms)


def main() -> None:
    """Print the table."""
    for case in (case for source in SOURCES for case in source()):
        phases = [f"phase {k}" for k in range(int(case.truth.max()) + 1)]
        for grow in (False, True):
            model = st.segment.train(
                st.segment.TrainingSample(case.image, case.marks, SPACING), phases,
                grow=grow, scores=False,
            )  # fmt: skip
            found = overlaps(st.segment.predict(case.image, model, SPACING).labels, case.truth)
            each = " ".join(f"{value:.3f}" for value in found)
            sys.stdout.write(
                f"{case.name:32s} {'grown' if grow else 'as drawn':9s} {each}  mean {np.mean(found):.3f}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
