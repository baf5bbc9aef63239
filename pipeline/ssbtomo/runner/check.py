"""Everything that can be told about a recipe before work starts."""

from __future__ import annotations

import os
from pathlib import Path

from ssbtomo.errors import SsbtomoError
from ssbtomo.model import read_recipe
from ssbtomo.runner.plan import Plan, check_resources, plan_run

__all__ = ["check", "checked_plan"]


def check(recipe: str | Path) -> list[str]:
    """List every problem of a recipe and of the scans that it names.

    Parameters
    ----------
    recipe : str or pathlib.Path
        The recipe file.

    Returns
    -------
    list of str
        Empty if the run can start.
    """
    return checked_plan(Path(recipe))[0]


def checked_plan(path: Path) -> tuple[list[str], Plan | None]:
    """Return the problems of a recipe, or the plan of its run.

    Parameters
    ----------
    path : pathlib.Path
        The recipe file.

    Returns
    -------
    problems : list of str
        Empty if the run can start.
    plan : Plan or None
        What the run does and needs.
    """
    found, recipe = read_recipe(path)
    if recipe is None:
        return found, None
    alone = recipe.run.scheduler == "synchronous"
    workers = 1 if alone else recipe.run.workers or os.cpu_count() or 1
    try:
        plan = plan_run(recipe, path.resolve().parent, workers=workers, memory=recipe.run.memory)
        check_resources(plan, Path())
    except SsbtomoError as error:
        return [str(error)], None
    return [], plan
