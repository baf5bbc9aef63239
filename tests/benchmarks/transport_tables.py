"""Tables of the transport benchmark, and the bandwidth of the memory."""

from __future__ import annotations

import argparse
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Record = dict[str, Any]
Records = dict[str, Record]

MOVED = 90
"""Bytes per voxel of the box that an iteration moves at least, as the solver is built.

On the finest grid, with float32 = 4: smoothing before (residual read, correction written, codes) 9,
restriction 9, smoothing after 13, direction 13, potential in float64 with the new residual 25; each
coarse grid takes 64 per cell and is visited twice as often as the one above it: 21. Each array
counts once per sweep, as if caches held whatever a sweep needs twice, and a write as one transfer.
"""
PEERS = ("taufactor", "porespy")
OURS = ("ssbtomo", "ssbtomo-1e-4")


@numba.njit(nogil=True, fastmath=True)
def _triad(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> None:
    for i in range(a.size):
        a[i] = b[i] + 3.0 * c[i]


def bandwidth(threads: int, megabytes: int = 96) -> float:
    """Return what a triad (STREAM's ``a = b + 3 c``; 24 bytes each) moves, in GB/s; best of ten."""
    size = megabytes * 2**20 // 8
    arrays = [np.full(size, float(k)) for k in range(3)]
    parts = [[part.copy() for part in np.array_split(array, threads)] for array in arrays]
    groups = list(zip(*parts, strict=True))
    best = math.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(11):
            start = time.perf_counter()
            list(pool.map(lambda group: _triad(*group), groups))
            best = min(best, time.perf_counter() - start)
    return 24 * size / best / 1e9


def find(records: Records, chosen: argparse.Namespace, name: str, size: int) -> Records:
    """Return the records of one volume by program."""
    found = {}
    for label, record in records.items():
        parts = label.split("|")
        if parts[:2] == [name, str(size)] and parts[3] == str(chosen.threads):
            found[parts[2]] = record
    return found


def table(records: Records, chosen: argparse.Namespace) -> str:
    """Return all results as a Markdown table."""
    triad = records["machine"]["triad_gb_s"]
    lines = [
        f"Triad with {records['machine']['cores']} threads: {triad:.1f} GB/s. "
        f"An iteration moves at least {MOVED} bytes per voxel.",
        "",
        "| volume | program | s | CPU s | τ | error | iterations | B/voxel | ours is faster by | of the bandwidth |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size in chosen.sizes:
        for name in chosen.volumes:
            found = find(records, chosen, name, size)
            lines += [
                row(f"{name} {size}", program, found, triad)
                for program in (*OURS, *PEERS)
                if program in found
            ]
    return "\n".join(lines)


def row(title: str, program: str, found: Records, triad: float) -> str:
    """Return one line of the table."""
    record = found[program]
    if "failed" in record:
        return f"| {title} | {program} | — | | | | | | | {record['failed']} |"
    cells = [
        title,
        program,
        f"{record['wall_s']:.3g}",
        f"{record['cpu_s']:.3g}",
        f"{record['tau']:.6f}",
        error(program, found),
        str(record.get("iterations") or ""),
        f"{record['peak_bytes']:.1f}",
        faster(program, found),
        reached(record, triad) if program in OURS else "",
    ]
    return f"| {' | '.join(cells)} |"


def error(program: str, found: Records) -> str:
    """Return the error against the converged value of the same convention."""
    value = deviation(program, found)
    return "" if math.isnan(value) else f"{value:+.0e}"


def deviation(program: str, found: Records) -> float:
    """Return the relative error; NaN without a reference."""
    reference = found.get(f"reference-{program}", found.get("reference"))
    if reference is None or "tau" not in reference:
        return math.nan
    return float(found[program]["tau"] / reference["tau"] - 1)


def faster(program: str, found: Records) -> str:
    """Return the ratio of a peer's times to those of our fastest at no larger error: wall, CPU."""
    theirs = abs(deviation(program, found))
    ours = [
        record
        for name, record in found.items()
        if name.startswith("ssbtomo")
        and "wall_s" in record
        and not abs(deviation(name, found)) > theirs
    ]
    if program.startswith("ssbtomo") or not ours:
        return ""
    wall, cpu = (
        found[program][unit] / min(record[unit] for record in ours) for unit in ("wall_s", "cpu_s")
    )
    return f"{wall:.0f} (CPU {cpu:.0f})"


def reached(record: Record, triad: float) -> str:
    """Return the share of the memory's bandwidth that the iterations alone would account for."""
    voxels = math.prod(record["shape"])
    floor = record["iterations"] * MOVED * voxels / (triad * 1e9)
    return f"{100 * floor / record['wall_s']:.0f} % (floor {floor:.2g} s)"


def growth_table(records: Records, chosen: argparse.Namespace) -> str:
    """Return iterations and exponents of time in voxels."""
    sizes = sorted(chosen.sizes)
    lines = [
        f"| volume | {' | '.join(f'{s}: iterations, s, CPU s' for s in sizes)} | iterations grow by | exponent of time | of CPU time |",
        "|---" * (len(sizes) + 4) + "|",
    ]
    for name in chosen.volumes:
        runs = [find(records, chosen, name, size).get("ssbtomo", {}) for size in sizes]
        kept = [(r, math.prod(r["shape"])) for r in runs if "wall_s" in r]
        if len(kept) < 2:
            continue
        cells = [
            f"{r['iterations']}, {r['wall_s']:.3g}, {r['cpu_s']:.3g}" if "wall_s" in r else ""
            for r in runs
        ]
        ratio = kept[-1][0]["iterations"] / max(1, kept[0][0]["iterations"])
        exponents = [f"{exponent(kept, unit):.2f}" for unit in ("wall_s", "cpu_s")]
        lines.append(f"| {name} | {' | '.join([*cells, f'{ratio:.2f}', *exponents])} |")
    return "\n".join(lines)


def exponent(kept: list[tuple[Record, int]], unit: str) -> float:
    """Return the slope of log time over log voxels, by least squares."""
    voxels = np.log([count for _, count in kept])
    times = np.log([record[unit] for record, _ in kept])
    return float(np.polyfit(voxels, times, 1)[0])
