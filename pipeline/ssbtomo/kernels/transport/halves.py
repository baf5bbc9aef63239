"""Numbers in two bytes: the upper half of a float32, for what a preconditioner may round.

Eight bits of a number are kept. That is too rough for a potential, whose differences matter,
but not for right-hand sides and conductances: the error that rounding a right-hand side makes
is smoothed by the inverse, and rounded conductances are those of a medium that differs by
0.4 % at most.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["pack", "packed_kind", "unpacked", "widen"]

_WORD = ir.IntType(32)
_HALF = ir.Constant(_WORD, 16)


def _widen(context: Any, value: Any) -> Any:
    """Return a stored number as a float; in compiled code only, called as ``widen(value)``.

    Parameters
    ----------
    context : object
        Not given: Numba's.
    value : uint16 or float
        The upper half of a float32, or a number that was stored as it is.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if signature.args[0] != types.uint16:
            return values[0]
        word = builder.shl(builder.zext(values[0], _WORD), _HALF)
        return builder.bitcast(word, ir.FloatType())

    return (types.float32 if value == types.uint16 else value)(value), generate


def _pack(context: Any, array: Any, value: Any) -> Any:
    """Return a number as an array stores it; in compiled code only: ``pack(array, value)``.

    Parameters
    ----------
    context : object
        Not given: Numba's.
    array : ndarray of uint16 or float
        What it is for: uint16 stands for the upper halves of float32.
    value : float
        The number, which is rounded to the nearest.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0].dtype
        if kind != types.uint16:
            return context.cast(builder, values[1], signature.args[1], kind)
        single = context.cast(builder, values[1], signature.args[1], types.float32)
        word = builder.add(builder.bitcast(single, _WORD), ir.Constant(_WORD, 0x8000))
        return builder.trunc(builder.lshr(word, _HALF), ir.IntType(16))

    return array.dtype(array, value), generate


widen: Any = intrinsic(_widen)
"""Return a stored number as a float; in compiled code only."""
pack: Any = intrinsic(_pack)
"""Return a number as an array stores it; in compiled code only."""


def packed_kind(kind: type[np.floating[Any]]) -> type[np.generic]:
    """Return how right-hand sides are stored beside fields of a precision.

    Parameters
    ----------
    kind : type
        `numpy.float32` or `numpy.float64`.

    Returns
    -------
    type
        `numpy.uint16` or `numpy.float64`.
    """
    return np.uint16 if kind is np.float32 else np.float64


def unpacked(array: NDArray[Any]) -> NDArray[Any]:
    """Return stored numbers as floats.

    Parameters
    ----------
    array : ndarray of uint16 or float
        As stored.

    Returns
    -------
    ndarray of float
        The numbers.
    """
    if array.dtype != np.uint16:
        return array
    return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
