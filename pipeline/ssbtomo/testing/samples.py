"""Sample volumes by name: seeded phantoms, written with truth, card and a ready recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.testing.answers import Phantom, truth_json
from ssbtomo.testing.cards import card, recipe
from ssbtomo.testing.cathode import CathodeDesign, composite_cathode
from ssbtomo.testing.optics import CtOptics, FibSemOptics

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SAMPLES", "Sample", "make_sample", "write_phantom", "write_sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A named phantom.

    Parameters
    ----------
    about : str
        What it shows, in one line.
    make : callable
        Returns the phantom; takes nothing, so that the name alone decides every voxel.
    """

    about: str
    make: Callable[[], Phantom]


def _cathode_ct() -> Phantom:
    return composite_cathode(
        (72, 128, 128), (0.2, 0.2, 0.2), seed=7, name="cathode_ct",
        optics=CtOptics(rings=12.0, cupping=0.01),
    )  # fmt: skip


def _cathode_ct_low_contrast() -> Phantom:
    return composite_cathode(
        (72, 128, 128), (0.2, 0.2, 0.2), seed=7, name="cathode_ct_low_contrast",
        optics=CtOptics.low_contrast(),
    )  # fmt: skip


def _cathode_fibsem() -> Phantom:
    spacing = (0.08, 0.04, 0.04)
    return composite_cathode(
        (48, 144, 144), spacing, seed=11, name="cathode_fibsem",
        design=replace(
            CathodeDesign.for_voxels(spacing, anode=False),
            pore_diameter=(0.45, 0.75), crack_width=0.23,
        ),
        optics=FibSemOptics(flicker=1.0, curtains=1.5),
    )  # fmt: skip


def _cathode_ct_large() -> Phantom:
    return composite_cathode(
        (96, 160, 160), (0.2, 0.2, 0.2), seed=3, name="cathode_ct_large", optics=CtOptics()
    )


#: Sample volumes by name.
SAMPLES: dict[str, Sample] = {
    "cathode_ct": Sample(
        "X-ray tomography of a composite cathode with separator and lithium, the lithium set "
        "well apart from void",
        _cathode_ct,
    ),
    "cathode_fibsem": Sample(
        "FIB-SEM of a composite cathode: voxels twice as deep as wide, sharp, with faint curtains",
        _cathode_fibsem,
    ),
    "cathode_ct_low_contrast": Sample(
        "the same scan as `cathode_ct` at absorption contrast, where lithium is as dark as void "
        "and cannot be told from it by its grey value",
        _cathode_ct_low_contrast,
    ),
    "cathode_ct_large": Sample(
        "X-ray tomography of a larger composite cathode, without artefacts", _cathode_ct_large
    ),
}


def make_sample(name: str) -> Phantom:
    """Make a sample volume in memory.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.

    Returns
    -------
    Phantom
        The same on every call.

    Raises
    ------
    InputDataError
        If there is no sample of that name.
    """
    if name not in SAMPLES:
        raise InputDataError(
            f"there is no sample volume {name!r}", hint=f"there are: {', '.join(SAMPLES)}"
        )
    return SAMPLES[name].make()


def write_sample(name: str, folder: str | Path) -> Path:
    """Make a sample volume and write it with its truth, card and recipe.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.
    folder : str or pathlib.Path
        Where to write; made if absent.

    Returns
    -------
    pathlib.Path
        The recipe, ready for ``ssbtomo run``.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    phantom = make_sample(name)
    return write_phantom(phantom, folder, about=SAMPLES[name].about)


def write_phantom(phantom: Phantom, folder: str | Path, *, about: str = "a phantom") -> Path:
    """Write a phantom: NAME.tif, NAME.labels.tif, NAME.truth.json, NAME.md and recipe.yaml.

    Parameters
    ----------
    phantom : Phantom
        What to write.
    folder : str or pathlib.Path
        Where to write; made if absent.
    about : str
        What it shows, for the card.

    Returns
    -------
    pathlib.Path
        The recipe.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    target, name = Path(folder), phantom.name
    try:
        target.mkdir(parents=True, exist_ok=True)
        _write_tiff(target / f"{name}.tif", phantom.image, phantom.spacing, [name])
        _write_tiff(target / f"{name}.labels.tif", phantom.labels, phantom.spacing, phantom.phases)
        (target / f"{name}.truth.json").write_text(truth_json(phantom.truth), "utf-8")
        (target / f"{name}.md").write_text(card(phantom, about), "utf-8")
        (target / "recipe.yaml").write_text(recipe(phantom), "utf-8")
    except OSError as error:
        raise OutputError(
            f"the sample {name!r} cannot be written to {target}: {error.strerror or error}",
            hint="choose a folder that you may write to, with a few MB free",
        ) from error
    return target / "recipe.yaml"


def _write_tiff(
    path: Path, data: NDArray[Any], spacing: tuple[float, float, float], names: Iterable[str]
) -> None:
    import tifffile

    sizes = {f"PhysicalSize{axis}": edge for axis, edge in zip("ZYX", spacing, strict=True)}
    identity = str(uuid5(NAMESPACE_OID, hashlib.sha256(data.tobytes()).hexdigest()))
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "ZYX"}
    tifffile.imwrite(
        path,
        data,
        ome=True,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 9},
        predictor=data.dtype.itemsize > 1 or path.name.count(".") == 1,
        metadata={
            "axes": "ZYX",
            "Name": ", ".join(names),
            "UUID": identity,
            "Creator": "ssbtomo",
            **sizes,
            **units,
        },
    )
