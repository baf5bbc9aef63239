"""Model files: the trees or weights of a classifier, every index in them checked before use.

The entries are stored, not compressed: what is allocated is bounded by the size of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import OutputError
from ssbtomo.kernels.forest import Forest, Logistic
from ssbtomo.segment.archive import Archive

__all__ = ["FORMAT", "MODEL_FILE", "read_model", "rule_from", "write_model"]

FORMAT = 1
MODEL_FILE = Archive(
    "ssbtomo voxel classifier", FORMAT, "model.json", "model file",
    again="train it again: ssbtomo train", largest=2**30, packed=False,
)  # fmt: skip
"""Models have the suffix ``.ssbmodel``."""

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
_TYPES = {"forest": _FOREST, "logistic": _LOGISTIC}


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
    kind = "forest" if isinstance(rule, Forest) else "logistic"
    arrays = {
        name: np.ascontiguousarray(getattr(rule, name), dtype=dtype)
        for name, dtype in _TYPES[kind].items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"there is no folder for {path}, and none can be made: {error.strerror or error}",
            hint="choose a folder that you may write to",
        ) from error
    MODEL_FILE.write(path, {"rule": kind, **header}, arrays)


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
    return MODEL_FILE.read(path, _types)


def _types(header: Mapping[str, Any]) -> Mapping[str, str]:
    rule = str(header.get("rule"))
    if rule not in _TYPES:
        raise ValueError(f"its rule is {rule[:40]!r}")
    return _TYPES[rule]


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
        MODEL_FILE.refuse(path, flaw)
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
