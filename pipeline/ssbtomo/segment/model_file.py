"""Model files: a zip of JSON and plain arrays, checked in full before anything is used.

Nothing in a model file is ever executed: no pickle, no names of functions. The entries are
stored, not compressed, so that what is allocated is bounded by the size of the file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import FormatError, OutputError, SsbtomoError
from ssbtomo.kernels.forest import Forest, Logistic

__all__ = ["FORMAT", "read_model", "rule_from", "write_model"]

FORMAT = 1
_KIND = "ssbtomo voxel classifier"
_HEADER = "model.json"
_LARGEST = 2**30  # bytes of a file
_FOREST = {
    "roots": "<i4",
    "depths": "<i4",
    "feature": "<i4",
    "threshold": "<f4",
    "child": "<i4",
    "row": "<i4",
    "shares": "<f8",
}
_LOGISTIC = {"weights": "<f8", "bias": "<f8"}
_TYPES = {**_FOREST, **_LOGISTIC}


def write_model(path: Path, header: Mapping[str, Any], rule: Forest | Logistic) -> None:
    """Write a model file in one go; the same model gives the same bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    header : mapping
        Plain JSON values.
    rule : Forest or Logistic
        Its arrays.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    names = _FOREST if isinstance(rule, Forest) else _LOGISTIC
    content = {"kind": _KIND, "format": FORMAT, "rule": _rule_name(rule), **header}
    draft = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
            archive.writestr(zipfile.ZipInfo(_HEADER), text.encode())
            for name, kind in names.items():
                buffer = io.BytesIO()
                array = np.ascontiguousarray(getattr(rule, name), dtype=kind)
                np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())
        draft.replace(path)
    except OSError as error:
        raise OutputError(
            f"the model cannot be written to {path}: {error.strerror or error}",
            hint="choose a folder that you may write to",
        ) from error


def _rule_name(rule: Forest | Logistic) -> str:
    return "forest" if isinstance(rule, Forest) else "logistic"


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a model file's header and arrays.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    header : dict
        What `write_model` was given.
    arrays : dict of str to ndarray
        Of the kinds that the rule has; their content is not checked yet.

    Raises
    ------
    FormatError
        If it is no model file, is damaged, or is of another version.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise FormatError(f"{path} has {size} bytes, which is no model of ours")
        data = path.read_bytes()
    except FileNotFoundError:
        raise FormatError(
            f"there is no model file {path}", hint="make one with: ssbtomo train"
        ) from None
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _entries(path, archive, size)
    except SsbtomoError:
        raise
    except Exception as error:  # a damaged archive provokes errors of every kind
        raise _foreign(path, str(error)[:200]) from error


def _foreign(path: Path, why: str) -> FormatError:
    return FormatError(
        f"{path} is no model file, or a damaged one: {why}",
        hint="train it again: ssbtomo train",
    )


def _entries(
    path: Path, archive: zipfile.ZipFile, size: int
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    infos = {info.filename: info for info in archive.infolist()}
    if _HEADER not in infos or len(infos) != len(archive.infolist()) or len(infos) > 16:
        raise _foreign(path, f"it has no {_HEADER}, or entries that no model has")
    for info in infos.values():
        stored = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
        if not stored or info.file_size > size:
            raise _foreign(path, f"the entry {info.filename[:40]!r} is not stored plainly")
    header = _header(path, archive.read(_HEADER))
    names = _FOREST if header["rule"] == "forest" else _LOGISTIC
    if set(infos) != {_HEADER, *(f"{name}.npy" for name in names)}:
        raise _foreign(path, f"its entries are {', '.join(sorted(infos))[:200]}")
    return header, {name: _array(path, name, archive.read(f"{name}.npy")) for name in names}


def _header(path: Path, data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _foreign(path, f"{_HEADER}: {error}") from None
    if not isinstance(header, dict) or header.get("kind") != _KIND:
        raise _foreign(path, f"{_HEADER} does not describe a voxel classifier")
    if header.get("format") != FORMAT:
        raise FormatError(
            f"{path} has the model format {str(header.get('format'))[:20]!r}, this version reads {FORMAT}",
            hint="train it again with this version, or use the one that made it",
        )
    if header.get("rule") not in ("forest", "logistic"):
        raise _foreign(path, f"its rule is {str(header.get('rule'))[:40]!r}")
    return header


def _array(path: Path, name: str, data: bytes) -> NDArray[Any]:
    """Return an array over the bytes of its entry: nothing is allocated by what the entry says."""
    try:
        return _plain(name, data)
    except (ValueError, TypeError, OverflowError, SyntaxError, MemoryError) as error:
        raise _foreign(path, f"{name}: {str(error)[:200]}") from None


def _plain(name: str, data: bytes) -> NDArray[Any]:
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("unknown version of the array format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=1000)
    count = 1
    for edge in shape:
        count *= int(edge)
    here = len(data) - stream.tell()
    if fortran or dtype.str != _TYPES[name] or count < 0 or count * dtype.itemsize != here:
        raise ValueError(f"{dtype.str} array of shape {shape} in {here} bytes")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape).copy()


def rule_from(
    path: Path, kind: str, arrays: Mapping[str, NDArray[Any]], features: int, classes: int
) -> Forest | Logistic:
    """Make the rule of a model's arrays, after every index in them was checked.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    kind : {"forest", "logistic"}
        Which rule.
    arrays : mapping of str to ndarray
        From `read_model`.
    features, classes : int
        What the model's header says.

    Returns
    -------
    Forest or Logistic
        The rule.

    Raises
    ------
    FormatError
        If the arrays do not fit each other, an index is out of bounds, a tree is no tree, or a
        value is not finite.
    """
    found = _forest_flaw if kind == "forest" else _logistic_flaw
    flaw = found(arrays, features, classes)
    if flaw:
        raise _foreign(path, flaw)
    native = {
        name: np.ascontiguousarray(a, a.dtype.newbyteorder("=")) for name, a in arrays.items()
    }
    return Forest(**native) if kind == "forest" else Logistic(**native)


def _logistic_flaw(arrays: Mapping[str, NDArray[Any]], features: int, classes: int) -> str:
    shapes = {"weights": (classes, features), "bias": (classes,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            return f"{name} has the shape {arrays[name].shape}, or values that are not finite"
    return ""


def _forest_flaw(arrays: Mapping[str, NDArray[Any]], features: int, classes: int) -> str:
    flat = [arrays[name] for name in ("feature", "threshold", "child", "row")]
    nodes = flat[0].size
    roots, depths, shares = arrays["roots"], arrays["depths"], arrays["shares"]
    if any(a.shape != (nodes,) for a in flat) or roots.ndim != 1 or depths.shape != roots.shape:
        return "the arrays of the trees differ in length"
    if shares.ndim != 2 or shares.shape[1] != classes or not 0 < roots.size <= nodes:
        return f"the leaves have the shape {shares.shape}, the classes are {classes}"
    if not np.isfinite(shares).all() or shares.min() < 0 or shares.max() > 1 + 1e-9:
        return "a leaf holds no probabilities"
    if np.abs(shares.sum(1) - 1).max() > 1e-6:
        return "the probabilities of a leaf do not sum to one"
    return _index_flaw(arrays, features) or _tree_flaw(arrays)


def _index_flaw(arrays: Mapping[str, NDArray[Any]], features: int) -> str:
    nodes, leaves = arrays["child"].size, len(arrays["shares"])
    for name, top in (("feature", features), ("child", nodes), ("row", leaves), ("roots", nodes)):
        values = arrays[name]
        if values.min() < 0 or values.max() >= top:
            return f"{name} points outside of what there is"
    if np.isnan(arrays["threshold"]).any():
        return "a threshold is not a number"
    return ""


def _tree_flaw(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Check that each tree's nodes follow its root, children after parents, each reached once."""
    child, roots, depths = arrays["child"].astype(np.int64), arrays["roots"], arrays["depths"]
    here = np.arange(child.size)
    leaf = child == here
    if (child[~leaf] <= here[~leaf]).any() or (child[~leaf] + 1 >= child.size).any():
        return "the children of a node do not come after it"
    if not np.isposinf(arrays["threshold"][leaf]).all():
        return "a leaf has a threshold"
    if roots[0] != 0 or (np.diff(roots) <= 0).any():
        return "the trees are not in order"
    reached = np.zeros(child.size, np.int64)
    level = np.zeros(child.size, np.int64)
    np.add.at(reached, child[~leaf], 1)
    np.add.at(reached, child[~leaf] + 1, 1)
    reached[roots] += 1
    if (reached != 1).any():
        return "a node belongs to no tree, or to two"
    tree = np.searchsorted(roots, here, side="right") - 1
    if (tree[child[~leaf] + 1] != tree[here[~leaf]]).any():
        return "a node's children belong to another tree"
    for node in here[~leaf].tolist():
        level[child[node]] = level[child[node] + 1] = level[node] + 1
    deepest = np.maximum.reduceat(level, roots)
    return "" if np.array_equal(deepest, depths) else "the depths of the trees are wrong"
