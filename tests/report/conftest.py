"""A seeded results folder, as a run leaves it, without running anything."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import ndimage as ndi

from ssbtomo.report import write_report

PHASES = [
    {"name": "void", "role": "void", "color": "#3a3a3a"},
    {"name": "electrolyte", "role": "electrolyte", "color": "#56b4e9"},
    {"name": "active", "role": "active", "color": "#e69f00"},
]
SPACING = (0.1, 0.05, 0.05)
SHAPE = (40, 64, 72)
GREY = (50.0, 120.0, 200.0)


def _labels(rng: np.random.Generator) -> np.ndarray:
    field = ndi.gaussian_filter(rng.normal(size=SHAPE), (2, 4, 4))
    labels = np.digitize(field, np.quantile(field, (0.15, 0.55))).astype(np.uint8)
    labels[12:14, 8:40, 10:60] = 0
    return labels


def _store(path: Path, data: np.ndarray, extra: dict[str, Any] | None = None) -> None:
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    datasets = []
    for level in range(2):
        step = 2**level
        group.create_array(
            str(level), data=np.ascontiguousarray(data[::step, ::step, ::step]), chunks=(32, 32, 32)
        )
        scale = [edge * step for edge in SPACING]
        datasets.append(
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        )
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    group.attrs.update(
        {
            "ome": {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]},
            **(extra or {}),
        }
    )


def _rows(name: str, phases: list[str], rng: np.random.Generator) -> list[list[Any]]:
    void, electrolyte, active = phases

    def row(
        quantity: str,
        subject: str,
        axis: str,
        value: float,
        unit: str,
        estimator: str = "voxels",
        warnings: str = "",
    ) -> list[Any]:
        span = 0.04 * value if math.isfinite(value) else math.nan
        return [
            name,
            quantity,
            subject,
            axis,
            value,
            value - span,
            value + 1.3 * span,
            unit,
            estimator,
            warnings,
        ]

    pairs = {
        f"{void}|{electrolyte}": 0.31,
        f"{void}|{active}": 0.123,
        f"{electrolyte}|{active}": 0.742,
    }
    return [
        row("volume_fraction", void, "", 0.17, "1"),
        row("volume_fraction", electrolyte, "", 0.39, "1"),
        row("volume_fraction", active, "", 0.44, "1"),
        row("porosity", void, "", 0.17, "1"),
        row("porosity_open", void, "", 0.1513, "1"),
        row("porosity_closed", void, "", 0.0187, "1"),
        *[
            row("contact_area_per_volume", pair, "", value, "1/um", "normals")
            for pair, value in pairs.items()
        ],
        row("specific_contact_area", f"{active}|{electrolyte}", "", 1.686, "1/um", "normals"),
        row("coverage", f"{active}|{electrolyte}", "", 0.858, "1", "normals"),
        row("coverage_mean", f"{active}|{electrolyte}", "", 0.8, "1", "normals"),
        row("coverage_mean", f"{active}|{void}", "", 0.2, "1", "normals"),
        row("gap_thickness_d50", f"{active}|{electrolyte}", "", 0.25, "um", "steps"),
        row("utilisation_ceiling", active, "z", 0.63, "1", "particles"),
        row("triple_line_per_volume", "|".join(phases), "", 1.52e-4, "1/um^2", "edges"),
        row("tortuosity_factor", electrolyte, "z", 2.345, "1", "finite volumes"),
        row(
            "tortuosity_factor", active, "z", 3.91, "1", "finite volumes", "features below 3 voxels"
        ),
        [
            name,
            "tortuosity_factor",
            void,
            "z",
            math.inf,
            8.1,
            math.inf,
            "1",
            "finite volumes",
            f"{void} does not percolate along z; features below 3 voxels",
        ],
        row("effective_conductivity_ratio", electrolyte, "z", 0.1663, "1", "finite volumes"),
        row("macmullin_number", electrolyte, "z", 6.013, "1", "finite volumes"),
        row("connected_fraction", electrolyte, "z", 0.993, "1"),
        row("particle_count", active, "", 87.0, "1", "watershed"),
        row("particle_diameter_d50", active, "", 0.81, "um", "watershed"),
        row("pore_diameter_d50", void, "", 0.33, "um", "local thickness"),
        row("crack_count", void, "", 3.0, "1"),
        row("crack_area_per_volume", void, "", 0.0421, "1/um"),
        [
            name,
            "crack_aperture_mean",
            void,
            "",
            math.nan,
            math.nan,
            math.nan,
            "um",
            "2V/S",
            "no crack wider than 3 voxels",
        ],
    ]


def _tables(
    folder: Path, name: str, phases: list[str], rng: np.random.Generator, labels: np.ndarray
) -> dict[str, pd.DataFrame]:
    grey = np.arange(256)
    counts = sum(
        w * np.exp(-0.5 * ((grey - m) / 13) ** 2)
        for w, m in zip((0.17, 0.39, 0.44), GREY, strict=True)
    )
    tables = {
        "histogram": pd.DataFrame(
            {"sample": name, "grey": grey, "count": (counts * 4e4).astype(int)}
        ),
        "thresholds": pd.DataFrame(
            {
                "sample": name,
                "between": [f"{phases[0]}|{phases[1]}", f"{phases[1]}|{phases[2]}"],
                "threshold": [86.0, 160.0],
                "low": [82.5, 156.0],
                "high": [89.5, 164.0],
                "separability": [5.5, 5.8],
                "variance_share": [0.93, 0.93],
            }
        ),
        "phase_grey": pd.DataFrame(
            {"sample": name, "phase": phases, "mean": GREY, "sd": [13.0, 13.0, 13.0]}
        ),
    }
    profiles = [
        {
            "sample": name,
            "axis": axis,
            "position_um": (k + 0.5) * SPACING[i],
            "phase": phase,
            "fraction": share,
        }
        for i, axis in enumerate("zyx")
        for value, phase in enumerate(phases)
        for k, share in enumerate((labels == value).mean(axis=tuple(j for j in range(3) if j != i)))
    ]
    tables["profiles"] = pd.DataFrame(profiles)
    tables["graded_histogram"] = pd.DataFrame(
        {"sample": name, "phase": phases[2], "value": np.linspace(0, 1, 21), "fraction": 1 / 21}
    )
    tables["graded_profiles"] = pd.DataFrame(
        {
            "sample": name,
            "axis": "z",
            "position_um": (np.arange(12) + 0.5) * SPACING[0],
            "phase": phases[2],
            "mean": np.linspace(0.2, 0.7, 12),
            "sd": 0.1,
        }
    )
    sizes = []
    for kind, subject, middle in (("particle", phases[2], 0.8), ("pore", phases[0], 0.33)):
        diameter = np.linspace(0.1, 2.4 * middle, 25)
        share = 1 / (1 + (middle / diameter) ** 4)
        sizes += [
            {
                "sample": name,
                "subject": subject,
                "kind": kind,
                "diameter_um": d,
                "volume_fraction": s,
            }
            for d, s in zip(diameter, share / share[-1], strict=True)
        ]
    tables["size_distributions"] = pd.DataFrame(sizes)
    tables["correlation"] = pd.DataFrame(
        [
            {
                "sample": name,
                "axis": axis,
                "phase_a": a,
                "phase_b": b,
                "lag_um": lag * SPACING[i],
                "probability": np.mean(near & far),
            }
            for i, axis in enumerate("zyx")
            for u, a in enumerate(phases)
            for v, b in enumerate(phases)
            for lag in range(5)
            for near, far in [_pair(labels == u, labels == v, i, lag)]
        ]
    )
    normals = rng.normal((2, 0, 0), size=(24, 3))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    area = np.exp(rng.normal(1, 1, 24))
    aperture = 0.2 * np.exp(rng.normal(0, 0.4, 24))
    tables["cracks"] = pd.DataFrame(
        {
            "sample": name,
            "crack": np.arange(1, 25),
            "area_um2": area,
            "aperture_um": aperture,
            "volume_um3": area * aperture,
            "normal_z": normals[:, 0],
            "normal_y": normals[:, 1],
            "normal_x": normals[:, 2],
            "z_um": 1.0,
            "y_um": 1.0,
            "x_um": 1.0,
            "touches": np.where(np.arange(24) % 3 == 0, "y-min+z-max", ""),
            "extent_um": area**0.5,
        }
    )
    tables["facets"] = pd.DataFrame(
        {
            "sample": name,
            "facet": np.arange(1, 25),
            "crack": np.arange(1, 25),
            "area_um2": area,
            "aperture_um": aperture,
            "aperture_grey_um": aperture * 1.05,
            "strike_deg": rng.uniform(0, 180, 24),
        }
    )
    tables |= _contact_tables(name, phases, rng)
    return tables | _tomogram_tables(name)


def _tomogram_tables(name: str) -> dict[str, pd.DataFrame]:
    columns = 31.0 + np.arange(-2, 2.05, 0.1)
    frequency = np.arange(1, 33) / 64
    told = {
        "noise": 3.1,
        "signal_to_noise": 9.0,
        "resolution_pixels": 4.4,
        "stripes_before": 0.02,
        "stripes_after": 0.003,
    }
    return {
        "rotation_axis": pd.DataFrame(
            {"sample": name, "column": columns, "cost": 0.01 + (columns - 31.2) ** 2}
        ),
        "ring_correlation": pd.DataFrame(
            {
                "sample": name,
                "frequency_per_pixel": frequency,
                "correlation": np.exp(-((frequency / 0.2) ** 2)),
                "half_bit": 0.25 + 0.01 / frequency,
            }
        ),
        "tomogram_quality": pd.DataFrame(
            {"sample": name, "property": list(told), "value": list(told.values())}
        ),
        "fib_sem_slices": _slices(name),
    }


def _slices(name: str) -> pd.DataFrame:
    number = np.arange(20)
    return pd.DataFrame(
        {
            "sample": name,
            "slice": number,
            "state": np.where(number == 7, "blank", "used"),
            "correlation": 0.9 - 0.01 * (number % 3),
            "drift_y_pixels": np.sin(number / 3),
            "drift_x_pixels": 0.1 * number,
            "step_error_y_pixels": 0.05,
            "step_error_x_pixels": 0.06,
            "curtains_before": 11.0 + 0.1 * number,
            "curtains_after": 1.0,
        }
    )


def _contact_tables(
    name: str, phases: list[str], rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    void, electrolyte, active = phases
    covered = rng.beta(8, 2, 120)
    pairs = {f"{void}|{electrolyte}": 0.31, f"{void}|{active}": 0.123,
             f"{electrolyte}|{active}": 0.742}  # fmt: skip
    profiles = [
        {"sample": name, "axis": "z", "position_um": (k + 0.5) * SPACING[0], "subject": pair,
         "area_per_volume": mean * (1 + 0.1 * rng.normal())}
        for pair, mean in pairs.items()
        for k in range(SHAPE[0])
    ]  # fmt: skip
    means = {
        **{("contact_area_per_volume", pair): mean for pair, mean in pairs.items()},
        **{("volume_fraction", p): f for p, f in zip(phases, (0.17, 0.39, 0.44), strict=True)},
    }
    spread = [
        {"sample": name, "quantity": quantity, "subject": subject, "cell_um": 0.4 * 2**k,
         "cells": 1 if k == 3 else 8 ** (3 - k), "mean": mean,
         "sd": math.nan if k == 3 else mean * 0.3 * 2 ** (-1.2 * k) * (1 + 0.2 * rng.normal()),
         "standard_error": mean * 0.03 * (1 + 0.2 * rng.normal())}
        for (quantity, subject), mean in means.items()
        for k in range(4)
    ]  # fmt: skip
    thickness = np.linspace(0.02, 1.1, 200)
    return {
        "particles": pd.DataFrame(
            {
                "sample": name,
                "particle": np.arange(1, 121),
                "diameter_um": np.linspace(0.5, 1.1, 120),
                "surface_um2": np.linspace(1, 4, 120),
                f"coverage_{void}": 1 - covered,
                f"coverage_{electrolyte}": covered,
            }
        ),
        "contact_profiles": pd.DataFrame(profiles),
        "representative": pd.DataFrame(spread),
        "tau_profiles": pd.DataFrame(
            {
                "sample": name,
                "subject": electrolyte,
                "axis": "z",
                "depth_um": np.arange(20) * 0.1,
                "tau": 2 + np.sin(np.arange(20)),
                "current": 1 - np.arange(20) / 20,
            }
        ),
        "conductivity_cells": pd.DataFrame(
            {
                "sample": name,
                "subject": electrolyte,
                "axis": "z",
                "size_um": [0.5, 1.0],
                "cells": [8, 1],
                "uniform_current": [0.1, 0.12],
                "held_faces": [0.16, 0.15],
                "uniform_gradient": [0.24, 0.19],
                "ci_low": [0.13, np.nan],
                "ci_high": [0.19, np.nan],
            }
        ),
        "gaps": pd.DataFrame(
            {
                "sample": name,
                "thickness_um": thickness,
                "area_um2": thickness * np.exp(-thickness / 0.15),
            }
        ),
    }


def _pair(
    first: np.ndarray, second: np.ndarray, axis: int, lag: int
) -> tuple[np.ndarray, np.ndarray]:
    size = first.shape[axis]
    near, far = np.moveaxis(first, axis, 0), np.moveaxis(second, axis, 0)
    return near[: size - lag], far[lag:]


def _sensitivity(name: str, rows: list[list[Any]]) -> pd.DataFrame:
    out = []
    shifts = {"base": 0.0, "threshold 1 down": -0.05, "threshold 1 up": 0.05,
              "threshold 2 down": -0.03, "threshold 2 up": 0.03}  # fmt: skip
    for index, (_, quantity, subject, axis, value, *_rest) in enumerate(rows):
        for variant, shift in shifts.items():
            factor = 1 + shift * (2.2 - 0.4 * (index % 9)) + 3 * shift**2
            out.append(
                {
                    "sample": name,
                    "quantity": quantity,
                    "subject": subject,
                    "axis": axis,
                    "variant": variant,
                    "value": value * factor,
                }
            )
    return pd.DataFrame(out)


def _ranges(name: str, rows: list[list[Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"sample": name, "quantity": quantity, "subject": subject, "axis": axis,
             "value": value, "low": 0.95 * value, "high": 1.05 * value,
             "thresholds": 0.01 * (1 + index % 3) * abs(value), "imaging": 0.02 * abs(value),
             "scatter": 0.0, "resolution": 0.01 * (index % 4) * abs(value), "classes": 0.0,
             "further": 0.0}
            for index, (_, quantity, subject, axis, value, *_rest) in enumerate(rows)
        ]
    )  # fmt: skip


def _reliability(name: str) -> pd.DataFrame:
    edges = np.linspace(1 / 3, 1, 11)
    rows = []
    for left_out, sure in (("voxels", 0.01), ("slices", 0.06)):
        for low, high in pairwise(edges):
            middle = (low + high) / 2
            rows.append(
                {"sample": name, "left_out": left_out, "from": low, "to": high,
                 "confidence": middle, "accuracy": middle - sure,
                 "voxels": int(1000 * middle**4)}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _undecided(labels: np.ndarray) -> np.ndarray:
    edges = ndi.gaussian_gradient_magnitude(labels.astype(float), 1.0)
    return np.clip(400 * edges, 0, 255).astype(np.uint8)


def _fields(folder: Path, labels: np.ndarray, phases: list[str]) -> None:
    folder.mkdir(parents=True)
    for value, phase in enumerate(phases[1:], 1):
        depth = np.linspace(1, 0, labels.shape[0])[:, None]
        field = np.where(labels[:, labels.shape[1] // 2] == value, depth, np.nan).astype(np.float32)
        for quantity, image in (("potential", field), ("flux", np.nan_to_num(field) * 5)):
            stem = folder / f"{quantity}-{''.join(c for c in phase if c.isalnum())}-z"
            np.save(stem.with_suffix(".npy"), image)
            stem.with_suffix(".json").write_text(
                json.dumps({"phase": phase, "axis": "z", "spacing_um": [SPACING[0], SPACING[2]]}),
                "utf-8",
            )


STAGES = [
    (
        "ingest",
        "The volume of 40 × 64 × 72 voxels was read and stored as OME-Zarr [@moore2021].",
        ["moore2021"],
    ),
    ("denoise.gaussian", "Noise was reduced with a Gaussian filter of 50 nm.", []),
    (
        "segment.multi-otsu",
        "Phases were separated by multi-Otsu thresholds",
        ["otsu1979", "liao2001"],
    ),
    (
        "quantify",
        "Ranges were obtained by shifting the thresholds by 5 % of the distance of the phase means [@pietsch2018].",
        ["pietsch2018", "cooper2016"],
    ),
]


def _sample(name: str, phases: list[str], truth: dict[str, float]) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"scans/{name}.tif",
        "sha256": "ab" * 32,
        "shape": list(SHAPE),
        "dtype": "uint8",
        "spacing_um": list(SPACING),
        "spacing_origin": "tag",
        "modality": "xct",
        "conditions": {"stack_pressure": "5 MPa", "state_of_charge": "50 %"},
        "phases": [{**entry, "name": phase} for entry, phase in zip(PHASES, phases, strict=True)],
        "transport_axis": "z",
        "stack_check": ["slice 17 repeats slice 16"],
        "truth": truth,
        "stages": [
            {
                "name": stage,
                "version": 1,
                "fingerprint": f"{index:012x}",
                "seconds": 1.5 * index,
                "resumed": index == 0,
                "methods": sentence,
                "references": keys,
                "parameters": {"sigma": 0.05}
                if "seg" not in stage
                else {"shift": 0.05, "thresholds": None},
            }
            for index, (stage, sentence, keys) in enumerate(STAGES)
        ],
    }


def build_results(
    tmp_path: Path, *names: str, phases: tuple[str, str, str] = ("void", "electrolyte", "active")
) -> Path:
    names = names or ("cathode",)
    folder = tmp_path / "results"
    (folder / "tables").mkdir(parents=True)
    gathered: dict[str, list[pd.DataFrame]] = {}
    rows, samples = [], []
    for index, name in enumerate(names):
        rng = np.random.default_rng(7 + index)
        labels = _labels(rng)
        grey = ndi.gaussian_filter(np.take(GREY, labels), 0.7) + rng.normal(0, 9, SHAPE)
        volumes = folder / "volumes" / name.replace(" ", "_")
        about = {"ssbtomo": {"phases": {p: i for i, p in enumerate(phases)}}}
        _store(volumes / "image.ome.zarr", np.clip(grey, 0, 255).astype(np.uint8))
        _store(volumes / "phases.ome.zarr", labels, about)
        cracks = np.zeros(SHAPE, np.int32)
        cracks[12:14, 8:40, 10:60] = 1
        _store(volumes / "cracks.ome.zarr", cracks)
        contact = np.ones((1, *SHAPE[1:]), np.uint8)
        contact[:, 5:15, 10:30] = 2
        _store(volumes / "anode-contact.ome.zarr", contact)
        _fields(folder / "fields" / name.replace(" ", "_"), labels, list(phases))
        slices = grey[None, SHAPE[0] // 2].repeat(7, 0).astype(np.float16)
        np.savez(
            folder / "fields" / name.replace(" ", "_") / "axis-sweep.npz",
            images=slices, offsets=np.array([-4.0, -2, -1, 0, 1, 2, 4]),
        )  # fmt: skip
        np.savez(
            folder / "fields" / name.replace(" ", "_") / "fib-sem-slices.npz", slice=20,
            before=grey[20], after=grey[21], along_before=grey[:, :, 9], along_after=grey[:, :, 8],
        )  # fmt: skip
        tables = _tables(folder, name, list(phases), rng, labels)
        of_sample = _rows(name, list(phases), rng)
        tables["sensitivity"] = _sensitivity(name, of_sample)
        tables["ranges"], tables["reliability"] = _ranges(name, of_sample), _reliability(name)
        _store(volumes / "entropy.ome.zarr", _undecided(labels))
        rows += of_sample
        for key, table in tables.items():
            gathered.setdefault(key, []).append(table)
        truth = {
            f"volume_fraction|{phases[0]}|": 0.165,
            f"contact_area_per_volume|{phases[1]}|{phases[2]}|": 0.75,
        }
        samples.append(_sample(name, list(phases), truth if index == 0 else {}))
    columns = [
        "sample",
        "quantity",
        "subject",
        "axis",
        "value",
        "low",
        "high",
        "unit",
        "estimator",
        "warnings",
    ]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "results.csv", index=False, na_rep="nan")
    for key, parts in gathered.items():
        pd.concat(parts).to_csv(folder / "tables" / f"{key}.csv", index=False)
    run = {
        "ssbtomo": "0.1.0",
        "command": "ssbtomo run recipe.yaml -o results",
        "started": "2026-11-21T10:00:00+00:00",
        "seconds": 83.2,
        "peak_memory_bytes": 1_234_000_000,
        "platform": "Linux-6.1-x86_64",
        "python": "3.11.9",
        "versions": {"numpy": "2.4.0", "scipy": "1.17.0", "zarr": "3.1.6"},
        "recipe_sha256": "cd" * 32,
        "scheduler": "threads",
        "workers": 2,
        "state": "done",
        "samples": samples,
        "warnings": [{"sample": names[0], "text": "voids touch the border of the volume"}],
    }
    (folder / "run.json").write_text(json.dumps(run), "utf-8")
    return folder


@pytest.fixture
def results_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a results folder with the samples of these names."""
    return partial(build_results, tmp_path)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with its report, not to be changed."""
    folder = build_results(tmp_path_factory.mktemp("written"))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def written_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with two samples."""
    folder = build_results(tmp_path_factory.mktemp("pair"), "fresh cell", "cycled")
    write_report(folder)
    return folder
