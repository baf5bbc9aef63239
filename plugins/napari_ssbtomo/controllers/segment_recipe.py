"""What was done in the viewer, as the segmentation of a recipe: it runs anywhere, and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.annotating import Annotations
from napari_ssbtomo.controllers.picking import Pick
from napari_ssbtomo.controllers.recipe_paths import move_paths, moved_segment, short_path
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.errors import OutputError, RecipeError, SsbtomoError
from ssbtomo.palette import ROLES

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.recipe_draft import RecipeDraft
    from ssbtomo.units import Spacing

__all__ = [
    "Origin",
    "corrected_section",
    "origin_of",
    "put_segment",
    "save_recipe",
    "save_scribbles",
    "threshold_section",
    "trained_section",
]


class Origin:
    """Where a volume came from: its recipe, or its file.

    Parameters
    ----------
    recipe : pathlib.Path or None
        A recipe that names it.
    source : pathlib.Path or None
        Its file.
    sample : str
        Its name among those of the recipe; empty for the only one.
    spacing : tuple of float or None
        Voxel edges along (Z, Y, X) in µm, for a recipe that has yet to be written.
    """

    def __init__(
        self, recipe: Path | None, source: Path | None, sample: str, spacing: Spacing | None
    ) -> None:
        self.recipe, self.source = recipe, source
        self.sample, self.spacing = sample, spacing

    @property
    def folder(self) -> Path | None:
        """Folder in which a recipe finds its files without long paths."""
        place = self.recipe or self.source
        return None if place is None else place.parent


def origin_of(layer: Any, spacing: Spacing | None = None) -> Origin:
    """Find where a layer came from.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer.
    spacing : tuple of float, optional
        Its voxel edges, if the file does not tell them.

    Returns
    -------
    Origin
        Nothing is known of a layer that another plugin made.
    """
    about = layer.metadata.get("ssbtomo", {})
    recipe, source = about.get("recipe"), about.get("source")
    results = about.get("results")
    if recipe is None and results is not None:
        recipe = _recipe_of_results(Path(results))
    return Origin(
        Path(recipe) if recipe else None,
        Path(source) if source and not results else None,
        str(about.get("sample", "")),
        spacing,
    )


def _recipe_of_results(results: Path) -> str | None:
    """Return the recipe beside a results folder that was made from one of that name."""
    stem = results.name.removesuffix("-results")
    beside = [results.parent / f"{stem}{ending}" for ending in (".yaml", ".yml")]
    return next((str(path) for path in beside if path.is_file()), None)


def threshold_section(thresholds: Sequence[float], *, repair: bool) -> dict[str, Any]:
    """Return the section of a recipe that segments at thresholds.

    Parameters
    ----------
    thresholds : sequence of float
        Rising grey values.
    repair : bool
        Whether partial volume is repaired.

    Returns
    -------
    dict
        Keys of ``segment``.
    """
    return {"method": "thresholds", "thresholds": [float(t) for t in thresholds], "repair": repair}


def trained_section(file: Path, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the section of a recipe that classifies.

    Parameters
    ----------
    file : pathlib.Path
        Scribbles to train from, or a model file if there are no options.
    options : mapping or None
        Of the training.

    Returns
    -------
    dict
        Keys of ``segment``.
    """
    if options is None:
        return {"method": "trained", "model": str(file)}
    return {"method": "trained", "train": {"labels": str(file), **options}}


def corrected_section(file: Path) -> dict[str, Any]:
    """Return what a recipe's section gains by corrections.

    Parameters
    ----------
    file : pathlib.Path
        The corrections.

    Returns
    -------
    dict
        Keys of ``segment`` that join those that are there.
    """
    return {"corrections": str(file)}


def save_scribbles(annotations: Annotations, pick: Pick, file: Path, hands: Hands) -> Path:
    """Write what was painted as a label image: 0 is unlabelled, k the k-th phase.

    Parameters
    ----------
    annotations : Annotations
        What was painted.
    pick : Pick
        The volume.
    file : pathlib.Path
        An OME-Zarr folder; one of ours is replaced.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    pathlib.Path
        The store. It appears whole or not at all.

    Raises
    ------
    SsbtomoError
        If nothing was painted, or it cannot be written.
    """
    import shutil

    import numpy as np

    from ssbtomo.blocks import Grid
    from ssbtomo.io import ome_zarr

    annotations.all_marks(hands.cancel)
    z, y, x = (min(n, 128) for n in pick.shape)
    grid = Grid(pick.shape, (z, y, x))
    draft = file.with_name(f".{file.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        sink = ome_zarr.create(
            draft, pick.shape, np.uint8, pick.spacing, kind="labels", block=grid.block
        )
        for done, block in enumerate(grid):
            hands.check()
            hands.tell("writing scribbles", done, len(grid))
            sink[block.core] = np.asarray(annotations.layer.data[block.core]).astype(np.uint8)
        ome_zarr.finish(draft)
        if file.exists():
            ome_zarr.multiscale(file)  # refuses what is not ours to replace
            shutil.rmtree(file)
        draft.replace(file)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return file


def save_recipe(
    origin: Origin,
    target: Path,
    section: Mapping[str, Any],
    phases: Sequence[str] | None = None,
) -> Path:
    """Write a recipe with another segmentation; all else is as it was.

    Parameters
    ----------
    origin : Origin
        The recipe to start from, or the file of the volume.
    target : pathlib.Path
        The recipe to write; its comments are not kept if it is the same.
    section : mapping
        Keys of ``segment``. With a ``method`` they replace the section, else they join it.
    phases : sequence of str, optional
        Names of the phases, darkest first, if they are to be those.

    Returns
    -------
    pathlib.Path
        The recipe.

    Raises
    ------
    RecipeError
        If nothing tells the volume's file, or the recipe would have a problem.
    OutputError
        If it cannot be written.
    """
    content = _content(origin, target.parent)
    sample = _sample_of(content, origin.sample)
    if phases is not None:
        table = content if sample is None or "phases" not in sample else sample
        table["phases"] = _phase_tables(table.get("phases"), phases)
    _set_segment(content, sample, _near(section, target.parent))
    return _written(content, target)


def _content(origin: Origin, folder: Path) -> dict[str, Any]:
    import yaml

    if origin.recipe is not None:
        try:
            content = yaml.safe_load(origin.recipe.read_text("utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise RecipeError(f"{origin.recipe} cannot be read: {error}") from None
        if not isinstance(content, dict):
            raise RecipeError(f"{origin.recipe} is no recipe")
        move_paths(content, origin.recipe.parent.resolve(), folder.resolve())
        return content
    if origin.source is None:
        raise RecipeError(
            "nothing tells the file of this volume, and a recipe has to name it",
            hint="save the volume to a file, and open that",
        )
    sample: dict[str, Any] = {"path": short_path(origin.source.resolve(), folder.resolve())}
    if origin.spacing is not None:
        sample["voxel_size"] = [f"{edge!r} um" for edge in origin.spacing]
    return {"sample": sample}


def _sample_of(content: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the entry of a sample, if the recipe has several."""
    samples = content.get("samples")
    if not isinstance(samples, list) or len(samples) < 2:
        return None
    for sample in samples:
        stem = Path(str(sample.get("path", ""))).name.partition(".")[0]
        if name in (sample.get("name"), stem):
            found: dict[str, Any] = sample
            return found
    raise RecipeError(
        f"the recipe has {len(samples)} samples, and none is called {name!r}",
        hint="open the sample by its recipe or its results",
    )


def _phase_tables(before: Any, phases: Sequence[str]) -> list[dict[str, Any]]:
    """Return the phases of a recipe by these names; what was said of them stays."""
    known = {phase.get("name"): phase for phase in before or [] if isinstance(phase, dict)}
    return [
        {key: value for key, value in known[name].items() if key != "value"}
        if name in known
        else {"name": name, "role": name if name in ROLES else "other"}
        for name in phases
    ]


def _set_segment(
    content: dict[str, Any], sample: dict[str, Any] | None, section: Mapping[str, Any]
) -> None:
    table = content if sample is None else sample
    if sample is None:
        for key in ("sample", "samples"):
            inner = content.get(key)
            only = inner[0] if isinstance(inner, list) and inner else inner
            if isinstance(only, dict) and "segment" in only:
                table = only
    table["segment"] = _joined(table.get("segment") or {}, section)


def _joined(before: Mapping[str, Any], section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section with another method, or the one before with more keys."""
    if "method" not in section:
        return {**before, **section}
    stays = () if section["method"] == "trained" else ("smallest_object", "lithium")
    return {**{key: before[key] for key in stays if key in before}, **section}


def put_segment(
    draft: RecipeDraft, section: Mapping[str, Any], phases: Sequence[str] | None = None
) -> None:
    """Put a segmentation into the recipe that the window is writing.

    Parameters
    ----------
    draft : RecipeDraft
        The window's.
    section : mapping
        Keys of ``segment``. With a ``method`` they replace the section, else they join it.
    phases : sequence of str, optional
        Names of the phases, darkest first, if they are to be those.
    """
    if phases is not None:
        draft.set(("phases",), _phase_tables(draft.get(("phases",)), phases))
    draft.set(("segment",), _joined(draft.get(("segment",)) or {}, section))


def _near(section: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write the paths of a section as they are seen from the recipe."""
    here = Path.cwd()
    return moved_segment(section, here, folder.resolve())


def _written(content: Mapping[str, Any], target: Path) -> Path:
    import yaml

    from ssbtomo.model import read_recipe

    draft = target.with_name(f".{target.stem}.draft.yaml")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
        draft.write_text(text, encoding="utf-8")
        found, _ = read_recipe(draft)
        if found:
            told = "\n".join(found).replace(draft.name, target.name)
            raise RecipeError(f"the recipe would have problems:\n{told}")
        draft.replace(target)
    except OSError as error:
        if isinstance(error, SsbtomoError):
            raise
        raise OutputError(
            f"the recipe cannot be written to {target}: {error.strerror or error}",
            hint="choose a folder that you may write to",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target
