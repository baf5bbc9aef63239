"""One worker and two, the whole recipe: ``python tests/benchmarks/bench_scaling.py FOLDER [STRONG [WEAK]]``.

Runs the recipe of ``bench_scale.py`` without its transport solve, so all stages in blocks, with worker
processes (``SCHEDULER``): once with one worker and once with two on STRONG³ voxels (512), and on WEAK³
voxels (256) per worker, two of them one upon the other. Told are the seconds of each stage, how
much faster two workers are (strong), and which share of the speed of one each of two keeps (weak).
Each run is a process of its own, its kernels compiled before. Nothing else may run meanwhile. Started again
on the same FOLDER it goes on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("SCHEDULER", "processes")
os.environ.setdefault("MEASURES", "fractions,contacts,connectivity,particles,pores")

from bench_scale import WARM, measured, stages


def taken(folder: Path, size: int, depth: int, workers: int) -> dict[str, float]:
    """Return the seconds of each stage, and of all."""
    place = folder / f"{size}x{depth}-{workers}"
    place.mkdir(parents=True, exist_ok=True)
    story = measured(place, size, depth, workers)
    found = {name: float(stage["taken"]["seconds"]) for name, stage in stages(story)}
    return found | {"**all**": sum(found.values())}


def main(folder: Path, strong: int, weak: int) -> None:
    taken(folder, WARM, WARM, 2)
    cases = {
        f"{strong}³ with 1 and 2": ((strong, strong, 1), (strong, strong, 2), 1.0),
        f"{weak}³ for each of 1 and 2": ((weak, weak, 1), (weak, 2 * weak, 2), 2.0),
    }
    sys.stdout.write(
        "| volume, workers | stage | 1, s | 2, s | speed, 2 : 1 |\n|---|---|---|---|---|\n"
    )
    for case, (one, two, more) in cases.items():
        alone, both = taken(folder, *one), taken(folder, *two)
        for stage in alone:
            ratio = more * alone[stage] / both[stage]
            sys.stdout.write(
                f"| {case} | {stage} | {alone[stage]:.1f} | {both[stage]:.1f} | {ratio:.2f} |\n"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sizes = [int(word) for word in sys.argv[2:]] + [512, 256][len(sys.argv) - 2 :]
    main(Path(sys.argv[1]), *sizes)
