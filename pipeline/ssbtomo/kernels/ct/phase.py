"""Phase retrieval from one distance, for one material (Paganin)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["paganin", "wavelength_um"]

_HC_KEV_UM = 1.239841984e-3
"""Planck's constant times the speed of light, in keV µm."""


def wavelength_um(energy_kev: float) -> float:
    """Return the wavelength of X-rays.

    Parameters
    ----------
    energy_kev : float
        Photon energy in keV.

    Returns
    -------
    float
        In µm.
    """
    if not energy_kev > 0:
        raise InputDataError(f"an energy of {energy_kev!r} keV is not above 0")
    return _HC_KEV_UM / energy_kev


def paganin(
    share: NDArray[Any],
    pixel_um: float,
    *,
    energy_kev: float,
    distance_um: float,
    delta_beta: float,
) -> NDArray[np.float32]:
    """Filter transmissions so that their logarithm is that of the absorption alone.

    The transport-of-intensity equation for a single material [1]_ divides the spectrum of
    ``I / I0`` by ``1 + pi wavelength distance (delta / beta) f²``. Frames are padded by
    reflection, so that their rims bend nothing.

    Parameters
    ----------
    share : ndarray, shape (..., V, U)
        Transmissions.
    pixel_um : float
        Edge of a pixel *at the sample* in µm (detector pixel over magnification).
    energy_kev : float
        Photon energy.
    distance_um : float
        From sample to detector in µm; over the magnification where the beam is a cone.
    delta_beta : float
        Ratio of refractive index decrement to absorption index.

    Returns
    -------
    ndarray of float32, shape (..., V, U)
        Transmissions as at the exit of the sample. The peak beside it is 24 bytes per pixel of
        one padded frame.

    Raises
    ------
    InputDataError
        If a parameter is not above 0.

    References
    ----------
    .. [1] D. Paganin et al., J. Microsc. 206, 33 (2002), doi:10.1046/j.1365-2818.2002.01010.x.
    """
    given = {"pixel": pixel_um, "distance": distance_um, "delta_beta": delta_beta}
    for name, value in given.items():
        if not value > 0:
            raise InputDataError(f"a {name} of {value!r} is not above 0")
    rows, columns = share.shape[-2:]
    pad = [
        (n // 2, scipy.fft.next_fast_len(2 * n, real=True) - n - n // 2) for n in (rows, columns)
    ]
    height, width = (n + sum(p) for n, p in zip((rows, columns), pad, strict=True))
    v = scipy.fft.fftfreq(height, pixel_um)[:, None]
    u = scipy.fft.rfftfreq(width, pixel_um)[None, :]
    bend = np.pi * wavelength_um(energy_kev) * distance_um * delta_beta
    transfer = (1.0 / (1.0 + bend * (v * v + u * u))).astype(np.float32)
    out = np.empty(share.shape, np.float32)
    for index in np.ndindex(share.shape[:-2]):
        frame = np.pad(share[index].astype(np.float32), pad, mode="symmetric")
        spectrum = scipy.fft.rfft2(frame)
        spectrum *= transfer
        back = scipy.fft.irfft2(spectrum, s=(height, width))
        out[index] = back[pad[0][0] : pad[0][0] + rows, pad[1][0] : pad[1][0] + columns]
    return out
