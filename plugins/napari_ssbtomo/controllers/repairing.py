"""Correct a segmentation by painting: a copy to paint in, what changed, and the record of it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.applying import Box, inside
from napari_ssbtomo.controllers.phases import named
from napari_ssbtomo.controllers.voxels import kind_of
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.errors import AxisError, InputDataError, SsbtomoError

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.opening import LayerData
    from ssbtomo.segment.corrections import Corrections

__all__ = [
    "Repair",
    "Saved",
    "begin_repair",
    "default_file",
    "label_colors",
    "painter_name",
    "phase_layer",
    "rebased",
    "repair_layer",
    "save_repair",
]

_MOST = 2**30  # voxels of a copy to paint in


@dataclass(frozen=True, slots=True, eq=False)
class Repair:
    """A segmentation on its way to be corrected.

    Parameters
    ----------
    source : Source
        The labels as they are, (Z, Y, X).
    phases : mapping of str to int
        Their names.
    start : tuple of int
        First voxel of the copy in `source`.
    labels : ndarray of uint8
        The copy to paint in.
    offset : tuple of int
        First voxel of `source` in the volume that was scanned.
    whole : tuple of int
        Voxels of the volume that was scanned.
    """

    source: Any
    phases: Mapping[str, int]
    start: tuple[int, int, int]
    labels: Any
    offset: tuple[int, int, int]
    whole: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Saved:
    """Corrections that were written.

    Parameters
    ----------
    file : pathlib.Path
        Where.
    voxels : int
        How many were changed in this session.
    total : int
        How many the file holds now.
    moved : tuple of (str, str, int)
        From which phase to which, and how many, in this session.
    """

    file: Path
    voxels: int
    total: int
    moved: tuple[tuple[str, str, int], ...]


def painter_name() -> str:
    """Return the name under which corrections are recorded, until another is typed.

    Returns
    -------
    str
        The user's, as the system knows it; empty if it does not.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def phase_layer(layer: Any) -> dict[str, int]:
    """Return the phases of a segmentation that can be corrected.

    Parameters
    ----------
    layer : napari.layers.Labels or None
        The layer; ``None`` if none was picked.

    Returns
    -------
    dict of str to int
        Names and labels.

    Raises
    ------
    SsbtomoError
        If it is no segmentation with named phases.
    """
    if layer is None or kind_of(layer) != "labels":
        raise SsbtomoError(
            "there is no segmentation to correct",
            hint="open a results folder, or apply a model or thresholds to a volume first",
        )
    if layer.ndim != 3:
        raise AxisError(
            f"the layer {layer.name!r} has {layer.ndim} axes; a volume has three, (Z, Y, X)",
            hint="split it into volumes first",
        )
    about = layer.metadata.get("ssbtomo", {})
    phases = about.get("phases")
    if not phases or about.get("part") in ("scribbles", "growing"):
        raise InputDataError(
            f"the layer {layer.name!r} is no finished segmentation with named phases",
            hint="pick the layer 'phases' of results, or of a segmentation made here",
        )
    return dict(phases)


def begin_repair(layer: Any, box: Box | None, hands: Hands) -> Repair:
    """Copy a segmentation, or a box of it, so that it can be painted in.

    Parameters
    ----------
    layer : napari.layers.Labels
        The segmentation.
    box : tuple of slice, optional
        The box; all of it if absent.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    Repair
        With the copy.

    Raises
    ------
    SsbtomoError
        If the layer is no segmentation, or too large to be copied as a whole.
    """
    import numpy as np

    phases = phase_layer(layer)
    source = layer.data[0] if layer.multiscale else layer.data
    cuts = box or tuple(slice(0, n) for n in source.shape)
    shape = tuple(int(cut.stop - cut.start) for cut in cuts)
    if prod(shape) > _MOST:
        raise InputDataError(
            f"{shape} voxels are too many to be painted in at once",
            hint="type a box, or zoom in and take the box in view",
        )
    if max(phases.values()) > 254:
        raise InputDataError(f"the labels of the phases go up to {max(phases.values())}, not 254")
    labels = np.empty(shape, np.uint8)
    for z in range(0, shape[0], 16):
        hands.check()
        hands.tell("copying labels", z, shape[0])
        planes = slice(cuts[0].start + z, min(cuts[0].start + z + 16, cuts[0].stop))
        labels[z : z + 16] = np.asarray(source[(planes, *cuts[1:])])
    z0, y0, x0 = (int(cut.start) for cut in cuts)
    offset, whole = _scanned(layer, source)
    return Repair(source, phases, (z0, y0, x0), labels, offset, whole)


def _scanned(layer: Any, source: Any) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return where the labels begin in the scan, and the scan's shape."""
    about = layer.metadata["ssbtomo"]
    z, y, x = about.get("start", (0, 0, 0))
    dz, dy, dx = about.get("whole", source.shape)
    return (int(z), int(y), int(x)), (int(dz), int(dy), int(dx))


def repair_layer(repair: Repair, over: Any) -> LayerData:
    """Return the layer to paint in.

    Parameters
    ----------
    repair : Repair
        The copy.
    over : napari.layers.Labels
        The segmentation.

    Returns
    -------
    LayerData
        Labels in the colours of the segmentation.
    """
    meta = {
        "name": f"repair: {over.name}",
        "colormap": over.colormap,
        "features": named(repair.phases),
        "opacity": 0.6,
        "metadata": {"ssbtomo": {"part": "repair", "phases": dict(repair.phases)}},
        **inside(over, repair.start),
    }
    return repair.labels, meta, "labels"


def label_colors(layer: Any, phases: Mapping[str, int]) -> dict[str, str]:
    """Return the colours that a layer gives its phases.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    phases : mapping of str to int
        Names and labels.

    Returns
    -------
    dict of str to str
        ``#rrggbb`` by name.
    """
    import numpy as np

    def told(label: int) -> str:
        parts = np.round(np.asarray(layer.colormap.map(label))[:3] * 255).astype(int)
        return "#" + "".join(f"{part:02x}" for part in parts)

    return {name: told(label) for name, label in phases.items()}


def default_file(layer: Any) -> Path | None:
    """Suggest where corrections are kept: beside the recipe of a segmentation, or its store.

    Parameters
    ----------
    layer : napari.layers.Labels
        The segmentation.

    Returns
    -------
    pathlib.Path or None
        ``None`` if nothing tells a folder.
    """
    about = layer.metadata.get("ssbtomo", {})
    if about.get("recipe"):
        recipe = Path(about["recipe"])
        return recipe.with_name(f"{recipe.stem}.corrections.zip")
    if about.get("results"):
        results = Path(about["results"])
        return results.with_name(f"{results.name}.corrections.zip")
    if about.get("source"):
        return Path(about["source"]).parent / "corrections.zip"
    return None


def save_repair(repair: Repair, file: Path, who: str, hands: Hands) -> Saved:
    """Find what was painted, and add it to a file of corrections.

    Parameters
    ----------
    repair : Repair
        The copy, painted in.
    file : pathlib.Path
        Made if absent; else this session is added.
    who : str
        Who painted.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    Saved
        What was written.

    Raises
    ------
    SsbtomoError
        If nothing was painted, a label has no phase, or the file is of another volume.
    """
    if not who.strip():
        raise InputDataError("the corrections have no author", hint="type your name")
    hands.tell("looking for what was painted", 0, 0)
    known = _known(file, repair)
    places, old, new = _painted(repair, hands)
    if not len(places):
        raise InputDataError(
            "nothing was painted in the labels",
            hint="choose a phase with the keys 1 to 6, and paint",
        )
    when = datetime.now(UTC).isoformat(timespec="seconds")
    added = known.added(places, (old, new), repair.phases, who=who.strip(), when=when)
    added.save(file)
    record = added.records[-1]
    return Saved(file, record.voxels, len(added), record.moved)


def rebased(repair: Repair) -> Repair:
    """Return a repair that goes on from what was painted and saved.

    Parameters
    ----------
    repair : Repair
        The copy, after it was saved.

    Returns
    -------
    Repair
        What is painted from now on is another session.
    """
    z, y, x = (a + b for a, b in zip(repair.start, repair.offset, strict=True))
    return replace(repair, source=repair.labels.copy(), start=(0, 0, 0), offset=(z, y, x))


def _known(file: Path, repair: Repair) -> Corrections:
    from ssbtomo.segment.corrections import Corrections

    if not file.exists():
        return Corrections(repair.whole)
    found = Corrections.load(file)
    found.check(repair.whole)
    return found


def _painted(repair: Repair, hands: Hands) -> tuple[Any, Any, Any]:
    import numpy as np

    from ssbtomo.blocks import Engine, Grid
    from ssbtomo.segment.changes import changed_voxels

    shape: Any = repair.labels.shape
    z, y, x = (min(n, 128) for n in shape)
    before = _Window(repair.source, repair.start, shape)
    engine = Engine(cancel=hands.cancel)
    places, old, new = changed_voxels(before, repair.labels, Grid(shape, (z, y, x)), engine)
    return places + np.add(repair.start, repair.offset), old, new


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A box of labels, read as labels of its own."""

    source: Any
    start: tuple[int, int, int]
    shape: tuple[int, int, int]

    @property
    def dtype(self) -> Any:
        return self.source.dtype

    def __getitem__(self, window: Any) -> Any:
        import numpy as np

        moved = tuple(
            slice(cut.start + a, cut.stop + a) for cut, a in zip(window, self.start, strict=True)
        )
        return np.asarray(self.source[moved])
