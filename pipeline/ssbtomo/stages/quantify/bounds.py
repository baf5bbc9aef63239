"""Numbers of lithium and of void where the two are one class: bounds instead of values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ssbtomo.model import Quantify, Sample
from ssbtomo.model.networks import Network
from ssbtomo.results import Measurement
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.low_absorbing import MERGED

__all__ = ["bounded", "read_as", "readings"]

Renamed = Mapping[str, str | None]
Key = tuple[str, str, str, str]

#: What a part of the class cannot have more of than all of it.
_PART = (
    "volume_fraction", "porosity", "porosity_open", "contact_area_per_volume",
    "contact_area_per_volume_crofton", "specific_contact_area", "specific_contact_area_cm",
    "coverage", "triple_line_per_volume", "effective_conductivity_ratio",
    "active_contact_area_per_volume", "active_triple_line_per_volume",
)  # fmt: skip
_LINE = "voxel edge x local tangent"
_SHARES = (
    "connected_fraction",
    "dead_lithium_fraction",
    "isolated_fraction",
    "gap_share",
    "porosity_closed",
)


def readings(desk: Desk) -> dict[str, Desk]:
    """Return the sample with the merged class read as all lithium, and as all void.

    Parameters
    ----------
    desk : Desk
        The sample.

    Returns
    -------
    dict of str to Desk
        Empty if lithium and void are not one class.
    """
    told = desk.facts["segment"].get("lithium")
    if told is None or told["state"] != "merged":
        return {}
    return {
        f"all {role}": read_as(desk, told[role], {told[other]: None})
        for role, other in (("lithium", "void"), ("void", "lithium"))
    }


def read_as(desk: Desk, name: str, renamed: Renamed) -> Desk:
    """Return the sample with another name for the merged class.

    Parameters
    ----------
    desk : Desk
        The sample, whose lithium and void may be one class.
    name : str
        Of the class: one of the two phases, or `MERGED`.
    renamed : mapping of str to str or None
        What becomes of names in the recipe's wishes; ``None`` for what is not there.

    Returns
    -------
    Desk
        The same labels, with the role of that phase.
    """
    told = desk.facts["segment"]["lithium"]
    whole = {phase["name"]: phase for phase in told["phases"]}
    phases = [
        whole.get(name, phase) if phase["name"] == MERGED else phase
        for phase in desk.facts["segment"]["phases"]
    ]
    facts = {**desk.facts, "segment": {**desk.facts["segment"], "phases": phases}}
    return replace(desk, facts=facts, sample=_asked(desk.sample, renamed))


def _asked(sample: Sample, renamed: Renamed) -> Sample:
    """Return what is asked of a sample in the names that its phases have."""
    asked: Quantify = sample.quantify

    def names(given: Sequence[str]) -> tuple[str, ...]:
        found = (renamed.get(name, name) for name in given)
        return tuple(dict.fromkeys(name for name in found if name is not None))

    update: dict[str, Any] = {
        key: None
        if getattr(asked, key) is None
        else renamed.get(getattr(asked, key), getattr(asked, key))
        for key in ("particle_phase", "pore_phase", "collector_phase")
    }
    if asked.tortuosity_phases is not None:
        update["tortuosity_phases"] = names(asked.tortuosity_phases)
    update["fields"] = names(asked.fields)
    if asked.interface_maps is not None:
        pairs = (names(pair.split("|")) for pair in asked.interface_maps)
        update["interface_maps"] = tuple("|".join(pair) for pair in pairs if len(pair) == 2)
    update["networks"] = tuple(_networks(asked.networks, renamed))
    return sample.model_copy(update={"quantify": asked.model_copy(update=update)})


def _networks(networks: Iterable[Network], renamed: Renamed) -> Iterator[Network]:
    """Yield the networks without what is not there; none that hangs on a merged phase."""
    for network in networks:
        named = set(network.conductivities) | {n for pair in network.pairs() for n in pair}
        if any(renamed.get(name, name) == MERGED for name in named):
            continue
        gone = {name for name in named if renamed.get(name, name) is None}
        kept = {n: v for n, v in network.conductivities.items() if n not in gone}
        contacts = {
            key: value
            for key, value in network.contact_resistances.items()
            if gone.isdisjoint(part.strip() for part in key.split("|"))
        }
        if kept:
            yield network.model_copy(
                update={"conductivities": kept, "contact_resistances": contacts}
            )


def bounded(
    values: Sequence[Measurement],
    extremes: Mapping[str, Sequence[Measurement]],
    told: Mapping[str, Any],
) -> list[Measurement]:
    """Add what the two extremes say to the numbers of a volume with a merged class.

    Parameters
    ----------
    values : sequence of Measurement
        Those with lithium and void as one, with their ranges.
    extremes : mapping
        Those with all of the class read as lithium (``"all lithium"``) and as void.
    told : mapping
        What the segmentation found of the two.

    Returns
    -------
    list of Measurement
        Numbers of neither get the range over both extremes. Numbers of lithium or of void have no
        value, only the smallest and largest that any assignment of the class allows: areas,
        lengths and conductances of a part are at most those of the whole; a tortuosity is at
        least 1; what no extreme bounds is open.
    """
    names = {"all lithium": told["lithium"], "all void": told["void"]}
    others: dict[Key, list[Measurement]] = {}
    for items in extremes.values():
        for item in items:
            others.setdefault(item.key, []).append(item)
    rows = [_widened(item, others.pop(item.key, [])) for item in values]
    merged = {item.key: item for item in rows}
    for reading, items in extremes.items():
        for item in items:
            if names[reading] in item.subject.split("|"):
                rows.append(_bound(item, merged, names[reading], told["warning"]))
                others.pop(item.key, None)
    rows += [_open(items, told["warning"]) for items in others.values()]
    return rows + list(_between(rows, told))


def _widened(item: Measurement, others: Sequence[Measurement]) -> Measurement:
    known = [
        v
        for v in (item.value, item.low, item.high, *(o.value for o in others))
        if not math.isnan(v)
    ]
    if not others or not known:
        return item
    return replace(item, low=min(known), high=max(known))


def _bound(
    item: Measurement, merged: Mapping[Key, Measurement], name: str, why: str
) -> Measurement:
    """Bound a number of lithium or void by that of the whole class."""
    subject = "|".join(MERGED if part == name else part for part in item.subject.split("|"))
    known = [item.value]
    for quantity, axis in ((item.quantity, item.axis), (item.quantity.removeprefix("active_"), "")):
        whole = merged.get((item.sample, quantity, subject, axis))
        known += [] if whole is None else [whole.value, whole.low, whole.high]
    known = [value for value in known if not math.isnan(value)]
    low, high = 0.0, math.inf
    if item.quantity in _PART or item.quantity.startswith("coverage_"):
        high = max(known, default=math.inf)
    elif item.quantity in _SHARES:
        high = 1.0
    elif "tortuosity" in item.quantity:
        low = 1.0
    elif item.quantity == "macmullin_number":
        low = min(known, default=1.0)
    warnings = (why, *item.warnings)
    return replace(item, value=math.nan, low=low, high=high, warnings=warnings)


def _open(items: Sequence[Measurement], why: str) -> Measurement:
    """Give a number that only the extremes have, such as that of a network, their range."""
    known = [item.value for item in items if not math.isnan(item.value)]
    low, high = min(known, default=math.nan), max(known, default=math.nan)
    first = items[0]
    return replace(first, value=math.nan, low=low, high=high, warnings=(why, *first.warnings))


def _between(rows: Sequence[Measurement], told: Mapping[str, Any]) -> Iterator[Measurement]:
    """Yield the area between lithium and void, and the lines on it: no data bound them."""
    order = [phase["name"] for phase in told["phases"]]
    pair = [told["void"], told["lithium"]]
    areas = (item for item in rows if item.quantity == "contact_area_per_volume")
    found = [item for item in areas if MERGED in item.subject.split("|")]
    lines = (
        replace(item, quantity="triple_line_per_volume", unit="1/um^2", estimator=_LINE)
        for item in found
    )
    solids = [next(n for n in item.subject.split("|") if n != MERGED) for item in found]
    for item, names in (*zip(found[:1], [pair], strict=False),
                        *zip(lines, ([*pair, solid] for solid in solids), strict=True)):  # fmt: skip
        yield replace(
            item, subject="|".join(sorted(names, key=order.index)), value=math.nan, low=0.0,
            high=math.inf, warnings=(told["warning"],),
        )  # fmt: skip
