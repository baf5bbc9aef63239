"""Run a recipe as one of several processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ssbtomo.model import load_recipe
from ssbtomo.results import Results
from ssbtomo.runner.execute import run
from ssbtomo.runner.sharing import part_of, recipe_mark, together

__all__ = ["run_together"]


def run_together(
    recipe: str | Path, out: str | Path, *, blocks: str | None = None, **how: Any
) -> Results:
    """Run a recipe with other processes that are started with the same call on the same folder.

    One of them leads, and the others take tasks of it; should it die, one of them goes on.

    Parameters
    ----------
    recipe : str or pathlib.Path
        The recipe file.
    out : str or pathlib.Path
        The results folder, on a disk that all of them share.
    blocks : str, optional
        Which process of how many this is, such as ``"3/8"``; alone if not given.
    **how : object
        As for `run`.

    Returns
    -------
    Results
        The results folder, opened, once the run is done.
    """
    if blocks is None:
        return run(recipe, out, **how)
    _, number = part_of(blocks)
    checked = load_recipe(recipe)
    threads = how.get("workers") or checked.run.workers or os.cpu_count() or 1
    how |= {"scheduler": "threads", "workers": threads, "helpers": number - 1}
    return together(
        Path(out), lambda: run(recipe, out, **how), recipe_mark(checked), threads, how.get("cancel")
    )
