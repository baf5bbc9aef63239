"""Learning from labelled voxels with scikit-learn, and the scores of what was learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.calibration import reliability_table
from ssbtomo.kernels.feature_list import Feature
from ssbtomo.kernels.forest import Forest, Logistic

__all__ = ["MOST", "Learner", "Learnt", "Lessons", "flattened", "learnt_scores"]

Float = NDArray[np.float32]
Whole = NDArray[np.intp]

MOST = 60_000
"""Labelled voxels that are learnt from, at most."""

_LEFT_OUT = {"voxels": "out_of_bag", "slices": "by_slice"}
_FOLDS = 8  # groups of slices that are left out in turn


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Voxels to learn from.

    Parameters
    ----------
    looks : ndarray of float32, shape (n, features)
        Features of each.
    labels, groups : ndarray of int, shape (n,)
        Class and annotated slice of each.
    """

    looks: Float
    labels: Whole
    groups: Whole

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """Join several, in their order."""
        return cls(
            np.concatenate([part.looks for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.groups for part in parts]),
        )

    def at(self, index: Any) -> Lessons:
        """Return some of them."""
        return Lessons(self.looks[index], self.labels[index], self.groups[index])


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What was learnt.

    Parameters
    ----------
    rule : Forest or Logistic
        From features to probabilities.
    unseen : ndarray of float64 or None
        Probabilities of the training's voxels by the trees that did not see them; NaN where
        all did.
    weights : ndarray of float64 or None
        How much each feature matters, summing to one.
    """

    rule: Forest | Logistic
    unseen: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Learner:
    """How a rule is learnt.

    Parameters
    ----------
    rule : str
        ``forest`` or ``logistic``.
    trees, depth : int
        Of the forest.
    seed : int
        Of everything random.
    """

    rule: str = "forest"
    trees: int = 50
    depth: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in ("forest", "logistic"):
            raise InputDataError(f"{self.rule!r} is no rule", hint="use forest or logistic")
        if not 1 <= self.trees <= 500 or not 1 <= self.depth <= 24:
            raise InputDataError(
                f"{self.trees} trees of depth {self.depth}; 1 to 500 trees, 1 to 24 deep"
            )

    def story(self) -> dict[str, Any]:
        """Return settings and version, for the model file."""
        import sklearn

        from ssbtomo import __version__

        settings: dict[str, Any] = {"rule": self.rule, "seed": self.seed}
        if self.rule == "forest":
            settings |= {"trees": self.trees, "depth": self.depth}
        return {**settings, "ssbtomo": __version__, "scikit-learn": sklearn.__version__}

    def drawn(self, labels: Whole, classes: int) -> Whole:
        """Choose the voxels to learn from: all, or of each class as many as are allowed.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            Class of each.
        classes : int
            Number of classes.

        Returns
        -------
        ndarray of int
            Ascending indexes.
        """
        if labels.size <= MOST:
            return np.arange(labels.size)
        rng = np.random.default_rng(self.seed)
        left, chosen = MOST, []
        members = sorted((np.flatnonzero(labels == k) for k in range(classes)), key=len)
        for done, indexes in enumerate(members):
            count = min(len(indexes), left // (classes - done))
            chosen.append(rng.choice(indexes, count, replace=False))
            left -= count
        return np.sort(np.concatenate(chosen))

    def fit(self, looks: Float, labels: Whole, classes: int, *, score: bool = True) -> Learnt:
        """Learn from labelled voxels.

        Parameters
        ----------
        looks : ndarray of float32, shape (n, features)
            Features of each.
        labels : ndarray of int, shape (n,)
            Class of each; all classes occur.
        classes : int
            Number of classes.
        score : bool
            Whether to predict each voxel by the trees that did not see it.

        Returns
        -------
        Learnt
            The rule.
        """
        if self.rule == "logistic":
            return _logistic(looks, labels, classes)
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.trees, max_depth=self.depth, min_samples_leaf=2, class_weight="balanced_subsample",
            oob_score=score and len(labels) > 1, random_state=self.seed, n_jobs=1,
        )  # fmt: skip
        with np.errstate(all="ignore"):
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # voxels that every tree saw: they stay NaN
                forest.fit(looks, labels)
        unseen = getattr(forest, "oob_decision_function_", None)
        return Learnt(flattened(forest), unseen, np.asarray(forest.feature_importances_))


def _logistic(looks: Float, labels: Whole, classes: int) -> Learnt:
    from sklearn.linear_model import LogisticRegression

    values = looks.astype(np.float64)
    mean, deviation = values.mean(0), values.std(0)
    deviation[deviation == 0] = 1.0
    found = LogisticRegression(class_weight="balanced", max_iter=1000).fit(
        (values - mean) / deviation, labels
    )
    weights, bias = found.coef_, found.intercept_
    if classes == 2:
        weights = np.concatenate([np.zeros_like(weights), weights])
        bias = np.concatenate([np.zeros_like(bias), bias])
    raw = weights / deviation
    share = np.abs(weights).sum(0)
    return Learnt(
        Logistic(np.ascontiguousarray(raw), bias - raw @ mean),
        None,
        share / max(share.sum(), 1e-300),
    )


def flattened(forest: Any) -> Forest:
    """Return scikit-learn's trees as arrays, their nodes level by level.

    Parameters
    ----------
    forest : RandomForestClassifier
        A fitted one.

    Returns
    -------
    Forest
        Thresholds are rounded down to float32, which changes no comparison of float32 features.
    """
    parts: dict[str, list[Any]] = {
        name: [] for name in ("roots", "depths", "feature", "threshold", "child", "row", "shares")
    }
    nodes = leaves = 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        order, child = _levelled(tree.children_left, tree.children_right)
        leaf = child == np.arange(child.size)
        parts["roots"].append(nodes)
        parts["depths"].append(tree.max_depth)
        parts["feature"].append(np.where(leaf, 0, tree.feature[order]))
        parts["threshold"].append(np.where(leaf, np.inf, _rounded_down(tree.threshold[order])))
        parts["child"].append(child + nodes)
        row = np.where(leaf, np.cumsum(leaf) - 1 + leaves, 0)
        parts["row"].append(row)
        parts["shares"].append(tree.value[order][leaf, 0, :])
        nodes += child.size
        leaves += int(leaf.sum())
    whole = {name: np.concatenate(parts[name]) for name in ("feature", "child", "row")}
    return Forest(
        roots=np.asarray(parts["roots"], np.int32),
        depths=np.asarray(parts["depths"], np.int32),
        threshold=np.concatenate(parts["threshold"]).astype(np.float32),
        shares=np.ascontiguousarray(np.concatenate(parts["shares"]), np.float64),
        **{name: array.astype(np.int32) for name, array in whole.items()},
    )


def _levelled(left: NDArray[Any], right: NDArray[Any]) -> tuple[Whole, Whole]:
    """Return the nodes level by level, and the new place of each one's first child."""
    order, child = [0], []
    for place, node in enumerate(order):  # grows while it is walked
        if left[node] < 0:
            child.append(place)
        else:
            child.append(len(order))
            order += [int(left[node]), int(right[node])]
    return np.asarray(order), np.asarray(child)


def _rounded_down(threshold: NDArray[np.float64]) -> Float:
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def learnt_scores(  # noqa: PLR0917 - all that the scores speak of
    learner: Learner,
    learnt: Learnt,
    marked: Lessons,
    grown: Lessons,
    phases: Sequence[str],
    features: Sequence[Feature],
) -> dict[str, Any]:
    """Score what was learnt on voxels that it did not see.

    Parameters
    ----------
    learner : Learner
        Learns again without some slices.
    learnt : Learnt
        What was learnt from all voxels.
    marked : Lessons
        The voxels that were labelled by hand: they are predicted.
    grown : Lessons
        What they grew to: learnt from, too, but not scored.
    phases : sequence of str
        Names of the classes.
    features : sequence of Feature
        The features.

    Returns
    -------
    dict
        ``out_of_bag`` (optimistic: neighbours of a voxel were seen) and ``by_slice`` (annotated
        slices left out in turn, in at most eight groups, with all that grew in them), each with
        ``confusion`` (truth in rows), ``accuracy``, ``iou`` and ``dice`` by phase; absent where
        it cannot be had. ``reliability`` holds the columns of
        `ssbtomo.kernels.calibration.reliability_table` for both, without empty bins.
    """
    scores: dict[str, Any] = {"phases": list(phases), "slices": int(marked.groups.max()) + 1}
    count = len(phases)
    left_out: dict[str, tuple[Whole, NDArray[np.float64]]] = {}
    if learnt.unseen is not None:
        left_out["voxels"] = _known(marked.labels, learnt.unseen[: marked.labels.size])
    left_out["slices"] = _known(marked.labels, _by_slice(learner, marked, grown, count))
    left_out = {kind: found for kind, found in left_out.items() if found[0].size}
    for kind, (truth, shares) in left_out.items():
        scores[_LEFT_OUT[kind]] = _score(truth, shares.argmax(1), count)
    if left_out:
        scores["reliability"] = _filled(reliability_table(left_out))
    if learnt.weights is not None:
        order = np.argsort(-learnt.weights, kind="stable")
        scores["features"] = {features[k].label: float(learnt.weights[k]) for k in order}
    return scores


def _known(labels: Whole, shares: NDArray[np.float64]) -> tuple[Whole, NDArray[np.float64]]:
    """Keep the voxels that have probabilities."""
    known = np.isfinite(shares).all(1) & (shares.sum(1) > 0)
    return labels[known], shares[known]


def _filled(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Leave out bins without a voxel: they have no accuracy, and files no NaN."""
    rows = [row for row, voxels in enumerate(table["voxels"]) if voxels > 0]
    return {name: [column[row] for row in rows] for name, column in table.items()}


def _by_slice(
    learner: Learner, marked: Lessons, grown: Lessons, classes: int
) -> NDArray[np.float64]:
    """Return probabilities in each slice learnt from the others; NaN where these lack a phase."""
    shares = np.full((marked.labels.size, classes), np.nan)
    slices = int(marked.groups.max()) + 1
    if slices < 2:
        return shares
    parts = min(slices, _FOLDS)
    fold, beside = marked.groups * parts // slices, grown.groups * parts // slices
    for number in range(int(fold.max()) + 1):
        out = fold == number
        if np.unique(marked.labels[~out]).size == classes and out.any():
            seen = Lessons.joined([marked.at(~out), grown.at(beside != number)])
            rule = learner.fit(seen.looks, seen.labels, classes, score=False).rule
            shares[out] = rule.probabilities(marked.looks[out].T)
    return shares


def _score(truth: Whole, guess: Whole, classes: int) -> dict[str, Any]:
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, guess), 1)
    right = np.diag(confusion).astype(float)
    both = confusion.sum(0) + confusion.sum(1)
    return {
        "confusion": confusion.tolist(),
        "accuracy": float(right.sum() / confusion.sum()),
        "iou": (right / np.maximum(both - right, 1)).tolist(),
        "dice": (2 * right / np.maximum(both, 1)).tolist(),
    }
