"""`pokea replay`: a recorded call once more, without a switch, a model or a clock."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.core.recording import BadRecording, Head, decode
from local.replay import Outcome, Replay, write_wav
from pokea.errors import RejectedInput


def run_replay(file: Path, as_json: bool, wav: Path | None) -> int:
    """Prints what came of it; 0 if the same left for the switch as did then, else 1. Raises RejectedInput for what is no recording."""
    try:
        head, records = decode(file.read_bytes())
        outcome = Replay(head, records).run()
    except OSError as problem:
        raise RejectedInput("no_recording", f"{file}: {problem.strerror}") from None
    except BadRecording as problem:
        raise RejectedInput("bad_recording", f"{file}: {problem}") from None
    if wav is not None:
        write_wav(wav, outcome, head.context.rate_hz)
    result = report(head, outcome)
    print(json.dumps(result, ensure_ascii=False, indent=2) if as_json else "\n".join(_lines(result)))
    return 0 if outcome.identical else 1


def report(head: Head, outcome: Outcome) -> dict[str, Any]:
    return {
        "session_id": head.session_id,
        "began": head.began,
        "identical": outcome.identical,
        "first_difference": None if outcome.difference is None else asdict(outcome.difference),
        "messages": {"recorded": len(outcome.recorded), "replayed": len(outcome.sent)},
        "model_heard_the_same": outcome.model_identical,
        "missing_records": outcome.missing_records,
        "masked": list(head.masked),
        "transcript": [dict(line) for line in outcome.transcript],
        "timeline": outcome.timeline,
    }


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [f"call {result['session_id'] or '(no id)'}, {result['began']}", "", "transcript"]
    lines += [f"  {line.get('at_ms', 0):>7} ms  {line['who']}: {line['text']}" for line in result["transcript"]]
    lines += ["", "timeline"]
    for entry in result["timeline"]:
        rest = ", ".join(f"{name}={value}" for name, value in entry.items() if name not in ("at_ms", "event", "text"))
        lines.append(f"  {entry['at_ms']:>7} ms  {entry['event']} {rest}".rstrip())
    counts, difference = result["messages"], result["first_difference"]
    lines.append("")
    if result["missing_records"]:
        lines.append(f"{result['missing_records']} records are missing: the replay cannot be exact")
    if difference is None:
        lines.append(f"the same {counts['recorded']} messages left for the switch")
    else:
        lines.append(
            f"message {difference['message']} at {difference['at_ms']:.1f} ms differs: "
            f"recorded {difference['recorded']}, replayed {difference['replayed']}"
        )
    lines.append(f"the model heard {'the same' if result['model_heard_the_same'] else 'something else'}")
    return lines
