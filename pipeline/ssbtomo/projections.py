"""Projections of a CT scan: lazy images, and the geometry in which they were taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.errors import AxisError, InputDataError, VoxelSizeError
from ssbtomo.units import Spacing, format_length

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["Geometry", "Projections"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How source, sample and detector stood to each other.

    Parameters
    ----------
    beam : {"parallel", "cone"}
        Whether the rays are parallel or come from a point.
    pixel_size : tuple of float or None
        Edges (dv, du) of a pixel *at the detector*, in µm. For a parallel beam with an
        objective behind the scintillator this is the pixel divided by the objective's
        magnification, so that it is the voxel size too.
    source_object, object_detector : float or None
        Distances in µm from the source to the rotation axis, and from there to the
        detector. A cone beam has both; a parallel beam has the second, if any (it
        matters for phase retrieval).
    axis_column : float or None
        Where the rotation axis falls on the detector: the column, counted from 0 at
        the centre of the first pixel, so that the middle of n columns is (n - 1) / 2.
    axis_tilt : float
        Rotation of that axis within the detector's plane, in radians: positive if the
        columns of the axis grow with the row.
    """

    beam: Literal["parallel", "cone"]
    pixel_size: tuple[float, float] | None = None
    source_object: float | None = None
    object_detector: float | None = None
    axis_column: float | None = None
    axis_tilt: float = 0.0

    def __post_init__(self) -> None:
        lengths = {
            "pixel size": self.pixel_size or (),
            "distance source to object": (self.source_object,),
            "distance object to detector": (self.object_detector,),
        }
        for what, values in lengths.items():
            if any(v is not None and not (math.isfinite(v) and v >= 0) for v in values):
                raise VoxelSizeError(
                    f"the geometry's {what} {values} µm is negative or not finite",
                    hint="correct the scan's metadata",
                )
        if self.pixel_size is not None and min(self.pixel_size) <= 0:
            raise VoxelSizeError(
                f"the geometry's pixel size {self.pixel_size} µm is not above zero",
                hint="correct the scan's metadata, or give the pixel size",
            )
        if self.beam == "cone" and (not self.source_object or self.object_detector is None):
            raise InputDataError(
                "a cone beam needs its distances: source to object "
                f"{self.source_object} µm, object to detector {self.object_detector} µm",
                hint="correct the scan's metadata",
            )

    @property
    def magnification(self) -> float:
        """How many times larger than the object its shadow is: 1 for a parallel beam."""
        if self.beam == "parallel":
            return 1.0
        assert self.source_object is not None
        assert self.object_detector is not None
        return (self.source_object + self.object_detector) / self.source_object


@dataclass(frozen=True, slots=True, repr=False)
class Projections:
    """The images of a CT scan, lazy, with what is needed to reconstruct them.

    Parameters
    ----------
    data : dask.array.Array, shape (angles, rows, columns)
        Detector readings, as stored: nothing is normalised, shifted or turned. Row 0 is
        the first row of the file's images.
    geometry : Geometry
        Beam, distances, pixel and rotation axis.
    angles : ndarray of float or None, shape (angles,)
        Angle of the sample at each image, in radians; None if nothing told them.
    flats, darks : dask.array.Array or None, shape (images, rows, columns)
        Images without the sample, and without the beam.
    shifts : ndarray of float or None, shape (angles, 2)
        By how many pixels (rows, columns) the content of each image has to be moved for
        the images to be aligned: to be *added* to positions.
    normalised : bool
        True if the images are transmissions already: divided by the flat image.
    origins : mapping of str to str
        Where each value came from: ``{"angles": "tag ImageInfo/Angles", ...}``.
    name, modality : str
        Name of the sample, and how it was imaged.
    conditions : mapping of str to str
        What else is known of the acquisition: energy, exposure, instrument.
    source : str
        The path that was read.
    notes : tuple of str
        What the reader found remarkable.
    """

    data: da.Array
    geometry: Geometry
    angles: NDArray[np.float64] | None = None
    flats: da.Array | None = None
    darks: da.Array | None = None
    shifts: NDArray[np.float64] | None = None
    normalised: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    modality: str = "xct"
    conditions: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise AxisError(
                f"{self.source or 'the array'} has {self.data.ndim} axes, {self.data.shape}; "
                "projections have three: (angle, row, column)",
                hint="choose a part of the file: dataset=...",
            )
        for what in ("flats", "darks"):
            images = getattr(self, what)
            if images is not None and (images.ndim != 3 or images.shape[1:] != self.data.shape[1:]):
                raise InputDataError(
                    f"{self.source}: the {what} have the shape {images.shape}, the projections "
                    f"{self.data.shape}",
                    hint="all images must have the same rows and columns",
                )
        count = len(self.data)
        for what, shape in (("angles", (count,)), ("shifts", (count, 2))):
            values = getattr(self, what)
            if values is not None:
                object.__setattr__(self, what, self._numbers(what, values, shape))

    def _numbers(self, what: str, values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
        kept = np.array(values, dtype=np.float64)
        wrong = "" if np.isfinite(kept).all() else "are not all finite"
        if kept.shape != shape:
            wrong = f"have the shape {kept.shape}"
        if wrong:
            raise InputDataError(
                f"{self.source}: there are {len(self.data)} projections, but the {what} {wrong}",
                hint=f"give {what} of the shape {shape}, finite numbers",
            )
        kept.setflags(write=False)
        return kept

    @property
    def shape(self) -> tuple[int, int, int]:
        """Images, rows and columns."""
        images, rows, columns = self.data.shape
        return int(images), int(rows), int(columns)

    @property
    def voxel_size(self) -> float | None:
        """Edge in µm of the voxel that a pixel's width is worth at the rotation axis."""
        pixel = self.geometry.pixel_size
        return None if pixel is None else pixel[1] / self.geometry.magnification

    @property
    def spacing(self) -> Spacing | None:
        """Voxel edges (Z, Y, X) in µm of a volume with one slice per detector row."""
        pixel = self.geometry.pixel_size
        if pixel is None:
            return None
        high, wide = (edge / self.geometry.magnification for edge in pixel)
        return high, wide, wide

    def needed_angles(self) -> NDArray[np.float64]:
        """Return the angles in radians, or say how to give them.

        Returns
        -------
        ndarray of float, shape (angles,)
            One angle per image.

        Raises
        ------
        InputDataError
            If nothing told them.
        """
        if self.angles is None:
            raise InputDataError(
                f"{self.source or 'the projections'}: nothing tells the angles of the "
                f"{len(self.data)} projections",
                hint="give them in degrees: io.open_projections(path, angles_deg=numpy.linspace("
                "0, 180, n))",
            )
        return self.angles

    def __repr__(self) -> str:
        images, rows, columns = self.shape
        lines = [
            f"Projections {self.name!r}: {images} images of {rows} x {columns} pixels, "
            f"{self.data.dtype}, {self.geometry.beam} beam"
        ]
        if self.angles is None:
            lines.append("  angles: unknown (a reconstruction needs them)")
        else:
            first, last = np.degrees([self.angles.min(), self.angles.max()])
            lines.append(f"  angles: {first:.2f} to {last:.2f} degrees")
        pixel = self.geometry.pixel_size
        if pixel is None:
            lines.append("  pixel size: unknown")
        else:
            edges = " x ".join(map(format_length, pixel))
            size = format_length(self.voxel_size or 0.0)
            lines.append(f"  pixel size: {edges} at the detector, voxel size {size}")
        have = [(name, getattr(self, name)) for name in ("flats", "darks", "shifts")]
        lines.append("  " + ", ".join(f"{n}: {0 if v is None else len(v)}" for n, v in have))
        lines.extend(f"  {what} from: {origin}" for what, origin in self.origins.items())
        lines.extend(f"  note: {note}" for note in self.notes)
        if self.source:
            lines.append(f"  source: {self.source}")
        return "\n".join(lines)
