"""What the quantities of the groups `anode` and `crack_contacts` mean."""

from __future__ import annotations

from ssbtomo.report.definition import Definition

__all__ = ["ANODE"]

_GROWN = (
    "Pieces (26 neighbours) of lithium beyond the plane of least absolute distances from the first voxels "
    "that are not lithium, and beyond 3 robust standard deviations of those."
)
_GROWN_BIAS = (
    "Depth is off by half a voxel, and by what segmentation lost of tips thinner than a voxel. In X-ray images "
    "lithium and void look alike: then this is as good as the evidence that told them apart."
)
_COLUMN = "Column by column of voxels along the transport axis, from the anode."
_COLUMN_BIAS = (
    "Exact for the voxels; gaps thinner than a voxel are not seen: contact too large. What an overhang hides "
    "counts as what is above it."
)
_FIELD = "Review of interfaces of lithium metal with solid electrolytes: Liu et al., Nano Energy (2025) 110749"
_ARGYRODITE = "Review of Li-argyrodite interfaces, EES Batteries 1 (2025) 692"
_ISO = "ISO 16610-61:2015; ISO 25178-2:2021"
_CLOSED = (
    "Each voxel of a crack becomes the phase that is nearest (exact Euclidean distance), void and lithium "
    "aside; voxel faces of the interface that appears, weighted by the local normal."
)
_CLOSED_BIAS = "Flat cracks of 1 to 4 voxels within 4 %. It supposes that the two walls touched all over before."


def _lithium(title: str, meaning: str, unit: str) -> Definition:
    return Definition(title, meaning, unit, _GROWN, _GROWN_BIAS, _ARGYRODITE)


def _map(title: str, meaning: str, unit: str) -> Definition:
    return Definition(title, meaning, unit, _COLUMN, _COLUMN_BIAS, _FIELD)


def _rough(title: str, meaning: str) -> Definition:
    return Definition(
        title,
        meaning + " Columns that a filament pierces are left out.",
        "um",
        "Heights of the columns without their mean plane; areal Gaussian filter, normalised at edges.",
        "Heights are whole voxels: up to 0.3 voxel edges too large.",
        _ISO,
    )


#: Quantity, as in the column `quantity` of the results table, and its definition.
ANODE: dict[str, Definition] = {
    "lithium_depth": _lithium(
        "Depth of lithium",
        "How far lithium that is joined to the anode reaches beyond the electrode's surface, along the axis.",
        "um",
    ),
    "lithium_depth_share": _lithium(
        "Depth of lithium over the electrolyte's thickness",
        "Depth of lithium divided by the thickness of the electrolyte in the same column: 1 is through.",
        "1",
    ),
    "lithium_short": _lithium(
        "Short through lithium",
        "1 if one piece of lithium joins the anode with the cathode (or with the far end of a volume that "
        "shows none), 0 if not.",
        "1",
    ),
    "filament_count": _lithium(
        "Number of filaments", "Connected pieces of lithium beyond the electrode's surface.", "1"
    ),
    "filament_volume": _lithium(
        "Volume of filaments", "Volume of lithium beyond the electrode's surface.", "um^3"
    ),
    "lithium_under_surface": _lithium(
        "Lithium under the surface", "Volume of lithium on the anode's side of the surface.", "um^3"
    ),
    "dead_lithium_volume": _lithium(
        "Dead lithium", "Volume of lithium that is joined to neither electrode.", "um^3"
    ),
    "anode_contact_fraction": _map(
        "Contact fraction at the anode",
        "Share of the columns with electrolyte in which the voxel before the first electrolyte is lithium.",
        "1",
    ),
    "anode_contact_state": _map(
        "State of the anode's interface",
        "0 stable, 1 transition, 2 contact failure, by contact fraction; 0.9 and 0.5 if the recipe says "
        "nothing else. The thresholds are a convention of this program: no source gives values.",
        "1",
    ),
    "anode_void_count": _map(
        "Number of voids at the anode",
        "Pieces (8 neighbours) of the columns with void between lithium and electrolyte.",
        "1",
    ),
    "anode_void_thickness": _map(
        "Volume of the voids at the anode per area",
        "Void between lithium and electrolyte, divided by the area of the interface.",
        "um",
    ),
    "buried_void_thickness": _map(
        "Volume of the voids within the lithium per area",
        "Void between the first and the last lithium of a column, divided by the area of the interface.",
        "um",
    ),
    "anode_void_extent": _map(
        "Lateral extent of the voids at the anode",
        "Diameter of the disc with the area of a void, mean by area.",
        "um",
    ),
    "anode_void_depth": _map(
        "Depth of the voids at the anode", "Mean thickness of a void, mean by area.", "um"
    ),
    "layer_thickness": _map(
        "Layer thickness",
        "Voxels of the phase in a column, mean: lithium before the electrolyte; electrolyte before the "
        "active material.",
        "um",
    ),
    "layer_thickness_sd": _map(
        "Spread of the layer thickness", "Standard deviation of the layer's thickness.", "um"
    ),
    "surface_ra": _rough(
        "Roughness Ra", "Mean absolute height of what is shorter than the cutoff (areal: Sa)."
    ),
    "surface_rq": _rough(
        "Roughness Rq", "Root mean square height of what is shorter than the cutoff (areal: Sq)."
    ),
    "surface_wq": _rough(
        "Waviness Wq", "Root mean square height of what is longer than the cutoff."
    ),
    "lithium_per_charge": _map(
        "Lithium over charge",
        "Mean thickness of the lithium over that of dense lithium for the charge: 4.85 um per mAh/cm2 "
        "(3860 mAh/g, 0.534 g/cm3).",
        "1",
    ),
    "void_per_charge": _map(
        "Void over charge",
        "Volume per area of the voids at the anode and within the lithium over the thickness of dense lithium "
        "for the charge.",
        "1",
    ),
    "contact_lost_share": Definition(
        "Contact lost to cracks",
        "Contact of active material and electrolyte that closing all cracks brings back, of what there is then.",
        "1",
        _CLOSED,
        _CLOSED_BIAS,
        _FIELD,
    ),
    "contact_lost_per_volume": Definition(
        "Contact lost to cracks, per volume",
        "Contact of active material and electrolyte that closing all cracks brings back, divided by the volume "
        "of the region.",
        "1/um",
        _CLOSED,
        _CLOSED_BIAS,
        _FIELD,
    ),
    "cut_off_by_cracks": Definition(
        "Cut off by cracks",
        "Share of the phase that closing all cracks joins to its terminal: electrolyte to the low end of the "
        "transport axis, active material to its high end.",
        "1",
        "Connected components (6 neighbours), united through the filling of the cracks.",
        "A small volume cuts off what is joined outside it: too large.",
        _FIELD,
    ),
}
