"""Alignment, curtains and slice thickness on phantoms, beside peers.

Run it with ``python tests/benchmarks/bench_fibsem.py [seeds]``. With ``PEERS=/a/venv`` that has
nuscope-tomo, algotom and scikit-image installed, they work on the same slices in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from ssbtomo.blocks import SERIAL
from ssbtomo.blocks.fib_sem import likenesses
from ssbtomo.blocks.slice_alignment import Aligning, align_slices
from ssbtomo.kernels.fibsem.curtains import remove_curtains
from ssbtomo.kernels.fibsem.thickness import slice_thickness
from ssbtomo.testing import SectionFaults, evolving_phases, section_slices

GREYS = np.array([60, 120, 180], np.float32)
SLICES, SIDE, MARGIN = 96, 256, 40
STRUCTURES = {"changing fast": (4, 6, 6), "isotropic": (6, 6, 6)}
CURTAINS = {
    "added, straight": SectionFaults(drift=0, curtains=11),
    "added and scaled, leaning, bowed, growing": SectionFaults(
        drift=0, curtains=8, scaled=0.06, lean=6, bow=4, fading=0.6
    ),
    "added and scaled, leaning, fading": SectionFaults(
        drift=0, curtains=8, scaled=0.06, lean=-10, bow=3, fading=-0.5
    ),
    "none": SectionFaults(drift=0),
}
ALIGN_PEER = """
import sys, warnings; warnings.filterwarnings("ignore")
import numpy as np
kept = np.load(sys.argv[1]); image = kept["image"]; found = {}
from skimage.registration import phase_cross_correlation as pcc
for name, how in (("skimage phase_cross_correlation, not normalised", None), ("the same, phase-normalised", "phase")):
    steps = [-pcc(a.astype(float), b.astype(float), upsample_factor=20, normalization=how)[0] for a, b in zip(image, image[1:])]
    found[name] = np.vstack([np.zeros((1, 2)), np.cumsum(steps, 0)])
import dask.array as da
from nuscope_tomo.core.volume import Volume, VoxelSize
from nuscope_tomo.preprocess.align import estimate_drift
volume = Volume(da.from_array(image, chunks=(8, -1, -1)), VoxelSize(10, 10, 10))
for offsets in ((1,), (1, 2, 4, 8)):
    drift = estimate_drift(volume, offsets=offsets, workers=1)
    names = [c for c in drift.columns if c in ("dy", "dx", "y", "x", "dy_px", "dx_px", "pos_y", "pos_x")]
    place = drift[names[:2]].to_numpy(float)
    found[f"nuscope-tomo, offsets {offsets}"] = place - place[0]
np.savez(sys.argv[2], **found)
"""
CURTAIN_PEER = """
import sys, warnings; warnings.filterwarnings("ignore")
import numpy as np
image = np.load(sys.argv[1])["image"].astype(np.float32)
from nuscope_tomo.preprocess.correct import destripe_slice
from algotom.prep.removal import remove_stripe_based_sorting, remove_stripe_based_wavelet_fft
ways = {"nuscope-tomo destripe (default)": destripe_slice,
        "algotom wavelet-FFT (5, 1)": lambda a: remove_stripe_based_wavelet_fft(a, 5, 1),
        "algotom sorting (21)": lambda a: remove_stripe_based_sorting(a, 21)}
np.savez(sys.argv[2], **{name: np.stack([way(a) for a in image]) for name, way in ways.items()})
"""


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def grey(shape: tuple[int, int, int], scale: tuple[float, ...], seed: int) -> np.ndarray:
    """Return sharp phases, blurred within slices as a beam does."""
    return ndi.gaussian_filter(GREYS[evolving_phases(shape, scale=scale, seed=seed)], (0, 0.7, 0.7))


def peers(script: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """Let the peers work on the same slices, in their own interpreter."""
    if "PEERS" not in os.environ:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(given, image=image)
        python = Path(os.environ["PEERS"]) / "bin/python"
        subprocess.run([str(python), "-c", script, str(given), str(taken)], check=True)
        with np.load(taken) as found:
            return dict(found)


def alignment(seeds: int) -> None:
    """Print step errors and accumulated errors."""
    for name, scale in STRUCTURES.items():
        rows: dict[str, list[np.ndarray]] = {}
        for seed in range(seeds):
            wide = SIDE + 2 * MARGIN
            shot = section_slices(grey((SLICES, wide, wide), scale, seed), margin=MARGIN, seed=seed)
            begin = time.process_time()
            drift = align_slices(shot.image, np.arange(SLICES), Aligning(), SERIAL)
            taken = time.process_time() - begin
            found = {"ours": drift.found, **peers(ALIGN_PEER, shot.image)}
            for who, place in found.items():
                error = place - shot.drift
                flipped = -place - shot.drift
                if np.abs(flipped).sum() < np.abs(error).sum():
                    error = flipped  # a peer tells by how much to move back
                step = np.diff(error, axis=0)
                one = np.r_[np.sqrt((step**2).mean(0)), np.sqrt((error**2).mean(0)), error.std(0)]
                rows.setdefault(who, []).append(one)
                say(f"  {name}, seed {seed}: {who:50s} {np.round(one, 3)}")
            say(f"  ours took {taken:.1f} s CPU")
        say(f"{name} (blur {scale}), {SLICES} x {SIDE}², noise 12, walk of 0.8: rms, y / x, pixels")
        for who, errors in rows.items():
            mean, most = np.mean(errors, axis=0), np.max(errors, axis=0)
            say(
                f"  {who:50s} step {mean[0]:.3f} / {mean[1]:.3f}   accumulated {mean[2]:.2f} / "
                f"{mean[3]:.2f} (worst {most[2]:.2f} / {most[3]:.2f}; about its own mean "
                f"{mean[4]:.2f} / {mean[5]:.2f})"
            )


def fiducial(seeds: int) -> None:
    """Print the errors with a mark, of a flat field of noise that does not change."""
    worst = []
    for seed in range(seeds):
        wide = SIDE + 2 * MARGIN
        field = grey((SLICES, wide, wide), (4, 6, 6), seed)
        mark = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=(wide, wide)), 3) > 0
        field[:, MARGIN : MARGIN + 56] = np.where(mark, 60, 180)[MARGIN : MARGIN + 56]
        shot = section_slices(field, margin=MARGIN, seed=seed)
        how = Aligning(region=(8, 48, 16, 240))
        drift = align_slices(shot.image, np.arange(SLICES), how, SERIAL)
        worst.append(np.sqrt(((drift.found - shot.drift) ** 2).mean(axis=0)))
    say(f"with a mark: accumulated {np.mean(worst, axis=0).round(3)}, worst {np.max(worst):.3f}")


def still(seeds: int) -> None:
    """Print how many aligned stacks are left untouched, and drifting ones are not."""
    told = {0.0: 0, 0.3: 0, 0.8: 0}
    for seed in range(seeds):
        for drift in told:
            wide = SIDE + 2 * MARGIN
            shot = section_slices(
                grey((SLICES, wide, wide), (4, 6, 6), seed), SectionFaults(drift=drift),
                margin=MARGIN, seed=seed,
            )  # fmt: skip
            found = align_slices(shot.image, np.arange(SLICES), Aligning(), SERIAL)
            told[drift] += found.aligned
    say(f"taken as aligned, of {seeds}: {told} (by drift per slice)")


def curtains() -> None:
    """Print how much of the curtains goes, and of a clean slice stays."""
    for name, faults in CURTAINS.items():
        shot = section_slices(grey((4, SIDE, SIDE), (4, 6, 6), 1), faults, seed=2)
        labels = evolving_phases((4, SIDE, SIDE), scale=(4, 6, 6), seed=1)
        goal = np.clip(shot.still, 0, 255)
        begin = time.process_time()
        ours = np.stack([remove_curtains(one, GREYS.astype(float)).image for one in shot.image])
        taken = (time.process_time() - begin) / len(ours)
        found = {"as recorded": shot.image, "ours": ours, **peers(CURTAIN_PEER, shot.image)}
        say(f"curtains: {name} (ours {taken:.2f} s CPU per slice)")
        for who, image in found.items():
            rms = float(np.sqrt(np.mean((image - goal) ** 2)))
            moved = [float((image - goal)[labels == k].mean()) for k in range(3)]
            size = 20 * np.log10(255 / rms) if rms > 0 else np.inf
            say(f"  {who:34s} PSNR {size:5.1f} dB   class means {np.round(moved, 2)}")


def thickness(seeds: int) -> None:
    """Print estimates of the slice thickness over the truth."""
    for factor in (1, 2, 3):
        found = []
        for seed in range(seeds):
            field = grey((128, 200, 200), (6, 6, 6), seed)[::factor]
            noisy = field + np.random.default_rng(seed).normal(0, 12, field.shape)
            places = np.zeros((len(noisy), 2))
            parts = likenesses(noisy, np.arange(len(noisy)), places, SERIAL)
            found.append(slice_thickness(parts, (1.0, 1.0)).value / factor)
        say(f"thickness, every {factor}. slice: {np.round(found, 3)} of the truth")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    curtains()
    thickness(count)
    fiducial(count)
    still(count)
    alignment(count)
