"""Accuracy of cracks: ``python tests/benchmarks/accuracy_cracks.py WHAT [DRAWS] [FILE] [LARGEST]``.

``pennies``: pennies of radius 16 to 48 (or to the LARGEST) voxel edges in random directions and places beside round
pores, in a bed of grains of two grey values; read as labels and as images (blurred by 0.8 voxel
edges, noise by contrast-to-noise). For each width, spacing and reading: recall of the area, false area
by true area, error of area, normal and aperture (mean, 95 % of the draws, worst), and how often
one penny was one facet. ``crossings``: two pennies that cross at an angle. ``networks``: 30
pennies, ``grey``: the same from images at a contrast-to-noise of 6. DRAWS may be a range, as in 100:104. With a file each case is kept as a line of it, and cases that it holds are not repeated.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from ssbtomo import measure
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Disc

VOID, SOLID, GRAIN = 0, 1, 2
GREYS = [500.0, 2500.0, 2900.0]
SPACINGS = ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0))
WIDTHS = (0.5, 1.0, 2.0, 3.0, 6.0)
READINGS = ("labels", "cnr 6", "cnr 3")
SMALLEST, LARGEST = 16.0, 48.0
ANGLES = (30, 45, 60, 75, 90)
PSF = 0.8
LONG = 8.0  # voxel edges: shorter intersection lines are told apart from noise by chance


@dataclass(frozen=True)
class Penny:
    """A penny beside pores and grains, drawn."""

    labels: np.ndarray
    grey: np.ndarray
    spacing: tuple[float, float, float]
    centre: np.ndarray
    normal: np.ndarray
    radius: float
    width: float

    def image(self, ratio: float, rng: np.random.Generator) -> np.ndarray:
        edge = np.cbrt(np.prod(self.spacing))
        blurred = ndi.gaussian_filter(self.grey, [PSF * edge / s for s in self.spacing])
        noise = (GREYS[SOLID] - GREYS[VOID]) / ratio
        return (blurred + noise * rng.standard_normal(blurred.shape)).astype(np.float32)


def draw(radius: float, width: float, spacing: tuple, rng: np.random.Generator) -> Penny:
    """Draw a penny; sizes in voxel edges (geometric mean)."""
    edge = np.cbrt(np.prod(spacing))
    shape = tuple(int(np.ceil((2 * radius + 40) * edge / s)) for s in spacing)
    size = np.array(shape) * spacing
    centre = size / 2 + rng.uniform(-0.5, 0.5, 3) * spacing
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    paints = []
    for _ in range(int(np.prod(size) / (4000 * edge**3))):
        at = rng.uniform(0, size)
        paints.append(Paint(Ball(tuple(at), rng.uniform(6, 14) * edge), GRAIN))
    disc = Disc(tuple(centre), tuple(normal), radius * edge, width * edge)
    for _ in range(12):
        at, r = rng.uniform(0, size), rng.uniform(4, 9) * edge
        up = (at - centre) @ normal
        aside = np.linalg.norm(at - centre - up * normal)
        if abs(up) > r + 8 * edge or aside > (radius + 8) * edge + r:
            paints.append(Paint(Ball(tuple(at), r), VOID))
    paints.append(Paint(disc, VOID))
    raster = Scene(shape, spacing, SOLID, tuple(paints)).rasterise(GREYS, 3)
    return Penny(raster.labels, raster.grey, spacing, centre, normal, radius * edge, width * edge)


def judged(penny: Penny, found: measure.Cracks) -> dict[str, float]:
    """Compare what was found with a penny; what lies on it is told by the facets' centres."""
    edge = np.cbrt(np.prod(penny.spacing))
    true, table = np.pi * penny.radius**2, found.facets
    where = table[["z_um", "y_um", "x_um"]].to_numpy() - penny.centre
    up = where @ penny.normal
    aside = np.linalg.norm(where - up[:, None] * penny.normal, axis=1)
    own = (np.abs(up) < penny.width / 2 + 2 * edge) & (aside < penny.radius)
    area = table["area_um2"].to_numpy()
    told = {"false": area[~own].sum() / true, "facets": int(own.sum())}
    if not own.any():
        return {**told, "area": 0.0, "normal": 90.0, "aperture": np.nan}
    chief = int(np.flatnonzero(own)[np.argmax(area[own])])
    row = table.iloc[chief]
    cosine = abs(row[["normal_z", "normal_y", "normal_x"]].to_numpy(float) @ penny.normal)
    aperture = (table["volume_um3"][own].sum() / area[own].sum() - penny.width) / edge
    angle = float(np.degrees(np.arccos(min(cosine, 1.0))))
    return {**told, "area": area[own].sum() / true, "normal": angle, "aperture": aperture}


def pennies(
    draws: range, largest: float = LARGEST
) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Yield the name of each case, and what works it out."""
    for number in draws:
        for which, spacing in enumerate(SPACINGS):
            for width in WIDTHS:
                seed = [number, which, int(10 * width)]
                for reading in READINGS[width < 1 :]:
                    name = f"{spacing[0]:.0f}:1 width {width:3.1f} {reading:6s} draw {number}"
                    size = SMALLEST, largest
                    yield name, partial(_penny, seed, reading, width, spacing, size)


_LAST: dict[str, Penny] = {}


def _penny(
    seed: list[int], reading: str, width: float, spacing: tuple, radii: tuple = (SMALLEST, LARGEST)
) -> dict[str, float]:
    if str(seed) not in _LAST:
        rng = np.random.default_rng(seed)
        _LAST.clear()
        _LAST[str(seed)] = draw(rng.uniform(*radii), width, spacing, rng)
    penny = _LAST[str(seed)]
    if reading == "labels":
        return judged(penny, measure.cracks(penny.labels, spacing, phase=VOID))
    ratio = float(reading.split()[1])
    image = penny.image(ratio, np.random.default_rng([*seed, int(ratio)]))
    return judged(penny, measure.cracks(image, spacing, void_grey=GREYS[VOID]))


def crossings(draws: range) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Yield two pennies that cross in their middles."""
    for number in draws:
        for radius in (16, 28):
            for width in (1, 2, 3, 6):
                for angle in ANGLES:
                    name = f"radius {radius} width {width} angle {angle} draw {number}"
                    yield name, lambda n=number, r=radius, w=width, a=angle: _crossing(n, r, w, a)


def _crossing(number: int, radius: float, width: float, angle: float) -> dict[str, float]:
    rng = np.random.default_rng([number, radius, width, angle])
    first, aside, _ = np.linalg.qr(rng.normal(size=(3, 3)))[0].T
    turn = np.radians(angle)
    second = np.cos(turn) * first + np.sin(turn) * aside
    side = 2 * radius + 16
    at = tuple(side / 2 + rng.uniform(-0.5, 0.5, 3))
    both = tuple(Paint(Disc(at, tuple(n), radius, width), VOID) for n in (first, second))
    found = measure.cracks(Scene((side,) * 3, (1.0,) * 3, SOLID, both).labels(), (1.0,) * 3)
    lines = found.graph.lines["length_um"].to_numpy()
    return {
        "facets": len(found.facets), "lines": len(lines),
        "length": lines.sum() / (2 * radius) if len(lines) else 0.0,
        "area": found.facets["area_um2"].sum() / (2 * np.pi * radius**2),
    }  # fmt: skip


def networks(draws: range) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Yield 30 pennies in a box of 128 voxels."""
    for number in draws:
        yield f"network seed {number}", lambda n=number: _network(n)


def grey_networks(draws: range) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Yield the same as images."""
    for number in draws:
        yield f"grey network seed {number}", partial(_network, number, 6.0)


def _network(seed: int, ratio: float | None = None) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    paints = []
    for _ in range(30):
        normal = rng.normal(size=3)
        at = tuple(rng.uniform(0, 128, 3))
        paints.append(Paint(Disc(at, tuple(normal), rng.uniform(16, 32), 3.0), VOID))
    scene = Scene((128,) * 3, (1.0,) * 3, SOLID, tuple(paints))
    labels = scene.labels()
    alone = [Scene(scene.shape, scene.spacing, SOLID, (p,)) for p in paints]
    true = sum(sum(one.disc_areas(20.0, seed).values()) for one in alone)
    if ratio is None:
        network = measure.cracks(labels, scene.spacing)
    else:
        grey = ndi.gaussian_filter(scene.rasterise(GREYS, 3).grey, PSF)
        noise = (GREYS[SOLID] - GREYS[VOID]) / ratio * rng.standard_normal(grey.shape)
        network = measure.cracks(grey + noise, scene.spacing, void_grey=GREYS[VOID])
    found = network.summary
    pieces = ndi.label(labels == VOID, np.ones((3, 3, 3)))[0]
    spans = []
    for k in range(3):
        near, far = np.take(pieces, 0, k), np.take(pieces, -1, k)
        spans.append(bool((set(np.unique(near)) & set(np.unique(far))) - {0}))
    told = [name in found.spanning for name in "zyx"]
    area = found.area_per_volume_um2_um3 * labels.size / true
    meet = [met(a.solid, b.solid, 128.0) for k, a in enumerate(paints) for b in paints[:k]]
    held = np.array([length for length in meet if length > 0])
    lines = network.graph.lines["length_um"].to_numpy()
    return {
        "area": area, "facets": found.facets, "sheets": found.sheets, "spanning": told == spans,
        "lines": lines.size, "true lines": held.size, "long": int((lines > LONG).sum()),
        "true long": int((held > LONG).sum()), "lengths": lines.sum() / held.sum(),
    }  # fmt: skip


def met(first: Disc, second: Disc, side: float) -> float:
    """Return the length of the line along which two discs meet in a box, by its exact geometry."""
    normals = [np.asarray(d.normal) / np.linalg.norm(d.normal) for d in (first, second)]
    way = np.cross(*normals)
    if np.linalg.norm(way) < 1e-9:
        return 0.0
    way /= np.linalg.norm(way)
    heights = [n @ np.asarray(d.center) for n, d in zip(normals, (first, second), strict=True)]
    place = np.linalg.solve(np.array([*normals, way]), [*heights, 0.0])
    with np.errstate(divide="ignore"):
        ends = np.sort(np.array([-place / way, (side - place) / way]), axis=0)
    low, high = ends[0].max(), ends[1].min()
    for disc in (first, second):
        away = np.asarray(disc.center) - place
        along = away @ way
        half = disc.radius**2 - (away @ away - along**2)
        if half <= 0:
            return 0.0
        low, high = max(low, along - np.sqrt(half)), min(high, along + np.sqrt(half))
    return max(float(high - low), 0.0)


def done(cases: Iterable, path: Path | None) -> dict[str, dict[str, float]]:
    """Work out the cases that a file does not hold yet."""
    held: dict[str, dict[str, float]] = {}
    if path and path.is_file():
        lines = path.read_text("utf-8").splitlines()
        held = {row.pop("case"): row for row in map(json.loads, lines)}
    found = {}
    for name, work in cases:
        if name not in held:
            held[name] = {k: float(v) for k, v in work().items()}
            if path:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"case": name, **held[name]}) + "\n")
        found[name] = held[name]
    return found


def table(found: dict[str, dict[str, float]]) -> None:
    """Print one row for each cell of the draws."""
    cells: dict[str, list[dict[str, float]]] = {}
    for name, row in found.items():
        cells.setdefault(name.split(" draw ")[0], []).append(row)
    say = sys.stdout.write
    if "normal" not in next(iter(found.values())):
        for name, rows in cells.items():
            values = "  ".join(
                f"{key} {np.mean([r[key] for r in rows]):.3f} "
                f"[{min(r[key] for r in rows):.3f}, {max(r[key] for r in rows):.3f}]"
                for key in rows[0]
            )
            say(f"{name}: {values}\n")
        return
    say(f"{'spacing, reading':24s}  n recall  false (worst)  area: mean 95 % worst   normal: 95 % worst"
        "  aperture: mean 95 % worst  one facet\n")  # fmt: skip
    for name, rows in cells.items():
        v = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        off, wide = abs(v["area"] - 1), abs(v["aperture"])
        say(
            f"{name:24s} {len(rows):2d} {np.minimum(v['area'], 1).mean():6.3f}"
            f"  {v['false'].mean():6.3f} {v['false'].max():6.3f}"
            f"  {v['area'].mean():10.3f} {np.quantile(off, 0.95):6.3f} {off.max():6.3f}"
            f"  {np.quantile(v['normal'], 0.95):10.2f} {v['normal'].max():6.2f}"
            f"  {np.nanmean(v['aperture']):+12.2f} {np.nanquantile(wide, 0.95):5.2f} {np.nanmax(wide):5.2f}"
            f"  {(v['facets'] == 1).mean():9.2f}\n"
        )


if __name__ == "__main__":
    kinds = {
        "pennies": pennies,
        "crossings": crossings,
        "networks": networks,
        "grey": grey_networks,
    }
    what = sys.argv[1] if len(sys.argv) > 1 else "pennies"
    ends = [int(value) for value in (sys.argv[2] if len(sys.argv) > 2 else "3").split(":")]
    kept = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    sizes = [float(value) for value in sys.argv[4:5]]
    table(done(kinds[what](range(*ends), *sizes), kept))
