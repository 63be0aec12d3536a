"""Which drafts say something new, and why; and writing them over what was read.

A record is never corrected in place: what differs becomes the next version. Two things are kept from what stands, though: a leg keeps the
name under which it was first written, and a witness that was lost since (rows and closings are kept for weeks, records for more than a
year) takes nothing back. A final record is never replaced by one that is not, and its charge is never replaced by an unknown one: a new
price list may know nothing of the time of an old call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState, Witness
from pokea.billing.reconcile_parts import CALLEE, CALLER, STREAM, TRANSFER
from pokea.errors import Conflict, Unavailable
from pokea.ids import SessionId
from pokea.ports import CdrStore

ATTEMPTS = 8
_RANK = {CdrState.PROVISIONAL: 0, CdrState.UNRECONCILED: 1, CdrState.FINAL: 2}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("began_at", "answered_at", "ended_at", "talk_s", "status")
_CHARGE = ("deck_id", "deck_row", "rule", "rate_prefix", "billable_s", "charge_micros", "currency", "unrated", "doubt")
_CARRIER = ("carrier_id", "carrier_status", "carrier_s", "carrier_minor", "carrier_currency")
_AUDIT = ("findings", "unknowns")
_MODEL = ("usage", "shares", "model_micros", "model_charge_micros", "model_prices", "exchange", "model_unpriced")
_NAMES = ("agent", "a_number", "b_number", "client_request_id")
_ABOUT_VERSIONS = ("version", "made_at", "reason")
_CORRECTED = {
    "carrier_minor": "cost",
    "carrier_s": "seconds",
    "carrier_status": "status",
    "carrier_currency": "currency",
}


def changed(latest: Sequence[Cdr], drafts: Sequence[Cdr], now: datetime) -> tuple[Cdr, ...]:
    """The drafts that need a further version over `latest` (of the same session), with the version read, `now` and the reason in words."""
    stored = {cdr.leg: cdr for cdr in latest}
    made = []
    for draft in _named_as_before(latest, drafts):
        before = stored.get(draft.leg)
        after = draft if before is None else _kept_charge(before, _kept_knowledge(before, draft))
        if before is None or _content(after) != _content(before):
            version = 0 if before is None else before.version
            made.append(replace(after, version=version, made_at=now, reason=_reason(before, after)))
    return tuple(made)


def settle(
    store: CdrStore, session_id: SessionId, decide: Callable[[Sequence[Cdr]], Sequence[Cdr]], now: datetime
) -> tuple[Cdr, ...]:
    """The versions that were written, () where nothing is new. `decide` makes the drafts from what stands; it is asked again after a lost
    race. Raises Unavailable("cdr_contended"), and what the store raises."""
    for _ in range(ATTEMPTS):
        latest = store.cdrs(session_id)
        wanted = changed(latest, decide(latest), now)
        if not wanted:
            return ()
        try:
            return store.put_cdrs(wanted)
        except Conflict as lost:
            if lost.code != "stale":
                raise
    raise Unavailable("cdr_contended", "the records of this call are being written by many at once", retry_after_s=1.0)


# --- what stands ------------------------------------------------------------------------------------------------------------


def _named_as_before(latest: Sequence[Cdr], drafts: Sequence[Cdr]) -> list[Cdr]:
    """A session that only the carrier knew may turn out to be a placed call, and records of further Dials may come in any order. So a leg
    is known again by the carrier's record of it, the person's leg by being that, and whatever is left by its name."""
    of_main, own = _main_of(latest), _main_of(drafts)
    of_record = {cdr.carrier_id: cdr.leg for cdr in latest if cdr.carrier_id and cdr.leg != STREAM}
    names: dict[int, str] = {id(draft): STREAM for draft in drafts if draft.leg == STREAM}
    for draft in drafts:
        known = of_record.get(draft.carrier_id)
        if known is not None and id(draft) not in names and known not in names.values():
            names[id(draft)] = known
    if of_main is not None and own is not None and id(own) not in names and of_main.leg not in names.values():
        names[id(own)] = of_main.leg
    for draft in drafts:
        if id(draft) not in names:
            names[id(draft)] = _free(draft.leg, names.values())
    return [draft if names[id(draft)] == draft.leg else replace(draft, leg=names[id(draft)]) for draft in drafts]


def _main_of(cdrs: Sequence[Cdr]) -> Cdr | None:
    persons = [cdr for cdr in cdrs if cdr.leg in (CALLER, CALLEE)]
    return next(iter(persons), next((cdr for cdr in cdrs if cdr.leg == TRANSFER), None))


def _free(name: str, taken: Collection[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{TRANSFER}-{number}", number + 1
    return free


def _kept_knowledge(before: Cdr, draft: Cdr) -> Cdr:
    """`draft` where it knows all that `before` knew; else `before` with what the draft's witnesses say besides."""
    is_lower = _RANK[draft.state] < _RANK[before.state]
    if not is_lower and set(before.witnesses) <= set(draft.witnesses):
        return draft
    is_final = draft.state is CdrState.FINAL
    known = {name: getattr(before, name) or getattr(draft, name) for name in _NAMES}
    after = replace(before, outcome=draft.outcome or before.outcome, **known)
    if is_final:
        after = _taken(after, draft, _TIMES)
    if draft.carrier_id and (is_final or before.state is not CdrState.FINAL):
        after = _taken(after, draft, _CARRIER)
    if after.as_leg == replace(draft, leg=after.leg).as_leg:
        after = _taken(after, draft, _CHARGE)
    if draft.usage:
        after = _taken(after, draft, _MODEL)
    if any(getattr(after, name) != getattr(before, name) for name in _CARRIER):
        # What this leg's other witnesses said is gone, but not that there were some: the carrier's record is not the only one.
        after = _taken(after, draft, _AUDIT)
        after = replace(after, findings=tuple(one for one in after.findings if one.kind is not Difference.MISSING))
    seen = set(before.witnesses) | set(draft.witnesses)
    return replace(
        after,
        witnesses=tuple(witness for witness in Witness if witness in seen),
        state=draft.state if not is_lower else before.state,
    )


def _kept_charge(before: Cdr, after: Cdr) -> Cdr:
    if before.state is not CdrState.FINAL or before.charge_micros is None or after.charge_micros is not None:
        return after
    kept = _taken(after, before, _CHARGE)
    if kept.currency != after.currency and after.model_charge_micros is not None:
        # The model's cost is in the record's currency, and nobody has converted it into this one.
        kept = _taken(kept, before, _MODEL)
    is_same = all(getattr(after, name) == getattr(before, name) for name in (*_TIMES, *_CARRIER))
    return _taken(kept, before, _AUDIT) if is_same else kept


def _taken(cdr: Cdr, draft: Cdr, names: Sequence[str]) -> Cdr:
    return replace(cdr, **{name: getattr(draft, name) for name in names})


def _content(cdr: Cdr) -> Cdr:
    return replace(cdr, version=0, made_at=_EPOCH, reason="")


# --- why --------------------------------------------------------------------------------------------------------------------


def _reason(before: Cdr | None, after: Cdr) -> str:
    if before is None:
        return "first account"
    differing = {item.name for item in fields(Cdr) if getattr(before, item.name) != getattr(after, item.name)}
    differing -= set(_ABOUT_VERSIONS)
    words = [_of_state(before, after)]
    if before.state is CdrState.FINAL and after.state is CdrState.FINAL:
        words.append(_corrected(before, after))
    told = differing & {*_TIMES, *_CARRIER, "state"}
    if differing & {"charge_micros", "deck_id"} and not told:
        words.append(f"rated again by {after.deck_id}: {_said(before.charge_micros)} to {_said(after.charge_micros)}")
    if "usage" in differing or "shares" in differing:
        words.append("the bridge told what the model used")
    elif differing & {"model_micros", "model_charge_micros"}:
        words.append(f"model priced again: {_said(before.model_micros)} to {_said(after.model_micros)}")
    if "outcome" in differing:
        words.append(f"the call came to {after.outcome}")
    if "talk_s" in differing and before.state is after.state and not told & set(_CARRIER):
        words.append(f"its talk became known: {_said(before.talk_s)} to {_said(after.talk_s)} s")
    if "status" in differing and not any(words):
        words.append(f"status {before.status} to {after.status}")
    if not any(words):
        words += [f"heard from the {one.value}" for one in after.witnesses if one not in before.witnesses]
    if not any(words):
        words.append(f"more is known: {', '.join(sorted(differing))}")
    return "; ".join(word for word in words if word)


def _of_state(before: Cdr, after: Cdr) -> str:
    if before.state is after.state:
        return ""
    if after.state is CdrState.FINAL:
        if after.direction is Direction.STREAM:
            return "the call is closed"
        return "the carrier's record came"
    return "the carrier's record was waited for in vain" if after.state is CdrState.UNRECONCILED else ""


def _corrected(before: Cdr, after: Cdr) -> str:
    moved = [
        f"{word} {_said(getattr(before, name))} to {_said(getattr(after, name))}"
        for name, word in _CORRECTED.items()
        if getattr(before, name) != getattr(after, name)
    ]
    return f"corrected by the carrier: {', '.join(moved)}" if moved else ""


def _said(value: object) -> str:
    return "unknown" if value in (None, "") else str(value)
