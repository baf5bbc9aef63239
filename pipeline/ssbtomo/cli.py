"""The command ``ssbtomo``: parse, call, print, exit."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ssbtomo.errors import CancelledError, SsbtomoError

__all__ = ["app", "main"]

_FIRST = (
    "the first run on this machine: kernels are compiled as they are met, which takes some minutes "
    "once; the times left leave that out"
)
EXIT_PROBLEM, EXIT_WARNINGS, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 1, 3, 4, 130

app = typer.Typer(
    help="From 3-D images of solid-state batteries to numbers that can be published.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 a problem that is explained, 2 wrong usage, 3 warnings under "
    "--strict, 4 some samples of a batch failed, 130 interrupted, 143 told to end (start again "
    "to go on).",
)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
Scan = Annotated[
    Path, typer.Argument(metavar="SCAN", help="TIFF, folder, HDF5, npy, raw, OME-Zarr.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Results folder.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="synchronous, threads, processes, or a Dask address; overrules the recipe."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Tasks at once; overrules the recipe.")]
Memory = Annotated[str | None, typer.Option(help="Memory the run may use, such as '8 GB'.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if there are warnings.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")]


def main() -> None:
    """Run the command line; an explained problem ends it with exit code 1."""
    try:
        app()
    except SsbtomoError as error:
        _complain(error)
        sys.exit(EXIT_INTERRUPTED if isinstance(error, CancelledError) else EXIT_PROBLEM)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; start again to go on\n")
        sys.exit(EXIT_INTERRUPTED)


def _version(*, wanted: bool) -> None:
    if wanted:
        from ssbtomo import __version__

        typer.echo(f"ssbtomo {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=lambda value: _version(wanted=value)),
    ] = False,
) -> None:
    """From 3-D images of solid-state batteries to numbers that can be published."""
    from ssbtomo.blocks.workers import use_host_cache

    use_host_cache()


@app.command()
def demo(
    out: Out = Path("demo_results"),
    sample: Annotated[
        str, typer.Option(help="Which sample: cathode_ct or cathode_fibsem.")
    ] = "cathode_ct",
    scheduler: Scheduler = None,
    workers: Workers = None,
    quiet: QuietFlag = False,
) -> None:
    """Build a sample volume, run the whole pipeline on it, and compare with the truth."""
    from ssbtomo.demo import beside_truth
    from ssbtomo.testing.samples import write_sample

    _tell_first(quiet=quiet)
    recipe = write_sample(sample, out / "sample")
    results = _run(recipe, out / "results", quiet=quiet, scheduler=scheduler, workers=workers)
    typer.echo(beside_truth(results))
    typer.echo(f"\nreport: {results.report.resolve()}")


@app.command()
def init(
    scan: Scan,
    out: Annotated[Path, typer.Option("--out", "-o", help="The recipe to write.")] = Path(
        "recipe.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing recipe.")] = False,
) -> None:
    """Write a commented recipe from what the scan tells."""
    from ssbtomo.runner.drafting import draft_recipe

    volume = draft_recipe(scan, out, force=force)
    _say(repr(volume))
    typer.echo(out)


@app.command()
def info(scan: Scan, as_json: AsJson = False) -> None:
    """Tell what a scan is: size, type, voxel size and its origin, and what is odd about it."""
    from ssbtomo import io
    from ssbtomo.errors import ProjectionsError

    try:
        volume = io.open_volume(scan)
    except ProjectionsError:
        _tell_projections(scan, as_json=as_json)
        return
    report = io.check_stack(scan)
    problems = [f"{item.severity}: {item.what} ({item.where})" for item in report.problems]
    if as_json:
        content = {
            "shape": volume.shape, "dtype": str(volume.dtype), "spacing_um": volume.spacing,
            "spacing_origin": volume.spacing_origin, "notes": list(volume.notes), "problems": problems,
        }  # fmt: skip
        typer.echo(json.dumps(content, indent=1))
        return
    typer.echo(repr(volume))
    for problem in problems:
        typer.echo(f"  {problem}")


def _tell_projections(scan: Path, *, as_json: bool) -> None:
    """Tell what a scan of projections is."""
    from ssbtomo import io

    found = io.open_projections(scan)
    if not as_json:
        typer.echo(repr(found))
        return
    content = {
        "projections": found.shape, "dtype": str(found.data.dtype), "beam": found.geometry.beam,
        "voxel_size_um": found.voxel_size, "origins": dict(found.origins),
        "notes": list(found.notes),
    }  # fmt: skip
    typer.echo(json.dumps(content, indent=1))


@app.command()
def check(
    recipe: RecipePath,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure first how fast this machine is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List every problem of a recipe and its scans, or tell what the run will need."""
    from ssbtomo.runner.check import checked_plan, plan_as_plain, plan_told

    problems, plan = checked_plan(recipe, calibrated=calibrate)
    if as_json:
        content: dict[str, Any] = {"problems": problems}
        if plan:
            content["samples"] = plan_as_plain(plan)
        typer.echo(json.dumps(content, indent=1))
    else:
        for problem in problems:
            _say(f"error: {problem}")
        if plan:
            typer.echo(plan_told(plan))
    raise typer.Exit(code=EXIT_PROBLEM if problems else 0)


@app.command()
def status(
    results: Annotated[Path, typer.Argument(help="A results folder.")], as_json: AsJson = False
) -> None:
    """Tell how far the run of a results folder is, from any shell."""
    from ssbtomo.runner.status import read_status

    found = read_status(results)
    typer.echo(found.as_json if as_json else found.text)


@app.command()
def run(  # noqa: PLR0913 - the flags of a command
    recipe: RecipePath,
    out: Out = Path("results"),
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = None,
    blocks: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="This is process I of N at this run (job arrays)."),
    ] = None,
    strict: Strict = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check what is done already; repeat what is damaged.")
    ] = False,
    quiet: QuietFlag = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe; stages that are done already are not repeated."""
    _tell_first(quiet=quiet)
    results = _run(
        recipe, out, quiet=quiet, scheduler=scheduler, workers=workers, memory=memory,
        blocks=blocks, verify=verify,
    )  # fmt: skip
    story = results.run
    if as_json:
        typer.echo(json.dumps({"results": str(results.path), "report": str(results.report),
                               "warnings": story["warnings"], "failures": story["failures"]},
                              indent=1))  # fmt: skip
    else:
        typer.echo(results.report)
    if story["failures"]:
        raise typer.Exit(code=EXIT_INCOMPLETE)
    if strict and (story["warnings"] or bool((results.table["warnings"] != "").any())):
        raise typer.Exit(code=EXIT_WARNINGS)


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(help="A results folder.")], as_json: AsJson = False
) -> None:
    """Compare the files of a results folder with the checksums that the run kept."""
    from ssbtomo.runner.verifying import verify as verified

    found = verified(results)
    if as_json:
        typer.echo(json.dumps({"files": found.files, "damaged": list(found.damaged)}, indent=1))
    else:
        typer.echo(found)
    raise typer.Exit(code=EXIT_PROBLEM if found.damaged else 0)


@app.command()
def train(  # noqa: PLR0913 - options of a command
    scans: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE_OR_SCANS", help="A recipe with its samples, or scans."),
    ],
    labels: Annotated[
        list[Path] | None,
        typer.Option("--labels", "-l", help="Scribbles, once per scan: label image or JSON."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write.")] = Path(
        "model.ssbmodel"
    ),
    phases: Annotated[
        str | None, typer.Option(help="For scans: void,electrolyte,active, or void=85,...")
    ] = None,
    voxel_size: Annotated[
        str | None, typer.Option(help="For scans without one: '18.4 nm', or three, Z,Y,X.")
    ] = None,
    features: Annotated[str | None, typer.Option(help="default, fib-sem or sheets.")] = None,
    rule: Annotated[str | None, typer.Option(help="forest, or logistic as a preview.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    grow: Annotated[
        bool | None, typer.Option("--grow/--no-grow", help="Learn from what scribbles grow to.")
    ] = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Train a voxel classifier from scribbles, and print how well it does on what it did not see."""
    from ssbtomo.runner.training import told, train_model

    given = {"features": features, "rule": rule, "seed": seed, "grow": grow}
    options = {key: value for key, value in given.items() if value is not None}
    model = train_model(
        scans, labels or [], out, phases=phases, voxel_size=voxel_size, workers=workers,
        options=options,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"model": str(out), "phases": list(model.phases),
                               "training": dict(model.training), "scores": dict(model.scores)},
                              indent=1))  # fmt: skip
        return
    _say(told(model))
    typer.echo(out)


@app.command()
def report(results: Annotated[Path, typer.Argument(help="A results folder.")]) -> None:
    """Write figures, methods and report of a results folder anew."""
    from ssbtomo.report import write_report
    from ssbtomo.results import Results

    typer.echo(write_report(Results.load(results).path))


@app.command()
def score(  # noqa: PLR0913 - the flags of a command
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="Segmented labels, or a results folder.")
    ],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="True labels, same voxels.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for score.json and CSV tables.")
    ] = None,
    phases: Annotated[
        str | None, typer.Option(help="Names and labels: void=0,electrolyte=1,active=2.")
    ] = None,
    unlabelled: Annotated[
        int | None, typer.Option(help="Value of the truth where nothing is compared.")
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option(help="Surfaces agree within it: '0.2 um'; a voxel if absent.")
    ] = None,
    axis: Annotated[
        list[str] | None, typer.Option(help="Compare tortuosity factors along it; repeat for more.")
    ] = None,
    voxel_size: Annotated[
        str | None, typer.Option(help="If the files tell none: '18.4 nm', or three, Z,Y,X.")
    ] = None,
    instances: Annotated[
        bool, typer.Option("--instances", help="The labels are numbers of objects.")
    ] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Score labels against the truth: overlap, surfaces, objects, and the numbers they give."""
    from ssbtomo.runner.scoring import Asked, score_files

    asked = Asked(
        phases=phases, unlabelled=unlabelled, tolerance=tolerance, axes=tuple(axis or ()),
        voxel_size=voxel_size, instances=instances, workers=workers,
    )  # fmt: skip
    found = score_files(labels, truth, asked, out)
    typer.echo(found.as_json if as_json else found.text)
    if out is not None:
        _say(str(out / "score.json"))


@app.command()
def explain(
    word: Annotated[
        str,
        typer.Argument(help="A quantity, a recipe key such as denoise.sigma, recipe, or schema."),
    ] = "",
) -> None:
    """Define a quantity or a recipe key; without a word, list them."""
    from ssbtomo.explaining import explain as explained

    typer.echo(explained(word))


def _tell_first(*, quiet: bool) -> None:
    """Say what the first run on a machine waits for."""
    from ssbtomo.blocks.workers import last_compiled

    if not quiet and not last_compiled():
        _say(_FIRST)


def _run(recipe: Path, out: Path, *, quiet: bool, memory: str | None = None, **how: Any) -> Any:
    from ssbtomo.stopping import stoppable

    with stoppable(_say) as stop:
        from ssbtomo import runner
        from ssbtomo.model.base import memory_bytes
        from ssbtomo.talk import talker

        try:
            with talker(quiet=quiet) as tell:
                return runner.run_together(
                    recipe, out, events=tell, cancel=stop.cancel, command=shlex.join(sys.argv),
                    memory=None if memory is None else memory_bytes(memory), **how,
                )  # fmt: skip
        except CancelledError as error:
            _complain(error)
            raise typer.Exit(code=stop.code) from None


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _complain(error: SsbtomoError) -> None:
    for line in str(error).splitlines():
        _say(line if line.startswith("  ->") else f"error: {line}")


if __name__ == "__main__":
    main()
