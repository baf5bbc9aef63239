"""Class probabilities of voxels: decision forests and logistic regression, as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit

__all__ = ["Forest", "Logistic", "entropy_of", "entropy_table", "quantised"]

Float = NDArray[np.float32]
_BATCH = 256  # voxels whose features stay in the first cache while all trees are walked
_SERIES = np.asarray([1.0 / math.factorial(n) for n in range(15)])  # of the exponential
_HALVED = np.append(0.5 ** np.arange(1010), (0.0, 0.0))  # below exp(-700) there is nothing


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A forest of decision trees, flattened; the second child of a node follows the first.

    Parameters
    ----------
    roots : ndarray of int32, shape (trees,)
        First node of each tree.
    depths : ndarray of int32, shape (trees,)
        Steps from the root to the deepest leaf.
    feature : ndarray of int32, shape (nodes,)
        What a node looks at; 0 at leaves.
    threshold : ndarray of float32, shape (nodes,)
        A voxel whose value is above goes to the second child; infinite at leaves.
    child : ndarray of int32, shape (nodes,)
        The first child; a leaf is its own.
    row : ndarray of int32, shape (nodes,)
        Row of `shares` at leaves.
    shares : ndarray of float64, shape (leaves, classes)
        What each leaf says.
    """

    roots: NDArray[np.int32]
    depths: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Float
    child: NDArray[np.int32]
    row: NDArray[np.int32]
    shares: NDArray[np.float64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.shares.shape[1])

    def probabilities(self, features: Float) -> NDArray[np.float64]:
        """Return the mean of what the trees say, added in their order.

        Parameters
        ----------
        features : ndarray of float32, shape (features, n)
            One column per voxel.

        Returns
        -------
        ndarray of float64, shape (n, classes)
            Equal to the bit to scikit-learn's ``predict_proba`` with one job.
        """
        out = np.zeros((features.shape[1], self.classes), np.float64)
        _walk(
            np.ascontiguousarray(features), self.roots, self.depths, self.feature,
            self.threshold, self.child, self.row, self.shares, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """Logistic regression over standardised features: the instant preview.

    Parameters
    ----------
    weights : ndarray of float64, shape (classes, features)
        Weights of the raw features.
    bias : ndarray of float64, shape (classes,)
        What is added.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.weights.shape[0])

    def probabilities(self, features: Float) -> NDArray[np.float64]:
        """Return the softmax of the weighted sums.

        Parameters
        ----------
        features : ndarray of float32, shape (features, n)
            One column per voxel.

        Returns
        -------
        ndarray of float64, shape (n, classes)
            The same bits for any cut of the voxels.
        """
        out = np.zeros((features.shape[1], self.classes), np.float64)
        _softmax(np.ascontiguousarray(features), self.weights, self.bias, out)
        return out


def quantised(probabilities: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return probabilities in steps of 1/255, halves rounded up.

    Parameters
    ----------
    probabilities : ndarray of float64
        From 0 to 1.

    Returns
    -------
    ndarray of uint8
        0 to 255.
    """
    return np.floor(probabilities * 255.0 + 0.5).astype(np.uint8)


def entropy_table(classes: int) -> NDArray[np.float64]:
    """Return what each quantised probability adds to the entropy, in steps of 1/255.

    Parameters
    ----------
    classes : int
        Number of classes: equal probabilities give 255.

    Returns
    -------
    ndarray of float64, shape (256,)
        Zero at 0 and 255.
    """
    share = np.arange(256) / 255.0
    parts = [-p * math.log(p) if p > 0 else 0.0 for p in share.tolist()]
    return np.asarray(parts) * 255.0 / math.log(max(classes, 2))


def entropy_of(steps: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the entropy of quantised probabilities.

    Parameters
    ----------
    steps : sequence of ndarray of uint8
        One for each class, in steps of 1/255.

    Returns
    -------
    ndarray of uint8
        0 where a class is certain, 255 where all are equally probable; 8 bytes per voxel on the way.
    """
    table = entropy_table(len(steps))
    total = np.zeros(steps[0].shape, np.float64)
    for part in steps:
        total += table[part]
    return np.minimum(np.floor(total + 0.5), 255.0).astype(np.uint8)


@njit(nogil=True, cache=True)
def _walk(features, roots, depths, feature, threshold, child, row, shares, out):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0913, PLR0917 - nested loops over the arrays of a forest
    # A leaf is its own child, so that all voxels of a batch take the same number of steps, side
    # by side: no branch to guess, and the compiler gathers many nodes at once.
    count, classes = out.shape
    batch = np.empty(features.shape[0] * _BATCH, np.float32)
    nodes = np.empty(_BATCH, np.int32)
    for start in range(0, count, _BATCH):
        held = min(_BATCH, count - start)
        for k in range(features.shape[0]):
            for v in range(held):
                batch[k * _BATCH + v] = features[k, start + v]
        for tree in range(roots.size):
            nodes[:] = roots[tree]
            for _ in range(depths[tree]):
                for v in range(held):
                    node = np.uint32(nodes[v])
                    value = batch[np.uint32(feature[node] * np.int32(_BATCH) + v)]
                    nodes[v] = child[node] + np.int32(value > threshold[node])
            for v in range(held):
                leaf = row[nodes[v]]
                for k in range(classes):
                    out[start + v, k] += shares[leaf, k]
    for v in range(count):
        for k in range(classes):
            out[v, k] /= roots.size


@njit(nogil=True, cache=True)
def _softmax(features, weights, bias, out):  # type: ignore[no-untyped-def]
    # A batch of voxels at a time, side by side; sums in the order of the features.
    count, classes = out.shape
    sums = np.empty((classes, _BATCH))
    for start in range(0, count, _BATCH):
        held = min(_BATCH, count - start)
        most, whole = np.full(held, -np.inf), np.zeros(held)
        for k in range(classes):
            total = sums[k, :held]
            total[:] = bias[k]
            for f in range(features.shape[0]):
                _add_weighted(total, weights[k, f], features[f, start : start + held])
            np.maximum(most, total, most)
        for k in range(classes):
            _exponential(sums[k, :held], most)
            whole += sums[k, :held]
        for k in range(classes):
            for v in range(held):
                out[start + v, k] = sums[k, v] / whole[v]


@njit(nogil=True, cache=True)
def _add_weighted(total, weight, values):  # type: ignore[no-untyped-def]
    for v in range(total.size):
        total[v] += weight * np.float64(values[v])


@njit(nogil=True, cache=True)
def _exponential(values, most):  # type: ignore[no-untyped-def]
    # Only sums and products, so that no library's vector code gives other bits: 2**k times a
    # series in the rest, |rest| <= ln 2 / 2. Values less `most` are never positive.
    for v in range(values.size):
        x = max(values[v] - most[v], -700.0)
        power = math.floor(x * 1.4426950408889634 + 0.5)
        rest = (x - power * 0.6931471803691238) - power * 1.9082149292705877e-10
        total = _SERIES[14]
        for n in range(13, -1, -1):
            total = total * rest + _SERIES[n]
        values[v] = total * _HALVED[-int(power)]
