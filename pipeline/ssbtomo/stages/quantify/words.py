"""What a paper says of the measures, and what it cites."""

from __future__ import annotations

import re

from ssbtomo.model import MEASURES, Quantify, Range
from ssbtomo.stages.desk import Facts

__all__ = ["SAYS", "cited_of_quantities", "said_of_ranges", "said_of_transport"]

SAYS = {
    "fractions": "Volume fractions are voxel counts; their standard errors are extrapolated from "
    "their scatter over cells of growing size [@kanit2003].",
    "contacts": "Contact areas are sums of voxel faces weighted by the local normal of the "
    "interface [@ohser2009], per volume of the region; triple lines are sums of voxel edges "
    "weighted by the local tangent.",
    "connectivity": "Phases were called connected over shared voxel faces.",
    "correlation": "Two-point correlations and chord lengths [@torquato2002] were counted on "
    "the lines of voxels along the three axes; correlation lengths and integral ranges "
    "[@lantuejoul1991; @kanit2003] are integrals of the normalised covariance to its first zero, or first minimum below 0.05.",
    "transport": "Effective conductivities were solved with finite volumes on the voxel grid; "
    "each was certified between two energies [@doyle1984], and the bounds are in the table of "
    "transport.",
    "particles": "Particles were separated as drainage basins [@vincent1991] of the Euclidean "
    "distance map, merged by depth, and are given as equivalent-sphere diameters by volume.",
    "graded": "Compositions are grey values between two end members, smoothed inside the phase "
    "and away from its edges.",
    "interfaces": "Coverage, contact patches and the contacts that take part follow from the same "
    "weighted faces [@ohser2009], particle by particle; electrolyte takes part where it is joined to the "
    "separator's face of the volume, active material where it is joined to the collector's "
    "through active material and carbon. Gaps were measured from each voxel of the active "
    "material's surface along the axis nearest to its normal, times the mean cosine at both ends.",
    "pores": "Pore sizes are local thicknesses [@hildebrand1997].",
    "cracks": "Cracks are the plate-like parts of the void; their middle surfaces were cut into facets "
    "where cracks cross, turn or end, and the aperture is their volume divided by the facets' area.",
    "crack_contacts": "Each crack was closed virtually: its voxels became the nearest phase (exact "
    "Euclidean distance); contact lost is the interface of active material and electrolyte that "
    "appears in it, and what it cuts off are the pieces that its filling joins to their terminal.",
    "anode": "The lithium electrode's surface is the plane of least absolute distances from the first "
    "voxels that are not lithium; lithium beyond it was labelled (26 neighbours), its depth is along "
    "the transport axis. Contact of lithium and electrolyte was judged column by column; roughness "
    "and waviness were parted by the Gaussian filter of ISO 16610-61. The thresholds between the "
    "states of the interface are a convention.",
}
_BOUNDARIES = {
    None: "The potential was fixed on the two outer faces of the volume, and",
    "taufactor": "In the convention of TauFactor [@kench2023] the potential was fixed on the two "
    "outer faces of the volume, and",
    "porespy": "In the convention of PoreSpy [@gostick2019] the potential was fixed at the centres "
    "of the outer voxels, and",
    "openimpala": "In the convention of OpenImpala [@lehoux2021] the potential was fixed at "
    "the centres of the outer voxels, with its drop counted over the whole length, and",
    "puma": "In the convention of PuMA [@ferguson2021] the potential was fixed at the centres of "
    "the outer voxels, and",
}
_FRACTION = "the tortuosity factor is {} divided by the effective conductivity ratio [@cooper2016]."
_RANGED = (
    "Nominal 95 % ranges of the numbers of the scanned volume add, in squares, what follows from"
)
_RANGES = {
    "thresholds": "thresholds that lie 1.5 % of the contrast (standard error), or as far as the "
    "grey values deep inside the phases ask for, elsewhere",
    "imaging": "2.4 times the change when the labels were imaged with the blur and the noise of "
    "the scan and segmented again [@efron1993]",
    "classes": "the root mean square deviation of labels drawn out of the class probabilities by a "
    "Gaussian copula, times Student's t",
    "resolution": "for fractions, contacts and transport, the change with every other voxel "
    "[@richardson1911], or of conduction, if larger, that with smooth surfaces through the staircase",
    "further": "bounds of their own: for contact areas the triple line times half the film limit, "
    "for conduction those of the solve, for lithium and void all that is doubtful given to either",
}
_NOT_RANGED = (
    "The ranges do not hold how far the volume is from the material, a wrong voxel size, or "
    "artefacts beyond blur and noise."
)
_EXTRAS = {
    "periodic": "The tensor of a periodic cell is the mean current density under a mean gradient "
    "with all faces joined [@torquato2002].",
    "tensor": "The effective conductivity tensor is the mean current density of three solves.",
    "electrode": "Electrode tortuosity factors were solved with one face held, the other "
    "insulating, and a uniform current into the surface [@nguyen2020].",
    "geodesic": "Geodesic tortuosities are the lengths of the shortest ways between 26 neighbours "
    "over the distance of the outer layers [@stenzel2016].",
}
_KEY = re.compile(r"@(\w+)")


def said_of_ranges(facts: Facts) -> list[str]:
    """Say what the ranges rest on.

    Parameters
    ----------
    facts : dict
        What the stage found.

    Returns
    -------
    list of str
        Sentences; none without ranges.
    """
    table = facts["tables"].get("ranges", {})
    told = [_RANGES[part] for part in _RANGES if any(half > 0 for half in table.get(part, []))]
    if not told:
        return []
    return [f"{_RANGED} {', '.join(told)}. {_NOT_RANGED}"]


def cited_of_quantities(section: Quantify, asked: Range) -> tuple[str, ...]:
    """Return the keys of the works that the sentences cite.

    Parameters
    ----------
    section : ssbtomo.model.Quantify
        The recipe's section.
    asked : ssbtomo.model.Range
        What the ranges rest on.

    Returns
    -------
    tuple of str
        Each once.
    """
    told = [SAYS[group] for group in MEASURES if group in section.measures]
    told += said_of_transport(section)
    if asked.shift:
        told += [_RANGES["imaging"]] * bool(asked.repeats)
        told += [_RANGES["resolution"]] * asked.halved
    return tuple(dict.fromkeys(_KEY.findall(" ".join(told))))


def said_of_transport(section: Quantify) -> list[str]:
    """Say what was conducted, and how.

    Parameters
    ----------
    section : ssbtomo.model.Quantify
        The recipe's section.

    Returns
    -------
    list of str
        Sentences; none if transport is not measured.
    """
    if "transport" not in section.measures:
        return []
    told = [_convention(section)]
    told += [_EXTRAS[name] for name in section.transport_extras]
    if section.transport.cells:
        told.append(
            "The cells of the volume were solved with uniform current, with held faces and "
            "with uniform gradient on their surface [@huet1990]."
        )
    for network in section.networks:
        parts = ", ".join(f"{n} {v:g} S/cm" for n, v in network.conductivities.items())
        contacts = ", ".join(
            f"{' and '.join(pair)} {value:g} Ω·cm²" for pair, value in network.pairs().items()
        )
        told.append(
            f"The {network.carrier} network {network.name} conducts through {parts}"
            + (f", with contact resistances between {contacts}." if contacts else ".")
        )
    return told


def _convention(section: Quantify) -> str:
    """Say which boundaries were set, and which fraction the tortuosity factor counts."""
    how = section.transport
    sides = "opposite sides were joined" if how.periodic else "the sides were insulated"
    connected = how.convention in {"porespy", "openimpala"}
    counted = "the fraction of what joins both" if connected else "the total volume fraction"
    smooth = how.surfaces == "smooth"
    surfaces = " A smooth surface was laid through the staircase of each phase." if smooth else ""
    return f"{_BOUNDARIES[how.convention]} {sides}; {_FRACTION.format(counted)}{surfaces}"
