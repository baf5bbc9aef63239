"""What each quantity means: the one place that the report and `ssbtomo explain` print."""

from __future__ import annotations

from ssbtomo.report.definition import Definition
from ssbtomo.report.glossary_anode import ANODE
from ssbtomo.report.glossary_interfaces import INTERFACES
from ssbtomo.report.glossary_segmentation import SEGMENTATION

__all__ = ["GLOSSARY", "TERMS", "Definition"]


_VOXELS = "Counting voxels of the segmented volume."
_PARTIAL = "Unbiased for a right segmentation; follows the thresholds, hence the range."
_AREA = (
    "Sum over the voxel faces between the two phases of face area times |n·e|, the component along "
    "the face's normal e of the locally estimated interface normal n."
)
_AREA_BIAS = (
    "Bare face counts read 3/2 too large for randomly oriented surfaces; the weights remove that. "
    "Features thinner than about 3 voxels and surface roughness below the voxel size are missed."
)
_SOLVE = (
    "Steady conduction div(sigma grad phi) = 0 through the phase on the voxel grid (finite volumes), "
    "potential fixed on the two outer faces along the axis, no flux through the sides."
)
_SOLVE_BIAS = (
    "Stepped voxel surfaces lengthen narrow necks: too resistive by a few percent when necks "
    "are fewer than about 10 voxels wide. Samples shorter than several feature sizes scatter."
)
_AREA_SOURCE = (
    "J. Ohser, K. Schladitz, 3D Images of Materials Structures, 2009, doi:10.1002/9783527628308"
)
_TAU_SOURCE = "S. J. Cooper et al., SoftwareX 5 (2016) 203, doi:10.1016/j.softx.2016.09.002"
_SIZE_SOURCE = "T. Hildebrand, P. Rüegsegger, J. Microsc. 185 (1997) 67, doi:10.1046/j.1365-2818.1997.1340694.x"
_SHED_SOURCE = "J. T. Gostick, Phys. Rev. E 96 (2017) 023307, doi:10.1103/PhysRevE.96.023307"
_LINES_SOURCE = "S. Torquato, Random Heterogeneous Materials, 2002, doi:10.1007/978-1-4757-6355-3"
_RANGE_SOURCE = (
    "C. Lantuéjoul, J. Microsc. 161 (1991) 387, doi:10.1111/j.1365-2818.1991.tb03099.x; T. Kanit et al., "
    "Int. J. Solids Struct. 40 (2003) 3647, doi:10.1016/S0020-7683(03)00143-4"
)
_PAIRS = (
    "Counts of the pairs of voxels along the axis, without wrapping around; trapezoids from 0 to the "
    "first zero of the covariance, or its first minimum below 0.05."
)


def _diameter(what: str, percent: int) -> Definition:
    if what == "particle":
        return Definition(
            f"Particle diameter d{percent}",
            f"Diameter below which particles hold {percent} % of the particle volume, each counted "
            "with the diameter of the sphere of its volume.",
            "um",
            "Touching particles are separated by a watershed on the distance to the phase's surface.",
            "Particles cut by the border of the volume count as smaller than they are; a watershed may "
            "split elongated particles and leave widely joined ones together.",
            _SHED_SOURCE,
        )
    return Definition(
        f"Pore diameter d{percent}",
        f"Diameter such that {percent} % of the pore volume cannot be covered by larger spheres that "
        "fit inside the pores.",
        "um",
        "Continuous size distribution: openings with spheres of growing radius, from the exact "
        "Euclidean distance.",
        "Pores below about 3 voxels are overestimated or missed; the size stands for the widest "
        "sphere that reaches a place, not for the neck that leads to it.",
        _SIZE_SOURCE,
    )


#: Quantity, as in the column `quantity` of the results table, and its definition.
GLOSSARY: dict[str, Definition] = {
    "volume_fraction": Definition(
        "Volume fraction",
        "Volume of the phase divided by the volume of the whole region.",
        "1",
        _VOXELS,
        _PARTIAL,
        _AREA_SOURCE,
    ),
    "porosity": Definition(
        "Porosity",
        "Volume of everything whose role is void, pores and cracks alike, divided by the volume of the region.",
        "1",
        _VOXELS,
        _PARTIAL + " Pores below the voxel size are not in it.",
        _AREA_SOURCE,
    ),
    "porosity_open": Definition(
        "Open porosity",
        "Part of the porosity that is joined, through void, to a face of the volume.",
        "1",
        "Connected components of the void voxels (6 neighbours: through voxel faces).",
        "In a small volume more pores reach a face than in the material: too large.",
        _AREA_SOURCE,
    ),
    "porosity_closed": Definition(
        "Closed porosity",
        "Part of the porosity that is not joined to any face of the volume.",
        "1",
        "Connected components of the void voxels (6 neighbours: through voxel faces).",
        "In a small volume more pores reach a face than in the material: too small.",
        _AREA_SOURCE,
    ),
    "contact_area_per_volume": Definition(
        "Contact area per volume",
        "Area over which two phases touch, divided by the volume of the region.",
        "1/um",
        _AREA,
        _AREA_BIAS,
        _AREA_SOURCE,
    ),
    "contact_area_per_volume_crofton": Definition(
        "Contact area per volume, by Crofton's formula",
        "The same area by an independent estimator, to check the first: more than 3 % apart carries a warning.",
        "1/um",
        "Pairs of neighbouring voxels of the two phases in 13 directions, weighted for the voxel's edges.",
        "Right on average over orientations; planes along the axes read 7 % low, so a difference where "
        "interfaces are flat and aligned is no fault of the first.",
        _AREA_SOURCE,
    ),
    "specific_contact_area": Definition(
        "Specific contact area",
        "Contact area of active material and electrolyte divided by the volume of active material. "
        "A fully covered sphere of diameter d has 6/d.",
        "1/um",
        _AREA,
        _AREA_BIAS,
        _AREA_SOURCE,
    ),
    "coverage": Definition(
        "Coverage",
        "Share of a phase's whole interface that touches the named other phase: A(active, electrolyte) / A(active).",
        "1",
        _AREA,
        "Both areas are off in the same direction, so the ratio is steadier than either.",
        _AREA_SOURCE,
    ),
    "triple_line_per_volume": Definition(
        "Triple-line length per volume",
        "Length of the lines along which three phases meet, divided by the volume of the region.",
        "1/um^2",
        "Voxel edges around which all three phases occur, each with the component of the locally "
        "estimated line direction along it.",
        "Blurred edges smear the line: films of the middle phase that are one voxel thick move or erase it.",
        _AREA_SOURCE,
    ),
    "tortuosity_factor": Definition(
        "Tortuosity factor",
        "Volume fraction divided by the effective conductivity ratio, tau = epsilon * sigma0 / sigma_eff, "
        "with the phase's total fraction epsilon. 1 for straight channels; infinite if the phase does not "
        "join the two faces. (Not the ratio of path lengths, and not squared again.)",
        "1",
        _SOLVE,
        _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "effective_conductivity_ratio": Definition(
        "Effective conductivity ratio",
        "Conductivity of the region along the axis, with only this phase conducting, divided by that of the pure phase.",
        "1",
        _SOLVE,
        _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "macmullin_number": Definition(
        "MacMullin number",
        "Conductivity of the pure phase divided by the effective one, sigma0 / sigma_eff = tau / epsilon.",
        "1",
        _SOLVE,
        _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "network_conductivity": Definition(
        "Effective conductivity of a network",
        "Conductivity of the region along the axis with all phases of the network conducting, each with the "
        "conductivity that the recipe gives it, and with the resistances of their contacts.",
        "S/cm",
        _SOLVE,
        "Follows the conductivities given, which differ between a pellet and a composite by factors. "
        + _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "network_tortuosity_factor": Definition(
        "Tortuosity factor of a network",
        "Volume average of the conductivity over the effective one: above 1 for detours and for resistances "
        "of contacts.",
        "1",
        _SOLVE,
        _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "conductivity_tensor": Definition(
        "Element of the effective conductivity tensor",
        "Mean current density along one axis for a potential gradient along another, over the conductivity "
        "of the pure phase (of a network: in S/cm); the symmetric part.",
        "1",
        _SOLVE,
        "Elements off the diagonal are weakened by the insulating sides: small in small volumes. "
        + _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "periodic_conductivity_tensor": Definition(
        "Element of the tensor of a periodic cell",
        "The same with the volume continued by itself across all its faces, under a mean gradient.",
        "1",
        _SOLVE,
        "Exact for periodic media; of a piece of another one, ways are cut where its faces do not fit. "
        + _SOLVE_BIAS,
        _TAU_SOURCE,
    ),
    "electrode_tortuosity_factor": Definition(
        "Electrode tortuosity factor",
        "Three times the low-frequency resistance of charging the surface of the phase through the first "
        "face, over that of a straight pore of the same volume fraction. Ways that end count.",
        "1",
        "Finite volumes; first face held, last face insulating, the same current into each face of the "
        "phase's surface.",
        "Steps of voxels enlarge rough surfaces alike; where roughness varies, rough parts weigh too much.",
        "T.-T. Nguyen et al., npj Comput. Mater. 6 (2020) 123, doi:10.1038/s41524-020-00386-4",
    ),
    "geodesic_tortuosity": Definition(
        "Geodesic tortuosity",
        "Mean length of the shortest ways through the phase from the first layer to the voxels of the last "
        "one, over the distance of both layers. A ratio of lengths: its square compares with the "
        "tortuosity factor.",
        "1",
        "Dijkstra's algorithm over 26 neighbours, along voxel faces of the phase.",
        "Up to 13 % too long in directions between those of the neighbours; blind to the width of necks.",
        "O. Stenzel et al., AIChE J. 62 (2016) 1834, doi:10.1002/aic.15160",
    ),
    "connected_fraction": Definition(
        "Connected fraction",
        "Share of the phase's voxels in clusters that join both faces along an axis (z, y, x), or that "
        "touch the named face (z-min … x-max).",
        "1",
        "Connected components of the phase (6 neighbours: through voxel faces).",
        "Necks thinner than a voxel are cut: too small; noise and blur can bridge gaps: too large.",
        _AREA_SOURCE,
    ),
    "particle_count": Definition(
        "Number of particles",
        "Separate particles of the phase, those cut by the border of the volume included.",
        "1",
        "Touching particles are separated by a watershed on the distance to the phase's surface.",
        "Depends on the smoothing of the distance map: too little splits particles.",
        _SHED_SOURCE,
    ),
    "mean_chord_length": Definition(
        "Mean chord length",
        "Mean length of the stretches that lines along the axis have in common with the phase, each counted once.",
        "um",
        "Length of the voxel lines in the phase over the number of chords, both per length of line; a chord counts "
        "one half for each of its ends inside the volume.",
        "Not biased by the border of the volume. Noise and features of single voxels make it too small.",
        _LINES_SOURCE,
    ),
    "correlation_length": Definition(
        "Correlation length",
        "Integral of the phase's normalised covariance over the distance along the axis: how far a place tells "
        "something of others; a where it decays as exp(-r/a).",
        "um",
        _PAIRS,
        "Too small in volumes less than about ten times as long.",
        _RANGE_SOURCE,
    ),
    "integral_range": Definition(
        "Integral range",
        "Volume A such that the phase's fraction f scatters by sqrt(f (1 - f) A / V) between volumes V far above A: "
        "V/A is the number of independent samples that the volume holds.",
        "um^3",
        "4 pi times the integral of r² times the normalised covariance, averaged over the three axes. "
        + _PAIRS,
        "Taken to be alike in all directions: an order of magnitude for layered structures. The tail weighs, so noise "
        "there moves it by some ten percent; too small in volumes of few correlation lengths.",
        _RANGE_SOURCE,
    ),
    **{f"particle_diameter_d{p}": _diameter("particle", p) for p in (10, 50, 90)},
    **{f"pore_diameter_d{p}": _diameter("pore", p) for p in (10, 50, 90)},
    **INTERFACES,
    **SEGMENTATION,
    **ANODE,
    "crack_count": Definition(
        "Number of cracks",
        "Connected plate-like parts of the void phase.",
        "1",
        "The void phase is split into pores and cracks by flatness and extent; connected crack voxels are one crack.",
        "Crossing cracks count as one; cracks thinner than about 2 voxels break into several.",
        "Stereology of crack networks: number per volume (P30)",
    ),
    "crack_area_per_volume": Definition(
        "Crack area per volume",
        "One-sided area of all cracks (their mid-surfaces) divided by the volume of the region.",
        "1/um",
        "Cracks are cut into facets; lines of voxels along the three axes meet the middle surface of each once, "
        "weighted by its normal.",
        "Cracks narrower than the voxel are missed: too small.",
        "Stereology of crack networks: area per volume (P32); areas: " + _AREA_SOURCE,
    ),
    "crack_volume_fraction": Definition(
        "Crack volume fraction",
        "Volume of the cracks divided by the volume of the region.",
        "1",
        _VOXELS,
        "A crack about one voxel wide may read off by its whole width.",
        "Stereology of crack networks: volume per volume (P33)",
    ),
    "crack_aperture_mean": Definition(
        "Mean crack aperture",
        "Mean opening of the cracks, twice their volume over their surface area, weighted by area.",
        "um",
        "2V/S: counted voxels by the area of the facets' middle surfaces.",
        "Not resolved below about 3 voxels; such facets carry a warning.",
        _AREA_SOURCE,
    ),
    "crack_aperture_grey": Definition(
        "Mean crack aperture by grey values",
        "Mean opening of the cracks, weighted by area, from what the grey values lack across them.",
        "um",
        "Integral of (background - grey value) across a facet, divided by background less the mean grey value of the phase.",
        "Within about 0.3 voxel down to a width of 1 in phantoms; too narrow where another dark phase lies within 3.5 "
        "voxels of the crack. Has no range.",
        "Integrated grey-level deficit, as for apertures of fractures in rock tomography",
    ),
    "crack_facet_density": Definition(
        "Crack facets per volume",
        "Number of facets of the crack network per volume of the region; those that go on in one plane across a "
        "crossing count once.",
        "1/um^3",
        "Facets are flat or gently bent pieces of the middle surface that end at a rim, at an intersection or at a turn.",
        "Cracks that cross at less than about 30° are not told apart; rough cracks may fall into several facets.",
        "Stereology of crack networks: number per volume (P30)",
    ),
    "crack_spanning": Definition(
        "Cracks span the volume",
        "1 if one connected crack joins both faces of the volume along the axis, 0 if none does.",
        "1",
        "Crack voxels that share a face, an edge or a corner are connected.",
        "A crack that closes below the voxel size somewhere does not span.",
        "Percolation of fracture networks",
    ),
    "crack_bottleneck": Definition(
        "Crack bottleneck",
        "Aperture of the narrowest place of the widest way through the cracks from face to face along the axis.",
        "um",
        "Local widths of the crack voxels; the widest path through connected ones.",
        "Local widths are good to about 15 %, and to half a voxel.",
        "Percolation of fracture networks",
    ),
}

#: Words that the table uses.
TERMS: dict[str, str] = {
    "low, high": "Nominal 95 % range of the number of the scanned volume. It adds, as independent errors: thresholds "
    "that may lie elsewhere; blur and noise, by imaging the labels and segmenting them again (B. Efron, R. J. Tibshirani, "
    "An Introduction to the Bootstrap, 1993); the voxel size, by leaving out every other voxel (fractions, contacts, transport); "
    "draws from class probabilities where there are any. The table ranges holds each part. Not in it: how far the volume is from the "
    "material (table representative), a wrong voxel size, phases that the grey values do not show, artefacts beyond blur and noise.",
    "subject": "The phase that a number is about; phases that meet are joined by a bar.",
    "axis": "The direction (z, y, x) of transport or of lines, or the face of the volume that is meant (z-min … x-max).",
    "transport axis": "The direction from separator to collector, or whichever the recipe names.",
    "∞": "The phase does not join the two faces along the axis: no transport through it.",
    "n/a": "The number does not exist here; a footnote says why.",
}
