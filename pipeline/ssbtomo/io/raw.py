"""Headerless files: nothing but voxels; a sidecar or the file name tells shape and type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.io.lazy import MappedFile, check_type, lazy_array
from ssbtomo.io.sidecar import sidecar_content
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["READER", "RawReader"]

_NAME = re.compile(
    r"(?:^|[_\-. ])(\d+)x(\d+)x(\d+)[_\-. ](u?int(?:8|16|32|64)|float(?:32|64)|u8|8bit|16bit)"
    r"(le|be)?(?=[_\-. ]|$)",
    re.IGNORECASE,
)
_SHORT = {"u8": "uint8", "8bit": "uint8", "16bit": "uint16"}
_ENDINGS = {".raw", ".bin", ".vol", ".dat"}
_HINT = (
    'put a file {name}.json beside it: {{"shape": [Z, Y, X], "dtype": "uint16", '
    '"voxel_size": ["20 nm", "5 nm", "5 nm"]}}, or name it scan_WIDTHxHEIGHTxDEPTH_uint16.raw'
)


@dataclass(frozen=True, slots=True)
class RawReader:
    """Opens headerless files whose shape and type are told beside them, or by their name."""

    name: ClassVar[str] = "headerless raw"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is named like a headerless file.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the endings ``.raw``, ``.bin``, ``.vol`` and ``.dat``.
        """
        return path.is_file() and path.suffix.lower() in _ENDINGS

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a headerless file.

        The sidecar's keys: ``shape`` (Z, Y, X), ``dtype``, and if need be ``byte_order``
        ("little", "big") and ``offset`` (bytes before the first voxel). The file name
        tells width, height and depth, in this order: (X, Y, Z).

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Not used: the file holds one volume.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        beside = sidecar_content(path)
        if beside is not None and "shape" in beside[1]:
            source = _from_sidecar(path, *beside)
        else:
            source = _from_name(path)
        size = path.stat().st_size
        if source.end != size:
            raise FormatError(
                f"{path} has {size:,} bytes, but {' x '.join(map(str, source.shape))} voxels of "
                f"{source.dtype} (Z, Y, X) need {source.end:,}",
                hint="correct shape, dtype or offset; or the file is cut off",
            )
        return Volume(lazy_array(source))


READER = RawReader()


def _from_sidecar(path: Path, beside: Path, content: dict[str, Any]) -> MappedFile:
    shape, offset = content["shape"], content.get("offset", 0)
    order = content.get("byte_order", "little")
    whole = isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape)
    if (
        not whole
        or len(shape) != 3
        or order not in ("little", "big")
        or type(offset) is not int
        or offset < 0
    ):
        raise FormatError(
            f"{beside}: shape {shape}, byte_order {content.get('byte_order')!r} and offset "
            f"{offset!r} do not describe a volume",
            hint='shape is [Z, Y, X] in whole numbers, byte_order "little" or "big", offset >= 0',
        )
    try:
        dtype = np.dtype(str(content.get("dtype")))
    except TypeError:
        raise FormatError(
            f"{beside}: dtype {content.get('dtype')!r} is not known",
            hint="use uint8, uint16, int16, int32, float32, ...",
        ) from None
    check_type(dtype, str(beside))
    stored = dtype.newbyteorder(order).str
    return MappedFile(str(path.absolute()), tuple(shape), stored, offset)


def _from_name(path: Path) -> MappedFile:
    match = _NAME.search(path.stem)
    if match is None:
        raise InputDataError(
            f"{path} has no header, and nothing tells its shape and type",
            hint=_HINT.format(name=path.name),
        )
    width, height, depth, kind, order = match.groups()
    dtype = np.dtype(_SHORT.get(kind.lower(), kind.lower()))
    stored = dtype.newbyteorder("big" if (order or "").lower() == "be" else "little").str
    return MappedFile(str(path.absolute()), (int(depth), int(height), int(width)), stored)
