"""Items of the table of detail records, and what they stand for. Pure: no client, no clock.

    pk                  sk                           what
    CALL#<session>      NOW#<leg>                    Cdr: the version that stands
    CALL#<session>      LEG#<leg>#V#<6 digits>       Cdr: every version, each written once
    CALL#<session>      SAID#<witness>#<digest>      Statement, written once

The index gsi1 holds the standing versions only: DAY#<business>#<UTC date>#<shard> / <began_at>#<session>#<leg>. A day is spread over a few
partitions of the index, because all calls of a busy day are written to one business's day. Numbers stand in no key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from pokea.adapters.dynamo_items import (
    INSTANT,
    TEXT,
    WHOLE,
    Codec,
    Item,
    Key,
    Shape,
    Value,
    instant,
    keyed,
    maybe,
    one_of,
)
from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding, CdrState, Statement, Witness
from pokea.billing.usage import CallShares, Meter, ModelUsage
from pokea.clock import as_utc
from pokea.ids import BusinessId, SessionId

SHARDS = 4
LATEST = "NOW#"  # apart from the versions, so that what stands is read without all that ever stood
KEPT = timedelta(
    days=400
)  # numbers without words: longer than what was said, and than any dispute about a month's bill
_Coded = Codec[Any]


def _json(write: Any, read: Any) -> _Coded:
    """A value as compact JSON text, through the plain lists that `write` makes of it and `read` takes."""
    return Codec(
        lambda value: {"S": json.dumps(write(value), separators=(",", ":"), ensure_ascii=False)},
        lambda stored: read(json.loads(stored["S"])),
    )


def _read_usage(rows: list[Any]) -> tuple[ModelUsage, ...]:
    return tuple(
        ModelUsage(engine, model, {Meter(name): count for name, count in meters.items()}, turns, silent)
        for engine, model, meters, turns, silent in rows
    )


def _write_usage(usages: tuple[ModelUsage, ...]) -> list[Any]:
    return [[one.engine, one.model, dict(one.meters), one.turns, one.silent_turns] for one in usages]


_SHARES = ("total_ms", "agent_ms", "caller_ms", "tools_ms", "hold_ms", "silence_ms")
FINDINGS = _json(
    lambda findings: [[one.kind.value, one.evidence] for one in findings],
    lambda rows: tuple(CdrFinding(Difference(kind), evidence) for kind, evidence in rows),
)
TEXTS = _json(list, tuple)
WITNESSES = _json(list, lambda names: tuple(map(Witness, names)))
USAGE = _json(_write_usage, _read_usage)
SHARES = _json(
    lambda shares: [getattr(shares, name) for name in _SHARES],
    lambda counts: CallShares(**dict(zip(_SHARES, counts, strict=True))),
)

CDR: Shape[Cdr] = Shape(
    Cdr,
    {
        "business_id": TEXT,
        "session_id": TEXT,
        "leg": TEXT,
        "call_id": TEXT,
        "direction": one_of(Direction),
        "agent": TEXT,
        "a_number": TEXT,
        "b_number": TEXT,
        "began_at": INSTANT,
        "answered_at": maybe(INSTANT),
        "ended_at": maybe(INSTANT),
        "talk_s": maybe(WHOLE),
        "status": TEXT,
        "state": one_of(CdrState),
        "witnesses": WITNESSES,
        "made_at": INSTANT,
        "reason": TEXT,
        "outcome": TEXT,
        "client_request_id": TEXT,
        "version": WHOLE,
        "deck_id": TEXT,
        "deck_row": maybe(WHOLE),
        "rule": TEXT,
        "rate_prefix": TEXT,
        "billable_s": maybe(WHOLE),
        "charge_micros": maybe(WHOLE),
        "currency": TEXT,
        "unrated": TEXT,
        "doubt": TEXT,
        "carrier_id": TEXT,
        "carrier_status": TEXT,
        "carrier_s": maybe(WHOLE),
        "carrier_minor": maybe(WHOLE),
        "carrier_currency": TEXT,
        "findings": FINDINGS,
        "unknowns": TEXTS,
        "usage": USAGE,
        "shares": maybe(SHARES),
        "model_micros": maybe(WHOLE),
        "model_charge_micros": maybe(WHOLE),
        "model_prices": TEXT,
        "exchange": TEXT,
        "model_unpriced": TEXT,
    },
)

STATEMENT: Shape[Statement] = Shape(
    Statement,
    {
        "business_id": TEXT,
        "session_id": TEXT,
        "witness": one_of(Witness),
        "said_at": INSTANT,
        "content": TEXT,
        "index": WHOLE,
    },
)


def partition(session_id: SessionId) -> str:
    return f"CALL#{session_id}"


def latest_item(cdr: Cdr) -> Item:
    began_at = as_utc(cdr.began_at)
    shard = shard_of(cdr.session_id)
    index = (day_partition(cdr.business_id, began_at.date(), shard), f"{instant(began_at)}#{cdr.session_id}#{cdr.leg}")
    return keyed(CDR.write(cdr), latest_key(cdr.session_id, cdr.leg), expires=began_at + KEPT, by_day=index)


def version_item(cdr: Cdr) -> Item:
    """Without an attribute `version`, by which the table knows an item that is written once; its number stands in the key."""
    content = {name: value for name, value in CDR.write(cdr).items() if name != "version"}
    key = (partition(cdr.session_id), f"{versions_prefix(cdr.leg)}{cdr.version:06d}")
    return keyed(content, key, expires=as_utc(cdr.began_at) + KEPT)


def read_version(item: Mapping[str, Value]) -> Cdr:
    number = int(item["sk"]["S"].rpartition("#")[2])
    return CDR.read({**item, "version": {"N": str(number)}})


def statement_item(statement: Statement) -> Item:
    key = (partition(statement.session_id), f"SAID#{statement.witness.value}#{digest_of(statement)}")
    return keyed(STATEMENT.write(statement), key, expires=as_utc(statement.said_at) + KEPT)


def digest_of(statement: Statement) -> str:
    """Of everything that makes two statements different words: a reading of the carrier's record that says again what one long before
    it said is news, if there was another in between."""
    told = [statement.witness.value, statement.index, instant(statement.said_at), statement.content]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode(errors="replace")).hexdigest()[:40]


def latest_key(session_id: SessionId, leg: str) -> Key:
    return partition(session_id), f"{LATEST}{leg}"


def versions_prefix(leg: str) -> str:
    return f"LEG#{leg}#V#"


def day_partition(business_id: BusinessId, day: date, shard: int) -> str:
    return f"DAY#{business_id}#{day.isoformat()}#{shard}"


def shard_of(session_id: SessionId) -> int:
    return hashlib.sha256(session_id.encode()).digest()[0] % SHARDS
