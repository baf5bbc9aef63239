"""How often the range that a run gives a contact area holds the truth, for every pair of phases.

    python tests/benchmarks/coverage_contacts.py --seeds 21 22 --optics ct phase noisy

Composite cathodes, with and without lithium, are segmented by a recipe; their true areas are
sampled on the planted surfaces. Prints value, range and truth of each pair, then the share inside.
Seeds below 10 were looked at while the ranges were made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import tifffile

from ssbtomo import runner
from ssbtomo.testing import CathodeDesign, CtOptics, FibSemOptics, composite_cathode

SPACING = (0.2, 0.2, 0.2)
GREYS = {"void": 500, "lithium": 1500, "electrolyte": 3000, "active": 3600}
OPTICS: dict[str, Callable[[], Any]] = {
    "ct": CtOptics,
    "artefacts": lambda: CtOptics(rings=12.0, cupping=0.01),
    "phase": lambda: CtOptics(greys=GREYS),
    "noisy": lambda: CtOptics(noise=260.0),
    "blurred": lambda: CtOptics(blur=1.2, noise=100.0),
    "fib-sem": FibSemOptics,
}
RECIPE = """\
sample: {path: image.tif, voxel_size: [200 nm, 200 nm, 200 nm]}
phases: [%s]
segment: {method: multi-otsu, lithium: {split: thresholds}}
quantify: {measures: [contacts]}
run: {scheduler: synchronous}
"""


def rows(seed: int, optics: str, shape: tuple[int, int, int], *, anode: bool) -> Iterator[Any]:
    """Run one phantom; yield pair, value, low, high and truth."""
    design = CathodeDesign.for_voxels(SPACING, anode=anode)
    made = composite_cathode(shape, SPACING, seed=seed, optics=OPTICS[optics](), design=design)
    names = sorted(made.phases, key=lambda name: made.greys[name])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tifffile.imwrite(place / "image.tif", made.image, photometric="minisblack")
        phases = ", ".join(f"{{name: {name}, role: {name}}}" for name in names)
        (place / "recipe.yaml").write_text(RECIPE % phases, encoding="utf-8")
        with mock.patch("ssbtomo.runner.execute.write_report", lambda path, **_: path):
            table = runner.run(place / "recipe.yaml", place / "out").table
    areas = table[table.quantity == "contact_area_per_volume"].set_index("subject")
    for pair, row in areas.iterrows():
        true = made.value("contact_area_per_volume", str(pair))
        if true > 0:  # no phantom has lithium on active material
            yield pair, row.value, row.low, row.high, true


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23])
    parser.add_argument("--optics", nargs="+", default=["ct"], choices=OPTICS)
    parser.add_argument("--shape", type=int, nargs=3, default=(72, 96, 96))
    parser.add_argument("--no-lithium", action="store_true")
    args = parser.parse_args()
    held: dict[str, list[bool]] = {}
    for seed in args.seeds:
        for optics in args.optics:
            found = rows(seed, optics, tuple(args.shape), anode=not args.no_lithium)
            for pair, value, low, high, true in found:
                inside = low <= true <= high
                held.setdefault(str(pair), []).append(inside)
                sys.stdout.write(
                    f"{seed} {optics:9} {pair:20} {value:.4f} [{low:.4f}, {high:.4f}]  truth "
                    f"{true:.4f}  error {100 * (value / true - 1):+.1f} %  "
                    f"{'in' if inside else 'OUT'}\n"
                )
                sys.stdout.flush()
    for pair, all_of in held.items():
        sys.stdout.write(f"{pair:20} {sum(all_of)} of {len(all_of)} inside\n")


if __name__ == "__main__":
    main()
