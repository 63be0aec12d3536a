"""The carrier's books: wallet, tariff, and one immutable record per leg. Amounts are minor units (100 = KES 1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.carrier.hooks import WORKSPACE_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """pulse_s: 1 charges per second; 60 rounds every answered call up to whole minutes, as one of the vendor's pages has it."""

    currency: str = "KES"
    inbound_per_minute_minor: int = 0
    outbound_per_minute_minor: int = 300
    pulse_s: int = 1

    def leg_cost_minor(self, duration_s: int, per_minute_minor: int) -> int:
        charged_s = -(-duration_s // self.pulse_s) * self.pulse_s
        return -(-charged_s * per_minute_minor // 60)


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the wallet's append-only history; a charge is negative."""

    at: datetime
    kind: str
    amount_minor: int
    reference: str
    balance_minor: int


@dataclass(slots=True)
class Wallet:
    balance_minor: int = 500_000
    low_balance_threshold_minor: int = 50_000
    movements: list[Movement] = field(default_factory=list)

    def move(self, amount_minor: int, kind: str, reference: str, at: datetime) -> None:
        if amount_minor:
            self.balance_minor += amount_minor
            self.movements.append(Movement(at, kind, amount_minor, reference, self.balance_minor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """One leg as the carrier's REST shows it. `stream_seconds` and the wallet line behind it are not in the REST answer."""

    id: str
    session_id: str
    direction: str
    local_e164: str
    remote_e164: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int | None
    status: str
    cost_minor: int
    cost_currency: str | None
    rate_per_minute_minor: int | None
    failure_code: str | None
    client_request_id: str
    events: Sequence[Mapping[str, Any]]
    stream_seconds: int = 0
    stream_cost_minor: int = 0
    updated_at: datetime | None = None
    """Of a change after the end."""

    def to_json(self) -> dict[str, Any]:
        updated = self.updated_at or self.ended_at or self.answered_at or self.started_at
        return {
            "id": self.id,
            "workspace_id": WORKSPACE_ID,
            "session_id": self.session_id,
            "direction": self.direction,
            "local_e164": self.local_e164,
            "remote_e164": self.remote_e164,
            "country": "KE" if self.remote_e164.startswith("+254") else None,
            "started_at": _rfc3339(self.started_at),
            "answered_at": _rfc3339(self.answered_at),
            "ended_at": _rfc3339(self.ended_at),
            "duration_seconds": self.duration_seconds,
            "status": self.status,
            "cost_minor": self.cost_minor,
            "cost_currency": self.cost_currency,
            "rate_per_minute_minor": self.rate_per_minute_minor,
            "failure_code": self.failure_code,
            "metadata": {"client_request_id": self.client_request_id} if self.client_request_id else {},
            "created_at": _rfc3339(self.started_at),
            "updated_at": _rfc3339(updated),
            "events": list(self.events),
        }


def call_event(call_id: str, kind: str, at: datetime, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One entry of a record's `events`."""
    occurred = _rfc3339(at)
    return {
        "id": uuid.uuid4().hex,
        "call_id": call_id,
        "kind": kind,
        "payload": dict(payload or {}),
        "occurred_at": occurred,
        "created_at": occurred,
    }


def _rfc3339(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def billed_seconds(start: datetime | None, end: datetime) -> int:
    """Talk time as it is charged: every begun second counts."""
    if start is None:
        return 0
    return max(0, -int(-(end - start).total_seconds() // 1))
