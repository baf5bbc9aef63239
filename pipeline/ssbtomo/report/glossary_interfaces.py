"""What the quantities of the group `interfaces` mean."""

from __future__ import annotations

from ssbtomo.report.definition import Definition

__all__ = ["INTERFACES"]

_AREA = (
    "Sum over the voxel faces between the two phases of face area times |n·e|, the component along "
    "the face's normal e of the locally estimated interface normal n."
)
_SOURCE = (
    "J. Ohser, K. Schladitz, 3D Images of Materials Structures, 2009, doi:10.1002/9783527628308"
)
_FIELD = "A. Banerjee et al., Chem. Rev. 120 (2020) 6878"
_JOINED = (
    "Electrolyte is joined if it reaches the separator's face (low end of the transport axis) through "
    "electrolyte and lithium; active material and carbon, if they reach the collector's face (high end) through "
    "either; lithium, if it reaches one of the two; void, if it reaches any face; other phases always."
)
_JOINED_BIAS = (
    "Necks thinner than a voxel are cut: too small; blur can bridge gaps: too large. A small volume "
    "cuts off what is joined outside it: too small."
)
_PATCH = (
    "Voxels of the first phase with one of the second across a face or an edge, joined over faces, "
    "edges and corners; each face belongs to one patch."
)
_PATCH_BIAS = (
    "Patches less than two voxels apart are one; noise adds small ones: those below three voxels "
    "across carry a warning."
)
_GAP = (
    "From each voxel of the active material that borders void, carbon or lithium, the voxels along "
    "the axis nearest to its normal are counted until electrolyte; times their edge and the mean of "
    "the normals' components at both ends; weighted by area."
)
_GAP_BIAS = (
    "Parallel plates and shells within 0.2 voxel from 2 voxels on; below 3 voxels it carries a warning, "
    "and what is thinner than a voxel is not seen at all. At corners and ends too large."
)


def _coverage(what: str, meaning: str) -> Definition:
    return Definition(
        f"Coverage of particles, {what}",
        f"{meaning} Coverage is the share of a particle's surface on the named phase; contacts "
        "between particles are no part of it.",
        "1",
        _AREA,
        "As coverage; particles below 3 voxels carry a warning.",
        _FIELD,
    )


def _gap(what: str, meaning: str) -> Definition:
    return Definition(f"Gap thickness, {what}", meaning, "um", _GAP, _GAP_BIAS, _FIELD)


#: Quantity, as in the column `quantity` of the results table, and its definition.
INTERFACES: dict[str, Definition] = {
    "specific_contact_area_bound": Definition(
        "Specific surface of the active material",
        "Whole surface of the active material divided by its volume: what the specific contact area "
        "would be at full coverage; 6/d for spheres of diameter d.",
        "1/um",
        _AREA,
        "Roughness below the voxel is missed: too small.",
        _SOURCE,
    ),
    "specific_contact_area_cm": Definition(
        "Specific contact area in cm²/cm³",
        "Contact area of active material and the named phase divided by the volume of active "
        "material; 1/um is 10 000 cm²/cm³.",
        "cm^2/cm^3",
        _AREA,
        "Roughness below the voxel is missed: too small.",
        _FIELD,
    ),
    "coverage_mean": _coverage("mean", "Mean over particles, weighted by their surface."),
    **{
        f"coverage_d{p}": _coverage(
            f"d{p}", f"Coverage below which particles with {p} % of the surface lie."
        )
        for p in (10, 50, 90)
    },
    "active_contact_area_per_volume": Definition(
        "Doubly percolating contact area per volume",
        "Contact area of active material and electrolyte that are both joined to their terminals, "
        "divided by the volume of the region. " + _JOINED,
        "1/um",
        _AREA,
        _JOINED_BIAS,
        _FIELD,
    ),
    "decomposition_active_area_per_volume": Definition(
        "Decomposition-active area per volume",
        "Contact area of electrolyte with carbon or the current collector, where ions and electrons "
        "both arrive, divided by the volume of the region. " + _JOINED,
        "1/um",
        _AREA,
        _JOINED_BIAS + " Carbon is often finer than the voxel: too small.",
        _FIELD,
    ),
    "utilisation_ceiling": Definition(
        "Utilisation ceiling",
        "Share of the active material's volume in particles that are joined to the collector's face "
        "through active material and carbon, and touch electrolyte that is joined to the separator's.",
        "1",
        "Particles (drainage basins) and connected components (6 neighbours: through voxel faces).",
        _JOINED_BIAS,
        _FIELD,
    ),
    "active_triple_line_per_volume": Definition(
        "Active triple-line length per volume",
        "Length of the lines where three phases meet that are all joined to their terminals, divided "
        "by the volume of the region. " + _JOINED,
        "1/um^2",
        "Voxel edges around which all three phases occur, each with the component of the locally "
        "estimated line direction along it.",
        _JOINED_BIAS,
        _SOURCE,
    ),
    "isolated_fraction": Definition(
        "Isolated fraction",
        "Share of the phase's volume that is not joined to its terminal. " + _JOINED,
        "1",
        "Connected components (6 neighbours: through voxel faces).",
        "Necks thinner than a voxel are cut, and a small volume cuts off what is joined outside: too large.",
        _FIELD,
    ),
    "isolated_count": Definition(
        "Number of isolated pieces",
        "Particles of the active material, or pieces of another phase, that are not joined to their "
        "terminal. " + _JOINED,
        "1",
        "Connected components (6 neighbours: through voxel faces).",
        "Noise adds pieces of a few voxels: too large.",
        _FIELD,
    ),
    "patch_count": Definition(
        "Number of contact patches",
        "Connected pieces of the interface of two phases.",
        "1",
        _PATCH,
        _PATCH_BIAS,
        _SOURCE,
    ),
    "patch_area_mean": Definition(
        "Mean area of contact patches",
        "Contact area divided by the number of its connected pieces.",
        "um^2",
        _PATCH + " " + _AREA,
        _PATCH_BIAS,
        _SOURCE,
    ),
    "patch_spacing_mean": Definition(
        "Mean spacing of contact patches",
        "Mean over patches of the distance from their centre to the nearest other centre.",
        "um",
        _PATCH,
        _PATCH_BIAS,
        _SOURCE,
    ),
    "gap_share": Definition(
        "Share of the free surface at a gap",
        "Share of the active material's surface on void, carbon and lithium that has electrolyte "
        "beyond, no further than the widest gap.",
        "1",
        _GAP,
        _GAP_BIAS,
        _FIELD,
    ),
    "gap_thickness_mean": _gap(
        "mean", "Mean distance across void, carbon or lithium from active material to electrolyte."
    ),
    **{
        f"gap_thickness_d{p}": _gap(
            f"d{p}", f"Thickness of the gap below which {p} % of its area lies."
        )
        for p in (10, 50, 90)
    },
}
