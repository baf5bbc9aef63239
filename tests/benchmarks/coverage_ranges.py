"""How often the nominal 95 % range holds the truth: seeded phantoms of several kinds.

    python tests/benchmarks/coverage_ranges.py --seeds 40 41 42 --kinds balls blobs cathode
    python tests/benchmarks/coverage_ranges.py --trained --seeds 200 201 202 --shape 48 72 72

With ``--trained`` a classifier learns from 1 % of the voxels of three slices, and the ranges come
from draws out of its probabilities; else from thresholds that are varied.

Prints, for each phantom, value, range and truth of the void fraction and of the area over which
electrolyte and active material touch; then the share of ranges that hold the truth, and their
mean relative half width. Seeds 0 to 99 were looked at while the ranges were made, later ones not; for
``--trained`` those were seeds 0 to 99 as well.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo.testing import CathodeDesign, CtOptics, FibSemOptics, composite_cathode
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball

SPACING = (0.1, 0.1, 0.1)
PHASES = ("void", "electrolyte", "active")
OPTICS: dict[str, Callable[[], Any]] = {
    "ct": CtOptics,
    "noisy": lambda: CtOptics(noise=260.0),
    "blurred": lambda: CtOptics(blur=1.2, noise=100.0),
    "rings": lambda: CtOptics(rings=12.0, cupping=0.01),
    "fib-sem": lambda: FibSemOptics(flicker=1.0, curtains=1.5),
}


class Case(NamedTuple):
    """An image and what is true about it; the label of most of each voxel."""

    image: Any
    labels: Any
    spacing: tuple[float, float, float]
    phases: int
    truth: dict[str, float]


def measured(labels: Any, spacing: tuple[float, float, float]) -> dict[str, float]:
    """The void fraction, and the contact of the two brightest phases per volume."""
    bright = int(labels.max())
    areas = st.measure.contact_areas(labels, spacing)
    row = areas[(areas["phase_a"] == bright - 1) & (areas["phase_b"] == bright)]
    return {
        "void fraction": float(np.mean(labels == 0)),
        "AM-SE area": float(row["area_per_volume_um2_um3"].iloc[0]),
    }


def fine_area(labels: Any, times: int) -> float:
    """The contact area on voxels so many times finer."""
    z, y, x = (edge / times for edge in SPACING)
    return measured(labels, (z, y, x))["AM-SE area"]


def balls(seed: int, optics: Any, shape: tuple[int, int, int]) -> Case:
    """Overlapping balls of active material in electrolyte, with spherical pores."""
    rng = np.random.default_rng(seed)
    size = np.multiply(shape, SPACING)
    diameter = rng.uniform(14, 26) * SPACING[0]
    ball = math.pi / 6 * diameter**3
    paints = [
        Paint(Ball(tuple(rng.random(3) * size), diameter / 2 * rng.uniform(0.7, 1.2)), 2)
        for _ in range(int(rng.uniform(0.5, 0.8) * size.prod() / ball))
    ]
    for _ in range(int(rng.uniform(0.08, 0.25) * size.prod() / (0.6**3 * ball))):
        pore = Ball(tuple(rng.random(3) * size), 0.3 * diameter * rng.uniform(0.7, 1.2))
        paints.append(Paint(pore, 0, frozenset({1}) if rng.random() < 0.7 else None))
    scene = Scene(shape, SPACING, 1, tuple(paints))
    raster = scene.rasterise([optics.greys[name] for name in PHASES])
    z, y, x = shape
    fine = Scene((3 * z, 3 * y, 3 * x), tuple(d / 3 for d in SPACING), 1, tuple(paints))
    truth = {
        "void fraction": float(raster.shares[0]),
        "AM-SE area": fine_area(fine.rasterise([0, 1, 2], samples=1).labels, 3),
    }
    return Case(optics.render(raster.grey, rng), raster.labels, SPACING, 3, truth)


def blobs(seed: int, optics: Any, shape: tuple[int, int, int]) -> Case:
    """Level sets of Gaussian random fields, on voxels three times finer."""
    rng = np.random.default_rng(seed)
    fine = tuple(3 * n for n in shape)
    fields = [
        ndi.gaussian_filter(
            rng.standard_normal(fine, np.float32), 3 * width, mode="wrap", truncate=3
        )
        for width in (rng.uniform(4, 8), rng.uniform(3, 5))
    ]
    labels = np.ones(fine, np.uint8)
    active = fields[0] > np.quantile(fields[0][::3, ::3, ::3], 1 - rng.uniform(0.35, 0.55))
    labels[active] = 2
    pores = fields[1] > np.quantile(fields[1][::3, ::3, ::3], 1 - rng.uniform(0.08, 0.25))
    labels[pores & ~active] = 0
    del fields, active, pores
    greys = np.array([optics.greys[name] for name in PHASES], np.float32)
    z, y, x = shape
    grey = np.stack([
        greys[labels[3 * k : 3 * k + 3]].reshape(3, y, 3, x, 3).mean((0, 2, 4)) for k in range(z)
    ])  # fmt: skip
    truth = {"void fraction": float(np.mean(labels == 0)), "AM-SE area": fine_area(labels, 3)}
    return Case(optics.render(grey, rng), labels[1::3, 1::3, 1::3], SPACING, 3, truth)


def cathode(seed: int, optics: Any, shape: tuple[int, int, int], *, anode: bool = False) -> Case:
    """The composite cathode of `ssbtomo.testing`."""
    design = CathodeDesign.for_voxels(SPACING, anode=anode)
    found = composite_cathode(shape, SPACING, seed=seed, optics=optics, design=design)
    truth = {
        "void fraction": found.value("volume_fraction", "void"),
        "AM-SE area": found.value("contact_area_per_volume", "electrolyte|active"),
    }
    order = np.sort(list(found.phases.values()))
    labels = np.searchsorted(order, found.labels)
    return Case(found.image, labels, SPACING, len(found.phases), truth)


KINDS: dict[str, Callable[..., Case]] = {
    "balls": balls,
    "blobs": blobs,
    "cathode": cathode,
    "cell": lambda *args: cathode(*args, anode=True),
}


def trained(case: Case, seed: int) -> Any:
    """Ranges from the probabilities of a classifier."""
    depth = len(case.image)
    marks = np.zeros(case.image.shape, np.uint8)
    rng = np.random.default_rng(seed)
    for z in (depth // 6, depth // 2, 5 * depth // 6):
        here = rng.random(case.image.shape[1:]) < 0.01
        for phase in range(case.phases):  # a rare phase still has some
            own = np.flatnonzero(case.labels[z] == phase)
            here.flat[rng.permutation(own)[:5]] = True
        marks[z][here] = case.labels[z][here] + 1
    model = st.segment.train(
        st.segment.TrainingSample(case.image, marks, case.spacing),
        [f"phase {k}" for k in range(case.phases)], scores=False,
    )  # fmt: skip
    shares = st.segment.predict(case.image, model, case.spacing).probabilities
    return st.segment.probability_ranges(case.image, list(shares), case.spacing, measured)


def rows(
    kind: str, seed: int, optics: str, shape: tuple[int, int, int], *, learn: bool = False
) -> Iterator[dict[str, Any]]:
    """Measure one phantom; yield a row for each number."""
    case = KINDS[kind](seed, OPTICS[optics](), shape)
    if learn:
        table = trained(case, seed)
    else:
        table = st.segment.number_ranges(case.image, case.spacing, case.phases, measured)
    for item in table.to_dict("records"):
        true, value = case.truth[item["quantity"]], item["value"]
        yield {
            **item, "kind": kind, "seed": seed, "optics": optics, "truth": true,
            "inside": item["low"] <= true <= item["high"],
            "half": (item["high"] - item["low"]) / 2 / value, "error": value / true - 1,
        }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    parts = "  ".join(
        f"{name} {100 * row[name] / row['value']:.1f}"
        for name in ("thresholds", "imaging", "scatter", "resolution", "classes")
    )
    return (
        f"{row['kind']:8} {row['seed']:4} {row['optics']:8} {row['quantity']:14}"
        f"{row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]  truth {row['truth']:.4f}  "
        f"{'in ' if row['inside'] else 'OUT'} error {100 * row['error']:+.1f} %  "
        f"half {100 * row['half']:.1f} %  ({parts})"
    )


def summary(found: list[dict[str, Any]]) -> Iterator[str]:
    """Shares inside and widths, by number and kind."""
    for quantity in dict.fromkeys(row["quantity"] for row in found):
        for kind in [*dict.fromkeys(row["kind"] for row in found), "all"]:
            some = [r for r in found if r["quantity"] == quantity and kind in (r["kind"], "all")]
            inside = sum(r["inside"] for r in some)
            half = np.mean([r["half"] for r in some])
            worst = max(abs(r["error"]) for r in some)
            yield (
                f"{quantity:14} {kind:8} {inside:3} of {len(some):3} inside, mean half width "
                f"{100 * half:.1f} %, largest error {100 * worst:.1f} %"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(100, 110)))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--optics", nargs="+", default=["ct"], choices=OPTICS)
    parser.add_argument("--shape", type=int, nargs=3, default=(72, 96, 96))
    parser.add_argument("--trained", action="store_true")
    args = parser.parse_args()
    found = []
    for kind in args.kinds:
        for seed in args.seeds:
            for optics in args.optics:
                for row in rows(kind, seed, optics, tuple(args.shape), learn=args.trained):
                    found.append(row)
                    sys.stdout.write(line(row) + "\n")
                    sys.stdout.flush()
    sys.stdout.write("\n".join(summary(found)) + "\n")


if __name__ == "__main__":
    main()
