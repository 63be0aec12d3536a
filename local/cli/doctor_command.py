"""`pokea doctor`, as the command line sees it; what it does is in `local.cli.doctor`, imported when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from local.cli.numbers_command import STATE, AsJson, Profiles, Region, StackName, StateDir


def doctor(
    stack: StackName = "",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this check (repeatable; docs/doctor.md).")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings and what is unknown count as problems, too.")
    ] = False,
    region: Region = "",
    profiles: Profiles = None,
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """Find what is set up wrong and say how to mend it: a deployed stack, the running one, or this environment's settings."""
    from local.cli.doctor.command import run_doctor
    from local.cli.doctor.place import Asked

    raise typer.Exit(run_doctor(Asked(state, stack, region, profiles), tuple(only or ()), as_json, strict))
