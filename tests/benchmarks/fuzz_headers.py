"""Mutate headers of every format: only our own errors, no hang, no memory beyond the file's means.

    python tests/benchmarks/fuzz_headers.py [cases] [seed]

Each case writes a small file, changes bytes, digits, lines or its length, opens it and reads its
first and last image. It passes if it works or raises an SsbtomoError, within 20 s, and if Python and
NumPy allocate no more than 4 MB plus 1,100 times the files' size (deflate's own bound: 1,040;
25,000 for bzip2), plus what a plain file of that format takes. Cases run in worker processes, so
that a crash inside a library is seen as one and laid to its format.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

SECONDS = 20
FACTOR, BASE = 1100, 4 * 2**20
_DIGITS = re.compile(rb"\d+")
_ODD = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
_WORDS = (
    b"0", b"-1", b"1e99", b"nan", b"inf", b"99999999999999999999", b"2147483648", b"", b"\xff\xfe",
    b"1e-300", b"0x10", b"7,5", b"A" * 300,
)  # fmt: skip


def writers() -> ModuleType:
    """Load the module of the writers; tests are not a package."""
    place = Path(__file__).parents[1] / "io" / "format_writers.py"
    spec = importlib.util.spec_from_file_location("format_writers", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kinds(module: ModuleType) -> dict[str, tuple[Callable[..., Path], bool]]:
    """Return every writer by name, and whether it writes projections."""
    found = {write.__name__: (write, False) for write in (*module.VOLUMES, *module.PLAIN)}
    found |= {f"{write.__name__} (scan)": (write, True) for write in module.SCANS}
    tags = {
        "fei": (34682, module.FEI.format(beam="E", on="yes", scanned=9)),
        "fei_xml": (34683, module.FEI_XML),
        "zeiss": (34118, module.ZEISS.format(size="5.5 nm")),
        "fibics": (51023, module.FIBICS.format(wide=9, high=7, view=0.045)),
        "tescan": (50431, "\x01PixelSizeX=5e-9\x00PixelSizeY=5e-9\x00"),
    }
    for name, (code, text) in tags.items():

        def write(folder: Path, grey: np.ndarray, code: int = code, text: str = text) -> Path:
            path: Path = module.sem_slices(folder, grey, code, text)
            return path

        found[name] = (write, False)
    return found


def _byte(data: bytearray, at: int, rng: random.Random) -> bytearray:
    data[at : at + 1] = bytes([rng.randrange(256)])
    return data


def _integer(data: bytearray, at: int, rng: random.Random) -> bytearray:
    data[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(_ODD))
    return data


def _float(data: bytearray, at: int, rng: random.Random) -> bytearray:
    data[at : at + 8] = struct.pack("<d", rng.choice((0.0, -1.0, 1e300, float("nan"))))
    return data


def _cut(data: bytearray, at: int, rng: random.Random) -> bytearray:
    return data[:at]


def _word(data: bytearray, at: int, rng: random.Random) -> bytearray:
    """Put something odd in the place of a number in the text."""
    found = list(_DIGITS.finditer(bytes(data[: max(at, 200)])))
    if found:
        hit = rng.choice(found)
        data[hit.start() : hit.end()] = rng.choice(_WORDS)
    return data


def _line(data: bytearray, at: int, rng: random.Random) -> bytearray:
    lines = bytes(data).split(b"\n")
    lines.pop(rng.randrange(len(lines)))
    return bytearray(b"\n".join(lines))


def _twice(data: bytearray, at: int, rng: random.Random) -> bytearray:
    data[at:at] = bytes(data[at : at + rng.randrange(64)])
    return data


_CHANGES = (_byte, _integer, _float, _cut, _word, _word, _line, _twice)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Change a file in one to four places, mostly near its start."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        reach = len(data) if rng.random() < 0.3 else min(len(data), 1500)
        data = rng.choice(_CHANGES)(data, rng.randrange(max(reach, 1)), rng)
    return bytes(data)


def mutate_one(folder: Path, rng: random.Random) -> int:
    """Mutate one file of a folder, headers more often than images; return the bytes of all."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    headers = [f for f in files if f.suffix not in (".tif", ".raw", ".vol", ".gz")] or files
    victim = rng.choice(headers if rng.random() < 0.8 else files)
    victim.write_bytes(mutated(victim.read_bytes(), rng))
    return sum(file.stat().st_size for file in files)


def read_some(path: Path, *, scan: bool) -> None:
    """Open a file and read its first and last image."""
    import dask

    from ssbtomo.io import open_projections, open_volume

    opened: Any = (open_projections if scan else open_volume)(path)
    with dask.config.set(scheduler="synchronous"):
        opened.data[0].compute()
        opened.data[-1, :2].compute()
        if scan and opened.flats is not None:
            opened.flats[0].compute()


def _too_long(*_: object) -> None:
    raise TimeoutError


def case(name: str, seed: int) -> tuple[str, str]:
    """Run one case: how it ended, and what is wrong with that, if anything."""
    from ssbtomo.errors import SsbtomoError

    write, scan = KINDS[name]
    rng = random.Random(f"{name} {seed}")
    grey = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write(Path(place), grey)
        size = mutate_one(Path(place), rng)
        before = signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(SECONDS)
        tracemalloc.start()
        end, wrong = "read", ""
        try:
            read_some(path, scan=scan)
        except SsbtomoError as error:
            end = type(error).__name__
            wrong = "" if error.hint else f"no hint: {error}"
        except Exception as error:  # noqa: BLE001  (what it is, is the question)
            end, wrong = "foreign error", f"{type(error).__name__}: {error}"
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        if peak > BASE + FACTOR * size:
            wrong = f"{peak:,} bytes allocated for a file of {size:,}; {wrong}"
        return end, wrong


KINDS = kinds(writers())


def cases(
    count: int, seed: int, kinds: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, int]]:
    """Go through the formats in turn."""
    names = list(kinds or KINDS)
    for k in range(count):
        yield names[k % len(names)], seed + k // len(names)


def _queue(todo: list[tuple[str, int]], told: Any, do: Case) -> None:
    for name, seed in todo:
        told.put((name, seed, None, None))
        told.put((name, seed, *do(name, seed)))
    told.put(None)


def warm() -> None:
    """Read every format once as it is: imports and compilers shall not count as its memory."""
    grey = np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)
    for write, scan in KINDS.values():
        with tempfile.TemporaryDirectory() as place:
            read_some(write(Path(place), grey), scan=scan)


def _watch(worker: Any, heard: float) -> None:
    """Wait a moment; end a worker that hangs where no signal reaches it."""
    worker.join(0.02)
    if worker.is_alive() and time.monotonic() - heard > 6 * SECONDS:
        worker.kill()
        worker.join()


Case = Callable[[str, int], tuple[str, str]]


def run(
    count: int,
    seed: int,
    kinds: Mapping[str, Any] | None = None,
    do: Case = case,
    prepare: Callable[[], None] = warm,
) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Run cases in a worker process; one that dies is replaced and the case is reported."""
    ends: Counter[tuple[str, str]] = Counter()
    wrongs: list[str] = []
    todo = list(cases(count, seed, kinds))
    context = multiprocessing.get_context("fork")
    prepare()
    while todo:
        told = context.SimpleQueue()
        worker = context.Process(target=_queue, args=(todo, told, do))
        worker.start()
        done, heard = 0, time.monotonic()
        while True:
            if told.empty():
                _watch(worker, heard)
                if worker.is_alive() or not told.empty():
                    continue
                name, number = todo[done]
                wrongs.append(f"{name} seed {number}: the process died ({worker.exitcode})")
                ends[name, "crash"] += 1
                done += 1
                break
            item, heard = told.get(), time.monotonic()
            if item is None:
                break
            name, number, end, wrong = item
            if end is not None:
                ends[name, end] += 1
                done += 1
                if wrong:
                    wrongs.append(f"{name} seed {number}: {wrong}")
        worker.join()
        todo = todo[done:]
    return ends, wrongs


def main() -> int:
    """Run and print a table: formats, and how their cases ended."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    return report(*run(count, seed), count, seed)


def report(ends: Counter[tuple[str, str]], wrongs: list[str], count: int, seed: int) -> bool:
    """Print a table, and return whether anything is wrong."""
    names = list(dict.fromkeys(name for name, _ in ends))
    columns = sorted({end for _, end in ends})
    usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    lines = [f"{'format':24}" + "".join(f"{c:>16}" for c in columns)]
    lines += [f"{name:24}" + "".join(f"{ends[name, c]:16}" for c in columns) for name in names]
    lines.append(
        f"{count} cases, seed {seed}; largest process {usage:.0f} MB; wrong: {len(wrongs)}"
    )
    lines += [f"  {wrong}" for wrong in wrongs[:60]]
    sys.stdout.write("\n".join(lines) + "\n")
    return bool(wrongs)


if __name__ == "__main__":
    sys.exit(main())
