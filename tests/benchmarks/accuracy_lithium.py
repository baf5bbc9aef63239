"""Lithium and void at several separabilities: never a bare split below the limit, bounds that hold.

    python tests/benchmarks/accuracy_lithium.py [--seeds 0 1 2] [--edge 48] [--dprime 0.5 1 2 4]
    python tests/benchmarks/accuracy_lithium.py --trained

Without a classifier each scan is segmented as it is, with its companion and with its reference scan;
``--trained`` runs a recipe whose classifier learns lithium and void from 3 % of four slices, without
and with the companion. Prints a row for each scan, and for each case how many ranges hold the truth,
splits that rest on nothing, and the largest error of the lithium volume.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import tifffile

import ssbtomo as st
from ssbtomo import runner
from ssbtomo.testing import lithium_scan

RECIPE = """\
sample: {path: image.tif, voxel_size: [200 nm, 200 nm, 200 nm]}
phases:
  - {name: void, role: void}
  - {name: lithium, role: lithium}
  - {name: electrolyte, role: electrolyte}
  - {name: active, role: active}
segment: {method: trained, train: {labels: marks.tif}%s}
quantify: {measures: [fractions]}
run: {scheduler: synchronous}
"""


class Row(NamedTuple):
    """What was found in one scan; the value is NaN where the two are one class."""

    case: str
    planted: float
    seed: int
    dprime: float
    split: bool
    bare: bool
    held: bool
    error: float


def untrained(scan: Any, case: str) -> tuple[float, bool, list[str], dict[str, Any]]:
    """Segment a scan; return d', whether it was split, by what, and the ranges."""
    known = {} if case == "grey" else {case: getattr(scan, case)}
    found = st.segment.lithium_or_void(scan.image, scan.spacing, 4, **known)
    used = [name for name, value in found.evidence.items() if value >= 4.0]
    value = math.nan if found.merged else float((found.labels == 1).mean())
    numbers = {
        "lithium": (value, *found.lithium_fraction),
        "void": (math.nan, *found.void_fraction),
    }
    return found.dprime, not found.merged, used, numbers


def trained(scan: Any, case: str) -> tuple[float, bool, list[str], dict[str, Any]]:
    """Run a recipe with a classifier."""
    rng = np.random.default_rng(0)
    marks = np.where(rng.random(scan.labels.shape) < 0.03, scan.labels + 1, 0).astype(np.uint8)
    depth = len(marks)
    marks[~np.isin(np.arange(depth), [depth * k // 8 for k in (1, 3, 5, 7)])] = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, array in (("image", scan.image), ("companion", scan.companion), ("marks", marks)):
            tifffile.imwrite(folder / f"{kind}.tif", array, photometric="minisblack")
        more = ", companions: [companion.tif]" if case == "companion" else ""
        (folder / "recipe.yaml").write_text(RECIPE % more, encoding="utf-8")
        with mock.patch("ssbtomo.runner.execute.write_report", lambda place, **_: place):
            results = runner.run(folder / "recipe.yaml", folder / "out")
        told = json.loads((results.path / "run.json").read_text())["samples"][0]["lithium"]
        table = results.table
    rows = table[table.quantity == "volume_fraction"].set_index("subject")
    numbers = {
        name: tuple(rows.loc[name, ["value", "low", "high"]]) for name in ("lithium", "void")
    }
    used = [kind for kind in told["used"] if kind != "grey"]
    return told["dprime"], told["state"] == "split", used, numbers


def measure(planted: float, seed: int, case: str, edge: int, *, learn: bool) -> Row:
    """Make a scan and see what is told of it."""
    scan = lithium_scan((edge, edge, edge), dprime=planted, seed=seed)
    dprime, split, used, numbers = (trained if learn else untrained)(scan, case)
    held = all(low <= scan.shares[name] <= high for name, (_, low, high) in numbers.items())
    error = numbers["lithium"][0] / scan.shares["lithium"] - 1
    return Row(case, planted, seed, dprime, split, split and dprime < 1.5 and not used, held, error)


def summary(found: list[Row]) -> Iterator[str]:
    """A line for each case and separability."""
    for case, planted in dict.fromkeys((row.case, row.planted) for row in found):
        some = [row for row in found if (row.case, row.planted) == (case, planted)]
        worst = max((abs(r.error) for r in some if r.split), default=math.nan)
        yield (
            f"{case:10} d' {planted:3g}: split {sum(r.split for r in some):2} of {len(some)}, barely "
            f"{sum(r.bare for r in some)}, held {sum(r.held for r in some):2}, largest error of "
            f"lithium {100 * worst:.1f} %"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--dprime", type=float, nargs="+", default=[0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--edge", type=int, default=48)
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--cases", nargs="+")
    args = parser.parse_args()
    usual = ["grey", "companion"] if args.trained else ["grey", "companion", "reference"]
    found = []
    wanted = itertools.product(args.seeds, args.dprime, args.cases or usual)
    for seed, planted, case in wanted:
        row = measure(planted, seed, case, args.edge, learn=args.trained)
        found.append(row)
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    sys.stdout.write("\n".join(summary(found)) + "\n")


if __name__ == "__main__":
    main()
