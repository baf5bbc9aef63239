"""What other programs call tortuosity: their boundaries, their lengths and their fractions."""

from __future__ import annotations

from dataclasses import dataclass

from ssbtomo.errors import InputDataError

__all__ = ["CONVENTIONS", "OURS", "Convention", "named"]


@dataclass(frozen=True, slots=True)
class Convention:
    """How a program defines the effective conductivity and the tortuosity factor.

    Parameters
    ----------
    centres : bool
        Whether the centres of the outer voxels are held at the potentials, not their faces.
    whole : bool
        Whether the potential drop is nevertheless taken over the whole length, so that a
        full block of n layers reads (n − 1) / n.
    connected : bool
        Whether the volume fraction counts only what joins both electrodes.
    """

    centres: bool = False
    whole: bool = False
    connected: bool = False


OURS = Convention()
"""Faces are held, the fraction is the total one: a full block reads exactly 1."""
CONVENTIONS = {
    "taufactor": OURS,
    "porespy": Convention(centres=True, connected=True),
    "openimpala": Convention(centres=True, whole=True, connected=True),
    "puma": Convention(centres=True),
}
"""TauFactor 1.2 and 2, PoreSpy 3.2 ``tortuosity_fd``, OpenImpala 4.4, and PuMA 3
``compute_continuum_tortuosity`` (whose sides are joined unless told otherwise)."""


def named(name: str | None) -> Convention:
    """Return a convention by the name of its program.

    Parameters
    ----------
    name : str or None
        One of `CONVENTIONS`; None is ours.

    Returns
    -------
    Convention
        Its definitions.

    Raises
    ------
    InputDataError
        If there is none of that name.
    """
    if name is None:
        return OURS
    if name not in CONVENTIONS:
        raise InputDataError(
            f"there is no convention {name!r}", hint=f"choose one of {', '.join(CONVENTIONS)}"
        )
    return CONVENTIONS[name]
