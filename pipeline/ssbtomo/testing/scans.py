"""CT scans of balls with exact projections, and of any volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ssbtomo.projections import Geometry, Projections

if TYPE_CHECKING:
    from ssbtomo.units import Spacing

__all__ = ["Ball", "DetectorFaults", "ball_volume", "expose", "project_balls", "project_volume"]


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball in the coordinates of the sample; what overlaps adds.

    Parameters
    ----------
    centre : tuple of float
        (z, y, x) from the middle of the volume, in voxels.
    radius : float
        In voxels.
    value : float
        Attenuation per voxel.
    """

    centre: tuple[float, float, float]
    radius: float
    value: float


@dataclass(frozen=True, slots=True)
class DetectorFaults:
    """What a detector does to the images.

    Parameters
    ----------
    photons : float
        Counts of an open pixel; they have Poisson noise.
    pattern : float
        Relative standard deviation of the open beam from pixel to pixel.
    response : float
        Relative standard deviation of what a pixel reads off the flat images' word: rings.
    dead : float
        Share of the pixels that see nothing.
    flashes : float
        Share of the samples that are hit by a flash of the open beam's brightness.
    """

    photons: float = 20_000.0
    pattern: float = 0.1
    response: float = 0.0
    dead: float = 0.0
    flashes: float = 0.0


def project_balls(
    balls: Sequence[Ball],
    angles: NDArray[np.float64],
    shape: tuple[int, int],
    axis: float,
    *,
    distances: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Return exact line integrals through balls, averaged over 2 × 2 rays per pixel.

    Parameters
    ----------
    balls : sequence of Ball
        The sample.
    angles : ndarray of float, shape (angles,)
        Radians.
    shape : tuple of int
        Rows and columns of the detector.
    axis : float
        Detector column of the rotation axis.
    distances : tuple of float, optional
        Source to object and object to detector, in voxels: a cone beam, with pixels as large as
        a voxel times the magnification, and the axis seen through the detector's middle row.

    Returns
    -------
    ndarray of float, shape (angles, rows, columns)
        Line integrals.
    """
    total = np.zeros((len(angles), *shape))
    part = (np.arange(2) + 0.5) / 2 - 0.5
    for dv in part:
        for du in part:
            v = np.arange(shape[0])[:, None] + dv - (shape[0] - 1) / 2
            u = np.arange(shape[1])[None, :] + du - axis
            for number, angle in enumerate(angles):
                total[number] += _chords(balls, angle, v, u, distances) / 4
    return total


def _chords(
    balls: Sequence[Ball],
    angle: float,
    v: NDArray[np.float64],
    u: NDArray[np.float64],
    distances: tuple[float, float] | None,
) -> NDArray[np.float64]:
    """Return the integral along each ray: chord times value."""
    total = np.zeros(np.broadcast_shapes(v.shape, u.shape))
    for ball in balls:
        z, y, x = ball.centre
        across = x * np.cos(angle) + y * np.sin(angle)
        along = -x * np.sin(angle) + y * np.cos(angle)  # away from the source
        if distances is None:
            square = (u - across) ** 2 + (v - z) ** 2
        else:
            # rays from the source at -distance through (u, v) on a detector at the axis
            source = distances[0]
            ray = np.stack(np.broadcast_arrays(u, v, np.float64(source)))
            ray = ray / np.sqrt((ray**2).sum(axis=0))
            to = np.array([across, z, along + source])
            foot = np.tensordot(to, ray, axes=(0, 0))
            square = (to**2).sum() - foot**2
        total += ball.value * 2 * np.sqrt(np.maximum(ball.radius**2 - square, 0))
    return total


def ball_volume(
    balls: Sequence[Ball], shape: tuple[int, int, int], *, fine: int = 4
) -> NDArray[np.float32]:
    """Rasterise balls, averaged over ``fine``³ points per voxel.

    Parameters
    ----------
    balls : sequence of Ball
        The sample.
    shape : tuple of int
        Voxels along (Z, Y, X).
    fine : int
        Points per voxel along each axis.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Attenuation per voxel.
    """
    volume = np.zeros(shape, np.float32)
    part = (np.arange(fine) + 0.5) / fine - 0.5
    places = [np.arange(n) - (n - 1) / 2 for n in shape]
    for ball in balls:
        for dz in part:
            for dy in part:
                for dx in part:
                    z, y, x = (
                        place + d - c
                        for place, d, c in zip(places, (dz, dy, dx), ball.centre, strict=True)
                    )
                    square = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
                    volume += np.float32(ball.value / fine**3) * (square < ball.radius**2)
    return volume


def project_volume(
    volume: NDArray[Any], angles: NDArray[np.float64], columns: int, axis: float
) -> NDArray[np.float32]:
    """Return line integrals of any volume along parallel rays, by turning it.

    Parameters
    ----------
    volume : ndarray, shape (Z, Y, X)
        Attenuation per voxel.
    angles : ndarray of float, shape (angles,)
        Radians.
    columns : int
        Detector columns; the rows are the volume's slices.
    axis : float
        Detector column of the rotation axis, which goes through the middle of the slices.

    Returns
    -------
    ndarray of float32, shape (angles, Z, columns)
        Line integrals. Turning interpolates linearly: edges are blurred by half a voxel.
    """
    slices, height, width = volume.shape
    out = np.empty((len(angles), slices, columns), np.float32)
    depth = int(np.ceil(np.hypot(height, width))) + 2
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    for number, angle in enumerate(angles):
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.array([[cosine, sine], [-sine, cosine]])  # (along, across) to (y, x)
        offset = middle - turn @ np.array([(depth - 1) / 2, axis])
        for k in range(slices):
            turned = scipy.ndimage.affine_transform(
                volume[k], turn, offset, output_shape=(depth, columns), order=1, output=np.float32
            )
            out[number, k] = turned.sum(axis=0)
    return out


def expose(
    integrals: NDArray[Any],
    angles: NDArray[np.float64],
    faults: DetectorFaults | None = None,
    *,
    spacing: Spacing,
    seed: int = 0,
    distances: tuple[float, float] | None = None,
) -> Projections:
    """Turn line integrals into what a detector reads, with flat and dark images.

    Parameters
    ----------
    integrals : ndarray, shape (angles, rows, columns)
        Line integrals.
    angles : ndarray of float, shape (angles,)
        Radians.
    faults : DetectorFaults, optional
        What the detector does.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm; that of Y is not looked at.
    seed : int
        Of all that is random.
    distances : tuple of float, optional
        Source to object and object to detector in µm: a cone beam.

    Returns
    -------
    Projections
        In 16 bits, with 10 flat and 10 dark images.
    """
    import dask.array as da

    how = faults or DetectorFaults()
    rng = np.random.default_rng(seed)
    shape = integrals.shape[1:]
    open_beam = how.photons * np.maximum(1 + how.pattern * rng.normal(size=shape), 0.2)
    open_beam *= rng.random(shape) >= how.dead
    dark = 100 + 4 * rng.normal(size=shape)
    seen = np.maximum(1 + how.response * rng.normal(size=shape), 0.1)
    counts = rng.poisson(open_beam * np.exp(-integrals)) * seen + dark
    counts[rng.random(counts.shape) < how.flashes] += how.photons
    flats = rng.poisson(np.broadcast_to(open_beam, (10, *shape))) + dark
    darks = dark + 2 * rng.normal(size=(10, *shape))
    stacks = [np.clip(np.rint(part), 0, 65535).astype(np.uint16) for part in (counts, flats, darks)]
    images, open_images, dark_images = (
        da.from_array(part, chunks=(min(64, len(part)), -1, -1)) for part in stacks
    )
    larger = 1.0 if distances is None else sum(distances) / distances[0]
    geometry = Geometry(
        "parallel" if distances is None else "cone",
        (spacing[0] * larger, spacing[2] * larger),
        *(distances or (None, None)),
    )
    return Projections(images, geometry, angles, open_images, dark_images, name="phantom")
