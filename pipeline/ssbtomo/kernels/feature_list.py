"""What a voxel classifier looks at: features as data, in physical units, with their halos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from ssbtomo.errors import InputDataError
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Family", "Feature", "feature_halo", "features_from_json", "tap_radius"]

Family = Literal[
    "intensity",
    "gaussian",
    "gradient",
    "log",
    "spread",
    "structure",
    "hessian",
    "lag",
    "ahead",
    "column",
    "distance",
]
Triple = tuple[float, float, float]
Margin = tuple[int, int, int]

_TRUNCATE = 3.0  # standard deviations at which Gaussians are cut
_MOST = 128  # features of a list
_FARTHEST = 256  # voxels of a halo along one axis
_FLAT = ("intensity", "distance")
_DERIVED = ("gradient", "log", "hessian", "structure")


@dataclass(frozen=True, slots=True)
class Feature:
    """One number per voxel that a classifier looks at; lengths in micrometres.

    Grey values are normalised first, by numbers that the model keeps, so that all features but
    ``distance`` are dimensionless: derivatives are multiplied by their scale.

    Parameters
    ----------
    family : str
        ``intensity``: the grey value. ``gaussian``: smoothed by `scale`. ``gradient``: length of
        the smoothed volume's gradient. ``log``: its Laplacian. ``spread``: local standard
        deviation, in a Gaussian window. ``structure``: an eigenvalue of the structure tensor
        (root of it), averaged over `integration`. ``hessian``: an eigenvalue of the matrix of
        second derivatives. ``lag``: smoothed value at `lag` along `axis`, less the value here:
        what a serial section shows behind a pore. ``ahead``: the same with the brightest value
        from here to `lag`. ``column``: the value smoothed by `integration`, less the stripe that
        runs along `axis`: what an average along it (`scale` there, `integration` across) has over
        one that is also wide (`scale` on the other axes). ``distance``: depth below a face of the volume, as a
        share of `lag`, where it ends.
    scale : tuple of float
        Standard deviation of the Gaussian along (Z, Y, X); 0 leaves an axis as it is.
    integration : float
        ``structure``, ``column``: standard deviation of the second Gaussian.
    axis : int
        ``lag``, ``ahead``, ``column``, ``distance``: 0, 1 or 2.
    lag : float
        ``lag``, ``ahead``: how far along the axis, either sign. ``distance``: its reach.
    order : int
        ``structure``, ``hessian``: 0 for the largest eigenvalue, 1, 2. ``distance``: 0 from the
        first face, 1 from the last.
    channel : int
        0 for the scan itself, 1 and more for its companions.
    """

    family: Family
    scale: Triple = (0.0, 0.0, 0.0)
    integration: float = 0.0
    axis: int = 0
    lag: float = 0.0
    order: int = 0
    channel: int = 0

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise InputDataError(
                f"{self.family!r} is no family of features",
                hint=f"use one of {', '.join(get_args(Family))}",
            )
        lengths = (*self.scale, self.integration, self.lag)
        good = len(self.scale) == 3 and all(
            isinstance(value, int | float) and math.isfinite(value) for value in lengths
        )
        if not good or min(*self.scale, self.integration) < 0:
            raise InputDataError(f"the scales of {self} must be finite, in µm, and not negative")
        whole = (self.axis, self.order, self.channel)
        if not all(isinstance(value, int) for value in whole):
            raise InputDataError(f"axis, order and channel of {self} must be whole numbers")
        if self.axis not in range(3) or self.order not in range(3) or not 0 <= self.channel < 16:
            raise InputDataError(f"axis, order or channel of {self} is out of range")
        if self.family in ("lag", "ahead", "distance") and self.lag == 0:
            raise InputDataError(f"the feature {self.family} needs a lag that is not zero")
        if self.family == "distance" and self.lag < 0:
            raise InputDataError("the feature distance needs a lag above zero")

    @classmethod
    def of(cls, family: Family, scale: float = 0.0, **options: Any) -> Feature:
        """Return a feature with the same scale along all axes.

        Parameters
        ----------
        family : str
            As for the class.
        scale : float
            Standard deviation in micrometres.
        **options : object
            The other fields.

        Returns
        -------
        Feature
            The feature.
        """
        return cls(family, (float(scale),) * 3, **options)

    def to_json(self) -> dict[str, Any]:
        """Return the feature as plain values.

        Returns
        -------
        dict
            Of the fields.
        """
        return {**asdict(self), "scale": list(self.scale)}

    @property
    def label(self) -> str:
        """A name for tables, such as ``gaussian 0.4``."""
        scale = "x".join(f"{s:.3g}" for s in self.scale)
        parts = [self.family, "" if self.family in _FLAT else scale if len(set(self.scale)) > 1
                 else f"{self.scale[0]:.3g}"]  # fmt: skip
        if self.family in ("structure", "column"):
            parts.append(f"over {self.integration:.3g}")
        if self.family in ("lag", "ahead", "column", "distance"):
            parts.append(f"{'zyx'[self.axis]}" + (f"{self.lag:+.3g}" if self.lag else ""))
        if self.family in ("structure", "hessian", "distance"):
            parts.append(f"[{self.order}]")
        if self.channel:
            parts.append(f"channel {self.channel}")
        return " ".join(part for part in parts if part)

    def widths(self, spacing: Spacing) -> Triple:
        """Return the scale in voxels.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        tuple of float
            Along (Z, Y, X).
        """
        z, y, x = (s / edge for s, edge in zip(self.scale, spacing, strict=True))
        return z, y, x

    def steps(self, spacing: Spacing) -> int:
        """Return the lag in whole voxels along the axis, at least one.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        int
            With the sign of the lag.
        """
        count = max(round(abs(self.lag) / spacing[self.axis]), 1)
        return count if self.lag > 0 else -count

    def reach(self, spacing: Spacing) -> Margin:
        """Return the voxels that the feature looks at beyond its own, per axis.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        tuple of int
            Along (Z, Y, X).
        """
        if self.family in _FLAT:
            return 0, 0, 0
        far = [tap_radius(width) for width in self.widths(spacing)]
        second = [tap_radius(self.integration / edge) for edge in spacing]
        if self.family in _DERIVED:
            far = [radius + 1 for radius in far]
        if self.family == "structure":
            far = [one + two for one, two in zip(far, second, strict=True)]
        if self.family == "column":
            far = [max(one, two) for one, two in zip(far, second, strict=True)]
        if self.family in ("lag", "ahead"):
            far[self.axis] += abs(self.steps(spacing))
        return far[0], far[1], far[2]


def tap_radius(width: float) -> int:
    """Return how many voxels on either side the Gaussian of a feature reaches.

    Parameters
    ----------
    width : float
        Standard deviation in voxels.

    Returns
    -------
    int
        Three standard deviations, rounded up; 0 below a tenth of a voxel.
    """
    return math.ceil(_TRUNCATE * width - 1e-6) if width >= 0.1 else 0


def feature_halo(features: Sequence[Feature], spacing: Spacing) -> Margin:
    """Return the voxels that a list of features needs beyond a block, per axis.

    Parameters
    ----------
    features : sequence of Feature
        The features.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of int
        The largest reach along (Z, Y, X).

    Raises
    ------
    InputDataError
        If a feature looks further than 256 voxels.
    """
    edges = check_spacing(spacing)
    far = [feature.reach(edges) for feature in features]
    z, y, x = (max((one[axis] for one in far), default=0) for axis in range(3))
    if max(z, y, x) > _FARTHEST:
        raise InputDataError(
            f"the features look {max(z, y, x)} voxels far, {_FARTHEST} at most are allowed",
            hint="use smaller scales, or bin the volume",
        )
    return z, y, x


def features_from_json(content: Any) -> tuple[Feature, ...]:
    """Read a list of features.

    Parameters
    ----------
    content : object
        A list of tables as `Feature.to_json` gives them; `scale` may be one number.

    Returns
    -------
    tuple of Feature
        The features.

    Raises
    ------
    InputDataError
        If it is no such list.
    """
    if not isinstance(content, list) or not 0 < len(content) <= _MOST:
        raise InputDataError(f"a list of features has 1 to {_MOST} tables")
    return tuple(_feature(item) for item in content)


def _feature(item: Any) -> Feature:
    known = {field.name for field in fields(Feature)}
    if not isinstance(item, Mapping) or "family" not in item or set(item) - known:
        raise InputDataError(
            f"{str(item)[:200]} is no feature",
            hint=f"write a table with `family` and some of {', '.join(sorted(known))}",
        )
    values = dict(item)
    scale = values.pop("scale", 0.0)
    triple = scale if isinstance(scale, list | tuple) else [scale] * 3
    if not all(isinstance(s, int | float) and not isinstance(s, bool) for s in triple):
        raise InputDataError(f"the scale {str(scale)[:60]} of a feature is no length in µm")
    try:
        return Feature(scale=tuple(float(s) for s in triple), **values)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputDataError(f"{str(item)[:200]} is no feature: {error}") from None
