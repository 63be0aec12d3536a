"""The `pokea` command. Each subcommand lives in a module of its own and is imported only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from local.cli import doctor_command, money_command, numbers_command, profile_command

if TYPE_CHECKING:
    from local.cli.campaign_api import CampaignApi

app = typer.Typer(
    help="AI voice agents that answer and place real phone calls: local and operator commands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(profile_command.app, name="profile")
app.add_typer(profile_command.greeting_app, name="greeting")
app.add_typer(numbers_command.app, name="numbers")
calls_app = typer.Typer(help="Records of calls.", no_args_is_help=True)
app.add_typer(calls_app, name="calls")
cdr_app = typer.Typer(help="Detail records: what each leg of a call cost.", no_args_is_help=True)
app.add_typer(cdr_app, name="cdr")
campaign_app = typer.Typer(
    help="Outbound campaigns: everybody on a list is called once, at a lawful hour.\n\n"
    "The order of work (docs/campaigns.md):\n\n"
    "1. pokea campaign preview LIST --campaign CAMPAIGN.toml  (rings nobody)\n\n"
    "2. pokea up  (in another terminal; or --url and --key of an account)\n\n"
    "3. pokea campaign import LIST --campaign CAMPAIGN.toml  (rings nobody)\n\n"
    "4. pokea campaign start ID\n\n"
    "5. pokea campaign status ID --watch\n\n"
    "6. pokea campaign results ID --out results.csv",
    no_args_is_help=True,
)
app.add_typer(campaign_app, name="campaign")

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
    answered_by: Annotated[
        Literal["person", "machine", "fax", "silence"],
        typer.Option(help="With --outbound: who picks up; a machine greets, beeps and records what it hears."),
    ] = "person",
    caller: Annotated[str, typer.Option("--from", help="The caller's number.")] = "+254722000111",
    carrier: Annotated[Literal["documented", "observed"], typer.Option(help="How the carrier behaves.")] = "documented",
    record: Annotated[
        Path | None, typer.Option(help="Write a stereo WAV: left the caller, right what was played.")
    ] = None,
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """Ring an agent of the running stack (`pokea up`) and talk to it: from options, a file, a WAV or the keyboard."""
    from local.cli.call import CallOptions, check_answerer, context_of, run_call

    check_answerer(answered_by, outbound, bool(say or script or wav))
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
        answered_by=answered_by,
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


for command in (*money_command.COMMANDS, doctor_command.doctor):
    app.command()(command)


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


ApiUrl = Annotated[str, typer.Option("--url", help="Base URL of the API; default: the running stack's.")]
ApiKey = Annotated[
    str, typer.Option("--key", help="API key with the scopes cdrs:read and cdrs:write; needed with --url.")
]
OfBusiness = Annotated[
    str, typer.Option("--business", help="Only this business; default: every one of the running stack.")
]


@cdr_app.command("show")
def cdr_show(
    call: Annotated[str, typer.Argument(help="The call's session id (HD_…).")],
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """Every leg of a call: charge, the carrier's charge, model cost; exits with 1 if they differ, 3 while not all is known."""
    from local.cli.cdr import api_of, run_show

    raise typer.Exit(_of_api(lambda: run_show(api_of(state, url, key, business), call, as_json)))


@cdr_app.command("reconcile")
def cdr_reconcile(
    call: Annotated[str, typer.Option(help="One call, answered at once.")] = "",
    day: Annotated[str, typer.Option(help="Every call of a UTC day, YYYY-MM-DD.")] = "",
    first: Annotated[str, typer.Option("--from", help="With --to: every call of these days, at most 31.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last day, included.")] = "",
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    state: StateDir = STATE,
    as_json: AsJson = False,
) -> None:
    """Ask the carrier again and compare: a call now, days by the queue."""
    from local.cli.cdr import api_of, run_reconcile

    wanted = {"call": call, "day": day, "from": first, "to": last}
    given = {name: value for name, value in wanted.items() if value}
    if not given:
        raise typer.BadParameter("give --call, or --day, or --from and --to")
    raise typer.Exit(_of_api(lambda: run_reconcile(api_of(state, url, key, business), given, as_json)))


def _of_api(work: Callable[[], int]) -> int:
    from local.cli.cdr import Unreachable

    try:
        return work()
    except Unreachable as problem:
        print(f"pokea: {problem}", file=sys.stderr)
        return 2


@campaign_app.command("preview")
def campaign_preview(
    file: Annotated[Path, typer.Argument(help="A contact list: CSV, JSON or XLSX (docs/campaigns.md).")],
    campaign: Annotated[Path, typer.Option(help="The campaign (*.toml).")],
    at: Annotated[str | None, typer.Option(help="As if it were this time (RFC 3339); default: now.")] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="Where the rows that are no contacts go, as CSV with the column `problem`.")
    ] = None,
    profiles: Profiles = None,
    as_json: AsJson = False,
) -> None:
    """For every contact of a list: now, later or never, and why; exits with 3 if somebody would never be rung. Rings nobody."""
    from local.cli.campaign_preview import PreviewOptions, run_preview

    options = PreviewOptions(file=file, campaign=campaign, at=at, rejected=rejected, profiles=profiles, as_json=as_json)
    raise typer.Exit(run_preview(options))


CampaignName = Annotated[str, typer.Argument(help="The campaign's id, as its file has it.")]


@campaign_app.command("import")
def campaign_import(
    file: Annotated[Path, typer.Argument(help="A contact list: CSV, JSON or XLSX (docs/campaigns.md).")],
    campaign: Annotated[Path, typer.Option(help="The campaign (*.toml).")],
    rejected: Annotated[
        Path | None, typer.Option(help="Where the rows that are no contacts go, as CSV with the column `problem`.")
    ] = None,
    profiles: Profiles = None,
    state: StateDir = STATE,
    url: ApiUrl = "",
    key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Give a campaign and its list to the running stack; exits with 3 if some rows are no contacts. It can be repeated. Rings nobody."""
    from local.cli.campaign import ImportOptions, run_import

    options = ImportOptions(file=file, campaign=campaign, rejected=rejected, profiles=profiles, as_json=as_json)
    raise typer.Exit(_of_api(lambda: run_import(options, lambda business: _campaigns(state, url, key, business))))


@campaign_app.command("list")
def campaign_list(
    state: StateDir = STATE, url: ApiUrl = "", key: ApiKey = "", business: OfBusiness = "", as_json: AsJson = False
) -> None:
    """Every campaign and how it stands."""
    from local.cli.campaign_watch import run_list

    raise typer.Exit(_of_api(lambda: run_list(_campaigns(state, url, key, business), as_json)))


@campaign_app.command("status")
def campaign_status(
    campaign: CampaignName,
    watch: Annotated[bool, typer.Option("--watch", help="Until it is over.")] = False,
    state: StateDir = STATE,
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    as_json: AsJson = False,
) -> None:
    """How a campaign stands: contacts by state and by how their calls ended, pace, money, and why it is paused."""
    from local.cli.campaign_watch import run_status

    api = partial(_campaigns, state, url, key, business)
    raise typer.Exit(_of_api(lambda: run_status(api(), campaign, watch=watch, as_json=as_json)))


@campaign_app.command("results")
def campaign_results(
    campaign: CampaignName,
    form: Annotated[Literal["csv", "json"], typer.Option("--format", help="How.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Where they go; default: the terminal.")] = None,
    state: StateDir = STATE,
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    as_json: AsJson = False,
) -> None:
    """Every contact with how it ended, the score and its reasons, the answers, the recording and what it cost."""
    from local.cli.campaign_watch import run_results

    kind = "json" if as_json else form
    raise typer.Exit(_of_api(lambda: run_results(_campaigns(state, url, key, business), campaign, kind, out)))


def _order(order: str, help_text: str) -> None:
    """One command for each order that is nothing but an order."""

    @campaign_app.command(order, help=help_text)
    def give(
        campaign: CampaignName,
        state: StateDir = STATE,
        url: ApiUrl = "",
        key: ApiKey = "",
        business: OfBusiness = "",
        as_json: AsJson = False,
    ) -> None:
        from local.cli.campaign import run_order

        api = partial(_campaigns, state, url, key, business)
        raise typer.Exit(_of_api(lambda: run_order(api(), campaign, order, as_json)))


_order("start", "Have it rung: now, or when its schedule comes.")
_order("pause", "Ring nobody more of it; calls that ring or talk go on.")
_order("resume", "Go on.")
_order("cancel", "Never ring anybody more of it; calls that ring or talk go on.")


Why = Annotated[str, typer.Option(help="Why; it is kept.")]


@campaign_app.command("suppress")
def campaign_suppress(
    numbers: Annotated[list[str], typer.Argument(help="Numbers, in E.164 or as dialled in the business's country.")],
    reason: Why,
    state: StateDir = STATE,
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    as_json: AsJson = False,
) -> None:
    """Never call these numbers, in no campaign: for somebody who took back their consent in another way than in a call."""
    from local.cli.suppress import run_suppress

    api = partial(_campaigns, state, url, key, business)
    raise typer.Exit(_of_api(lambda: run_suppress(api(), numbers, reason, as_json)))


@campaign_app.command("lift")
def campaign_lift(
    number: Annotated[str, typer.Argument(help="The number, in E.164 or as dialled in the business's country.")],
    reason: Why,
    state: StateDir = STATE,
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    as_json: AsJson = False,
) -> None:
    """Let a suppressed number be called again. When and why it was lifted stays on record."""
    from local.cli.suppress import run_lift

    api = partial(_campaigns, state, url, key, business)
    raise typer.Exit(_of_api(lambda: run_lift(api(), number, reason, as_json)))


@campaign_app.command("suppressions")
def campaign_suppressions(
    number: Annotated[str, typer.Option(help="Of this number, with what was lifted before.")] = "",
    day: Annotated[str, typer.Option(help="Of this day (UTC), such as 2026-11-23; default: today.")] = "",
    state: StateDir = STATE,
    url: ApiUrl = "",
    key: ApiKey = "",
    business: OfBusiness = "",
    as_json: AsJson = False,
) -> None:
    """Who must not be called since when and why. Numbers are not kept, so a list shows what stands for them."""
    from local.cli.suppress import run_suppressions

    api = partial(_campaigns, state, url, key, business)
    raise typer.Exit(_of_api(lambda: run_suppressions(api(), number, day, as_json)))


def _campaigns(state: Path, url: str, key: str, business: str) -> CampaignApi:
    from local.cli.campaign_api import CampaignApi
    from local.cli.cdr import api_of

    found = api_of(state, url, key, business)
    return CampaignApi(found.url, found.keys)


def main() -> None:
    """Entry point. Errors that a person can mend end in one line and exit code 2."""
    from local.processes import ChildFailed
    from pokea.errors import CallError

    try:
        app()
    except CallError as error:
        message = "".join(letter if letter.isprintable() else "�" for letter in error.message)  # it may quote a file
        print(f"pokea: {message}", file=sys.stderr)
        sys.exit(2)
    except ChildFailed as error:
        print(f"pokea: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
