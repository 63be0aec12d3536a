"""`pokea demo`: real spoken calls through the whole system."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from local.demo import second_try
from local.demo.admission import Lines
from local.demo.areas import AREAS
from local.demo.bills import Account
from local.demo.plan import CARRIERS, STANDARD_ENGINE, TRACKS, Shift, Wanted, scenario_names, shifts
from local.demo.report import CallReport, why_it_failed
from local.demo.run import CALLS_SIDE_BY_SIDE, Demo, Tell, write_report
from local.demo.totals import lines as totals
from local.engines import NAMES, is_configured, missing_setting
from local.speech.voice import Voice
from local.stack import Progress, Stack, StackOptions

EXAMPLE_ZONE = ZoneInfo("Africa/Nairobi")
CURRENCY = "KES"  # of the simulated carrier
OFFLINE = "offline"  # an old name of the simulated gemini engine


@dataclass(frozen=True)
class DemoOptions:
    """The command line as it was typed. seed None: a new one. engine None: the standard one, with samples of the others."""

    agent: str
    carrier: str
    engine: str | None
    real: bool
    kill: bool
    track: str
    seed: int | None
    only: tuple[str, ...]
    as_json: bool
    out: Path


class Refused(Exception):
    """A wish that cannot be granted; the message is one line that begins with the option."""


def wanted(options: DemoOptions, environ: Mapping[str, str]) -> Wanted:
    """What to play. Raises Refused."""
    if options.agent not in (*AREAS, "all"):
        raise Refused(f"--agent: {options.agent!r} is not one of {', '.join(AREAS)}, all")
    agents = AREAS if options.agent == "all" else (options.agent,)
    if options.kill and "booking" not in agents:
        raise Refused("--kill: the calls that lose their engine are the booking agent's")
    engines = _engines(options.engine)
    real = options.real or (options.engine is None and not options.kill and is_configured(STANDARD_ENGINE, environ))
    if real:
        _check_real(options, engines, environ)
    tracks = TRACKS if options.track == "all" else (options.track,)
    if options.kill and options.track != "inbound":
        raise Refused("--track: calls that lose their engine are played on the inbound track only")
    known = scenario_names(agents, kill=options.kill)
    for name in options.only:
        if name not in known:
            raise Refused(f"--scenario: {name!r} is not one of {', '.join(known)}")
    return Wanted(
        agents=agents,
        engines=engines,
        carriers=CARRIERS if options.carrier == "both" else (options.carrier,),
        tracks=tracks,
        real=real,
        kill=options.kill,
        samples=options.engine is None and not (real or options.kill or options.only) and options.track == "inbound",
        only=options.only,
        seed=secrets.randbelow(100_000) if options.seed is None else options.seed,
    )


def _engines(engine: str | None) -> tuple[str, ...]:
    if engine in (None, OFFLINE):
        return (STANDARD_ENGINE,)
    if engine == "all":
        return NAMES
    if engine not in NAMES:
        raise Refused(f"--engine: {engine!r} is not one of {', '.join((OFFLINE, *NAMES))}, all")
    return (str(engine),)


def _check_real(options: DemoOptions, engines: tuple[str, ...], environ: Mapping[str, str]) -> None:
    if options.kill:
        raise Refused("--kill: only stand-ins can be killed; leave out --real")
    if options.engine == OFFLINE:
        raise Refused("--real: the offline engine is a stand-in")
    for engine in engines:
        if not is_configured(engine, environ):
            raise Refused(f"--real: {missing_setting(engine)} is not set, which the engine {engine} needs")


def run_demo_command(options: DemoOptions) -> int:
    """0 if every call ended as it must, 1 if one did not, 2 for a wish that cannot be granted."""
    try:
        wish = wanted(options, os.environ)
    except Refused as refusal:
        print(f"pokea: {refusal}", file=sys.stderr)
        return 2
    planned = shifts(wish, datetime.now(UTC).astimezone(EXAMPLE_ZONE).date())
    if not options.as_json:
        print(f"Real calls through the whole system; names, dates and slots also drawn from --seed {wish.seed}.")
    try:
        reports = asyncio.run(play(planned, options.out.resolve(), options.as_json))
    except asyncio.CancelledError:
        print("pokea: stopped", file=sys.stderr)
        return 1
    if options.as_json:
        print(json.dumps([report.to_json() for report in reports], indent=2))
    else:
        print(*_summary(reports, options.out), sep="\n")
    return 0 if reports and all(report.ok for report in reports) else 1


def _summary(reports: Sequence[CallReport], out: Path) -> Iterator[str]:
    """How many calls ended as they must, and what was wrong with those that had to be played again."""
    good = sum(report.ok for report in reports)
    again = [report for report in reports if report.ok and report.tries > 1]
    how = f", {len(again)} of them only at the second try" if again else ""
    yield f"\n{good} of {len(reports)} calls ended as they must{how}; recordings and demo.json in {out}/"
    for report in again:
        yield f"  first try of {Path(report.recording).stem}: {'; '.join(report.first_problems)}"


async def play(planned: list[Shift], out: Path, quiet: bool) -> list[CallReport]:
    started = time.monotonic()
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # so that no process is left behind

    def tell(report: CallReport) -> None:
        if not quiet:
            print(_line(report, time.monotonic() - started), flush=True)

    def progress(what: str) -> None:
        if not quiet:
            print(f"  starting {what}", flush=True)

    out.mkdir(parents=True, exist_ok=True)
    with Voice() as voice:
        reports, accounts = await _pass(planned, voice, out, tell, progress)
        again = (
            [] if any(leg.is_real for shift in planned for leg in shift.legs) else second_try.failed(planned, reports)
        )
        if again:
            progress("the failed calls once more, beside few others")
            _put_aside(out, reports)
            second, later = await _pass(again, voice, out, tell, progress, side_by_side=second_try.SIDE_BY_SIDE)
            reports, accounts = second_try.merged(reports, second), accounts | later
    if not quiet:
        print(*totals(list(accounts.values()), CURRENCY), sep="\n")
    write_report(reports, out)
    return reports


async def _pass(
    planned: Sequence[Shift],
    voice: Voice,
    out: Path,
    tell: Tell,
    progress: Progress,
    *,
    side_by_side: Lines = CALLS_SIDE_BY_SIDE,
) -> tuple[list[CallReport], dict[str, tuple[str, Account]]]:
    """All calls on a stack of their own, and what each cost, by its recording. Of failed calls the evidence is kept in `out`."""
    state = Path(tempfile.mkdtemp(prefix="pokea-demo-"))
    try:
        async with Stack(StackOptions(state, keeps_data=False), progress) as stack:
            demo = Demo(stack, voice, out, tell, side_by_side=side_by_side)
            reports = await demo.play(planned)
        if not all(report.ok for report in reports):
            for evidence in ("logs", "calls", "heard"):
                if (state / evidence).exists():
                    shutil.copytree(state / evidence, out / evidence, dirs_exist_ok=True)
        return reports, demo.accounts
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _put_aside(out: Path, reports: Sequence[CallReport]) -> None:
    """The recordings of failed calls, where the second try does not write over them."""
    aside = out / "first-try"
    aside.mkdir(exist_ok=True)
    for report in reports:
        recording = out / report.recording
        for found in (recording, recording.with_name(f"{recording.stem}-human.wav")):
            if not report.ok and found.exists():
                found.replace(aside / found.name)


def _line(report: CallReport, at_s: float) -> str:
    mark = "ok    " if report.ok else "FAILED"
    kind = "drawn" if report.drawn else "fixed"
    track = report.track if report.rate_hz == 16_000 else f"{report.track} {report.rate_hz // 1000}k"
    latency = report.latency
    reply = f"reply {latency.reply_ms_p50} ms" if latency.reply_ms_p50 is not None else ""
    stop = (
        f"stopped {latency.barge_in_stop_ms} ms after the caller began" if latency.barge_in_stop_ms is not None else ""
    )
    bill = f"{CURRENCY} {report.bill.total}" if report.bill is not None and report.bill.total is not None else ""
    facts = ", ".join(fact for fact in (f"first audio {latency.first_audio_ms} ms", reply, stop, bill) if fact)
    what = f"{report.agent:<12} {report.scenario:<18} {report.engine:<17} {report.carrier:<10} {track:<10} {kind}"
    line = f"{at_s:5.0f} s  {mark} {what}  {report.outcome}  ({facts})"
    return line + "".join(f"\n          - {problem}" for problem in ([] if report.ok else why_it_failed(report)))
