"""The commands of ``medpool``."""

from __future__ import annotations

import getpass
import sys
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from medpool_etl import __version__, pipeline
from medpool_etl.alerts.message import without_long_numbers
from medpool_etl.cli import logs, render, render_rules
from medpool_etl.cli.backfill import fill
from medpool_etl.cli.breaks import breaks_app
from medpool_etl.cli.check import check
from medpool_etl.cli.deadlines import deadlines
from medpool_etl.cli.dictionary import dictionary_text
from medpool_etl.cli.met import met
from medpool_etl.cli.metrics import metrics
from medpool_etl.cli.progress import progress
from medpool_etl.cli.ready import ready
from medpool_etl.cli.reviews import approve, reject, reviews
from medpool_etl.cli.rules import rules
from medpool_etl.cli.what_if import what_if
from medpool_etl.contracts import load_all
from medpool_etl.errors import InputError, MedpoolError
from medpool_etl.marts import load_registry
from medpool_etl.money import exact, from_fen, grouped, to_fen
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.policy import load_break_classes
from medpool_etl.quality import write_suites
from medpool_etl.reports import read_summary
from medpool_etl.simulator import FAULTS, Order, simulate_year_files
from medpool_etl.simulator import simulate as write_simulation
from medpool_etl.store import Settings, Warehouse
from medpool_etl.store.disk import disk_trouble
from medpool_etl.store.warehouse import read_json

app = typer.Typer(
    name="medpool",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Monthly settlement of a city's pooled basic medical insurance funds.

A first month, from rehearsal files to the workbook:

  medpool simulate taizhou 2022-03      write a month of files into the inbox

  medpool inbox taizhou 2022-03         what came, what is missing, what is late

  medpool run taizhou 2022-03           settle it: receive, check, reconcile, settle, publish

  medpool show taizhou 2022-03          what came out, and where it is

  medpool breaks list taizhou           what does not agree, since when, and whose it is

  medpool explain remittances/taizhou/2022-03/worker/331002      the clause and file rows behind an amount

Files go to <MEDPOOL_DATA>/inbox/<city>/<month>; results lie in <MEDPOOL_DATA>/warehouse.
Exit codes: 0 done, 1 done but provisional, 2 to be mended by you, 3 a fault of medpool, 4 blocked: nothing new is published,
5 waiting for approval.""",
)
app.add_typer(breaks_app, name="breaks")
app.command("what-if")(what_if)
app.command()(check)
app.command()(deadlines)
app.command()(met)
app.command()(metrics)
app.command()(ready)
app.command()(rules)
app.command()(reviews)
app.command()(approve)
app.command()(reject)
app.command("backfill")(fill)
City = Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)]
PeriodText = Annotated[
    str,
    typer.Argument(metavar="PERIOD", help="2022-03, 2022-Q1, 2022-opening or 2022-clearing.", show_default=False),
]
MonthText = Annotated[str, typer.Argument(metavar="MONTH", help="The month, such as 2022-03.", show_default=False)]


@app.command()
def simulate(
    city: City,
    period: PeriodText,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    scale: Annotated[int, typer.Option(help="Times the usual number of receipts (1: about 2,400).")] = 1,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault to plant; repeat for several. `medpool faults` lists them.")
    ] = None,
    cures: Annotated[bool, typer.Option(help="Bring what ends the breaks planted in the month before.")] = True,
    year: Annotated[
        bool,
        typer.Option(
            "--year",
            help="A month of a whole year: plans, enrolment, subsidies come too, and what was ordered is paid.",
        ),
    ] = False,
) -> None:
    """Write rehearsal files into the inbox, consistent to the fen unless faults are planted.

    A month after a month that was simulated before begins with its balances and brings the cures of its faults. With --year it pays
    what the published periods ordered for it. An opening (2022-opening) and a clearing (2022-clearing) are the files that come once a
    year: final accounts, budget, audited balances; the assessment.

    What was planted, and what must be found, is recorded beside the month's folder.
    """
    settings, when = Settings.load(), Period.parse(period)
    if when.kind in ("opening", "clearing"):
        written = simulate_year_files(city, when.year, settings.inbox, when.kind, seed=seed)
        render.say("\n".join(f"模拟文件 Rehearsal file: {path}" for path in written))
        return
    if when.kind != "month":
        raise InputError(
            f"{when} needs no files of its own", do=f"run `medpool run {city} {when}` once its months are published"
        )
    month = when.first_month
    orders = None
    if year:
        orders = [
            Order(i.transfer_id, i.fund, i.county, i.payer_account, i.receiver_account, to_fen(i.amount), i.due)
            for i in pipeline.instructed_for(settings, city, month)
        ]
    result = write_simulation(
        city, month, settings.inbox, seed=seed, scale=scale, faults=fault or [], cures=cures, year=year, orders=orders
    )
    render.simulated(result)


@app.command()
def faults() -> None:
    """List the faults `medpool simulate --fault` can plant."""
    render.faults(FAULTS.values())


@app.command()
def run(
    city: City,
    period: PeriodText,
    by: Annotated[
        str | None,
        typer.Option(
            envvar="MEDPOOL_USER",
            help="Who has it run, and so may not approve it (default: whoever is logged in).",
            show_default=False,
        ),
    ] = None,
    ahead: Annotated[
        bool,
        typer.Option(
            "--ahead",
            help="Order only what is due before the period is over: the funding plans of a month, the subsidies of a quarter.",
        ),
    ] = False,
) -> None:
    """Settle a period: a month (receive, stage, judge, reconcile, settle, pass the gate, publish, alert), a quarter, the opening
    of a year or its clearing; then show what came out.

    What the city's rules have reviewed waits for `medpool approve` before it is published. Run again with the same inputs and rules, it changes nothing and says so.
    """
    settings, when = Settings.load(), Period.parse(period)
    done = pipeline.run_period(settings, city, when, progress, by or _login(settings), ahead)
    _show(settings, city, when, unchanged=done.unchanged)


@app.command()
def show(
    city: City,
    period: PeriodText,
    before: Annotated[
        str | None, typer.Option(help="A generation of the mart (where marts/current points): say whether it still is.")
    ] = None,
) -> None:
    """Show what is published of a period: files, set-asides, reconciliations, transfers, and where the results are."""
    settings = Settings.load()
    unchanged = Warehouse(settings.warehouse).generation() == before
    _show(settings, city, Period.parse(period), unchanged=unchanged)


def _login(settings: Settings) -> str | None:
    """Return who is logged in, where people approve; a container's user may have no name."""
    if settings.unattended:
        return None
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _show(settings: Settings, city: str, when: Period, unchanged: bool) -> None:
    agreed, warehouse = Agreed.load(city), Warehouse(settings.warehouse)
    folder = pipeline.published_folder(settings, city, when)
    if when.kind == "month":
        summary = read_summary(folder, tuple(agreed.rulebook.pairs))
        render.month(summary, agreed, when.first_month, folder, warehouse, unchanged)
        others = summary.transfers[summary.transfers["rule_id"] != agreed.remittance_rule]
        if not others.empty:
            render_rules.orders(others, agreed)
        figures = summary.figures
    else:
        render_rules.period(agreed, when, folder, warehouse, unchanged)
        figures = read_json(folder / "summary.json")["figures"]
    render_rules.risks(folder)
    if figures == "provisional":
        raise typer.Exit(1)


@app.command()
def agenda(
    city: City,
    year: Annotated[int, typer.Argument(help="The year, such as 2022.", show_default=False)],
    names: Annotated[bool, typer.Option("--names", help="Print only what is there to run, a period a line.")] = False,
) -> None:
    """Show what a year consists of, in the order it is settled: opening, months, quarters, clearing, and where each stands."""
    items = pipeline.agenda(Settings.load(), city, year)
    if names:
        typer.echo("\n".join(str(item.period) for item in items if item.state != "unspecified"))
    else:
        render_rules.agenda(items)


@app.command()
def plan(
    city: City,
    month: MonthText,
    county: Annotated[str, typer.Argument(help="The county's division code.", show_default=False)],
    fund: Annotated[str, typer.Argument(help="worker or resident.", show_default=False)],
    amount: Annotated[str, typer.Argument(help="What it is granted for the next month, in yuan.", show_default=False)],
    by: Annotated[str, typer.Option(envvar="MEDPOOL_USER", help="Who decides.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why.", show_default=False)],
) -> None:
    """Decide what a county is granted of the funding plan it sent with a month, over what the review proposes.

    It takes effect when the month is run again, and stands in the working of its rule, with your name.
    """
    decided = pipeline.decide_plan(Settings.load(), city, Month.parse(month), fund, county, _yuan(amount), by, reason)
    render.say(
        f"已记录核定数 Recorded: {city} {month} {county} {fund} {grouped(from_fen(decided.amount_fen))} 元，用于 for "
        f"{Month.parse(month).plus(1)}, {decided.by}: {decided.reason}\n"
        f"  do: medpool run {city} {month}"
    )


def _yuan(text: str) -> Decimal:
    try:
        return exact(Decimal(text.replace(",", "")))
    except (ArithmeticError, MedpoolError) as error:
        raise InputError(f"{text!r} is no amount", expected="yuan, exact to the fen, such as 28600000.00") from error


@app.command()
def inbox(
    city: City,
    month: MonthText,
    everything: Annotated[bool, typer.Option("--all", help="Show also what need not come.")] = False,
) -> None:
    """Show what a month's inbox holds: what came from whom, which version, what is missing, what is late."""
    render.inbox(pipeline.inbox(Settings.load(), city, Month.parse(month)), city, Month.parse(month), everything)


@app.command()
def close(
    city: City,
    period: Annotated[
        str,
        typer.Argument(
            metavar="PERIOD",
            help="2022-03, 2022-Q1, 2022-opening, 2022-clearing, or the year 2022.",
            show_default=False,
        ),
    ],
    by: Annotated[str, typer.Option(help="Who closes it.", show_default=False)],
    note: Annotated[str, typer.Option(help="Why it is closed although its figures are provisional.")] = "",
) -> None:
    """Close a published period: it keeps its figures for good; what comes later is an adjustment of the next month. A year closes
    everything it consists of."""
    for closed in pipeline.close_period(Settings.load(), city, Period.parse(period), by, note):
        render.closed(closed)


@app.command()
def override(
    city: City,
    month: MonthText,
    by: Annotated[str, typer.Option(envvar="MEDPOOL_USER", help="Who takes it upon themselves.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why.", show_default=False)],
) -> None:
    """Let a blocked month be published all the same: for the breaks that block it now, in your name, shown on every output."""
    render.overridden(pipeline.override(Settings.load(), city, Month.parse(month), by, reason))


@app.command()
def explain(
    row_id: Annotated[
        str,
        typer.Argument(
            help="A row_id of the mart, such as remittances/taizhou/2022-03/worker/331002.", show_default=False
        ),
    ],
    column: Annotated[str | None, typer.Argument(help="Which amount of the row; the first by default.")] = None,
    limit: Annotated[int, typer.Option(help="How many file rows to print; 0 prints all.")] = 20,
) -> None:
    """Print the clause behind a published amount and the file rows it is the sum of."""
    render.explanation(pipeline.explain(Settings.load(), row_id, column), limit)


@app.command()
def suites() -> None:
    """Bring the Great Expectations suites in expectations/ in line with the contracts; thresholds stay as they are."""
    changed = write_suites(load_all())
    render.say("\n".join(f"wrote {path}" for path in changed) or "The suites are in line with the contracts.")


@app.command()
def dictionary(
    output: Annotated[Path | None, typer.Option(help="The file to write; printed by default.")] = None,
) -> None:
    """Write the data dictionary of files and marts, in English and Chinese, from contracts and registry."""
    text = dictionary_text(load_all(), load_registry(), load_break_classes())
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
        render.say(f"wrote {output}")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"medpool {__version__}")


def main() -> None:
    """Run the command line; errors are printed for the person who must act, without a traceback."""
    try:
        logs.configure()
        app()
    except MedpoolError as error:
        logs.failure(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        logs.failure(
            f"{error.filename or 'the disk'}: {error.strerror or error}\n  do: nothing published was changed; mend it and run again"
        )
        sys.exit(2)
    except Exception as error:
        if trouble := disk_trouble(error, Settings.load()):
            logs.failure(str(trouble))
            sys.exit(trouble.exit_code)
        logs.failure(
            f"medpool met a fault of its own; nothing published was changed.\n  do: report it with {_keep_traceback()}"
        )
        sys.exit(3)


def _keep_traceback() -> str:
    """Return where the traceback was written, or the traceback where it could not be."""
    text = f"medpool {__version__} {' '.join(sys.argv[1:])}\n{without_long_numbers(traceback.format_exc())}"
    folder = Settings.load().data / "logs"
    path = folder / "last-fault.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"this, which could not be written to {path} ({error.strerror}):\n{text}"
    return f"the file {path}"
