"""Where touching particles were cut from each other, and the shape of each particle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.regions import region_areas
from ssbtomo.units import Spacing, check_spacing

__all__ = ["NeckAreas", "neck_areas", "particle_shapes"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class NeckAreas:
    """Pairs of particles that touch.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n,)
        The particles; the first is the smaller number.
    area_um2 : ndarray of float64, shape (n,)
        Of the cut between them.
    """

    first: Ints
    second: Ints
    area_um2: Floats

    def of(self, names: Ints) -> tuple[Floats, Ints]:
        """Return the area of all necks of each particle, and how many neighbours it has.

        Parameters
        ----------
        names : ndarray of int64
            Particles, ascending.

        Returns
        -------
        area : ndarray of float64
            In µm².
        neighbours : ndarray of int64
            Their number.
        """
        area, many = np.zeros(names.size), np.zeros(names.size, np.int64)
        for ends in (self.first, self.second):
            rows = np.searchsorted(names, ends)
            np.add.at(area, rows, self.area_um2)
            np.add.at(many, rows, 1)
        return area, many


def neck_areas(particles: Source, spacing: Spacing, grid: Grid, engine: Engine) -> NeckAreas:
    """Measure the cuts between touching particles.

    Parameters
    ----------
    particles : Source
        Particle of each voxel, 0 for none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    NeckAreas
        The length of the sum of the face vectors of each cut: exact for a flat cut of any
        orientation, too small for a curved one, and too large where the waist is sharper than a
        voxel. 30 bytes per voxel of a block.
    """
    task = partial(_faces, particles=particles)
    parts = list(engine.map(task, grid))
    pairs = np.concatenate([part[0] for part in parts])
    counts = np.concatenate([part[1] for part in parts])
    found, rows = np.unique(pairs, axis=0, return_inverse=True)
    total = np.zeros((len(found), 3), np.int64)
    np.add.at(total, rows.reshape(-1), counts)
    dz, dy, dx = check_spacing(spacing)
    vectors = total * np.array([dy * dx, dz * dx, dz * dy])
    return NeckAreas(found[:, 0], found[:, 1], np.sqrt((vectors**2).sum(axis=1)))


def _faces(block: Block, *, particles: Source) -> tuple[Ints, Ints]:
    """Count the faces between each pair, by axis, from the smaller number to the larger."""
    values = np.asarray(particles[block.window(0, 1)])
    pairs, counts = [np.zeros((0, 2), np.int64)], [np.zeros((0, 3), np.int64)]
    for axis, size in enumerate(block.shape):
        own = [slice(0, n) for n in block.shape]
        own[axis] = slice(0, min(size, values.shape[axis] - 1))
        far = list(own)
        far[axis] = slice(1, own[axis].stop + 1)
        here, there = values[tuple(own)], values[tuple(far)]
        cut = (here != there) & (here > 0) & (there > 0)
        both = np.stack([here[cut], there[cut]], axis=1).astype(np.int64)
        sign = np.zeros((len(both), 3), np.int64)
        sign[:, axis] = np.where(both[:, 0] < both[:, 1], 1, -1)
        pairs.append(np.sort(both, axis=1))
        counts.append(sign)
    found, rows = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    total = np.zeros((len(found), 3), np.int64)
    np.add.at(total, rows.reshape(-1), np.concatenate(counts))
    return found, total


def particle_shapes(
    volume: tuple[Source, Source],
    spacing: Spacing,
    phases: Mapping[str, int],
    grid: Grid,
    engine: Engine,
    *,
    own: int,
    table: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """Measure the surface of each particle, what it touches, and how round it is.

    Parameters
    ----------
    volume : tuple of Source
        Labels, and particles of the phase `own`.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int
        Label of each phase.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    own : int
        Label of the particles' phase.
    table : mapping
        Their table, as from `ssbtomo.blocks.particles.separate`.

    Returns
    -------
    dict of ndarray
        In the order of `table`: ``area_um2`` (voxel faces times the local normal, and necks),
        ``neck_um2``, ``neighbours``, ``sphericity`` (surface of the sphere of the same volume
        over its own; NaN for a particle that the border cuts), ``share_NAME`` for each other
        phase and ``share_particles``: shares of the area. Bias: particles below eight voxels
        across read up to some percent too round or too rough. Memory as of
        `ssbtomo.blocks.regions.region_areas` and `neck_areas`.
    """
    labels, particles = volume
    found = region_areas(labels, spacing, list(phases.values()), grid, engine, objects=particles)
    names = np.asarray(table["particle"], np.int64)
    rows = np.searchsorted(names, found.names)
    necks, neighbours = neck_areas(particles, spacing, grid, engine).of(names)
    touched: dict[str, Floats] = {}
    for name, label in phases.items():
        if label != own:
            pair = (own, label) if (own, label) in found.area_um2 else (label, own)
            touched[name] = np.zeros(names.size)
            touched[name][rows] = found.area_um2[pair]
    area = sum(touched.values(), necks.copy())
    whole = (36 * np.pi * np.asarray(table["volume_um3"]) ** 2) ** (1 / 3)
    closed = ~np.asarray(table["touches_border"], np.bool_) & (area > 0)
    shapes: dict[str, NDArray[Any]] = {
        "area_um2": area,
        "neck_um2": necks,
        "neighbours": neighbours,
        "sphericity": np.divide(whole, area, out=np.full(area.shape, np.nan), where=closed),
    }
    for name, part in (*touched.items(), ("particles", necks)):
        share = np.full(area.shape, np.nan)
        shapes[f"share_{name}"] = np.divide(part, area, out=share, where=area > 0)
    return shapes
