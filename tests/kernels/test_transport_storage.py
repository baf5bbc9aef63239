"""Solves whose fields lie in files, and what solves take."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import CancelledError, OutputError
from ssbtomo.io.scratch import Scratch
from ssbtomo.kernels.transport import electrode, joined, memory_needed, solve, tensor

CUBE = (1.0, 1.0, 1.0)


def blobs(shape: tuple[int, int, int], share: float = 0.5, seed: int = 0) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return (noise < np.quantile(noise, share)).astype(np.uint8)


def same(one, two):
    assert (one.tau, one.effective, one.energy_bounds) == (
        two.tau,
        two.effective,
        two.energy_bounds,
    )
    assert one.iterations == two.iterations


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({1: 1.0}, {"periodic": True}),
        ({0: 1e-5, 1: 1.0}, {}),
    ],
)
@pytest.mark.parametrize("axis", [0, 2])
def test_fields_in_files_give_the_same_to_the_bit(tmp_path, values, options, axis):
    labels = blobs((37, 34, 35))
    with Scratch(tmp_path, small=1, slab=3 * 34 * 35) as scratch:
        there = solve(labels, CUBE, axis, values, storage=scratch, threads=2, **options)
    same(there, solve(labels, CUBE, axis, values, threads=1, **options))
    assert not list(tmp_path.iterdir())


def test_the_tensor_and_the_electrode_take_files_too(tmp_path):
    labels = blobs((20, 18, 16), 0.6)
    with Scratch(tmp_path, small=1, slab=2000) as scratch:
        found = tensor(labels, CUBE, {1: 1.0}, storage=scratch)
        charged = electrode(labels, CUBE, 1, {1: 1.0}, storage=scratch)
    np.testing.assert_array_equal(found.effective, tensor(labels, CUBE, {1: 1.0}).effective)
    assert charged.bounds == electrode(labels, CUBE, 1, {1: 1.0}).bounds


def test_labels_may_lie_in_a_file(tmp_path):
    labels = blobs((20, 18, 16))
    np.save(tmp_path / "labels.npy", labels)
    lazy = np.load(tmp_path / "labels.npy", mmap_mode="r")
    same(solve(lazy, CUBE, 0, {1: 1.0}), solve(labels, CUBE, 0, {1: 1.0}))


def test_nothing_is_left_behind_by_a_solve_that_is_cancelled(tmp_path):
    left = iter([False] * 9)
    with pytest.raises(CancelledError), Scratch(tmp_path, small=1) as scratch:
        solve(
            blobs((20, 20, 20)),
            CUBE,
            0,
            {1: 1.0},
            storage=scratch,
            cancelled=lambda: next(left, True),
        )
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with (
        pytest.raises(OutputError, match="the disk is full"),
        Scratch(tmp_path, small=1) as scratch,
    ):
        solve(blobs((20, 20, 20)), CUBE, 0, {1: 1.0}, storage=scratch)
    assert not list(tmp_path.iterdir())


def test_a_scratch_folder_must_exist(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        Scratch(tmp_path / "none")


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("periodic", [False, True])
def test_clusters_do_not_depend_on_the_slabs_they_are_found_in(axis, periodic, monkeypatch):
    labels = (np.random.default_rng(3).random((19, 17, 18)) < 0.36).astype(np.uint8)
    whole, parts = labels.copy(), labels.copy()
    one = joined.keep_joined(whole, axis, periodic=periodic)
    monkeypatch.setattr(joined, "_SLAB", 3 * 17 * 18)
    assert joined.keep_joined(parts, axis, periodic=periodic) == one
    np.testing.assert_array_equal(whole, parts)
    assert 0 < whole.sum() < labels.sum()


def test_needs_grow_with_the_volume_and_are_less_with_a_disk():
    large = memory_needed((1024, 1024, 1024), CUBE)
    assert large.memory < 22e9
    assert large.memory_with_disk < 0.1 * large.memory
    assert large.disk < 1.2 * large.memory
    steep = memory_needed((1024, 1024, 1024), CUBE, {0: 1e-5, 1: 1.0})
    assert steep.memory < 36 * 1024**3
    maps = memory_needed((1024, 1024, 1024), CUBE, keep_field=True, keep_maps=True)
    assert maps.memory == large.memory + 12 * 1024**3


@pytest.mark.parametrize("values", [{1: 1.0}, {0: 1e-5, 1: 1.0}])
def test_needs_cover_what_a_solve_says_it_took(values):
    shape = (48, 40, 33)
    took = solve(blobs(shape), CUBE, 0, values).bytes_per_voxel * 48 * 40 * 33
    needed = memory_needed(shape, CUBE, values).memory
    assert 0 <= needed - took <= 2**27 + 0.5 * 48 * 40 * 33
