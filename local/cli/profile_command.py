"""`pokea profile` and `pokea greeting`, as the command line sees them; what they do is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Business profiles.", no_args_is_help=True)
greeting_app = typer.Typer(help="Greetings and prompts.", no_args_is_help=True)

Profiles = Annotated[Path | None, typer.Option("--profiles", help="Folder of business profiles (*.toml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("check")
def profile_check(
    files: Annotated[list[Path], typer.Argument(help="Profile files (*.toml).")], as_json: AsJson = False
) -> None:
    """Check business profiles; a bad one gets one line that names the file and the key, and exit code 2."""
    from local.cli.profile import run_check

    raise typer.Exit(run_check(files, as_json))


@app.command("new")
def profile_new(
    agent: Annotated[
        str, typer.Argument(help="The agent that answers: booking, receptionist, support, leads, dispatch or your own.")
    ],
    name: Annotated[str, typer.Option(help="The business's name, as it is spoken.")],
    number: Annotated[str, typer.Option(help="The number that callers dial, E.164.")],
    person: Annotated[str, typer.Option(help="Number of a person whom callers can be handed to, E.164.")] = "",
    business_id: Annotated[str, typer.Option("--id", help="The business's key; default: made of its name.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of the profiles.")] = Path("profiles"),
) -> None:
    """Write a commented profile to begin with; never over a file, an id or a number that is there already."""
    from local.cli.profile_new import Wanted, run_new

    raise typer.Exit(run_new(Wanted(agent, name, number, person, business_id, out)))


@greeting_app.command("render")
def greeting_render(
    out: Annotated[Path, typer.Option(help="Folder for the rendered clips.")],
    profiles: Profiles = None,
    force: Annotated[bool, typer.Option("--force", help="Render again what is there already.")] = False,
) -> None:
    """Have the model speak every greeting and prompt of the profiles once, so that calls start without waiting."""
    from local.cli.greeting import run_render

    raise typer.Exit(run_render(out, profiles, force))
