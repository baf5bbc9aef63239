"""A trained voxel classifier: what it was trained on, what it looks at, and its file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ssbtomo.blocks.classify import Classifier
from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.kernels.feature_list import Feature, features_from_json
from ssbtomo.kernels.forest import Forest, Logistic
from ssbtomo.kernels.settling import Settling
from ssbtomo.segment.model_file import MODEL_FILE, read_model, rule_from, write_model
from ssbtomo.units import Spacing, check_spacing, format_length

__all__ = ["VoxelModel"]

_SAME = 0.01  # relative difference of voxel edges that is not worth a note
_FARTHEST = 2.0  # factor between voxel edges that features bear


@dataclass(frozen=True, slots=True, eq=False)
class VoxelModel:
    """A trained classifier, independent of any library's version; see `train` and `predict`.

    Parameters
    ----------
    phases : tuple of str
        Names, in the order of the labels from 0.
    features : tuple of Feature
        What it looks at.
    spacing : tuple of float
        Voxel edges of the training along (Z, Y, X) in µm.
    dtype : str
        Type of the voxels of the training, such as ``uint16``.
    levels : tuple of (float, float)
        Centre and width of the grey values of each channel: half a per cent of the training's
        voxels lie beyond either end of the width.
    rule : Forest or Logistic
        From features to probabilities.
    settling : Settling or None
        How edges take the phases beside them.
    scores : mapping
        Confusions out of bag and by annotated slice, and how much each feature matters.
    training : mapping
        Hash of the training's data, numbers of voxels, settings, versions.
    """

    phases: tuple[str, ...]
    features: tuple[Feature, ...]
    spacing: Spacing
    dtype: str
    levels: tuple[tuple[float, float], ...]
    rule: Forest | Logistic
    settling: Settling | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Channels that it looks at: the scan, and its companions."""
        return 1 + max(feature.channel for feature in self.features)

    def save(self, path: str | Path) -> Path:
        """Write the model file; the same model gives the same bytes.

        Parameters
        ----------
        path : str or pathlib.Path
            Such as ``cathode.ssbmodel``.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        header = {
            "phases": list(self.phases),
            "features": [feature.to_json() for feature in self.features],
            "spacing_um": list(self.spacing),
            "dtype": self.dtype,
            "levels": [list(level) for level in self.levels],
            "settling": None if self.settling is None else {
                "reach": self.settling.reach, "scale": self.settling.scale,
                "steep": self.settling.steep, "support": self.settling.support,
                "blur": self.settling.blur, "greys": list(self.settling.greys),
            },
            "scores": dict(self.scores),
            "training": dict(self.training),
        }  # fmt: skip
        write_model(Path(path), header, self.rule)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> VoxelModel:
        """Read a model file; everything in it is checked, nothing is executed.

        Parameters
        ----------
        path : str or pathlib.Path
            The file.

        Returns
        -------
        VoxelModel
            The model.

        Raises
        ------
        FormatError
            If it is no model file, damaged, or of another version.
        """
        place = Path(path)
        header, arrays = read_model(place)
        with MODEL_FILE.checked(place):
            return _model(place, header, arrays)

    def ordered(self, phases: Sequence[str]) -> VoxelModel:
        """Return the model with its labels in another order.

        Parameters
        ----------
        phases : sequence of str
            The same names.

        Returns
        -------
        VoxelModel
            Label k is the k-th of them.

        Raises
        ------
        InputDataError
            If the names are not those of the model.
        """
        if set(phases) != set(self.phases) or len(phases) != len(self.phases):
            raise InputDataError(
                f"the model knows the phases {', '.join(self.phases)}; asked for are "
                f"{', '.join(phases)}",
                hint="name the phases as in the training, or train anew",
            )
        order = [self.phases.index(phase) for phase in phases]
        rule = self.rule
        if isinstance(rule, Forest):
            turned: Forest | Logistic = replace(
                rule, shares=np.ascontiguousarray(rule.shares[:, order])
            )
        else:
            turned = replace(
                rule, weights=np.ascontiguousarray(rule.weights[order]), bias=rule.bias[order]
            )
        settling = self.settling
        if settling is not None and settling.greys:
            settling = replace(settling, greys=tuple(settling.greys[k] for k in order))
        return replace(self, phases=tuple(phases), rule=turned, settling=settling)

    def classifier(self, spacing: Spacing) -> tuple[Classifier, list[str]]:
        """Return the model made ready for a voxel size.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        classifier : Classifier
            Its features keep their lengths.
        notes : list of str
            What was converted.

        Raises
        ------
        InputDataError
            If the voxel size is not within a factor of two of the training's.
        """
        edges = check_spacing(spacing)
        ratio = [new / old for new, old in zip(edges, self.spacing, strict=True)]
        far = max(max(r, 1 / r) for r in ratio)
        said = (
            f"the model was trained on voxels of {_edges(self.spacing)} (Z, Y, X), the volume has "
            f"{_edges(edges)}"
        )
        if far > _FARTHEST:
            raise InputDataError(
                f"{said}: more than a factor of {_FARTHEST:g} apart",
                hint="bin or resample the volume, or train on volumes like it",
            )
        notes = []
        if far > 1 + _SAME:
            notes.append(f"{said}: the features kept their lengths in µm, noise and blur differ")
        ready = Classifier(self.features, edges, self.levels, self.rule, self.settling)
        return ready, notes


def _edges(spacing: Sequence[float]) -> str:
    return " x ".join(format_length(edge) for edge in spacing)


def _model(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> VoxelModel:
    phases = tuple(header["phases"])
    if not 2 <= len(phases) <= 32 or not all(
        isinstance(p, str) and 0 < len(p) <= 80 for p in phases
    ):
        raise FormatError(f"{path}: its phases are {str(phases)[:200]}")
    if len(set(phases)) < len(phases):
        raise FormatError(f"{path}: two of its phases have the same name")
    features = features_from_json(header["features"])
    levels = tuple((_number(a), _number(b)) for a, b in header["levels"])
    if not all(width > 0 for _, width in levels) or len(levels) < 1 + max(
        f.channel for f in features
    ):
        raise FormatError(f"{path}: the levels of its channels are {str(levels)[:200]}")
    spacing = check_spacing(tuple(_number(edge) for edge in header["spacing_um"]))
    return VoxelModel(
        phases=phases,
        features=features,
        spacing=spacing,
        dtype=np.dtype(_text(header["dtype"])).name,
        levels=levels,
        rule=rule_from(path, header["rule"], arrays, len(features), len(phases)),
        settling=_settling(header["settling"], len(phases)),
        scores=_scores(header["scores"], phases),
        training=_training(header["training"], phases, header["rule"]),
    )


def _settling(table: Any, phases: int) -> Settling | None:
    if table is None:
        return None
    lengths = {key: _number(value) for key, value in table.items() if key != "greys"}
    greys = tuple(_number(value) for value in table.get("greys", ()))
    if len(greys) not in (0, phases):
        raise ValueError(f"the settling knows {len(greys)} grey values of {phases} phases")
    return Settling(greys=greys, **lengths)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:60]!r} is not a finite number")
    return float(value)


def _text(value: Any) -> str:
    if value not in _DTYPES:
        raise ValueError(f"{str(value)[:60]!r} is no type of voxels")
    return str(value)


def _scores(value: Any, phases: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or (value and value["phases"] != list(phases)):
        raise TypeError("the scores are not a table of the model's phases")
    count = len(phases)
    for key in {"out_of_bag", "by_slice"} & set(value):
        found = value[key]
        confusion = np.asarray(found["confusion"], np.int64)
        if confusion.shape != (count, count) or not 0 <= _number(found["accuracy"]) <= 1:
            raise ValueError(f"the scores {key} are not of {count} phases")
        for name in ("iou", "dice"):
            if len([_number(entry) for entry in found[name]]) != count:
                raise ValueError(f"{name} of {key} is not of {count} phases")
    _check_reliability(value.get("reliability", {}))
    return value


def _check_reliability(table: Mapping[str, Any]) -> None:
    if not table:
        return
    if set(table) != {"left_out", "from", "to", "confidence", "accuracy", "voxels"}:
        raise ValueError(f"the reliability has the columns {str(list(table))[:200]}")
    if len({len(column) for column in table.values()}) != 1:
        raise ValueError("the columns of the reliability are not of one length")
    if not set(table["left_out"]) <= {"voxels", "slices"}:
        raise ValueError("the reliability is of neither voxels nor slices")
    for name in ("from", "to", "confidence", "accuracy", "voxels"):
        if any(_number(entry) < 0 for entry in table[name]):
            raise ValueError(f"{name} of the reliability is negative")


def _training(value: Any, phases: tuple[str, ...], rule: str) -> Mapping[str, Any]:
    """Return the story of a training if it tells what reports print."""
    counts = [*value["labelled"].values(), value["samples"]]
    counts += [value["trees"], value["depth"]] if rule == "forest" else []
    if not all(isinstance(count, int) for count in counts) or value["rule"] != rule:
        raise TypeError("the story of the training lacks its numbers")
    if set(value["labelled"]) != set(phases):
        raise ValueError("the labelled phases are not the model's")
    return dict(value)


_DTYPES = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "uint64",
           "float16", "float32", "float64")  # fmt: skip
