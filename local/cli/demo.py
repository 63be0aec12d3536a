"""`pokea demo`: real spoken calls through the whole system."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from local.demo.businesses import write_copies
from local.demo.report import CallReport
from local.demo.run import Demo, businesses_needed, strands, write_report
from local.speech.voice import Voice
from local.stack import Stack, StackOptions

AGENTS = ("booking",)
EXAMPLE = "whitedent"


def run_demo_command(
    agent: str, carrier: str, engine: str | None, seed: int | None, only: list[str], as_json: bool, out: Path
) -> int:
    """0 if every call ended as it must, 1 if one did not, 2 for a wish that cannot be granted."""
    if agent not in (*AGENTS, "all"):
        print(f"pokea: --agent: {agent!r} is not one of {', '.join(AGENTS)}, all", file=sys.stderr)
        return 2
    key = os.environ.get("GEMINI_API_KEY", "")
    if engine == "gemini" and not key:
        print("pokea: --engine gemini: GEMINI_API_KEY is not set", file=sys.stderr)
        return 2
    carriers = ["documented", "observed"] if carrier == "both" else [carrier]
    seed = secrets.randbelow(100_000) if seed is None else seed
    tell_person = print if not as_json else lambda *_, **__: None
    tell_person(f"Real calls through the whole system; names, dates and slots also drawn from --seed {seed}.")
    reports = asyncio.run(_play(carriers, seed, only, out.resolve(), "" if engine == "offline" else key, as_json))
    if as_json:
        print(json.dumps([report.to_json() for report in reports], indent=2))
    else:
        print(
            f"\n{sum(report.ok for report in reports)} of {len(reports)} calls ended as they must; recordings and demo.json in {out}/"
        )
    return 0 if reports and all(report.ok for report in reports) else 1


async def _play(carriers: list[str], seed: int, only: list[str], out: Path, key: str, quiet: bool) -> list[CallReport]:
    started = time.monotonic()

    def tell(report: CallReport) -> None:
        if not quiet:
            print(_line(report, time.monotonic() - started), flush=True)

    state = Path(tempfile.mkdtemp(prefix="pokea-demo-"))
    try:
        write_copies(EXAMPLE, businesses_needed(carriers), state / "profiles")
        options = StackOptions(state_dir=state, profiles_dir=state / "profiles", gemini_key=key)
        progress = (lambda _: None) if quiet else (lambda what: print(f"  starting {what}", flush=True))
        with Voice() as voice:
            async with Stack(options, progress) as stack:
                profiles = list(stack.profiles.values())
                local_now = datetime.now(UTC).astimezone(profiles[0].tz)
                demo = Demo(stack, voice, out, tell)
                reports = await demo.play(list(strands(carriers, seed, only, local_now, profiles)))
            write_report(reports, out)
        if not all(report.ok for report in reports):
            shutil.copytree(state / "logs", out / "logs", dirs_exist_ok=True)
            shutil.copytree(state / "calls", out / "calls", dirs_exist_ok=True)
        return reports
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _line(report: CallReport, at_s: float) -> str:
    mark = "ok    " if report.ok else "FAILED"
    kind = "drawn" if report.drawn else "fixed"
    latency = report.latency
    reply = f"reply {latency.reply_ms_p50} ms" if latency.reply_ms_p50 is not None else ""
    stop = (
        f"stopped {latency.barge_in_stop_ms} ms after the caller began" if latency.barge_in_stop_ms is not None else ""
    )
    facts = ", ".join(fact for fact in (f"first audio {latency.first_audio_ms} ms", reply, stop) if fact)
    line = f"{at_s:5.0f} s  {mark} {report.agent} {report.scenario:<10} {report.carrier:<11} {kind}  {report.outcome}  ({facts})"
    return line + "".join(f"\n          - {problem}" for problem in report.problems)
