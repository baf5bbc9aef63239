"""Runs of bytes, as Amira's HxByteRLE packs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.compiling import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["unpack_runs"]


@njit(nogil=True, cache=True)
def unpack_runs(
    packed: NDArray[np.uint8], out: NDArray[np.uint8], spill: NDArray[np.uint8]
) -> tuple[int, int, int]:
    """Unpack as many whole runs as fill an array.

    A control byte below 128 says how often the next byte is repeated; above, the lower
    seven bits say how many bytes follow as they are.

    Parameters
    ----------
    packed : ndarray of uint8
        Packed bytes, beginning with a control byte. A run that is cut off is left.
    out : ndarray of uint8
        Where the unpacked bytes go.
    spill : ndarray of uint8, shape (128,)
        Where those of the last run go that do not fit.

    Returns
    -------
    used : int
        Packed bytes that were read.
    made : int
        Bytes written to `out`.
    over : int
        Bytes written to `spill`.
    """
    at, made, over = 0, 0, 0
    while made < out.size and over == 0 and at + 1 < packed.size:
        control = int(packed[at])
        count = control & 127
        literal = control > 127
        if literal and at + 1 + count > packed.size:
            break
        for k in range(count):
            value = packed[at + 1 + k] if literal else packed[at + 1]
            if made < out.size:
                out[made] = value
                made += 1
            else:
                spill[over] = value
                over += 1
        at += 1 + count if literal else 2
    return at, made, over
