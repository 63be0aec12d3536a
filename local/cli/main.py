"""The `pokea` command. Each subcommand lives in a module of its own and is imported only when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    help="AI voice agents that answer and place real phone calls: local and operator commands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
profile_app = typer.Typer(help="Business profiles.", no_args_is_help=True)
greeting_app = typer.Typer(help="Greetings and prompts.", no_args_is_help=True)
app.add_typer(profile_app, name="profile")
app.add_typer(greeting_app, name="greeting")
calls_app = typer.Typer(help="Records of calls.", no_args_is_help=True)
app.add_typer(calls_app, name="calls")

STATE = Path(".local/state")
StateDir = Annotated[Path, typer.Option("--state", help="Where the local stack keeps its data, logs and recordings.")]
Profiles = Annotated[Path | None, typer.Option("--profiles", help="Folder of business profiles (*.toml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def up(
    state: StateDir = STATE,
    profiles: Profiles = None,
    port: Annotated[int, typer.Option(help="Port of the status page; the gateway takes the next one.")] = 8080,
) -> None:
    """Run the whole system on this machine and print where its status page is. Ctrl-C stops it; the data stays."""
    from local.cli.up import run_up

    raise typer.Exit(run_up(state, profiles, port))


@app.command()
def demo(
    agent: Annotated[str, typer.Option(help="booking, receptionist, support, leads, dispatch, or all.")] = "all",
    carrier: Annotated[
        Literal["documented", "observed", "both"], typer.Option(help="How the carrier behaves.")
    ] = "both",
    engine: Annotated[
        str | None,
        typer.Option(
            help="offline, gemini, openai, openai-compatible, cascade or all: which leg answers, on its stand-in. "
            "offline is another name for the gemini stand-in. Default: gemini (the real one if GEMINI_API_KEY is set), "
            "and a sample of the others."
        ),
    ] = None,
    real: Annotated[
        bool, typer.Option("--real", help="The real service instead of its stand-in; needs its key.")
    ] = False,
    kill: Annotated[
        bool,
        typer.Option(
            "--kill",
            help="Cut the engine off in mid-call, in each of its states, and once for good, so that another kind takes over.",
        ),
    ] = False,
    track: Annotated[
        Literal["inbound", "mixed", "stereo", "all"],
        typer.Option(
            help="What the carrier streams: the caller, or both sides in one channel (mixed) or in two (stereo)."
        ),
    ] = "inbound",
    seed: Annotated[
        int | None, typer.Option(help="Seed of the drawn names, dates and slots; default: a new one.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--scenario", help="Only these scenarios (repeatable).")] = None,
    as_json: AsJson = False,
    out: Annotated[Path, typer.Option(help="Folder for recordings.")] = Path("demo-out"),
) -> None:
    """Real spoken calls through the whole system, side by side; exits with 0 only if each one ended as it must."""
    from local.cli.demo import DemoOptions, run_demo_command

    options = DemoOptions(agent, carrier, engine, real, kill, track, seed, tuple(only or ()), as_json, out)
    raise typer.Exit(run_demo_command(options))


@app.command()
def call(
    number: Annotated[
        str, typer.Argument(help="The number to ring; with --outbound, the number that the agent rings.")
    ],
    say: Annotated[
        list[str] | None, typer.Option(help="A sentence to say, one after each turn of the agent (repeatable).")
    ] = None,
    script: Annotated[Path | None, typer.Option(help="File with one sentence per line.")] = None,
    wav: Annotated[Path | None, typer.Option(help="WAV file (mono, 16-bit) to play as the caller.")] = None,
    outbound: Annotated[bool, typer.Option("--outbound", help="Have the system place the call (POST /calls).")] = False,
    business: Annotated[
        str, typer.Option(help="With --outbound: the id of the business that calls; default: the first one.")
    ] = "",
    context: Annotated[
        list[str] | None,
        typer.Option(help="With --outbound: what the agent should know, as key=value such as shipment=… (repeatable)."),
    ] = None,
    caller: Annotated[str, typer.Option("--from", help="The caller's number.")] = "+254722000111",
    carrier: Annotated[Literal["documented", "observed"], typer.Option(help="How the carrier behaves.")] = "documented",
    record: Annotated[
        Path | None, typer.Option(help="Write a stereo WAV: left the caller, right what was played.")
    ] = None,
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """Ring an agent of the running stack (`pokea up`) and talk to it: from options, a file, a WAV or the keyboard."""
    from local.cli.call import CallOptions, context_of, run_call

    options = CallOptions(
        number=number,
        say=tuple(say or ()),
        script=script,
        wav=wav,
        outbound=outbound,
        caller=caller,
        carrier=carrier,
        record=record,
        state=state,
        as_json=as_json,
        business=business,
        context=context_of(context or ()),
    )
    raise typer.Exit(run_call(options))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A frame recording (POKEA_FRAMES_DIR, docs/frames.md).")],
    wav: Annotated[
        Path | None, typer.Option(help="Write a stereo WAV: left what the caller said, right what was sent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a recorded call through the bridge's core once more; exits with 0 only if the same leaves for the switch as did then."""
    from local.cli.replay import run_replay

    raise typer.Exit(run_replay(file, as_json, wav))


@app.command()
def rate(
    deck: Annotated[str, typer.Option(help="A rate deck (*.toml), or the id of one that ships with Pokea.")],
    calls: Annotated[Path, typer.Option(help="Call records (CSV, docs/rate-decks.md).")],
    out: Annotated[Path | None, typer.Option(help="Where the rated rows go; default: the terminal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rate a file of call records; exits with 3 if a row could not be rated, and says why in its column `problem`."""
    from local.cli.rate import run_rate

    raise typer.Exit(run_rate(deck, calls, out, as_json))


@app.command()
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


@profile_app.command("check")
def profile_check(
    files: Annotated[list[Path], typer.Argument(help="Profile files (*.toml).")], as_json: AsJson = False
) -> None:
    """Check business profiles; a bad one gets one line that names the file and the key, and exit code 2."""
    from local.cli.profile import run_check

    raise typer.Exit(run_check(files, as_json))


@profile_app.command("new")
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


@calls_app.command("list")
def calls_list(
    business: Annotated[str, typer.Option(help="Only this business's; default: all of the profiles.")] = "",
    day: Annotated[str, typer.Option(help="UTC day, YYYY-MM-DD; default: today.")] = "",
    profiles: Profiles = None,
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """The calls of one day: when, which agent, what came of each, how long callers waited."""
    from local.cli.calls import run_list

    raise typer.Exit(run_list(state, business, day, as_json, profiles))


@calls_app.command("show")
def calls_show(
    session: Annotated[str, typer.Argument(help="The call's session id (HD_…).")],
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """Everything that is kept of one call: timeline, transcript as heard, tools, outcome, latency, recording, summary."""
    from local.cli.calls import run_show

    raise typer.Exit(run_show(state, session, as_json))


@greeting_app.command("render")
def greeting_render(
    out: Annotated[Path, typer.Option(help="Folder for the rendered clips.")],
    profiles: Profiles = None,
    force: Annotated[bool, typer.Option("--force", help="Render again what is there already.")] = False,
) -> None:
    """Have the model speak every greeting and prompt of the profiles once, so that calls start without waiting."""
    from local.cli.greeting import run_render

    raise typer.Exit(run_render(out, profiles, force))


def main() -> None:
    """Entry point. Errors that a person can mend end in one line and exit code 2."""
    from local.processes import ChildFailed
    from pokea.errors import CallError

    try:
        app()
    except CallError as error:
        print(f"pokea: {error.message}", file=sys.stderr)
        sys.exit(2)
    except ChildFailed as error:
        print(f"pokea: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
