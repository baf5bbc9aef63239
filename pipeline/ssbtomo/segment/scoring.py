"""Score labels against the truth: overlap, surfaces, objects, and the numbers derived from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks import agreement as blocks
from ssbtomo.blocks.agreement import Known
from ssbtomo.blocks.areas import InterfaceAreas, interface_areas
from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.kernels.agreement import ObjectScore, object_score, surface_score
from ssbtomo.measure.sources import Names, cut, in_memory, label_source, named_phases
from ssbtomo.segment.scores import Score
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ssbtomo.blocks.engine import Source
    from ssbtomo.blocks.grid import Grid
    from ssbtomo.blocks.passes import Allocate

__all__ = ["score", "score_instances"]

_MOST = 64
_Row = dict[str, Any]


def score(  # noqa: PLR0913 - all but three are options
    labels: ArrayLike,
    truth: ArrayLike,
    *,
    spacing: Spacing,
    phases: Names = None,
    unlabelled: int | None = None,
    tolerance: float | None = None,
    axes: Sequence[str] = (),
    engine: Engine = SERIAL,
    allocate: Allocate | None = None,
) -> Score:
    """Score labels against the truth, phase by phase and in the numbers that follow from them.

    A high overlap hides a wrong contact area: a film of one voxel around every particle costs
    little volume and takes all of the contact. The numbers that the labels are for are
    therefore measured on both, by the same estimators.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        What was segmented; NumPy, Dask or Zarr.
    truth : array_like of int, shape (Z, Y, X)
        What is true, on the same voxels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur in either if not given.
        One that occurs in neither is refused.
    unlabelled : int, optional
        Where the truth has this value nothing is compared: neither voxels, nor surfaces, nor
        contact areas; so is a truth that is none of the phases.
    tolerance : float, optional
        Distance in µm within which surfaces agree for the boundary F1; the longest voxel edge
        if not given.
    axes : sequence of {"z", "y", "x"}
        Axes along which tortuosity factors are compared; each phase is solved twice, in
        memory. What is not known does not conduct.
    engine : Engine
        Where the blocks are worked on. No number depends on it.
    allocate : callable, optional
        Makes stores for the distances: 8 bytes per voxel, in memory if not given.

    Returns
    -------
    Score
        Tables ``phases``, ``confusion`` and ``derived``.

    Raises
    ------
    AxisError
        If labels or truth are not (Z, Y, X), or an axis is none.
    InputDataError
        If the shapes differ, values are not integers, or the tolerance is not positive.
    PhaseMissingError
        If a phase occurs in neither, or nothing is left to compare.

    Notes
    -----
    Surfaces are the voxels of a phase that share a face with another phase; distances are
    exact, between voxel centres [1]_. Hausdorff-95 is the larger of the two directed 95th
    percentiles, the mean distance that over both surfaces. A shift by less than a voxel shows
    in the derived numbers only.

    References
    ----------
    .. [1] A. A. Taha and A. Hanbury, *BMC Med. Imaging* 15 (2015) 29,
       doi:10.1186/s12880-015-0068-x.

    Examples
    --------
    >>> truth = np.zeros((4, 4, 4), np.uint8)
    >>> truth[2:] = 1
    >>> score(truth, truth, spacing=(0.1, 0.1, 0.1)).phases["dice"].tolist()
    [1.0, 1.0]
    """
    edges, reach = check_spacing(spacing), _tolerance(tolerance, spacing)
    numbers = [_axis(axis) for axis in axes]
    found, true = _alike(labels, truth)
    named = _named((found, true), phases, unlabelled, engine)
    order = tuple(named.values())
    pair = Known(found, true, order), Known(true, true, order)
    grid = cut(found, engine)
    confusion = blocks.confusion(*pair, grid, engine)
    if not confusion.any():
        raise PhaseMissingError(
            "no voxel of the truth has the label of a phase: there is nothing to compare",
            hint="check `phases` and `unlabelled` against the truth",
        )
    names = [str(name) for name in named]
    makes = allocate or in_memory(found, engine)
    measured = [interface_areas(part, edges, range(len(order)), grid, engine) for part in pair]
    derived = [
        *_fractions(confusion, names),
        *_contacts(measured, names, float(confusion.sum()) * math.prod(edges)),
        *_transport(pair, names, edges, numbers),
    ]
    surfaces = [
        _surface(pair, phase, edges, (grid, engine), allocate=makes, reach=reach)
        for phase in range(len(names))
    ]
    return Score.of(names, confusion, surfaces, derived, tolerance_um=reach)


def score_instances(
    labels: ArrayLike, truth: ArrayLike, *, ignore: int = 0, engine: Engine = SERIAL
) -> ObjectScore:
    """Score objects, such as particles, against the true ones; their numbers do not matter.

    Parameters
    ----------
    labels, truth : array_like of int, shape (Z, Y, X)
        Numbers of the objects found, and of the true ones; 0 for none.
    ignore : int
        Where the truth has this value nothing is compared. Found objects there cost nothing:
        compare the phase for that.
    engine : Engine
        Where the blocks are worked on.

    Returns
    -------
    ObjectScore
        Variation of information, split and merge, and the adapted Rand error. What was given
        no object counts as one object, numbered 0.

    Raises
    ------
    AxisError
        If labels or truth are not (Z, Y, X).
    InputDataError
        If the shapes differ, values are not integers, or no voxel is left to compare.
    """
    found, true = _alike(labels, truth)
    pairs = blocks.contingency(found, true, cut(found, engine), engine, ignore=ignore)
    if not pairs.counts.size:
        raise InputDataError(
            f"the truth holds nothing but {ignore}: there are no objects to compare",
            hint="give the true numbers of the objects, 0 where there is none",
        )
    return object_score(pairs)


def _alike(labels: ArrayLike, truth: ArrayLike) -> tuple[Source, Source]:
    found, true = label_source(labels), label_source(truth)
    if tuple(found.shape) != tuple(true.shape):
        raise InputDataError(
            f"the labels are {tuple(found.shape)}, the truth {tuple(true.shape)}",
            hint="crop or resample one to the voxels of the other",
        )
    return found, true


def _tolerance(tolerance: float | None, spacing: Spacing) -> float:
    if tolerance is None:
        return max(check_spacing(spacing))
    if not 0 < tolerance < math.inf:
        raise InputDataError(
            f"the tolerance {tolerance} µm is not a positive length",
            hint="give the distance in µm within which two surfaces agree, such as one voxel edge",
        )
    return float(tolerance)


def _axis(axis: str) -> int:
    from ssbtomo.measure.transport import axis_number

    return axis_number(axis)


def _named(
    sources: tuple[Source, Source], phases: Names, unlabelled: int | None, engine: Engine
) -> dict[str | int, int]:
    present: set[int] = set()
    for source in sources:
        present |= set(named_phases(source, None, engine).values())
    asked: dict[str | int, int]
    if isinstance(phases, Mapping):
        asked = {name: int(label) for name, label in phases.items()}
    else:
        asked = {int(k): int(k) for k in (sorted(present) if phases is None else phases)}
    named = {name: label for name, label in asked.items() if label != unlabelled}
    absent = [f"{name} ({label})" for name, label in named.items() if label not in present]
    if absent or not named or len(set(named.values())) < len(named):
        what = f"no voxel has the label of {', '.join(absent)}" if absent else "phases are missing"
        raise PhaseMissingError(
            f"{what}; the phases are {named}, labels and truth hold {sorted(present)[:20]}",
            hint="check the phases against the labels; each needs a label of its own",
        )
    if len(named) > _MOST:
        raise InputDataError(
            f"there are {len(named)} labels, too many to be phases",
            hint="name the phases; for numbered particles compare instances",
        )
    return named


def _surface(
    pair: tuple[Known, Known],
    phase: int,
    spacing: Spacing,
    place: tuple[Grid, Engine],
    *,
    allocate: Allocate,
    reach: float,
) -> tuple[float, ...]:
    found, true = (
        blocks.surface_steps(way, phase, spacing, *place, allocate=allocate)
        for way in (pair, (pair[1], pair[0]))
    )
    return astuple(surface_score(found, true, min(spacing), reach))


def _row(quantity: str, subject: str, pair: tuple[float, float], unit: str, axis: str = "") -> _Row:
    value, truth = pair
    return {
        "quantity": quantity, "subject": subject, "axis": axis, "value": value, "truth": truth,
        "error": value - truth if value != truth else 0.0,
        "relative_error": value / truth - 1 if truth and math.isfinite(truth) else math.nan,
        "unit": unit,
    }  # fmt: skip


def _fractions(confusion: NDArray[np.int64], names: list[str]) -> Iterator[_Row]:
    total = float(confusion.sum())
    found, true = confusion.sum(axis=0) / total, confusion.sum(axis=1) / total
    for k, name in enumerate(names):
        yield _row("volume_fraction", name, (float(found[k]), float(true[k])), "1")


def _contacts(measured: list[InterfaceAreas], names: list[str], volume: float) -> Iterator[_Row]:
    found, true = measured
    for one, two in combinations(range(len(names)), 2):
        pair = found.area_um2[one, two] / volume, true.area_um2[one, two] / volume
        yield _row("contact_area_per_volume", f"{names[one]}|{names[two]}", pair, "1/um")
    for triple, length in found.triple_um.items():
        subject = "|".join(names[k] for k in triple)
        both = length / volume, true.triple_um[triple] / volume
        yield _row("triple_line_per_volume", subject, both, "1/um^2")


def _transport(
    pair: tuple[Known, Known], names: list[str], spacing: Spacing, axes: list[int]
) -> Iterator[_Row]:
    if not axes:
        return
    from ssbtomo.kernels.transport import solve

    whole = slice(None), slice(None), slice(None)
    found, true = (part[whole] for part in pair)
    for phase, name in enumerate(names):
        if not ((found == phase).any() and (true == phase).any()):
            continue
        for axis in axes:
            values = [solve(part, spacing, axis, {phase: 1.0}).tau for part in (found, true)]
            both = float(values[0]), float(values[1])
            yield _row("tortuosity_factor", name, both, "1", AXES[axis])
