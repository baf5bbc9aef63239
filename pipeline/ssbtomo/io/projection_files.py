"""Files to projections: the readers that know a scan's geometry, and plain image stacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ssbtomo.errors import AxisError, InputDataError, SsbtomoError, UnitError, VoxelSizeError
from ssbtomo.io.registry import reader_for, stem
from ssbtomo.projections import Geometry, Projections
from ssbtomo.units import micrometres

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["ProjectionReader", "open_projections"]


@runtime_checkable
class ProjectionReader(Protocol):
    """A reader that knows projections besides, or instead of, volumes."""

    def open_projections(self, path: Path, dataset: str | None) -> Projections:
        """Open the projections of a path lazily, with what the file tells of the geometry.

        Parameters
        ----------
        path : Path
            A file or folder that exists.
        dataset : str or None
            What to take of a file that holds several things.

        Returns
        -------
        Projections
            Lazy images.
        """


def open_projections(
    path: str | Path,
    *,
    angles_deg: Sequence[float] | None = None,
    pixel_size: Sequence[str] | None = None,
    flats: str | Path | None = None,
    darks: str | Path | None = None,
    dataset: str | None = None,
    name: str | None = None,
) -> Projections:
    """Open the projections of a CT scan lazily: nothing but headers is read.

    Parameters
    ----------
    path : str or Path
        ``.txrm`` or ``.xrm`` (Zeiss/Xradia), HDF5 (NXtomo, DXchange), ``.xtekct`` (Nikon),
        ``.log`` (Bruker/SkyScan); or a TIFF stack, a folder of images or a raw file, whose
        angles then have to be given.
    angles_deg : sequence of float, optional
        Angle of the sample at each image, in degrees; overrules the file.
    pixel_size : sequence of str, optional
        Edges (rows, columns) of a detector pixel with their unit: ``["13 um", "13 um"]``;
        overrules the file.
    flats, darks : str or Path, optional
        Images without the sample, and without the beam: a stack or one image.
    dataset : str, optional
        What to take where a file holds several things.
    name : str, optional
        Name of the sample; from the file name if not given.

    Returns
    -------
    Projections
        Lazy images (angle, row, column) with angles, geometry and the origin of each.

    Raises
    ------
    InputDataError
        If the path does not exist, or angles and images do not match.
    FormatError
        If the file is not what it claims to be, or is damaged.
    VoxelSizeError
        If a pixel size is not positive, or has no unit.
    """
    place = Path(path).expanduser()
    edges = None if pixel_size is None else _pixel(pixel_size)
    reader = reader_for(place)
    if isinstance(reader, ProjectionReader):
        scan = reader.open_projections(place, dataset)
    else:
        volume = reader.open(place, dataset)
        notes = ("the file tells no geometry: a parallel beam is assumed until it is given",)
        origins = {"beam": "unknown"}
        geometry = Geometry("parallel")
        scan = Projections(volume.data, geometry, origins=origins, notes=(*volume.notes, *notes))
    given: dict[str, Any] = {}
    if angles_deg is not None:
        given["angles"] = _angles(angles_deg)
    if edges is not None:
        given["geometry"] = replace(scan.geometry, pixel_size=edges)
    for what, images in (("flats", flats), ("darks", darks)):
        if images is not None:
            given[what] = _images(Path(images).expanduser())
    told = {"pixel_size" if what == "geometry" else what: "user" for what in given}
    origins = {**scan.origins, **told}
    return replace(
        scan, **given, origins=origins, source=str(place), name=name or scan.name or stem(place)
    )


def _angles(degrees: Sequence[float]) -> NDArray[np.float64]:
    try:
        angles: NDArray[np.float64] = np.deg2rad(np.asarray(degrees, dtype=float))
    except (TypeError, ValueError) as error:
        raise InputDataError(
            f"angles_deg: {str(degrees)[:60]!r} is not a row of numbers",
            hint="give one angle per image in degrees: numpy.linspace(0, 180, n)",
        ) from error
    return angles


def _pixel(edges: Sequence[str]) -> tuple[float, float]:
    if isinstance(edges, str) or len(edges) != 2:
        raise VoxelSizeError(
            f"pixel_size: {edges!r} is not two lengths",
            hint="give the edges (rows, columns) with their unit: ['13 um', '13 um']",
        )
    try:
        high, wide = (micrometres(edge) for edge in edges)
    except UnitError as error:
        raise VoxelSizeError(f"pixel_size: {error.problem}", hint=error.hint) from error
    return high, wide


def _images(path: Path) -> da.Array:
    """Open a stack of images, or one image as a stack of one."""
    from ssbtomo.io.lazy import lazy_array
    from ssbtomo.io.slice_folder import SliceFiles, slice_header

    reader = reader_for(path)
    try:
        return reader.open(path, None).data
    except AxisError as error:
        if isinstance(reader, ProjectionReader):
            return reader.open_projections(path, None).data
        if not path.is_file():
            raise
        try:
            page = slice_header(path)
        except SsbtomoError:
            raise error from None
        if page.samples > 1:
            raise InputDataError(
                f"{path} is a colour image ({page.samples} channels)",
                hint="convert it to one grey channel first",
            ) from error
        kind = np.dtype(page.dtype).str
        parent = str(path.absolute().parent)
        return lazy_array(SliceFiles(parent, (page.height, page.width), kind, (path.name,)))
