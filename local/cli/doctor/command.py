"""Runs the checks side by side and prints what they found. No secret leaves this module, wherever a message may have picked one up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import asdict

import httpx

from local.cli.doctor import carrier, media, setup
from local.cli.doctor.place import Asked, Examined, examined
from pokea.doctor.carrier import check_clock, check_numbers, check_wallet, check_webhook
from pokea.doctor.findings import CHECKS, Finding, Standing, fails, unseen
from pokea.doctor.media import check_bridge, check_model
from pokea.doctor.setup import check_aws, check_clips, check_profiles, check_settings
from pokea.errors import CallError, RejectedInput

WITHIN_S = 30.0
AT_ONCE = 5

RUNS: Mapping[str, Callable[[Examined], Sequence[Finding]]] = {
    "settings": lambda place: check_settings(setup.look_at_settings(place)),
    "profiles": lambda place: check_profiles(setup.look_at_profiles(place)),
    "numbers": lambda place: check_numbers(carrier.look_at_numbers(place)),
    "webhook": lambda place: check_webhook(carrier.look_at_webhook(place)),
    "clock": lambda place: check_clock(carrier.look_at_clocks(place)),
    "model": lambda place: check_model(media.look_at_models(place)),
    "bridge": lambda place: check_bridge(media.look_at_bridge(place)),
    "wallet": lambda place: check_wallet(carrier.look_at_wallet(place)),
    "aws": lambda place: check_aws(setup.look_at_aws(place)),
    "clips": lambda place: check_clips(setup.look_at_clips(place)),
}


def run_doctor(asked: Asked, only: Sequence[str], as_json: bool, strict: bool = False) -> int:
    """0 unless something has to be mended (1). Raises CallError where nothing can be looked at."""
    for name in only:
        if name not in RUNS:
            raise RejectedInput("no_such_check", f"--only {name}: is not one of {', '.join(RUNS)}")
    place = examined(asked, os.environ)
    findings = examine(place, only or tuple(RUNS))
    print(_json(place, findings) if as_json else _text(place, findings))
    return 1 if fails(findings, strict=strict) else 0


def examine(place: Examined, names: Sequence[str]) -> list[Finding]:
    """What every named check found, in the order of the checks."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="doctor")
    try:
        running = {name: pool.submit(_run, name, place) for name in CHECKS if name in names}
        return [finding for name, future in running.items() for finding in _within(name, future)]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _run(name: str, place: Examined) -> Sequence[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return RUNS[name](place)
    except CallError as problem:
        return [unseen(name, problem.message)]
    except (httpx.HTTPError, OSError, BotoCoreError, ClientError) as problem:
        return [unseen(name, f"it could not be looked at ({type(problem).__name__})")]


def _within(name: str, future: Future[Sequence[Finding]]) -> Sequence[Finding]:
    try:
        return future.result(WITHIN_S)
    except NotDone:
        return [unseen(name, f"it did not end within {WITHIN_S:.0f} s")]


def _json(place: Examined, findings: Sequence[Finding]) -> str:
    told = {"place": place.name, "findings": [asdict(finding) for finding in findings]}
    return _hushed(place, json.dumps(told, ensure_ascii=False))


def _text(place: Examined, findings: Sequence[Finding]) -> str:
    lines = [place.name]
    for finding in findings:
        mark = finding.standing.upper() if finding.standing is Standing.PROBLEM else finding.standing
        lines.append(f"  {mark:<8} {finding.check:<9} {finding.says}")
        if finding.fix:
            lines.append(f"{'':<21}→ {finding.fix}")
    counts = {standing: sum(finding.standing is standing for finding in findings) for standing in Standing}
    lines.append(", ".join(_counted(count, standing) for standing, count in counts.items() if count))
    text = _hushed(place, "\n".join(lines))
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)  # it may quote a file


def _counted(count: int, standing: Standing) -> str:
    has_plural = standing in (Standing.PROBLEM, Standing.WARNING) and count > 1
    return f"{count} {standing}{'s' if has_plural else ''}"


def _hushed(place: Examined, text: str) -> str:
    for secret in place.secrets:
        text = text.replace(secret, "<secret>")
    return text
