"""The answers of a planted electrode: fractions, contact areas, coverage, particles, cracks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.testing.answers import Table, Truth
from ssbtomo.testing.planting import Planted
from ssbtomo.testing.scene import Scene
from ssbtomo.testing.solids import Ball, Disc

__all__ = ["tables_of", "truths_of"]

_POINTS_PER_PARTICLE = 600  # and round; areas come out within about 0.1 %
_COUNTED = "counted on a grid three times finer than the voxels"
_SAMPLED = "sampled on the surfaces of the planted solids, without voxels"


def tables_of(planted: Planted) -> dict[str, Table]:
    """List the planted particles and cracks.

    Parameters
    ----------
    planted : Planted
        The scene.

    Returns
    -------
    dict
        ``"particles"`` (whole balls; one row each that shows in the volume) and ``"cracks"``
        (`area_um2` is the middle plane where it shows as void, `aperture_um` the thickness).
    """
    scene = planted.scene
    balls = [p.solid for i in planted.particles if isinstance((p := scene.paints[i]).solid, Ball)]
    discs = [p.solid for i in planted.cracks if isinstance((p := scene.paints[i]).solid, Disc)]
    centers = np.array([ball.center for ball in balls]).reshape(-1, 3)
    radii = np.array([ball.radius for ball in balls])
    edge = (centers < radii[:, None]) | (centers > np.array(scene.view.high) - radii[:, None])
    particles = {
        "particle": np.arange(1, len(balls) + 1),
        **_coordinates(centers),
        "diameter_um": 2 * radii,
        "volume_um3": 4 / 3 * math.pi * radii**3,
        "touches_border": edge.any(axis=1),
    }
    reach = max((disc.radius for disc in discs), default=1.0)
    areas = scene.disc_areas(20_000 / reach**2, seed=0)
    normals = np.array([disc.normal for disc in discs]).reshape(-1, 3)
    cracks = {
        "crack": np.arange(1, len(discs) + 1),
        **_coordinates(np.array([disc.center for disc in discs]).reshape(-1, 3)),
        **{f"normal_{axis}": normals[:, i] for i, axis in enumerate("zyx")},
        "radius_um": np.array([disc.radius for disc in discs]),
        "aperture_um": np.array([disc.width for disc in discs]),
        "area_um2": np.array([areas[i] for i in planted.cracks]),
        "in_particle": np.array([not _covers(scene, i) for i in planted.cracks]),
    }
    return {"particles": particles, "cracks": cracks}


def truths_of(
    planted: Planted,
    phases: Mapping[str, int],
    shares: NDArray[np.float64],
    tables: Mapping[str, Table],
    seed: int,
) -> tuple[Truth, ...]:
    """Return the answers of a planted electrode.

    Parameters
    ----------
    planted : Planted
        The scene.
    phases : mapping of str to int
        Phase names and labels.
    shares : ndarray of float64
        Volume fraction of each label.
    tables : mapping of str to table
        What `tables_of` gave.
    seed : int
        Seed of the surface samples.

    Returns
    -------
    tuple of Truth
        Fractions, pair areas, specific contact areas, coverage, particles and cracks.
    """
    scene = planted.scene
    typical = float(np.median(tables["particles"]["diameter_um"]))
    density = _POINTS_PER_PARTICLE / (math.pi * typical**2)
    areas = scene.contact_areas(density, seed)
    truth = [
        Truth("volume_fraction", name, float(shares[label]), _COUNTED)
        for name, label in phases.items()
    ]
    truth.append(Truth("porosity", "void", float(shares[phases["void"]]), _COUNTED))
    for first, second in combinations(phases, 2):
        area, error = (value / scene.volume_um3 for value in areas[phases[first], phases[second]])
        truth.append(
            Truth("contact_area_per_volume", f"{first}|{second}", area, _SAMPLED,
                  unit="1/um", standard_error=error)
        )  # fmt: skip
    return (*truth, *_contacts(truth), *_objects(tables, scene.volume_um3))


def _contacts(truth: list[Truth]) -> list[Truth]:
    """Return how much of the active material each other phase touches."""
    touching = {
        "|".join(name for name in item.subject.split("|") if name != "active"): item.value
        for item in truth
        if item.quantity == "contact_area_per_volume" and "active" in item.subject.split("|")
    }
    share = next(t.value for t in truth if t.key == "volume_fraction|active|")
    whole = sum(touching.values())
    found = []
    for other, area in touching.items():
        pair = f"active|{other}"
        found += [
            Truth("specific_contact_area", pair, area / share, _SAMPLED, unit="1/um"),
            Truth("coverage", pair, area / whole, _SAMPLED),
        ]
    return found


def _objects(tables: Mapping[str, Table], volume: float) -> list[Truth]:
    particles, cracks = tables["particles"], tables["cracks"]
    truth = [
        Truth(
            "particle_count", "active", len(particles["particle"]), "planted; touching ones apart"
        )
    ]
    if len(cracks["crack"]):
        area = float(cracks["area_um2"].sum())
        width = float(cracks["aperture_um"].mean())
        how = "middle planes of the planted discs, where they show as void and not as pore"
        truth += [
            Truth("crack_count", "void", len(cracks["crack"]), "planted; crossing ones apart"),
            Truth("crack_area_per_volume", "void", area / volume, how, unit="1/um"),
            Truth("crack_aperture_mean", "void", width, "planted", unit="um"),
            Truth("crack_volume_fraction", "void", area * width / volume, "area times aperture"),
        ]
    return truth


def _covers(scene: Scene, index: int) -> bool:
    over = scene.paints[index].over
    return over is not None and scene.base in over


def _coordinates(points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {f"{axis}_um": points[:, i] for i, axis in enumerate("zyx")}
