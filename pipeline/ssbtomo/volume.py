"""A grey or labelled volume: a lazy (Z, Y, X) array and what is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ssbtomo.errors import AxisError, VoxelSizeError
from ssbtomo.units import Spacing, check_spacing, format_length

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Origin", "Volume"]

Origin = Literal["tag", "sidecar", "user", "unknown"]


@dataclass(frozen=True, slots=True, repr=False)
class Volume:
    """A lazy (Z, Y, X) array with its voxel size, where that came from, and its story.

    Parameters
    ----------
    data : dask.array.Array, shape (Z, Y, X)
        Grey values, or integer labels.
    spacing : tuple of float or None
        Voxel edges along (Z, Y, X) in µm. ``None`` if no source told them: there is
        no default, and every physical quantity then raises `VoxelSizeError`.
    spacing_origin : {"tag", "sidecar", "user", "unknown"}
        Who told the voxel size: the file itself, a file beside it, or the user.
    name : str
        Name of the sample.
    modality : str
        ``"xct"``, ``"fib-sem"`` or empty.
    phases : mapping of str to int
        Phase names and the labels they have, darkest first; empty for grey data.
    conditions : mapping of str to str
        Acquisition and cell conditions (stack pressure, temperature, state of charge).
    source : str
        The path that was read.
    notes : tuple of str
        What the reader found remarkable.
    pixel_size : tuple of float or None
        Edges (dy, dx) in µm where a microscope told them but nothing told the distance of
        the slices, so that `spacing` is still unknown.
    """

    data: da.Array
    spacing: Spacing | None = None
    spacing_origin: Origin = "unknown"
    name: str = ""
    modality: str = ""
    phases: Mapping[str, int] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise AxisError(
                f"{self.source or 'the array'} has {self.data.ndim} axes, {self.data.shape}; "
                "a volume has three, (Z, Y, X)",
                hint="pick one channel or time point before opening it",
            )
        if self.spacing is not None:
            object.__setattr__(self, "spacing", check_spacing(self.spacing))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (Z, Y, X)."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self.data.dtype

    def needed_spacing(self) -> Spacing:
        """Return the voxel size, or say how to give one.

        Returns
        -------
        tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Raises
        ------
        VoxelSizeError
            If nothing told the voxel size.
        """
        who = self.source or self.name or "the volume"
        if self.spacing is None and self.pixel_size is not None:
            pixel = " x ".join(format_length(edge) for edge in self.pixel_size)
            y, x = (format_length(edge) for edge in self.pixel_size)
            raise VoxelSizeError(
                f"{who} tells its pixel size, {pixel} (Y, X), but not the distance of its slices",
                hint=f"give all three: voxel_size: [10 nm, {y}, {x}] (Z, Y, X) in the recipe with "
                "your slice thickness, or st.open(path, slice_thickness='10 nm')",
            )
        if self.spacing is None:
            raise VoxelSizeError(
                f"{who} does not tell its voxel size",
                hint="give it: voxel_size: [18.4 nm, 18.4 nm, 18.4 nm] (Z, Y, X) in the recipe, "
                "or st.open(path, voxel_size=['18.4 nm'] * 3)",
            )
        return self.spacing

    def with_spacing(self, spacing: Spacing, origin: Origin) -> Volume:
        """Return the volume with another voxel size and its origin.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.
        origin : {"tag", "sidecar", "user", "unknown"}
            Who told it.

        Returns
        -------
        Volume
            A copy; the voxels are shared.
        """
        return replace(self, spacing=spacing, spacing_origin=origin)

    def __repr__(self) -> str:
        z, y, x = self.shape
        lines = [
            f"Volume {self.name!r}: {z} x {y} x {x} voxels (Z, Y, X), {self.dtype}, {_bytes(self.data.nbytes)}"
        ]
        if self.spacing is None:
            lines.append("  voxel size: unknown (physical quantities need one)")
            if self.pixel_size is not None:
                pixel = " x ".join(format_length(edge) for edge in self.pixel_size)
                lines.append(f"  pixel size: {pixel} (Y, X); the distance of the slices is missing")
        else:
            edges = " x ".join(format_length(edge) for edge in self.spacing)
            size = " x ".join(
                format_length(n * edge) for n, edge in zip(self.shape, self.spacing, strict=True)
            )
            lines.append(
                f"  voxel size: {edges} (from: {self.spacing_origin}); field of view {size}"
            )
        if self.modality:
            lines.append(f"  modality: {self.modality}")
        if self.phases:
            lines.append("  phases: " + ", ".join(f"{k} = {v}" for k, v in self.phases.items()))
        if self.conditions:
            lines.append(
                "  conditions: " + ", ".join(f"{k}: {v}" for k, v in self.conditions.items())
            )
        lines.extend(f"  note: {note}" for note in self.notes)
        if self.source:
            lines.append(f"  source: {self.source}")
        return "\n".join(lines)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count = count / 1000
    return f"{count:.3g} TB"
