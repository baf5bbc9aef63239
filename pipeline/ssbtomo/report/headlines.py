"""Which numbers lead the report: those that the field asks first."""

from __future__ import annotations

from ssbtomo.report.folder import SampleView

__all__ = ["HEADLINES", "leading"]

#: The quantities that lead, in this order.
HEADLINES = (
    "porosity",
    "volume_fraction",
    "contact_area_per_volume",
    "specific_contact_area",
    "coverage",
    "utilisation_ceiling",
    "tortuosity_factor",
    "particle_diameter_d50",
    "pore_diameter_d50",
    "crack_area_per_volume",
)
_CONTACTS = {"contact_area_per_volume", "specific_contact_area", "coverage"}
_CARRIERS = {"electrolyte", "active", "carbon"}


def leading(quantity: str, subject: str, axis: str, sample: SampleView) -> bool:
    """Tell whether a number leads.

    Contacts lead where active material meets electrolyte, transport where it is that
    of ions or electrons along the transport axis; without such phases, all of them do.

    Parameters
    ----------
    quantity, subject, axis : str
        As in the results table.
    sample : SampleView
        Whose number; its phases have roles.

    Returns
    -------
    bool
        Whether it leads.
    """
    if quantity not in HEADLINES or axis not in {"", sample.transport_axis}:
        return False
    roles = sample.roles
    known = set(roles.values())
    mine = [roles.get(name, "") for name in subject.split("|")]
    if quantity in _CONTACTS and {"electrolyte", "active"} <= known:
        return set(mine) == {"electrolyte", "active"}
    if quantity == "tortuosity_factor" and known & _CARRIERS:
        return bool(set(mine) & _CARRIERS)
    return not (
        quantity == "volume_fraction" and mine == ["void"] and _has_porosity(sample, subject)
    )


def _has_porosity(sample: SampleView, subject: str) -> bool:
    return bool((sample.quantity("porosity")["subject"] == subject).any())
