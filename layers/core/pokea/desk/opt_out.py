"""optOut: the caller does not want to be called again. It takes effect at once, because it only narrows what we may do."""

from __future__ import annotations

from pokea.consent import SUPPRESSION, Suppression, asked_for, number_digest
from pokea.desk.agent import schema
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit
from pokea.ports import Change
from pokea.records import Stored
from pokea.toolkit import Effect, ToolResult, ToolSpec

OPT_OUT = ToolSpec(
    "optOut",
    "The caller does not want to be called again, or wants to be taken off the list: call this at once, before saying anything.",
    schema([]),
    Effect.PROTECT,
)


def opt_out(visit: Visit) -> ToolResult:
    settle(visit.store, lambda: Decision(None, _change(visit)))
    return opted_out(visit)


def opted_out(visit: Visit) -> ToolResult:
    """What is said once it is written, or that there is no number to write; the call ends with it."""
    key = "opted_out" if visit.caller.a_number is not None else "opted_out_no_number"
    return ToolResult({"status": "opted_out", "say": visit.say(key)}, end_call=True)


def suppression(visit: Visit) -> tuple[Stored[Suppression], ...]:
    """What has to be written so that this caller is not called again: nothing where it stands already, or no number is known."""
    number, business_id = visit.caller.a_number, visit.caller.business_id
    if number is None:
        return ()
    digest = number_digest(business_id, number)
    asked = Suppression(business_id=business_id, digest=digest, session_id=visit.caller.session_id, asked_at=visit.now)
    wanted = asked_for(visit.store.record(SUPPRESSION, business_id, digest), asked)
    return () if wanted is None else (SUPPRESSION.of(wanted),)


def _change(visit: Visit) -> Change | None:
    records = suppression(visit)
    return Change(records=records) if records else None
