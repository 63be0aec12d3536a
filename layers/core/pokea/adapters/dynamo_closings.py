"""How calls ended, with their transcripts, in DynamoDB: `pokea.sautikit.closings.Closings`.

pk                  sk          what
CALL#<session>      CLOSING     Closing; tidied away when its business wants it to be, because a transcript holds what people said
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pokea.adapters.dynamo_items import Item, Key, instant, keyed
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.billing.usage import shares_from_json, shares_to_json, usage_from_json, usage_to_json
from pokea.ids import BusinessId, SessionId
from pokea.sautikit.closings import CloseReason, Closing, Fact, RecordingPointer, Said, ToolUse
from pokea.turn_latency import turns_from_json, turns_to_json

TRANSCRIPT_KEPT = timedelta(days=30)  # where nothing else is said


class DynamoClosings:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def add(self, closing: Closing) -> bool:
        """Keep `closing`. False if the call already has one: the first stands. Raises Unavailable or Indeterminate."""
        expires = closing.kept_until or closing.closed_at + TRANSCRIPT_KEPT
        item = keyed(_content(closing), _key(closing.session_id), expires=expires)
        try:
            self._table.put(Put(item, 0, "closing"))
        except ConditionFailed:
            return False
        return True

    def closing(self, session_id: SessionId) -> Closing | None:
        item = self._table.get(_key(session_id))
        return None if item is None else _read(session_id, item)


def _content(closing: Closing) -> Item:
    content: Item = {
        "business_id": {"S": closing.business_id},
        "reason": {"S": closing.reason.value},
        "duration_ms": {"N": str(closing.duration_ms)},
        "transcript": {"S": _dump([[said.who, said.text, said.at_ms] for said in closing.transcript])},
        "truncated": {"BOOL": closing.truncated},
        "closed_at": {"S": instant(closing.closed_at)},
        "language": {"S": closing.language},
        "latency_ms": {"S": _dump(closing.latency_ms)},
        "tools": {"S": _dump([[tool.name, tool.status, tool.took_ms, tool.at_ms] for tool in closing.tools])},
        "facts": {"S": _dump([[fact.tool, fact.arguments, fact.result] for fact in closing.facts])},
    }
    if closing.recording is not None:
        pointer = closing.recording
        content["recording"] = {"S": _dump([pointer.key, pointer.size_bytes, pointer.ms])}
    if closing.handoff is not None:
        content["handoff"] = {"S": closing.handoff}
    if closing.kept_until is not None:
        content["kept_until"] = {"S": instant(closing.kept_until)}
    if closing.usage:
        content["usage"] = {"S": _dump(usage_to_json(closing.usage))}
    if closing.shares is not None:
        content["shares"] = {"S": _dump(shares_to_json(closing.shares))}
    if closing.turns:
        content["turns"] = {"S": _dump(turns_to_json(closing.turns))}
    if closing.answerer:
        content["answerer"] = {"S": closing.answerer}
    return content


def _read(session_id: SessionId, item: Mapping[str, Any]) -> Closing:
    kept_until = item.get("kept_until")
    recording = _load(item, "recording", None)
    return Closing(
        session_id=session_id,
        business_id=BusinessId(item["business_id"]["S"]),
        reason=CloseReason(item["reason"]["S"]),
        duration_ms=int(item["duration_ms"]["N"]),
        transcript=tuple(Said(*said) for said in _load(item, "transcript", [])),
        truncated=item["truncated"]["BOOL"],
        closed_at=datetime.fromisoformat(item["closed_at"]["S"]),
        language=item.get("language", {"S": ""})["S"],
        latency_ms=tuple(_load(item, "latency_ms", [])),
        tools=tuple(ToolUse(*tool) for tool in _load(item, "tools", [])),
        facts=tuple(Fact(*fact) for fact in _load(item, "facts", [])),
        recording=None if recording is None else RecordingPointer(*recording),
        handoff=item["handoff"]["S"] if "handoff" in item else None,
        kept_until=None if kept_until is None else datetime.fromisoformat(kept_until["S"]),
        usage=usage_from_json(_load(item, "usage", [])),
        shares=shares_from_json(_load(item, "shares", None)),
        answerer=item.get("answerer", {"S": ""})["S"],
        turns=turns_from_json(_load(item, "turns", [])),
    )


def _dump(value: object) -> str:
    """A model's words may hold half a character, which no store takes: it becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()


def _load(item: Mapping[str, Any], name: str, default: Any) -> Any:
    return json.loads(item[name]["S"]) if name in item else default


def _key(session_id: SessionId) -> Key:
    return f"CALL#{session_id}", "CLOSING"
