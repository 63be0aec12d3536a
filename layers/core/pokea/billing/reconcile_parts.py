"""Which legs a session has, and which record of the carrier is which of them.

session                                     legs
a call to one of our numbers                "caller", and "stream" once its media stream was opened
a call that we had placed                   "callee", and "stream"
the call to a person who is to take over    "transfer" of the caller's call, and "stream"
a Dial of the carrier in any of them        "transfer" besides ("transfer-2" … for further ones)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pokea.billing.account import Account, BridgeWord, bridge_word, carrier_records
from pokea.billing.call_leg import UNANSWERED, Direction
from pokea.billing.cdr import CarrierLeg
from pokea.billing.reconcile_sights import Sight, Source, of_bridge, of_hooks, of_record, stands_for_talk, stream_began
from pokea.call_status import CallStatus
from pokea.calls import Call, is_over
from pokea.calls import Direction as CallDirection
from pokea.lines import INTERNAL_AGENTS
from pokea.sautikit.labels import is_attempt

CALLER, CALLEE, TRANSFER, STREAM = "caller", "callee", "transfer", "stream"
SAME_WITHIN = timedelta(seconds=1)  # two records of one leg: their times differ by no more
_NAME_OF = {Direction.INBOUND: CALLER, Direction.OUTBOUND: CALLEE, Direction.TRANSFER: TRANSFER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One leg with everything that was said of it. `twins`: further records of the carrier of the very same leg. `began_at`: by the
    carrier where it has said so. `is_expected`: somebody but the carrier knows of it. `is_dial`: the carrier dialled it inside a call."""

    name: str
    direction: Direction
    a_number: str
    b_number: str
    began_at: datetime
    record: CarrierLeg | None = None
    twins: tuple[CarrierLeg, ...] = ()
    sights: Mapping[Source, Sight] = field(default_factory=dict)
    is_expected: bool = True
    is_dial: bool = False


def parts_of(account: Account) -> tuple[Part, ...]:
    """The legs of the session in the order of their names; none where nobody has said anything of it."""
    call, word = account.call, bridge_word(account.statements)
    if is_attempt(account.session_id) or (call is not None and call.placed_as not in (None, account.session_id)):
        return ()  # its legs are those of the call that it became
    records = carrier_records(account)
    if call is None and word is None and account.closing is None and not records:
        return ()
    direction = _direction(account, records)
    streams, own, dialled = _sorted_out(account, direction, records)
    main = _main(account, word, direction, own, dials=_is_sent_on(call) or bool(dialled))
    parts = [main, *_dialled(account, main, dialled)]
    stream = _stream(account, word, main, streams)
    return tuple(sorted(parts if stream is None else [*parts, stream], key=lambda part: part.name))


def _direction(account: Account, records: Sequence[CarrierLeg]) -> Direction:
    """Our own row knows what the call was for; a session that only the carrier knows begins with the leg that made it."""
    call = account.call
    if account.handoff is not None or (call is not None and call.agent in INTERNAL_AGENTS):
        return Direction.TRANSFER
    if call is not None:
        return Direction.OUTBOUND if call.direction is CallDirection.OUTBOUND else Direction.INBOUND
    said = [record.direction for record in records if record.direction != STREAM]
    is_placed = bool(said) and all(direction.startswith("out") for direction in said)
    return Direction.OUTBOUND if is_placed else Direction.INBOUND


def _sorted_out(
    account: Account, direction: Direction, records: Sequence[CarrierLeg]
) -> tuple[list[CarrierLeg], list[CarrierLeg], list[CarrierLeg]]:
    """The records of the stream, those of the person's leg (the best first, all others its twins), and those of Dials."""
    streams = [record for record in records if record.direction == STREAM]
    rest = [record for record in records if record.direction != STREAM]
    call = account.call
    known = call.carrier_call_id if call is not None else None
    if direction is Direction.INBOUND:
        own = [record for record in rest if not record.direction.startswith("out")]
    else:
        number = str(call.b_number) if call is not None else rest[0].remote_number if rest else ""
        own = [record for record in rest if record.record_id == known or record.remote_number in (number, "")]
        own = own or [record for record in rest if not _is_onward(record, call)][:1]
    own.sort(key=lambda record: (record.record_id != known, not record.is_final))  # stable: the earlier one first
    ids = {id(record) for record in own}
    return streams, own, [record for record in rest if id(record) not in ids]


def _is_onward(record: CarrierLeg, call: Call | None) -> bool:
    return call is not None and call.onward is not None and record.remote_number == str(call.onward.number)


def _main(
    account: Account, word: BridgeWord | None, direction: Direction, own: list[CarrierLeg], *, dials: bool
) -> Part:
    call, closing = account.call, account.closing
    record = own[0] if own else None
    began = stream_began(call, word, closing)
    sights: dict[Source, Sight] = {} if call is None else {Source.HOOKS: of_hooks(call)}
    start = call.answered_at if call is not None and call.answered_at is not None else began
    if stands_for_talk(word, closing, dials=dials, dials_when_lost=bool(account.fallback_number)):
        sights |= of_bridge(word, closing, start)
    if record is not None:
        source, sight = of_record(record, start)
        sights[source] = sight
    a_number, b_number = _numbers(call, record, direction)
    started = record.started_at if record is not None else None
    seen_at = call.created_at if call is not None else began
    first = next((at for at in (started, seen_at) if at is not None), None)
    return Part(
        name=_NAME_OF[direction],
        direction=direction,
        a_number=a_number,
        b_number=b_number,
        began_at=first or _moment_of(record, account),
        record=record,
        twins=tuple(own[1:]),
        sights=sights,
        is_expected=call is not None or word is not None or closing is not None,
    )


def _numbers(call: Call | None, record: CarrierLeg | None, direction: Direction) -> tuple[str, str]:
    """The row's, which names our own line as the called one even where a hook had both swapped; else the carrier's."""
    local, remote = (record.local_number, record.remote_number) if record is not None else ("", "")
    theirs = (remote, local) if direction is Direction.INBOUND else (local, remote)
    if call is None:
        return theirs
    return str(call.a_number or theirs[0]), str(call.b_number)


def _moment_of(record: CarrierLeg | None, account: Account) -> datetime:
    """The earliest time that anybody has named, where nobody has named the beginning."""
    times = [] if record is None else [record.answered_at, record.ended_at]
    named = [at for at in times if at is not None]
    return min(named or [statement.said_at for statement in account.statements])


def _is_sent_on(call: Call | None) -> bool:
    return call is not None and call.onward is not None and call.onward.given_at is not None


def _dialled(account: Account, main: Part, records: Sequence[CarrierLeg]) -> Iterator[Part]:
    """The legs that the carrier dialled itself: those it has records of, and the one that it was told to dial."""
    call = account.call
    onward = call.onward if call is not None and _is_sent_on(call) else None
    groups = _grouped(records)
    told = next((group for group in groups if onward and group[0].remote_number in (str(onward.number), "")), None)
    if onward is not None and told is None:
        groups.append([])
    taken = 1 if main.name == TRANSFER else 0
    own_number = main.b_number if main.direction is Direction.INBOUND else main.a_number
    for number, group in enumerate(groups, taken + 1):
        is_told = onward is not None and group is (told if told is not None else groups[-1])
        record = group[0] if group else None
        sights: dict[Source, Sight] = {}
        if is_told and call is not None:
            sights[Source.HOOKS] = _of_onward(call)
        if record is not None:
            source, sight = of_record(record, None)
            sights[source] = sight
        given_at = onward.given_at if onward is not None and is_told else None
        remote = record.remote_number if record is not None else ""
        yield Part(
            name=TRANSFER if number == 1 else f"{TRANSFER}-{number}",
            direction=Direction.TRANSFER,
            a_number=(record.local_number if record is not None else "") or own_number,
            b_number=remote or (str(onward.number) if onward is not None and is_told else ""),
            began_at=(record.started_at if record is not None else None) or given_at or main.began_at,
            record=record,
            twins=tuple(group[1:]),
            sights=sights,
            is_expected=is_told or (bool(remote) and remote == account.fallback_number),
            is_dial=True,
        )


def _of_onward(call: Call) -> Sight:
    """What the hooks say of a Dial: how it ended, never for how long. A plain "completed" proves that there was such a leg, not that
    anybody answered it."""
    outcome = call.onward.outcome if call.onward is not None else None
    ended_at = call.ended_at if is_over(call) else None
    if outcome is not None and outcome.value in UNANSWERED:
        return Sight(outcome.value, None, ended_at, timedelta(0))
    if outcome is not None and ended_at is not None:
        return Sight("completed", None, ended_at)
    is_lasting = outcome in (None, CallStatus.ANSWERED) and ended_at is None
    return Sight("in_progress" if is_lasting else "unknown", None, ended_at)


def _grouped(records: Sequence[CarrierLeg]) -> list[list[CarrierLeg]]:
    """Records of one leg together, the best one first: the same number, and the same times."""
    groups: list[list[CarrierLeg]] = []
    for record in records:
        twin = next((group for group in groups if _is_twin(group[0], record)), None)
        if twin is None:
            groups.append([record])
        else:
            twin.append(record)
    return [sorted(group, key=lambda record: not record.is_final) for group in groups]


def _is_twin(one: CarrierLeg, other: CarrierLeg) -> bool:
    if one.remote_number != other.remote_number:
        return False
    pairs = [(one.started_at, other.started_at), (one.answered_at, other.answered_at), (one.ended_at, other.ended_at)]
    if any((a is None) != (b is None) for a, b in pairs[1:]):
        return False
    return all(a is None or b is None or abs(a - b) <= SAME_WITHIN for a, b in pairs)


def _stream(account: Account, word: BridgeWord | None, main: Part, records: Sequence[CarrierLeg]) -> Part | None:
    call, closing = account.call, account.closing
    is_opened = call is not None and call.opened_at is not None
    if not (is_opened or word is not None or closing is not None or records):
        return None
    record = min(records, key=lambda one: not one.is_final, default=None)
    start = stream_began(call, word, closing)
    sights = of_bridge(word, closing, start)
    if record is not None:
        source, sight = of_record(record, start)
        sights[source] = sight
    is_open = call is not None and not is_over(call) and (word is None or not word.is_closed) and closing is None
    sights.setdefault(Source.HOOKS, Sight("in_progress" if is_open else "unknown", start))
    return Part(
        name=STREAM,
        direction=Direction.STREAM,
        a_number=main.a_number,
        b_number=main.b_number,
        began_at=start or main.began_at,
        record=record,
        twins=tuple(one for one in records if one is not record),
        sights=sights,
        is_expected=is_opened or word is not None or closing is not None,
    )
