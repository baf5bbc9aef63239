"""Accuracy of cracks on pennies of known size: ``python tests/benchmarks/accuracy_cracks.py [DRAWS]``.

Pennies in random directions and places beside round pores, in a bed of grains of two grey
values; read as labels and as images (blurred by 0.8 voxel edges, noise by contrast-to-noise).
For each width, spacing and reading: recall of the area, false area by true area, worst and
mean error of area, largest error of the normal, mean error of the aperture in voxel edges, and
how often one penny was one facet. A second table: networks of 30 pennies.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from ssbtomo import measure
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Disc

VOID, SOLID, GRAIN = 0, 1, 2
GREYS = [500.0, 2500.0, 2900.0]
SPACINGS = ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0))
PSF = 0.8


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


def draw(
    radius: float, width: float, spacing: tuple, rng: np.random.Generator, *, grains: bool = True
) -> Penny:
    """Draw a penny; sizes in voxel edges (geometric mean)."""
    edge = np.cbrt(np.prod(spacing))
    shape = tuple(int(np.ceil((2 * radius + 40) * edge / s)) for s in spacing)
    size = np.array(shape) * spacing
    centre = size / 2 + rng.uniform(-0.5, 0.5, 3) * spacing
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    paints = []
    if grains:
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


def judged(penny: Penny, found: measure.Cracks) -> tuple[float, ...]:
    """Return recall, false area, relative area, normal in degrees, aperture error, facets."""
    edge = np.cbrt(np.prod(penny.spacing))
    true, table = np.pi * penny.radius**2, found.facets
    where = table[["z_um", "y_um", "x_um"]].to_numpy() - penny.centre
    up = where @ penny.normal
    aside = np.linalg.norm(where - up[:, None] * penny.normal, axis=1)
    own = (np.abs(up) < penny.width / 2 + 2 * edge) & (aside < penny.radius)
    area = table["area_um2"].to_numpy()
    if not own.any():
        return 0.0, area.sum() / true, 0.0, 90.0, np.nan, 0
    chief = int(np.flatnonzero(own)[np.argmax(area[own])])
    row = table.iloc[chief]
    cosine = abs(row[["normal_z", "normal_y", "normal_x"]].to_numpy(float) @ penny.normal)
    aperture = (table["volume_um3"][own].sum() / area[own].sum() - penny.width) / edge
    share = area[own].sum() / true
    angle = float(np.degrees(np.arccos(min(cosine, 1.0))))
    return min(share, 1.0), area[~own].sum() / true, share, angle, aperture, int(own.sum())


def read(penny: Penny, how: str, rng: np.random.Generator) -> measure.Cracks:
    if how == "labels":
        return measure.cracks(penny.labels, penny.spacing, phase=VOID)
    ratio = float(how.split()[1])
    return measure.cracks(penny.image(ratio, rng), penny.spacing, void_grey=GREYS[VOID])


def table(draws: int) -> None:
    say = sys.stdout.write
    say("spacing  width reading  recall  false  area mean   worst  normal  aperture  one facet\n")
    for spacing in SPACINGS:
        for width in (0.5, 1, 2, 3, 6):
            for how in ("labels", "cnr 6", "cnr 3"):
                if width < 1 and how == "labels":
                    continue
                rng = np.random.default_rng(int(10 * width))
                rows = []
                for _ in range(draws):
                    penny = draw(rng.uniform(16, 32), width, spacing, rng)
                    rows.append(judged(penny, read(penny, how, rng)))
                v = np.array(rows)
                say(
                    f"{spacing[0]:.0f}:1 {width:8.1f}  {how:7s} {v[:, 0].mean():6.3f} {v[:, 1].mean():6.3f}"
                    f"  {v[:, 2].mean():9.3f} {abs(v[:, 2] - 1).max():7.3f} {v[:, 3].max():7.2f}"
                    f"  {np.nanmean(v[:, 4]):+8.2f} {(v[:, 5] == 1).mean():9.2f}\n"
                )
                sys.stdout.flush()


def networks(draws: int) -> None:
    say = sys.stdout.write
    say("\nseed  P32 found/true  facets  sheets  spanning  true\n")
    for seed in range(draws):
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
        found = measure.cracks(labels, scene.spacing).summary
        pieces = ndi.label(labels == VOID, np.ones((3, 3, 3)))[0]
        spans = ""
        for k, name in enumerate("zyx"):
            near, far = np.take(pieces, 0, k), np.take(pieces, -1, k)
            spans += name if (set(np.unique(near)) & set(np.unique(far))) - {0} else ""
        ratio = found.area_per_volume_um2_um3 * labels.size / true
        say(
            f"{seed:4d}  {ratio:14.3f}  {found.facets:6d}  {found.sheets:6d}"
            f"  {''.join(found.spanning):8s}  {spans}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    table(number)
    if len(sys.argv) < 3:
        networks(min(4 * number, 20))
