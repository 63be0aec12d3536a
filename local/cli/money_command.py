"""`pokea rate`, `audit`, `wallet` and `report`, as the command line sees them; what they do is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

STATE = Path(".local/state")
StateDir = Annotated[Path, typer.Option("--state", help="Where the local stack keeps its data, logs and recordings.")]
Profiles = Annotated[Path | None, typer.Option("--profiles", help="Folder of business profiles (*.toml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def rate(
    deck: Annotated[str, typer.Option(help="A rate deck (*.toml), or the id of one that ships with Pokea.")],
    calls: Annotated[Path, typer.Option(help="Call records (CSV, docs/rate-decks.md).")],
    out: Annotated[Path | None, typer.Option(help="Where the rated rows go; default: the terminal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rate a file of call records; exits with 3 if a row could not be rated, and says why in its column `problem`."""
    from local.cli.rate import run_rate

    raise typer.Exit(run_rate(deck, calls, out, as_json))


def audit(
    deck: Annotated[str, typer.Option(help="A rate deck (*.toml), or the id of one that ships with Pokea.")],
    calls: Annotated[Path, typer.Option(help="The carrier's call records (CSV, docs/rate-decks.md).")],
    observed: Annotated[Path, typer.Option(help="Our own records of the same calls (CSV).")],
    settled_before: Annotated[
        str | None,
        typer.Option(help="Legs that ended at or after this time (RFC 3339) may still be open in the carrier's books."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the carrier's charges with ours: 0 nothing differs, 1 something does, 3 nothing differs but not all could be judged."""
    from local.cli.audit import run_audit

    raise typer.Exit(run_audit(deck, calls, observed, as_json, settled_before))


def wallet(
    profiles: Profiles = None,
    business: Annotated[
        str, typer.Option(help="Whose price list says what a minute costs; default: the first one's.")
    ] = "",
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """What is left at the carrier and how many minutes that lasts; exits with 1 while it is low or empty."""
    from local.cli.wallet import run_wallet

    raise typer.Exit(run_wallet(state, profiles, business, as_json))


def report(
    month: Annotated[
        str | None, typer.Option(help="YYYY-MM, on the business's own calendar; default: this month.")
    ] = None,
    day: Annotated[str | None, typer.Option(help="YYYY-MM-DD instead of a month.")] = None,
    business: Annotated[str, typer.Option(help="Only this business; default: all that have calls.")] = "",
    format: Annotated[
        Literal["table", "csv", "html", "parquet"], typer.Option(help="What to make of it (docs/reports.md).")
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where it goes; default: the terminal, and for html and parquet <business>-<period>.<format>."
        ),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    profiles: Profiles = None,
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """What the calls of a day or a month cost, and whether the carrier charged what was agreed; exits with 1 if there were no calls."""
    from local.cli.report import ReportOptions, run_report

    options = ReportOptions(
        month=month,
        day=day,
        business=business,
        format=format,
        out=out,
        opens=opens,
        profiles=profiles,
        state=state,
        as_json=as_json,
    )
    raise typer.Exit(run_report(options))


COMMANDS = (rate, audit, wallet, report)
