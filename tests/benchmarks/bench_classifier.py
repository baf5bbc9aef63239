"""Throughput of the voxel classifier, beside NUScope-TOMO's where it can be imported.

    python tests/benchmarks/bench_classifier.py [--edge 192] [--workers 2]

Both are trained on the same scribbles of the same phantom, one run, one machine. CPU seconds
are those of this process, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings

import numpy as np

import ssbtomo as st
from ssbtomo.blocks import Engine
from ssbtomo.testing import three_phase_volume


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def clocked(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def void_dice(found, truth):
    both = np.count_nonzero(found == 0) + np.count_nonzero(truth == 0)
    return 2 * np.count_nonzero((found == 0) & (truth == 0)) / both


def row(name, voxels, wall, cpu, dice):
    say(
        f"{name:34s} {voxels / wall / 1e6:8.2f} Mvoxel/s {cpu / voxels * 1e6:8.2f} CPU s/Mvoxel "
        f"  void Dice {dice:.3f}"
    )


def peer(image, scribbles, truth):
    try:
        import dask.array as da
        from nuscope_tomo.core.volume import Volume, VoxelSize
        from nuscope_tomo.segment.classifier import PixelClassifier
    except ImportError:
        say("NUScope-TOMO cannot be imported: no comparison")
        return None
    volume = Volume(da.from_array(image, chunks=(8, -1, -1)), VoxelSize(10, 10, 10))
    model = PixelClassifier()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(volume, volume.derive(scribbles, kind="labels"))
        found, wall, cpu = clocked(lambda: np.asarray(model.predict(volume).data))
    row("NUScope-TOMO", image.size, wall, cpu, void_dice(found.astype(int) - 1, truth))
    return image.size / wall


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge", type=int, default=192)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    shape = (max(asked.edge // 2, 32), asked.edge, asked.edge)
    made = three_phase_volume(shape, seed=1)
    scribbles = made.scribbles(share=0.01, slices=3, seed=0)
    image, truth, spacing = made.image, made.labels, (0.01, 0.01, 0.01)
    sample = st.segment.TrainingSample(image, scribbles, spacing)
    small = image[:8, :40, :40]
    speeds = {}
    with Engine.start("threads", asked.workers) as engine:
        for rule, settle in (("logistic", False), ("forest", False), ("forest", True)):
            model, wall, _ = clocked(
                lambda r=rule, s=settle: st.segment.train(
                    sample, ["void", "electrolyte", "active"], rule=r, settle=s, scores=False
                )
            )
            st.segment.predict(small, model, spacing)  # compiles
            found, seconds, cpu = clocked(
                lambda m=model: st.segment.predict(image, m, spacing, engine=engine)
            )
            name = f"ssbtomo {rule}{', settled' if settle else ''} (trained in {wall:.1f} s)"
            row(name, image.size, seconds, cpu, void_dice(found.labels, truth))
            speeds[rule, settle] = image.size / seconds
    say(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    theirs = peer(image, scribbles, truth)
    if theirs:
        say(f"settled forest: {speeds['forest', True] / theirs:.1f} times NUScope-TOMO")


if __name__ == "__main__":
    main()
