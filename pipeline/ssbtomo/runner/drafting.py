"""A first recipe for a scan, commented, from what the file tells."""

from __future__ import annotations

from pathlib import Path

from ssbtomo import io
from ssbtomo.errors import OutputError, ProjectionsError
from ssbtomo.projections import Projections
from ssbtomo.units import format_length
from ssbtomo.volume import Volume

__all__ = ["draft_recipe"]

_TEXT = """\
# A recipe of ssbtomo. Check it: ssbtomo check {name}   Run it: ssbtomo run {name} -o results
# Lengths need a unit. Every key: ssbtomo explain recipe
sample:
  path: {path}
{voxel_size}
{facts}
  # modality: xct             # xct or fib-sem
  # conditions: {{stack_pressure: 5 MPa, temperature: 25 C, state_of_charge: 50 %}}

phases:                       # from dark to bright; the roles set colours and measures
  - {{name: void, role: void}}
  - {{name: electrolyte, role: electrolyte}}
  - {{name: active, role: active}}

transport_axis: z             # from the separator to the current collector: z, y or x
{reconstruct}
denoise:
  method: none                # none, gaussian, median, nlm, tv

segment:
  method: multi-otsu          # multi-otsu, gaussian-mixture, thresholds, labels, trained
  repair: true                # undo the false film of the middle phase on dark-bright edges
  smallest_object: 0          # voxels; smaller pieces of a phase are given away

range:
  shift: 0.05                 # low and high of every number, a nominal 95 % range: thresholds are moved by this share for it

quantify:
  measures: [fractions, contacts, connectivity, correlation, transport, particles, interfaces, pores, cracks]
  tortuosity_axes: [z, y, x]

run:
  scheduler: threads          # synchronous, threads, processes, or tcp://HOST:PORT
  # workers: 2
  # memory: 8 GB
  block: [128, 128, 128]
"""


_RECONSTRUCT = """
reconstruct:
  method: tomography          # the scan holds projections
  tomography:
    stripes: sorting          # rings: none, profile, sorting, large
    # axis: 511.5             # column of the rotation axis; found if absent
    # angles: [0, 180]        # degrees of the first and last projection, if the file does not tell
    # pixel_size: 650 nm      # of the detector, if the file does not tell
    # flats: flats.tif        # and darks: if the file holds none
"""

_SECTIONS = """
reconstruct:
  method: fib-sem             # slices as recorded: align, remove curtains and flicker; none if that was done
  fib_sem:
    curtains: true            # vertical stripes of the ion beam
    # view_angle: 52          # degrees between beam and cross-section: corrects the height of the pixels
    # region: [0, 60, 0, 400] # rows and columns of a mark that stays the same: best for the drift
    # thickness: estimate     # of the slices, from their correlation, for isotropic structures
"""


def draft_recipe(scan: Path, target: Path, *, force: bool = False) -> Volume | Projections:
    """Write a commented recipe for a scan.

    Parameters
    ----------
    scan : pathlib.Path
        The image.
    target : pathlib.Path
        The recipe to write.
    force : bool, optional
        Whether an existing file may be replaced.

    Returns
    -------
    Volume or Projections
        The opened scan.

    Raises
    ------
    OutputError
        If the recipe exists, or its folder cannot be written.
    """
    found = _opened(scan)
    if target.exists() and not force:
        raise OutputError(f"{target} exists", hint="choose another name with -o, or add --force")
    text = _TEXT.format(
        name=target.name, path=_quoted(_relative(scan, target)),
        voxel_size=_voxel_size(found), facts=_facts(found),
        reconstruct=_reconstruct(found),
    )  # fmt: skip
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written: {error.strerror}", hint="choose another place with -o"
        ) from error
    return found


def _reconstruct(found: Volume | Projections) -> str:
    """Return the section that makes a volume of what was recorded, if that needs one."""
    if isinstance(found, Projections):
        return _RECONSTRUCT
    # a microscope that tells its pixel recorded slices
    return _SECTIONS if found.pixel_size is not None and found.shape[0] > 1 else ""


def _opened(scan: Path) -> Volume | Projections:
    try:
        return io.open_volume(scan)
    except ProjectionsError:
        return io.open_projections(scan)


def _relative(scan: Path, target: Path) -> str:
    home = target.resolve().parent
    try:
        return str(scan.resolve().relative_to(home))
    except ValueError:
        return str(scan.resolve())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _voxel_size(volume: Volume | Projections) -> str:
    if isinstance(volume, Projections):
        edge = volume.voxel_size
        told = "does not tell" if edge is None else f"tells ({format_length(edge)})"
        return f"  # the file {told} the voxel size"
    if volume.spacing is None and volume.pixel_size is not None:
        y, x = (format_length(edge) for edge in volume.pixel_size)
        return (
            "  # TODO: the images tell their pixel, not their distance. Put in your slice thickness\n"
            f"  # (Z, Y, X):\n  # voxel_size: [SLICE_THICKNESS nm, {y}, {x}]"
        )
    if volume.spacing is None:
        return (
            "  # TODO: the file does not tell its voxel size. Give it (Z, Y, X), with units:\n"
            "  # voxel_size: [25 nm, 25 nm, 25 nm]"
        )
    edges = ", ".join(format_length(edge) for edge in volume.spacing)
    return f"  # the voxel size comes from the {volume.spacing_origin}; to overrule it:\n  # voxel_size: [{edges}]"


def _facts(volume: Volume | Projections) -> str:
    if isinstance(volume, Projections):
        images, rows, columns = volume.shape
        notes = "".join(f"\n  # note: {note}" for note in volume.notes)
        return f"  # {images} projections of {rows} x {columns} pixels{notes}"
    size = " x ".join(map(str, volume.shape))
    notes = "".join(f"\n  # note: {note}" for note in volume.notes)
    return f"  # {size} voxels (Z, Y, X), {volume.dtype}{notes}"
