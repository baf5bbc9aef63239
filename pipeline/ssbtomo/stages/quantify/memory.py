"""What each group of measures holds in memory."""

from __future__ import annotations

from ssbtomo.model import Quantify as Section
from ssbtomo.stages.needs import Need

__all__ = ["needs_of"]

#: Bytes per voxel of the volume that a group holds whole, of a block in flight with its halo, and of a slab where
#: distances are too long for halos: labels, mask and offsets. Of cracks 200 bytes for each of their voxels, taken to be one in a hundred.
_NEEDS = {
    "fractions": Need(0.0, 6.0),
    "contacts": Need(0.0, 6.0),
    "connectivity": Need(0.0, 5.0),
    "correlation": Need(0.0, 4.0),
    "transport": Need(22.0),
    "particles": Need(1.0, 16.0, 6.0),
    "graded": Need(0.0, 40.0),
    "interfaces": Need(0.0, 56.0, 6.0),
    "pores": Need(0.0, 16.0, 6.0),
    "cracks": Need(2.0, 90.0, 6.0),
    "crack_contacts": Need(0.0, 60.0),
    "anode": Need(0.0, 25.0),
}
_TABLES = 2.0  # bytes per voxel of what all groups leave behind
#: Bytes per voxel of a solve in float64, with fields on disk, of maps, of a periodic cell.
_STEEP_BYTES, _DISK_BYTES, _MAP_BYTES, _PERIODIC_BYTES = 40.0, 8.0, 12.0, 76.0
#: Of fractions, and codes of faces beyond what voxels need.
_SMOOTH_BYTES = 3.0
#: Ratio of conductivities above which a solve takes float64 throughout.
_STEEP = 1e4


def needs_of(section: Section, *, smooth: bool = False) -> list[Need]:
    """Return what each group of measures that is asked for holds.

    Parameters
    ----------
    section : ssbtomo.model.Quantify
        The recipe's section.
    smooth : bool
        Whether a variant with smooth surfaces is solved, too.

    Returns
    -------
    list of Need
        One per group; they are measured one after the other.
    """
    groups = [_NEEDS[group] for group in section.measures if group != "transport"]
    surfaces = smooth or section.transport.surfaces == "smooth"
    solves = (
        [Need(_solve_bytes(section) + _SMOOTH_BYTES * surfaces)]
        if "transport" in section.measures
        else []
    )
    return [Need(need.whole + _TABLES, need.block, need.slab) for need in groups + solves]


def _solve_bytes(section: Section) -> float:
    """Return the bytes per voxel of the largest solve: with maps, or of a periodic cell."""
    steep = any(network.contrast > _STEEP for network in section.networks)
    solve = _STEEP_BYTES if steep else _NEEDS["transport"].whole
    if section.transport.storage == "disk":
        solve = _DISK_BYTES
    solve += _MAP_BYTES * bool(section.fields)
    return max(solve, _PERIODIC_BYTES if "periodic" in section.transport_extras else 0.0)
