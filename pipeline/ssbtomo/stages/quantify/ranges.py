"""The nominal 95 % range of every measurement, from its values on the variants."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ssbtomo.kernels.ranges import Evidence, Halves, nominal_range
from ssbtomo.results import Measurement

__all__ = ["HALVED", "SMOOTH", "VOXEL_GROUPS", "Variants", "ranged", "with_ends"]

HALVED = "half resolution"
"""Name of the variant with every other voxel."""

SMOOTH = "smooth surfaces"
"""Name of the variant with a smooth surface through the staircase of each phase."""

VOXEL_GROUPS = {HALVED: ("fractions", "contacts", "transport"), SMOOTH: ("transport",)}
"""Groups of measures that are taken on these variants, for what voxels do to them."""

_MOVED = re.compile(r"threshold (\d+) (down|up)")
_AGAIN = re.compile(r"imaged again \d+")
_DRAWN = re.compile(r"draw \d+")
_LEANING = re.compile(r"lithium (low|high)")
_AT_LEAST_ONE = {
    "tortuosity_factor", "macmullin_number", "network_tortuosity_factor",
    "electrode_tortuosity_factor", "geodesic_tortuosity",
}  # fmt: skip
_SHARES = ("fraction", "porosity", "coverage", "share", "ceiling", "conductivity_ratio")
_SIGNED = {"conductivity_tensor"}

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Variants:
    """What a measurement is compared with.

    Parameters
    ----------
    measured : mapping of str to list of Measurement
        The measurements on each variant, by its name.
    shift : float
        How far thresholds were moved, in units of the contrast.
    offsets : sequence of float
        How far each threshold lies from half-way between the phases' own grey values.
    """

    measured: Mapping[str, Sequence[Measurement]]
    shift: float
    offsets: Sequence[float] = ()

    def evidence(self, key: Key) -> Evidence:
        """Gather the values of one measurement.

        Parameters
        ----------
        key : tuple of str
            What it is about.

        Returns
        -------
        Evidence
            NaN where a variant has no such measurement.
        """
        moved: dict[int, dict[str, float]] = {}
        others: dict[str, list[float]] = {"again": [], "halved": [], "smooth": [], "draws": []}
        for variant, items in self.measured.items():
            value = next((item.value for item in items if item.key == key), math.nan)
            if found := _MOVED.fullmatch(variant):
                moved.setdefault(int(found[1]), {})[found[2]] = value
            elif _AGAIN.fullmatch(variant):
                others["again"].append(value)
            elif _DRAWN.fullmatch(variant):
                others["draws"].append(value)
            elif variant == HALVED:
                others["halved"].append(value)
            elif variant == SMOOTH:
                others["smooth"].append(value)
        pairs = [
            (pair.get("down", math.nan), pair.get("up", math.nan))
            for _, pair in sorted(moved.items())
        ]
        return Evidence(pairs, **others, offsets=self.offsets)

    def ends(self, item: Measurement) -> list[float]:
        """Return what the range holds in any case: doubtful voxels given to either side.

        Parameters
        ----------
        item : Measurement
            At the chosen segmentation.

        Returns
        -------
        list of float
            Its value and those of the variants that lean; empty if there are none.
        """
        found = [
            other.value
            for variant, items in self.measured.items()
            if _LEANING.fullmatch(variant)
            for other in items
            if other.key == item.key and not math.isnan(other.value)
        ]
        return [item.value, *found] if found and not math.isnan(item.value) else []


def ranged(
    values: Iterable[Measurement], variants: Variants
) -> tuple[list[Measurement], dict[str, list[Any]]]:
    """Give each measurement its nominal 95 % range.

    Parameters
    ----------
    values : iterable of Measurement
        The measurements at the chosen segmentation.
    variants : Variants
        The same on the variants.

    Returns
    -------
    measurements : list of Measurement
        With `low` and `high` set where there is evidence; bounds that an item has itself lie
        within, and what variants that lean to one side give.
    table : dict of str to list
        Columns of the table ``ranges``: the half widths that each range is made of; see
        `ssbtomo.kernels.ranges`. What a range holds beyond these, by bounds of its own, is
        ``further``: thin wedges where contacts end, bounds of a solve, doubtful lithium.
    """
    found, rows = [], []
    for item in values:
        low, high, halves = nominal_range(
            item.value, variants.evidence(item.key), shift=variants.shift,
            bounds=_bounds(item.quantity),
        )  # fmt: skip
        ends = variants.ends(item)
        own = _known(item.low, low, *ends), _known(item.high, high, *ends)  # certified by solves
        found.append(
            replace(item, low=min(own[0], default=math.nan), high=max(own[1], default=math.nan))
        )
        if not math.isnan(low):
            rows.append(_row(found[-1], halves))
    columns = rows[0] if rows else {}
    return found, {name: [row[name] for row in rows] for name in columns}


def with_ends(
    table: Mapping[str, list[Any]], values: Iterable[Measurement]
) -> dict[str, list[Any]]:
    """Give the table of ranges the ends that the measurements have in the end.

    Parameters
    ----------
    table : mapping of str to list
        As of `ranged`; may be empty.
    values : iterable of Measurement
        Measurements whose ranges were widened since.

    Returns
    -------
    dict of str to list
        The same columns.
    """
    if not table:
        return {}
    ends = {(item.quantity, item.subject, item.axis): (item.low, item.high) for item in values}
    keys = zip(table["quantity"], table["subject"], table["axis"], strict=True)
    found = [ends[key] for key in keys]
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    for row, (low, high) in zip(rows, found, strict=True):
        row.update(low=low, high=high)
        row["further"] = _further(row)
    return {name: [row[name] for row in rows] for name in table}


def _known(*values: float) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _row(item: Measurement, halves: Halves) -> dict[str, Any]:
    row = {
        "quantity": item.quantity, "subject": item.subject, "axis": item.axis,
        "value": item.value, "low": item.low, "high": item.high,
        "thresholds": halves.thresholds, "imaging": halves.imaging, "scatter": halves.scatter,
        "resolution": halves.resolution, "classes": halves.classes,
    }  # fmt: skip
    return {**row, "further": _further(row)}


def _further(row: Mapping[str, Any]) -> float:
    """Return what the range is made of beyond its parts, as one more independent error."""
    half = max(row["high"] - row["value"], row["value"] - row["low"])
    parts = math.hypot(*(row[part.name] for part in fields(Halves)))
    return math.sqrt(half**2 - parts**2) if parts * (1 + 1e-9) < half < math.inf else 0.0


def _bounds(quantity: str) -> tuple[float, float]:
    """Return what a quantity cannot pass."""
    if quantity in _AT_LEAST_ONE:
        return 1.0, math.inf
    if quantity in _SIGNED:
        return -math.inf, math.inf
    return 0.0, 1.0 if any(word in quantity for word in _SHARES) else math.inf
