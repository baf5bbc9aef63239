"""What the crack verb returns: tables, volumes and a summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.facet_table import orientation_tensor, rose
from ssbtomo.measure.crack_facets import Network
from ssbtomo.measure.crack_profiles import Place
from ssbtomo.units import AXES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CrackGraph", "CrackSummary", "Cracks", "results"]


@dataclass(frozen=True, slots=True)
class CrackGraph:
    """How the facets of a crack network meet.

    Parameters
    ----------
    lines : pandas.DataFrame
        One row per intersection line; see `ssbtomo.kernels.crack_lines.line_rows`.
    links : pandas.DataFrame
        ``line`` and ``facet``: one row for each facet at each line.
    """

    lines: pd.DataFrame
    links: pd.DataFrame


@dataclass(frozen=True, slots=True)
class CrackSummary:
    """The crack network in a few numbers.

    Parameters
    ----------
    count : int
        Connected cracks.
    facets, sheets : int
        Facets; and sheets, facets that go on in one plane across a crossing being one.
    area_per_volume_um2_um3 : float
        Middle surface of all cracks per volume of the region (P32).
    volume_fraction : float
        Volume of all cracks per volume of the region (P33).
    number_per_volume_um3 : float
        Sheets per volume (P30).
    length_per_volume_um_um3 : float
        Extents of all facets per volume (P31).
    line_length_um, tip_length_um : float
        Intersection lines; and rims that end in the solid.
    kinds : dict of str to int
        Lines by kind: ``X``, ``T``, ``L``.
    aperture_mean_um : float
        Mean aperture, weighted by area; ``nan`` without cracks.
    spanning : tuple of str
        Axes along which one crack joins both faces of the volume.
    bottleneck_um : dict of str to float
        Aperture of the narrowest place of the widest way along each axis; 0 without one.
    orientation : ndarray of float, shape (3, 3)
        Mean of n nᵀ over the area.
    fragments : int or None
        Pieces (of 27 voxels or more) of what is not crack and not pore; ``None`` for images.
    largest_fragment : float or None
        Share of the largest of them.
    filled : float
        Share of the crack voxels that are bright, or of the filling phase.
    unresolved : int
        Facets whose aperture is below 3 voxels.
    """

    count: int
    facets: int
    sheets: int
    area_per_volume_um2_um3: float
    volume_fraction: float
    number_per_volume_um3: float
    length_per_volume_um_um3: float
    line_length_um: float
    tip_length_um: float
    kinds: dict[str, int]
    aperture_mean_um: float
    spanning: tuple[str, ...]
    bottleneck_um: dict[str, float]
    orientation: NDArray[np.float64]
    fragments: int | None
    largest_fragment: float | None
    filled: float
    unresolved: int


@dataclass(frozen=True, slots=True, repr=False)
class Cracks:
    """A crack network.

    Parameters
    ----------
    facets : pandas.DataFrame
        One row per facet; columns as in `ssbtomo.kernels.facet_table.facet_rows`, and
        ``to_start_um``, ``to_end_um`` (distances to the two ends of the stack), ``zone``
        (``edge`` within 15 % of a side, or ``centre``), ``filled``, ``score``, ``neighbours``;
        ``class`` and shares if the phases' roles were given.
    graph : CrackGraph
        Intersection lines.
    summary : CrackSummary
        The network in a few numbers.
    labels : ndarray of int32, shape (Z, Y, X)
        The connected crack at each voxel; 0 where there is none.
    facet_labels : ndarray of int32, shape (Z, Y, X)
        The facet at each voxel.
    score : ndarray of uint8, shape (Z, Y, X)
        Ten times signal to noise of the sheet at its voxels; 255 where labels said so.
    rose : pandas.DataFrame
        Area by strike.
    """

    facets: pd.DataFrame
    graph: CrackGraph
    summary: CrackSummary
    labels: NDArray[np.int32]
    facet_labels: NDArray[np.int32]
    score: NDArray[np.uint8]
    rose: pd.DataFrame

    def __repr__(self) -> str:
        found = self.summary
        return (
            f"Cracks: {found.count} in {found.facets} facets, "
            f"{found.area_per_volume_um2_um3:.4g} µm²/µm³, "
            f"mean aperture {found.aperture_mean_um:.4g} µm, "
            f"spanning {', '.join(found.spanning) or 'no axis'}"
        )


def results(network: Network, place: Place, pieces: tuple[int | None, float | None]) -> Cracks:
    """Make tables, volumes and a summary of a measured network.

    Parameters
    ----------
    network : Network
        The facets.
    place : Place
        Its voxels.
    pieces : tuple
        Number of fragments, and share of the largest; ``None`` if they were not counted.

    Returns
    -------
    Cracks
        What the verb returns.
    """
    import pandas as pd

    voxels = network.voxels
    places = tuple(voxels.points.places.T)
    shape = place.grid.shape
    labels, parts = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    score = np.zeros(shape, dtype=np.uint8)
    labels[places] = voxels.groups + 1
    parts[places] = network.found.facets + 1
    score[places] = voxels.scores
    facets = pd.DataFrame(network.facets)
    graph = CrackGraph(pd.DataFrame(network.lines), pd.DataFrame(network.links))
    strikes = pd.DataFrame(rose(network.facets["strike_deg"], network.facets["area_um2"]))
    summary = _summary(network, place, pieces)
    return Cracks(facets, graph, summary, labels, parts, score, strikes)


def _summary(
    network: Network, place: Place, pieces: tuple[int | None, float | None]
) -> CrackSummary:
    voxels = network.voxels
    region = float(np.prod(place.grid.shape)) * float(np.prod(place.spacing))
    table, lines = network.facets, network.lines
    area, volume = float(table["area_um2"].sum()), float(table["volume_um3"].sum())
    kinds = {name: int((lines["kind"] == name).sum()) for name in ("X", "T", "L")}
    sheets = int(np.unique(table["sheet"]).size)
    return CrackSummary(
        count=int(voxels.groups.max(initial=-1)) + 1,
        facets=len(table["facet"]),
        sheets=sheets,
        area_per_volume_um2_um3=area / region,
        volume_fraction=volume / region,
        number_per_volume_um3=sheets / region,
        length_per_volume_um_um3=float(table["extent_um"].sum()) / region,
        line_length_um=float(lines["length_um"].sum()),
        tip_length_um=float(table["tip_um"].sum()),
        kinds=kinds,
        aperture_mean_um=volume / area if area > 0 else float("nan"),
        spanning=tuple(
            name for name, gap in zip(AXES, network.bottlenecks, strict=True) if gap > 0
        ),
        bottleneck_um=dict(zip(AXES, network.bottlenecks, strict=True)),
        orientation=orientation_tensor(network.surfels),
        fragments=pieces[0],
        largest_fragment=pieces[1],
        filled=float(voxels.bright.mean()) if voxels.bright.size else 0.0,
        unresolved=int((~table["resolved"].astype(bool)).sum()),
    )
