"""Laws of the phantom: repeatable, consistent with its own truth, resolved by its voxels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo.errors import InputDataError, SsbtomoError
from ssbtomo.testing import CathodeDesign, CtOptics, FibSemOptics, composite_cathode
from ssbtomo.testing.packing import pack

SHAPE, SPACING = (56, 64, 64), (0.2, 0.2, 0.2)


@pytest.fixture(scope="module")
def cathode():
    return composite_cathode(SHAPE, SPACING, seed=4)


def test_a_seed_gives_the_same_again_and_another_seed_another(cathode):
    again = composite_cathode(SHAPE, SPACING, seed=4)
    np.testing.assert_array_equal(cathode.image, again.image)
    np.testing.assert_array_equal(cathode.labels, again.labels)
    assert cathode.truth == again.truth
    other = composite_cathode(SHAPE, SPACING, seed=5)
    assert (other.labels != cathode.labels).any()


def test_shape_types_and_phases(cathode):
    assert cathode.image.shape == cathode.labels.shape == SHAPE
    assert cathode.image.dtype == np.uint16
    assert list(cathode.phases) == ["void", "lithium", "electrolyte", "active"]
    assert set(np.unique(cathode.labels)) == set(cathode.phases.values())
    assert sorted(cathode.greys.values()) == list(cathode.greys.values())  # darkest first


def test_fractions_sum_to_one_and_agree_with_the_labels(cathode):
    fractions = {name: cathode.value("volume_fraction", name) for name in cathode.phases}
    assert sum(fractions.values()) == pytest.approx(1, abs=1e-12)
    for name, fraction in fractions.items():
        counted = np.mean(cathode.labels == cathode.phases[name])
        # centres of 2e5 voxels, a third of them at an edge: about 0.1 %
        assert counted == pytest.approx(fraction, abs=2e-3)


def test_areas_agree_with_faces_of_the_labels(cathode):
    """Faces overestimate isotropic areas by one half: a coarse, independent check."""
    volume = cathode.volume_um3
    for first, second in (("electrolyte", "active"), ("void", "electrolyte"), ("void", "active")):
        faces = _faces(cathode.labels, cathode.phases[first], cathode.phases[second])
        truth = cathode.value("contact_area_per_volume", f"{first}|{second}")
        # 3/2 holds on average over directions only; cracks and thin contacts scatter by 10 %
        assert faces * 0.04 / 1.5 / volume == pytest.approx(truth, rel=0.12)


def test_derived_answers_follow_from_the_areas(cathode):
    contact = cathode.value("contact_area_per_volume", "electrolyte|active")
    bare = cathode.value("contact_area_per_volume", "void|active")
    specific = cathode.value("specific_contact_area", "active|electrolyte")
    assert specific * cathode.value("volume_fraction", "active") == pytest.approx(contact)
    assert cathode.value("coverage", "active|electrolyte") == pytest.approx(
        contact / (contact + bare)
    )


def test_standard_errors_are_small(cathode):
    for item in cathode.truth:
        if item.quantity == "contact_area_per_volume" and item.value:
            assert item.standard_error < 0.005 * item.value


def test_isolated_particles_have_the_area_of_spheres():
    design = CathodeDesign(
        particle_diameter=2.4, crack_width=0.6, particle_gap=1.0, pore_diameter=(1, 2),
        crack_radius=(1, 2), particle_spread=0.0, active_fraction=0.12, contacts=0.0,
        porosity=0.0, electrolyte_cracks=0.0, cracked_particles=0.0,
    )  # fmt: skip
    phantom = composite_cathode((48, 48, 48), SPACING, seed=2, design=design)
    table = phantom.tables["particles"]
    whole = ~table["touches_border"]
    assert whole.any()
    area = phantom.value("contact_area_per_volume", "electrolyte|active") * phantom.volume_um3
    fraction = phantom.value("volume_fraction", "active") * phantom.volume_um3
    inside = whole.sum() * math.pi * 2.4**2
    assert area >= inside
    # the volume that shows of the cut ones, by counting; their area by the same share, roughly
    spheres = fraction / (math.pi * 2.4**3 / 6)
    assert area / (math.pi * 2.4**2) == pytest.approx(spheres, rel=0.05)
    assert phantom.value("coverage", "active|electrolyte") == 1


def test_lithium_lies_at_the_separator_side(cathode):
    lithium = (cathode.labels == cathode.phases["lithium"]).mean(axis=(1, 2))
    active = (cathode.labels == cathode.phases["active"]).mean(axis=(1, 2))
    assert lithium[0] == 1
    assert lithium[-1] == 0
    assert active[:20].sum() == 0
    assert active[-15:].mean() > 0.3


def test_phases_are_as_far_apart_as_the_card_says(cathode):
    inner = [cathode.image[_core(cathode.labels == label)] for label in cathode.phases.values()]
    for grey, told in zip(inner, cathode.greys.values(), strict=True):
        # blur still reaches the core of pores a few voxels wide: a few per cent of the step
        assert grey.mean() == pytest.approx(told, abs=120)
    apart = (inner[1].mean() - inner[0].mean()) / inner[1].std()
    assert apart > 5


def test_low_contrast_merges_lithium_with_void():
    phantom = composite_cathode(SHAPE, SPACING, seed=4, optics=CtOptics.low_contrast())
    lithium, void = (phantom.greys[name] for name in ("lithium", "void"))
    assert lithium - void <= phantom.noise


def test_fib_sem_is_anisotropic_and_has_no_anode():
    spacing = (0.08, 0.04, 0.04)
    design = CathodeDesign.for_voxels(spacing, anode=False)
    phantom = composite_cathode((24, 64, 64), spacing, seed=1, design=design,
                                optics=FibSemOptics(flicker=1, curtains=2))  # fmt: skip
    assert phantom.image.dtype == np.uint8
    assert phantom.modality == "fib-sem"
    assert list(phantom.phases) == ["void", "electrolyte", "active"]


def test_cracks_have_their_area_and_aperture(cathode):
    cracks = cathode.tables["cracks"]
    assert len(cracks["crack"]) == cathode.value("crack_count", "void")
    assert (cracks["area_um2"] <= math.pi * cracks["radius_um"] ** 2 * 1.001).all()
    total = cracks["area_um2"].sum() / cathode.volume_um3
    assert cathode.value("crack_area_per_volume", "void") == pytest.approx(total)


def test_a_volume_too_thin_for_a_cathode_is_refused():
    with pytest.raises(InputDataError, match="leaves"):
        composite_cathode((30, 64, 64), SPACING)
    with pytest.raises(SsbtomoError):
        composite_cathode(SHAPE, (0.2, -0.2, 0.2))


def test_packed_balls_keep_their_gap_or_touch():
    rng = np.random.default_rng(0)
    diameters = 2.0 * np.exp(0.2 * rng.standard_normal(60))
    wall = np.full(3, 8.0)
    packing = pack(diameters, np.zeros(3), wall, gap=0.2, contacts=0.3, rng=rng)
    apart = np.linalg.norm(packing.centers[:, None] - packing.centers, axis=2)
    gaps = apart - packing.radii[:, None] - packing.radii
    gaps = gaps[np.triu_indices(60, 1)]
    assert gaps.min() > -0.2 * packing.radii.max()  # no ball inside another
    between = np.mean((gaps > 0.02) & (gaps < 0.15))
    assert between < 0.01  # neither touching nor resolved: rare


def _faces(labels, first, second):
    count = 0
    for axis in range(3):
        one = np.moveaxis(labels, axis, 0)
        a, b = one[:-1], one[1:]
        count += np.count_nonzero((a == first) & (b == second) | (a == second) & (b == first))
    return count


def _core(mask):
    from scipy import ndimage as ndi

    return ndi.binary_erosion(mask, iterations=2, border_value=1)
