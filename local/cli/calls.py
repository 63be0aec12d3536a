"""`pokea calls list|show`: the records of calls, as an operator reads them.

Against the running local stack, or against an account: POKEA_CORE_TABLE and the usual AWS_* variables name the store then. Shows what
people said: it is for those who may read it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from local.cli.running import client_of, store_at
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.call_record import CALL_RECORD, CallRecord, day_of
from pokea.ids import BusinessId, SessionId
from pokea.lines import PACKAGED
from pokea.ports import CallStore, Records
from pokea.profile import load_profiles
from pokea.sautikit.closings import Closing, Closings


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the records are. `sounds`: folders on this machine in which recordings may be."""

    calls: CallStore
    closings: Closings
    records: Records
    sounds: tuple[Path, ...] = ()


class Table(Protocol):
    """How a shelf is opened, so that a test can give its own."""

    def __call__(self, state: Path) -> Shelf | None: ...


def open_shelf(state: Path) -> Shelf | None:
    """The running stack's, else the account's that the environment names; None where there is neither."""
    store = store_at(state, "table", "POKEA_CORE_TABLE")
    if store is None:
        return None
    table = DynamoTable(client_of(store), store["table"])
    sounds = (state / "recordings", state / "aws/s3")
    return Shelf(DynamoCallStore(table), DynamoClosings(table), DynamoStore(table), sounds)


def run_list(
    state: Path, business: str, day: str, as_json: bool, profiles: Path | None, opened: Table = open_shelf
) -> int:
    shelf = opened(state)
    if shelf is None:
        return _no_store()
    try:
        wanted = date.fromisoformat(day) if day else datetime.now(UTC).date()
    except ValueError:
        print(f"pokea: {day!r} is not a day (YYYY-MM-DD)", file=sys.stderr)
        return 2
    businesses = [BusinessId(business)] if business else [*load_profiles(profiles or PACKAGED)]
    records = records_on(shelf, businesses, wanted)
    if as_json:
        print(json.dumps([_plain(asdict(record)) for record in records], ensure_ascii=False))
    else:
        print("\n".join(line_of(record) for record in records) or f"no calls on {wanted} (UTC)")
    return 0


def run_show(state: Path, session: str, as_json: bool, opened: Table = open_shelf) -> int:
    shelf = opened(state)
    if shelf is None:
        return _no_store()
    found = story_of(shelf, SessionId(session))
    if found is None:
        print(f"pokea: no call {session}", file=sys.stderr)
        return 1
    print(json.dumps(found, ensure_ascii=False) if as_json else told(found))
    return 0


def _no_store() -> int:
    print("pokea: no running stack (`pokea up`), and POKEA_CORE_TABLE is not set", file=sys.stderr)
    return 2


def records_on(shelf: Shelf, businesses: list[BusinessId], day: date) -> list[CallRecord]:
    """Those of one UTC day, earliest first."""
    lookup = day_of(datetime(day.year, day.month, day.day, tzinfo=UTC))
    found = [record for business in businesses for record in shelf.records.records_by(CALL_RECORD, business, lookup)]
    return sorted(found, key=lambda record: (record.began_at, record.session_id))


def story_of(shelf: Shelf, session_id: SessionId) -> dict[str, Any] | None:
    """Everything that is kept of one call. Where its record is not written yet, what there is so far."""
    call = shelf.calls.call(session_id)
    if call is None:
        return None
    record = shelf.records.record(CALL_RECORD, call.business_id, session_id)
    closing = shelf.closings.closing(session_id)
    if record is None:
        so_far = {
            "session_id": call.session_id,
            "business_id": call.business_id,
            "agent": call.agent,
            "status": call.status.value,
        }
        return {**so_far, "written": False, "transcript": _transcript(closing)}
    story: dict[str, Any] = _plain(asdict(record))
    story |= {"written": True, "transcript": _transcript(closing)}
    story |= {"latency_p50_ms": record.latency_p50_ms, "latency_p90_ms": record.latency_p90_ms}
    story["latency_parts_p50_ms"] = dict(record.latency_parts_p50_ms)
    if record.recording is not None:
        story["recording"]["path"] = _sound(shelf, record.recording.key)
    return story


def _sound(shelf: Shelf, key: str) -> str | None:
    """The recording's file, if it is on this machine."""
    name = key.removeprefix("recordings/")
    found = (
        path for folder in shelf.sounds for path in folder.rglob(Path(name).name) if path.as_posix().endswith(name)
    )
    return next((str(path) for path in found), None)


def _transcript(closing: Closing | None) -> list[dict[str, Any]]:
    """In the order of the clock: a line is entered when it is over."""
    said = sorted(closing.transcript, key=lambda said: said.at_ms) if closing is not None else []
    return [asdict(line) for line in said]


def line_of(record: CallRecord) -> str:
    seconds = round(record.duration_ms / 1_000)
    latency = f"{record.latency_p50_ms} ms" if record.latency_p50_ms is not None else "-"
    return (
        f"{record.began_at:%H:%M:%S}  {record.session_id}  {record.agent:<10} {record.disposition.value:<16} "
        f"{seconds // 60}:{seconds % 60:02}  reply {latency:<8} {record.summary[:70]}"
    )


def told(story: Mapping[str, Any]) -> str:
    """A call as text."""
    if not story["written"]:
        return (
            f"{story['session_id']}  {story['agent']} of {story['business_id']}: {story['status']}; its record is not written yet\n"
            + _said(story)
        )
    parts = [
        f"{story['session_id']}  {story['agent']} of {story['business_id']}, {story['direction']}, in {story['language'] or '?'}",
        f"outcome    {story['disposition']} (ended with {story['reason']})",
        f"summary    {story['summary']}  [{story['summary_by']}]",
        *(f"           {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in story["fields"].items()),
        *(f"           {name}: {value}" for name, value in story["noted"].items()),
        f"latency    p50 {story['latency_p50_ms']} ms, p90 {story['latency_p90_ms']} ms over {len(story['latency_ms'])} turns",
        *_parts(story["latency_parts_p50_ms"]),
        "timeline   " + "\n           ".join(f"{moment['at']}  {moment['what']}" for moment in story["timeline"]),
        "tools      " + ("\n           ".join(_tool(tool) for tool in story["tools"]) or "none"),
        f"hand-off   {story['handoff'] or 'none'}",
        f"recording  {_recording(story['recording'], story['recording_until'])}",
        _said(story),
    ]
    return "\n".join(parts)


def _parts(p50_ms: Mapping[str, int]) -> list[str]:
    said = ", ".join(f"{name.removesuffix('_ms')} {ms}" for name, ms in p50_ms.items())
    return [f"           of that, p50 each: {said} ms"] if said else []


def _tool(tool: Mapping[str, Any]) -> str:
    return f"{tool['at_ms'] / 1_000:7.1f} s  {tool['name']}: {tool['status']} ({tool['took_ms']} ms)"


def _recording(pointer: Mapping[str, Any] | None, until: str | None) -> str:
    if pointer is None:
        return "none"
    return f"{pointer.get('path') or pointer['key']} ({pointer['ms'] / 1_000:.1f} s, kept until {until})"


def _said(story: Mapping[str, Any]) -> str:
    lines = [f"{said['at_ms'] / 1_000:7.1f} s  {said['who']}: {said['text']}" for said in story["transcript"]]
    return "transcript " + ("\n           ".join(lines) or "nothing was said")


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value
