"""The verbs of the command line. The verdict line, or JSON, on stdout; everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from certify.cli import attesting, audits, compare, gating
from certify.cli.app import Interrupted, app, decimal, interruptible, whole
from certify.cli.gating.baseline import baseline as baseline_verb
from certify.cli.on_disk.rows import rows
from certify.cli.options import Activation, Graph, Jobs, Loss, NoBiasDecay, Normalization, WeightDecay
from certify.cli.pages.report import report
from certify.cli.polish import polish

__all__ = [  # importing a module of verbs adds them
    "Interrupted", "app", "attesting", "audits", "baseline_verb", "compare", "report"]


@cache
def command() -> Callable[..., None]:
    """All verbs as one command, put together once a process: that takes as long as a small proof."""
    return typer.main.get_command(app)


@app.command()
@interruptible
def run(
    spec: Annotated[list[Path] | None, typer.Argument(
        metavar="[SPEC]...", help="Specs, TOML files, or folders of them (default: certify.toml).")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write (default: the spec's folder).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it needs and what is feasible; compute and write nothing.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors; the line ends with the first reason.")
    ] = False,
    merge_duplicates: Annotated[
        bool, typer.Option("--merge-duplicates", help="Treat rows with equal features as one row.")
    ] = False,
    baseline: gating.Baseline = None,
    suppressions: gating.Suppressions = None,
    on_inconclusive: gating.OnInconclusive = "fail",
    cache: gating.Cache = None,
    copies: gating.Copies = False,
    jobs: Jobs = 1,
    form: Annotated[
        list[str] | None, typer.Option(
            "--format", metavar="NAME[=FILE]", help="text, json, markdown, sarif, junit, github, badge, model-card, "
            "cyclonedx, metrics, csv, html, pdf: in a file, or instead of the verdict line. Again for more; the status "
            "stays."),
    ] = None,
) -> None:
    """Prove what a spec asks for; write certificate.json and report.html, print one verdict line.

    Of several specs each has a line, and the exit status is the worst.
    """
    from certify.cli.gating.many import run_many, specs_of
    from certify.cli.gating.one import Asked, run_one
    from certify.format.errors import SpecError
    from certify.theorems.jobs import among

    given = spec or [Path("certify.toml")]
    if not spec and not given[0].exists():
        raise SpecError("run", "no spec is named, and there is no certify.toml in this folder",
                        "name one, or write one beside model and data with certify init")
    asked = Asked(output, as_json, quiet, merge_duplicates, tuple(form or ()), on_inconclusive, baseline, suppressions,
                  cache, copies)
    several = len(given) > 1 or given[0].is_dir()
    if plan:
        if several:
            raise SpecError("--plan", f"{len(given)} specs or folders", "name one spec")
        _plan(given[0], output, merge_duplicates, as_json)
        return
    with among(jobs):
        status = run_many(specs_of(given), asked) if several else run_one(given[0], asked)
    raise typer.Exit(status)


def _plan(spec: Path, output: Path | None, merge_duplicates: bool, as_json: bool) -> None:
    from certify.auditing.spec_run import CERTIFICATE, REPORT, load
    from certify.certificate.write import require_folder
    from certify.cli.text import one_line
    from certify.prove.plan import make_plan

    require_folder(spec.parent if output is None else output, (CERTIFICATE, REPORT))
    found = make_plan(load(spec, merge_duplicates).problem)
    if as_json:
        print(json.dumps(found.as_json(), allow_nan=False))
    else:
        for line in found.as_lines():
            print(one_line(line))


@app.command()
@interruptible
def estimate(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a TOML file.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write (default: the spec's folder).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
) -> None:
    """Estimate the new parameters of any torch module after one change of its data; nothing is proved.

    Writes estimate.json, new_parameters.safetensors and estimate.html, prints one line. Where the whole takes longer, a
    first answer is on stderr within seconds. Status 5: the linear system was not solved (residual above 0.5).
    """
    from certify.cli.estimates import ESTIMATE, PAGE, PARAMETERS, run_estimate
    from certify.cli.text import one_line
    from certify.problem.progress import shown
    from certify.prove.gates import UNSOLVED, exit_status
    from certify.report.messages import estimate_advice, estimate_line, estimate_object

    def first(words: str) -> None:
        if not quiet:
            print(one_line(words), file=sys.stderr, flush=True)

    with shown(quiet) as tell:
        document = run_estimate(spec, output, tell, first)
    folder = spec.parent if output is None else output
    if as_json:
        print(json.dumps(estimate_object(document), allow_nan=False))
    else:
        print(one_line(estimate_line(document)))
    sys.stdout.flush()
    if not quiet:
        for line in estimate_advice(document):
            print(one_line(line), file=sys.stderr)
        for what, name in (("estimate  ", ESTIMATE), ("parameters", PARAMETERS), ("report    ", PAGE)):
            print(one_line(f"{what} {folder / name}"), file=sys.stderr)
    raise typer.Exit(UNSOLVED if document["result"]["failure"] else exit_status(document["gates"]))


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def check(context: typer.Context) -> None:
    """Re-derive every claim of a certificate from the original files, with independent code."""
    from certify.check.main import main

    raise typer.Exit(main(context.args))  # reached only with an option before the verb; else cli.main is faster


@app.command()
@interruptible
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the spec goes.")] = Path("."),
    model: Annotated[Path | None, typer.Option("--model", metavar="FILE", help="Take the widths from it.")] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="Take the array names from it.")] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="A spec for `certify estimate`.")] = False,
    graph: Graph = None,
    activation: Activation = None,
    loss: Loss = None,
    weight_decay: WeightDecay = None,
    no_bias_decay: NoBiasDecay = False,
    normalization: Normalization = None,
    ask: Annotated[str | None, typer.Option(
        "--ask", metavar="WORDS", help="The spec of one question, e.g. '5 rows deleted', as `certify audit` asks it.")
    ] = None,
    evaluation: Annotated[Path | None, typer.Option(
        "--eval", metavar="FILE", help="Rows to predict, with --ask (default: new.npz or the like beside the data, "
        "else the training rows).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the spec that is there.")] = False,
) -> None:
    """Write a commented spec, certify.toml, filled in from the model and data that lie beside it.

    What no file says is left out, not guessed.
    """
    from certify.cli.starter import Said, write_starter
    from certify.cli.text import one_line

    if evaluation is not None and ask is None:
        from certify.format.errors import InputError

        raise InputError("init --eval", "no question is asked that predicts", "add --ask, e.g. --ask 'rows deleted'")
    said = Said(activation, loss, weight_decay, False if no_bias_decay else None, normalization)
    if ask is not None:
        from certify.cli.starter.asked import write_asked

        path, taken, predicted = write_asked(folder, model, data, evaluation, graph, said, ask, force)
        print(one_line(f"wrote {path}"), file=sys.stderr)
        if data is None:
            print(one_line(f"note: data is {taken.name} (--data names others)"), file=sys.stderr)
        rows = "the training rows" if predicted is None else str(predicted)
        print(one_line(f"note: rows to predict, where the question is about any: {rows} (--eval names others)"),
              file=sys.stderr)
        return
    written = write_starter(folder, model, data, estimate, graph, said, force)
    for line in (f"wrote {written.path}", *(f"note: {words}" for words in written.notes), written.fit):
        if line:
            print(one_line(line), file=sys.stderr)


app.command()(interruptible(polish))
app.command()(interruptible(rows))


@app.command()
@interruptible
def graph(
    factory: Annotated[str, typer.Argument(
        metavar="FACTORY", help="package.module:callable that returns the module, or a file .onnx.")],
    shape: Annotated[
        str | None, typer.Option("--shape", metavar="C,H,W", help="A row: 3,32,32, or tokens,channels; .onnx says it.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to write.")] = Path("graph.json"),
) -> None:
    """Trace a torch module (its code runs) or read an .onnx file, and write the graph file that model.graph names."""
    from certify.cli.graphs import write

    write(factory, shape, out)


@app.command()
@interruptible
def stability(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec of an interpolation problem.")],
    count: Annotated[int, typer.Option(
        "--count", parser=whole, metavar="INTEGER", help="Other solutions to walk to.")] = 8,
    length: Annotated[float, typer.Option(
        "--length", parser=decimal, metavar="FLOAT", help="Of each walk, relative to the weights.")] = 0.1,
    seed: Annotated[int, typer.Option("--seed", parser=whole, metavar="INTEGER", help="Of the directions.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
) -> None:
    """Prove the modulus at many solutions: which is the most stable, and by how much."""
    from certify.problem.load import load_problem
    from certify.problem.progress import shown
    from certify.prove.stability import stability as walk
    from certify.report.messages import stability_lines

    problem = load_problem(spec)
    with shown(quiet) as tell:
        found = walk(problem, count, length, seed, progress=tell)
    if as_json:
        print(json.dumps(found.as_json(), allow_nan=False))
    else:
        for line in stability_lines(found):
            print(line)


@app.command()
@interruptible
def algorithm1(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help='A spec with set = "given".')],
    members: Annotated[int, typer.Option(
        "--members", parser=whole, metavar="INTEGER", help="Random members of the estimated set.")] = 5,
    seed: Annotated[int, typer.Option("--seed", parser=whole, metavar="INTEGER", help="Of the members.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The paper's Algorithm 1: the estimated set after one change, its distance, and what is proved about it."""
    from certify.cli.algorithm import run_algorithm_1

    found = run_algorithm_1(spec, members, seed)
    if as_json:
        print(json.dumps(found.as_json(), allow_nan=False))
    else:
        for line in found.as_lines():
            print(line)


@app.command()
@interruptible
def explain(
    label: Annotated[str | None, typer.Argument(
        metavar="LABEL", help="A label such as M2, or a word such as modulus; without one all are listed.")] = None,
) -> None:
    """Say in plain words what a theorem's label, or a word of a report, means."""
    from certify.cli.explain import explain as text
    from certify.cli.explain import overview

    print(overview() if label is None else text(label))
