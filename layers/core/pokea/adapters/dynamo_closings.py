"""How calls ended, with their transcripts, in DynamoDB: `pokea.sautikit.closings.Closings`.

pk                  sk          what
CALL#<session>      CLOSING     Closing; tidied away after thirty days, because a transcript holds what people said
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from pokea.adapters.dynamo_items import Item, Key, instant, keyed
from pokea.adapters.dynamo_table import ConditionFailed, DynamoTable, Put
from pokea.ids import BusinessId, SessionId
from pokea.sautikit.closings import CloseReason, Closing, Said

TRANSCRIPT_KEPT = timedelta(days=30)


class DynamoClosings:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def add(self, closing: Closing) -> bool:
        """Keep `closing`. False if the call already has one: the first stands. Raises Unavailable or Indeterminate."""
        transcript = [[said.who, said.text, said.at_ms] for said in closing.transcript]
        content: Item = {
            "business_id": {"S": closing.business_id},
            "reason": {"S": closing.reason.value},
            "duration_ms": {"N": str(closing.duration_ms)},
            "transcript": {"S": json.dumps(transcript, ensure_ascii=False, separators=(",", ":"))},
            "truncated": {"BOOL": closing.truncated},
            "closed_at": {"S": instant(closing.closed_at)},
        }
        item = keyed(content, _key(closing.session_id), expires=closing.closed_at + TRANSCRIPT_KEPT)
        try:
            self._table.put(Put(item, 0, "closing"))
        except ConditionFailed:
            return False
        return True

    def closing(self, session_id: SessionId) -> Closing | None:
        item = self._table.get(_key(session_id))
        if item is None:
            return None
        return Closing(
            session_id=session_id,
            business_id=BusinessId(item["business_id"]["S"]),
            reason=CloseReason(item["reason"]["S"]),
            duration_ms=int(item["duration_ms"]["N"]),
            transcript=tuple(Said(*said) for said in json.loads(item["transcript"]["S"])),
            truncated=item["truncated"]["BOOL"],
            closed_at=datetime.fromisoformat(item["closed_at"]["S"]),
        )


def _key(session_id: SessionId) -> Key:
    return f"CALL#{session_id}", "CLOSING"
