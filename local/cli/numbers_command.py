"""`pokea numbers`, as the command line sees it; what it does is in `local.cli.numbers`, imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The telephone numbers at the carrier.", no_args_is_help=True)

StateDir = Annotated[
    Path, typer.Option("--state", help="Where the local stack keeps its data; earlier routes are kept there.")
]
Profiles = Annotated[Path | None, typer.Option("--profiles", help="Folder of business profiles (*.toml).")]
StackName = Annotated[str, typer.Option("--stack", help="A stack that was deployed to AWS (CloudFormation name).")]
Region = Annotated[str, typer.Option("--region", help="Its region; default: the environment's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
STATE = Path(".local/state")


@app.command("list")
def list_numbers(
    available: Annotated[bool, typer.Option("--available", help="What could be claimed, instead.")] = False,
    stack: StackName = "",
    region: Region = "",
    profiles: Profiles = None,
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """The workspace's numbers and where their calls go; exits with 1 if a profile's line is not among them."""
    from local.cli.numbers import Place, run_list

    raise typer.Exit(run_list(Place(state, stack, region, profiles), available, as_json))


@app.command()
def claim(
    number: Annotated[str, typer.Argument(help="The number, E.164, as `pokea numbers list --available` shows it.")],
    stack: StackName = "",
    region: Region = "",
    state: StateDir = STATE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Rent a number. It costs money each month; claiming one that is ours changes nothing."""
    from local.cli.numbers import Place, run_claim
    from pokea.phone_numbers import E164

    raise typer.Exit(run_claim(Place(state, stack, region), E164(number), dry_run, as_json))


@app.command()
def route(
    numbers: Annotated[
        list[str] | None, typer.Argument(help="Numbers, E.164; default: every line of the profiles.")
    ] = None,
    stack: StackName = "",
    voice_url: Annotated[
        str, typer.Option(help="Where calls are asked about, instead of at the stack's own hooks.")
    ] = "",
    events_url: Annotated[str, typer.Option(help="With --voice-url: where events go.")] = "",
    sign: Annotated[
        bool, typer.Option("--sign", help="Set SAUTIKIT_WEBHOOK_SECRET as what the carrier signs their hooks with.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Back to where they went before the latest change from here.")
    ] = False,
    region: Region = "",
    profiles: Profiles = None,
    state: StateDir = STATE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Point numbers at the hooks of a deployment; doing it twice is doing it once."""
    from local.cli.numbers import Place, Wish, run_route
    from pokea.phone_numbers import E164

    if undo and (voice_url or events_url or sign):
        raise typer.BadParameter("--undo goes without --voice-url, --events-url and --sign")
    wanted = tuple(E164(number) for number in numbers or ())
    wish = Wish(wanted, voice_url, events_url, sign, dry_run, undo)
    raise typer.Exit(run_route(Place(state, stack, region, profiles), wish, as_json))
