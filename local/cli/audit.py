"""`pokea audit`: the carrier's records against ours, each difference with its evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.cli.rate import deck_named, progress, reading
from pokea.billing.audit import audit, counted
from pokea.billing.audit_findings import Audit, Finding, Unknown
from pokea.billing.cdr_file import CdrFile, Row, instant, unguarded
from pokea.errors import RejectedInput

_Key = tuple[str, str]


def run_audit(deck_name: str, calls: Path, observed: Path, as_json: bool, settled_before: str | None = None) -> int:
    """0 nothing differs, 1 something does, 3 nothing differs but not everything could be judged. Raises CallError for bad input."""
    try:
        settled = instant(settled_before or "", "--settled-before")
    except ValueError as problem:
        raise RejectedInput("bad_time", str(problem)) from None
    deck = deck_named(deck_name)
    theirs, unread_theirs = _read(calls, carrier=True)
    ours, unread_ours = _read(observed, carrier=False)
    # A row that cannot be read must not look as if the leg were missing: neither side of it is judged.
    unread = {**unread_theirs, **unread_ours}
    legs = [row.leg for row in ours if row.leg is not None and row.leg.key not in unread]
    billed = [row.billed for row in theirs if row.billed is not None and row.billed.key not in unread]
    result = audit(deck, legs, billed, settled_before=settled)
    unknowns = (*(Unknown(call_id, leg, reason) for (call_id, leg), reason in unread.items()), *result.unknowns)
    print(json.dumps(_report(result, unknowns), indent=2) if as_json else "\n".join(_lines(result, unknowns)))
    if result.findings:
        return 1
    return 3 if unknowns else 0


def _read(path: Path, *, carrier: bool) -> tuple[list[Row], dict[_Key, str]]:
    """The rows of a file, and why some cannot be used, by call id and leg."""
    rows: list[Row] = []
    unread: dict[_Key, str] = {}
    with reading(path) as lines:
        records = CdrFile(lines, str(path), carrier=carrier)
        names = [name.lower() for name in records.header]
        call_at, leg_at = names.index("call_id"), names.index("leg")
        for count, row in enumerate(records, 1):
            if row.leg is None:
                call_id, leg = (unguarded(row.cells[at]).strip() for at in (call_at, leg_at))
                key = call_id or f"line {row.line}", leg
                unread[key] = f"{path.name}, line {row.line}: {row.problem}"
            else:
                rows.append(row)
            progress(count, f"of {path.name} read")
    return rows, unread


def _report(result: Audit, unknowns: tuple[Unknown, ...]) -> dict[str, Any]:
    return {
        "deck": result.deck.deck_id,
        "currency": result.deck.currency,
        "agreed": result.agreed,
        "judged": result.judged,
        "fits": dict(result.fits),
        "carrier_rules": list(result.carrier_rules),
        "counts": {kind.value: count for kind, count in counted(result.findings).items()},
        "differences": [_difference(finding) for finding in result.findings],
        "unknown": [{"call_id": one.call_id, "leg": one.leg, "reason": one.reason} for one in unknowns],
    }


def _difference(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "call_id": finding.call_id,
        "leg": finding.leg,
        "direction": finding.direction.value,
        "observed_s": finding.observed_s,
        "billed_s": finding.billed_s,
        "expected_micros": finding.expected_micros,
        "charged_minor": finding.charged_minor,
        "charged_currency": finding.charged_currency,
        "difference_micros": finding.difference_micros,
        "rule": finding.rule,
        "fits": list(finding.fits),
        "expected_by_rule": dict(finding.by_rule),
        "deck_row": None if finding.row is None else finding.row.number,
        "source": None if finding.row is None else finding.row.source,
        "note": finding.note,
        "evidence": finding.evidence,
    }


def _lines(result: Audit, unknowns: tuple[Unknown, ...]) -> list[str]:
    lines = [_plain(finding.evidence) for finding in result.findings]
    lines += [_plain(f"unknown: call {one.call_id}, leg {one.leg}: {one.reason}") for one in unknowns]
    counts = ", ".join(f"{count} {kind}" for kind, count in counted(result.findings).items() if count)
    lines.append(
        f"{result.agreed:,} legs agree, {len(result.findings):,} differences{f' ({counts})' if counts else ''}"
    )
    lines[-1] += f", {len(unknowns):,} unknown"
    if result.judged:
        fits = ", ".join(f"{rule} {count:,}" for rule, count in result.fits.items() if count)
        lines.append(f"of {result.judged:,} priced charges these rules explain exactly: {fits or 'none'}")
    return lines


def _plain(text: str) -> str:
    """Nothing in a file can steer the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
