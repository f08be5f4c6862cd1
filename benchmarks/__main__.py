"""Benchmarks by name, or `all`; the figures go to benchmarks/results/NAME.json."""

import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.console import Console, RenderableType

from benchmarks import harness
from benchmarks.dispatch import benchmark as dispatch_benchmark
from benchmarks.dispatch import tables as dispatch_tables
from benchmarks.intake import benchmark, tables
from benchmarks.summaries import benchmark as summaries_benchmark
from benchmarks.summaries import tables as summaries_tables
from benchmarks.telemetry import benchmark as telemetry_benchmark
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

RESULTS: Final = Path(__file__).with_name("results")

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_show_locals=False)

Events = Annotated[int, typer.Option(min=10_000, help="Carried by every arm, naive a 20th.")]
Rounds = Annotated[int, typer.Option(min=1, max=99, help="Medians are taken over them.")]
Quick = Annotated[bool, typer.Option(help="Small and short: whether it works, not how fast.")]
Directory = Annotated[
    Path | None,
    typer.Option(help="Where the servers' data lie; default: benchmarks/ in MODEL_FOUNDRY_HOME."),
]
Results = Annotated[
    Path | None,
    typer.Option(help="Default: benchmarks/results; of a quick run the directory above."),
]


class _Where(NamedTuple):
    """Where a benchmark's servers live, and where its figures go."""

    quick: bool
    directory: Path | None
    results: Path | None

    def measure(
        self,
        name: str,
        run: Callable[[Path, Callable[[str], None]], dict[str, Any]],
        render: Callable[[dict[str, Any]], RenderableType],
    ) -> None:
        console = Console()
        directory = self.directory or Settings().home / "benchmarks"
        try:
            result = run(directory, console.log)
        except FoundryError as error:
            console.print(f"[red]error:[/] {error}", highlight=False)
            raise typer.Exit(1) from None
        figures = self.results or (directory if self.quick else RESULTS)
        path = harness.write_result(figures, name, result)
        console.print(render(result), f"written to {path}")


@app.command()
def intake(
    events: Events = benchmark.FULL.events,
    rounds: Rounds = benchmark.FULL.rounds,
    quick: Quick = False,
    directory: Directory = None,
    results: Results = None,
) -> None:
    """The drain beside its peers and COPY, into full inboxes, and in several processes."""
    size = benchmark.QUICK if quick else benchmark.full_size(events=events, rounds=rounds)
    where = _Where(quick, directory, results)
    where.measure("intake", partial(benchmark.run, size), tables.render)


@app.command()
def dispatch(
    rounds: Rounds = dispatch_benchmark.FULL.rounds,
    quick: Quick = False,
    directory: Directory = None,
    results: Results = None,
) -> None:
    """The dispatcher beside its peers: how full the slots are, what a request costs, memory."""
    full = dispatch_benchmark.FULL._replace(rounds=rounds)
    size = dispatch_benchmark.QUICK if quick else full
    where = _Where(quick, directory, results)
    where.measure("dispatch", partial(dispatch_benchmark.run, size), dispatch_tables.render)


@app.command()
def summaries(
    rounds: Rounds = summaries_benchmark.FULL.rounds,
    quick: Quick = False,
    directory: Directory = None,
    results: Results = None,
) -> None:
    """A day from PostgreSQL through the lake to its summary, beside its peers."""
    full = summaries_benchmark.FULL._replace(rounds=rounds)
    size = summaries_benchmark.QUICK if quick else full
    where = _Where(quick, directory, results)
    where.measure("summaries", partial(summaries_benchmark.run, size), summaries_tables.render)


@app.command()
def telemetry(
    rounds: Rounds = telemetry_benchmark.FULL.rounds,
    quick: Quick = False,
    directory: Directory = None,
    results: Results = None,
) -> None:
    """Intake and dispatch without telemetry, with it, and with an endpoint in trouble."""
    full = telemetry_benchmark.FULL._replace(rounds=rounds)
    size = telemetry_benchmark.QUICK if quick else full
    where = _Where(quick, directory, results)
    where.measure("telemetry", partial(telemetry_benchmark.run, size), telemetry_benchmark.render)


@app.command(name="all")
def all_benchmarks(
    quick: Quick = False, directory: Directory = None, results: Results = None
) -> None:
    """Every benchmark, one after the other."""
    intake(quick=quick, directory=directory, results=results)
    dispatch(quick=quick, directory=directory, results=results)
    summaries(quick=quick, directory=directory, results=results)
    telemetry(quick=quick, directory=directory, results=results)


if __name__ == "__main__":
    # As Ctrl-C does: the servers end, and what they kept is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app()
