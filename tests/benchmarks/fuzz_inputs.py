"""Mutate whatever a user opens: only our own errors or sound results, in bounded time and memory.

    python tests/benchmarks/fuzz_inputs.py [cases] [seed]

TIFF, OME-Zarr 0.4 and 0.5, HDF5, recipes, model files, label images, scribbles: each case writes
a small good one, changes it in one to four places (bytes, numbers, words, lines, the length),
opens it and reads from it. It passes if it works, with a result that makes sense, or raises an
SsbtomoError with a hint, within 20 s and 768 MB beyond what the process had. The headers of the
vendors' formats are the business of ``fuzz_headers.py``, whose mutations and processes these are.
"""

from __future__ import annotations

import importlib.util
import json
import random
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

SECONDS = 20
ROOM = 768 * 2**20
SHAPE = (6, 8, 10)
PHASES = ("void", "electrolyte", "active")
_TEXTS = (
    b"../../../etc/passwd", b"/etc/passwd", b"=1+1", b"<script>", b"[" * 3000, b"{" * 3000, b"*a", b"&a",
    b"!!python/object/apply:os.system [id]", b".nan", b"1e999", b"2024-99-99", b"12:61:61", b"null",
    b"9" * 5000, b"-9" * 40, b"true", b"\\u0000", b"\xff\xfe", b"? [a, b]", b"<<", b"~", b"''", b"{}", b"[]",
    b"1000000000000", b"0", b"-1", b"zstd", b"blosc", b"|O", b"|S9", b"<m8", b"complex128", b"string",
)  # fmt: skip


def beside(name: str) -> ModuleType:
    """Load a script of this folder; tests are not a package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


headers = beside("fuzz_headers")


def grey() -> np.ndarray:
    """Voxels that all differ."""
    return np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


def labels() -> np.ndarray:
    """Voxels of four labels."""
    return (grey() % 4).astype(np.uint8)


def ome_tiff(folder: Path) -> Path:
    import tifffile

    path = folder / "a.ome.tif"
    more = {"axes": "ZYX", "PhysicalSizeZ": 0.2, "PhysicalSizeY": 0.1, "PhysicalSizeX": 0.1}
    tifffile.imwrite(path, grey(), photometric="minisblack", compression="deflate", metadata=more)
    return path


def big_tiff(folder: Path) -> Path:
    import tifffile

    path = folder / "a.tif"
    tifffile.imwrite(path, grey(), photometric="minisblack", bigtiff=True, tile=(16, 16))
    return path


def imagej_tiff(folder: Path) -> Path:
    import tifffile

    path = folder / "a.tif"
    tifffile.imwrite(
        path, grey(), imagej=True, metadata={"axes": "ZYX", "spacing": 0.2, "unit": "um"}
    )
    return path


def zarr_05(folder: Path) -> Path:
    from ssbtomo.io import ome_zarr

    store = ome_zarr.create(folder / "a.ome.zarr", SHAPE, "u2", (0.2, 0.1, 0.1), block=(4, 4, 8))
    for z in range(0, SHAPE[0], 4):
        store[z : z + 4] = grey()[z : z + 4]
    return folder / "a.ome.zarr"


def zarr_labels(folder: Path) -> Path:
    from ssbtomo.io import ome_zarr

    place = folder / "a.ome.zarr"
    names = {name: value for value, name in enumerate(PHASES)}
    ome_zarr.create(
        place, SHAPE, "u1", (0.2, 0.1, 0.1), block=(8, 8, 16), kind="labels", phases=names,
        colors=dict.fromkeys(names, "#204060"),
    )[...] = labels()  # fmt: skip
    return place


def zarr_04(folder: Path, codec: str = "zlib") -> Path:
    """Write version 0.4 by hand, as other programs do."""
    import numcodecs

    place = folder / "a.zarr"
    (place / "0" / "0" / "0").mkdir(parents=True)
    packer = numcodecs.get_codec({"id": codec})
    scale = {"type": "scale", "scale": [0.2, 0.1, 0.1]}
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    entry = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}  # fmt: skip
    array = {"zarr_format": 2, "shape": SHAPE, "chunks": SHAPE, "dtype": "<u2", "order": "C",
             "compressor": packer.get_config(), "fill_value": 0, "filters": None,
             "dimension_separator": "/"}  # fmt: skip
    (place / ".zgroup").write_text('{"zarr_format": 2}')
    (place / ".zattrs").write_text(json.dumps({"multiscales": [entry]}))
    (place / "0" / ".zarray").write_text(json.dumps(array))
    (place / "0" / "0" / "0" / "0").write_bytes(packer.encode(grey()))
    return place


def zarr_04_blosc(folder: Path) -> Path:
    return zarr_04(folder, "blosc")


def zarr_04_zstd(folder: Path) -> Path:
    return zarr_04(folder, "zstd")


def hdf5_packed(folder: Path) -> Path:
    import h5py

    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("volume", data=grey(), chunks=(2, 8, 10), compression="gzip")
        data.attrs["element_size_um"] = (0.2, 0.1, 0.1)
    return path


def hdf5_plain(folder: Path) -> Path:
    import h5py

    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/volume"] = grey()
    return path


def recipe(folder: Path) -> Path:
    import tifffile

    tifffile.imwrite(folder / "scan.tif", labels(), photometric="minisblack")
    path = folder / "recipe.yaml"
    path.write_text(
        "sample: {path: scan.tif, name: cathode, voxel_size: [0.2 um, 100 nm, 100 nm]}\n"
        "phases:\n  - {name: void, role: void}\n  - {name: electrolyte, role: electrolyte}\n"
        "  - {name: active, role: active}\n"
        "transport_axis: z\ndenoise: {method: gaussian, sigma: 100 nm}\n"
        "segment: {method: otsu, smallest_object: 3}\nrange: {shift: 0.05}\n"
        "quantify: {measures: [fractions, contacts, transport], tortuosity_axes: [z, x]}\n"
        "run: {scheduler: threads, workers: 2, memory: 4 GB, block: [16, 16, 16]}\n"
        "report: {title: Cathode}\n",
        encoding="utf-8",
    )
    return path


def model(folder: Path) -> Path:
    path = folder / "a.ssbmodel"
    path.write_bytes(_trained())
    return path


def _trained(kept: list[bytes] = []) -> bytes:  # noqa: B006 - trained once in a process
    if not kept:
        from ssbtomo.segment.training import TrainingSample, train

        rng = np.random.default_rng(1)
        truth = np.repeat(np.arange(3), 8)[None, :, None] * np.ones((12, 1, 24), int)
        image = (60 * truth + rng.normal(0, 5, truth.shape)).astype(np.float32)
        with tempfile.TemporaryDirectory() as place:
            made = train(TrainingSample(image, truth + 1, (0.1, 0.1, 0.1)), PHASES)
            made.save(Path(place) / "a")
            kept.append((Path(place) / "a").read_bytes())
    return kept[0]


def label_tiff(folder: Path) -> Path:
    import tifffile

    path = folder / "labels.tif"
    tifffile.imwrite(path, labels(), photometric="minisblack")
    return path


def marks(folder: Path) -> Path:
    path = folder / "marks.json"
    drawn = [
        {"phase": "void", "axis": "z", "slice": 2, "points": [[1, 2], [3, 4]], "width": 2},
        {"phase": "active", "axis": "y", "slice": 5, "lines": [[[1, 2], [4, 6]]]},
        {"phase": 2, "slice": 1, "boxes": [[1, 1, 3, 4]], "discs": [[4, 5, 2.5]]},
    ]
    path.write_text(json.dumps({"marks": drawn}, indent=1))
    return path


def read_volume(path: Path) -> str:
    """Open a volume, read its first and last slice, and say what makes no sense about it."""
    import dask

    from ssbtomo.io import open_volume

    volume = open_volume(path)
    with dask.config.set(scheduler="synchronous"):
        ends = [volume.data[0].compute(), volume.data[-1, :2].compute()]
    edges = volume.spacing
    flaws = {
        "axes": len(volume.shape) != 3 or min(volume.shape) < 1,
        "slices": ends[0].shape != volume.shape[1:],
        "type": ends[0].dtype != volume.dtype or volume.dtype.kind not in "uif",
        "spacing": edges is not None and not (np.isfinite(edges).all() and min(edges) > 0),
    }
    return ", ".join(name for name, wrong in flaws.items() if wrong)


def read_recipe(path: Path) -> str:
    """List the problems of a recipe, or plan its run."""
    from ssbtomo.runner.check import checked_plan

    problems, plan = checked_plan(path)
    if not problems and (plan is None or not plan.samples):
        return "neither problems nor a plan"
    outside = [job.name for job in plan.jobs if not _inside(job.name)] if plan else []
    return f"names that leave the folder: {outside}" if outside else ""


def _inside(name: str) -> bool:
    from ssbtomo.results import folder_name

    place = Path("/results/volumes") / folder_name(name)
    return place.resolve().parent == Path("/results/volumes")


def read_model(path: Path) -> str:
    """Load a model, and let its rule decide about some voxels."""
    from ssbtomo.segment.voxel_model import VoxelModel

    loaded = VoxelModel.load(path)
    values = np.linspace(-3, 3, 5 * len(loaded.features), dtype=np.float32).reshape(-1, 5)
    with np.errstate(all="ignore"):
        shares = np.asarray(loaded.rule.probabilities(values))
    sound = shares.shape == (5, len(loaded.phases)) and np.isfinite(shares).all()
    return "" if sound and np.allclose(shares.sum(1), 1, atol=1e-4) else "no probabilities"


def read_scribbles(path: Path) -> str:
    """Read scribbles, and see that they lie in the volume."""
    from ssbtomo.segment.scribbles import read_scribbles as read

    found = read(path, PHASES, SHAPE)
    inside = (found.places >= 0).all() and (found.places < np.array(SHAPE)).all()
    known = set(np.unique(found.labels).tolist()) <= {0, 1, 2}
    return "" if inside and known and len(found.places) else "scribbles outside of the volume"


Kind = tuple[Callable[[Path], Path], Callable[[Path], str]]
KINDS: dict[str, Kind] = {
    write.__name__: (write, read)
    for read, writers in (
        (read_volume, (ome_tiff, big_tiff, imagej_tiff, zarr_05, zarr_labels, zarr_04,
                       zarr_04_blosc, zarr_04_zstd, hdf5_packed, hdf5_plain)),
        (read_recipe, (recipe,)),
        (read_model, (model,)),
        (read_scribbles, (label_tiff, marks)),
    )
    for write in writers
}  # fmt: skip
KINDS["zarr as scribbles"] = (zarr_labels, read_scribbles)
KINDS["recipe again"] = KINDS["recipe"]  # twice as many: there is much to get wrong


def _text(data: bytearray, rng: random.Random) -> bytearray:
    """Put something odd in the place of a word."""
    found = list(headers.re.finditer(rb"[\w./-]{1,40}", bytes(data[:20_000])))
    if found:
        hit = rng.choice(found)
        data[hit.start() : hit.end()] = rng.choice(_TEXTS)
    return data


def mutate(folder: Path, rng: random.Random) -> None:
    """Change one file: texts mostly by words, other files mostly by bytes."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "scan.tif")
    texts = [file for file in files if file.suffix in (".json", ".yaml") or file.name[0] == "."]
    victim = rng.choice(texts if texts and rng.random() < 0.75 else files)
    content = victim.read_bytes()
    if victim in texts and rng.random() < 0.7:
        data = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            data = _text(data, rng)
        victim.write_bytes(bytes(data))
    else:
        victim.write_bytes(headers.mutated(content, rng))


def case(name: str, seed: int) -> tuple[str, str]:
    """Run one case: how it ended, and what is wrong with that, if anything."""
    from ssbtomo.errors import SsbtomoError

    write, read = KINDS[name]
    rng = random.Random(f"{name} {seed}")
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write(Path(place))
        mutate(Path(place), rng)
        before = signal.signal(signal.SIGALRM, headers._too_long)
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_size() + ROOM, limits[1]))
        signal.alarm(SECONDS)
        end, wrong = "sound", ""
        try:
            wrong = read(path)
        except SsbtomoError as error:
            end = type(error).__name__
            wrong = "" if error.hint or "->" in str(error) else f"no hint: {error}"
        except BaseException as error:  # noqa: BLE001  (what it is, is the question)
            end, wrong = "foreign error", f"{type(error).__name__}: {str(error)[:300]}"
        finally:
            signal.alarm(0)
            resource.setrlimit(resource.RLIMIT_AS, limits)
            signal.signal(signal.SIGALRM, before)
        return end, wrong


def _size() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def warm() -> None:
    """Read every kind once as it is: imports and compilers shall not count as its memory."""
    for name, (write, read) in KINDS.items():
        with tempfile.TemporaryDirectory() as place:
            wrong = read(write(Path(place)))
            if wrong:
                raise RuntimeError(f"{name}, not mutated: {wrong}")


def warmed(name: str, seed: int, done: list[bool] = []) -> tuple[str, str]:  # noqa: B006
    """Run a case in a worker: codecs with threads of their own do not survive a fork."""
    if not done:
        warm()
        done.append(True)
    return case(name, seed)


def main() -> int:
    """Run and print a table: kinds, and how their cases ended."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    return int(headers.report(*headers.run(count, seed, KINDS, warmed, list), count, seed))


if __name__ == "__main__":
    sys.exit(main())
