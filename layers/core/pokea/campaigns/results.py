"""What came out of a campaign: one row for each contact, as CSV or JSON, and the sums.

Answers stand with the words they rest on, and a score with its reasons. An empty cell or a null is unknown and never 0. Amounts are whole
micro-units of the deck's currency, over every attempt whose detail records are given. Text that a spreadsheet would run as a formula
has an apostrophe in front (see `pokea.billing.cdr_file`), and no cell has a line break.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pokea.billing.cdr import Cdr
from pokea.billing.cdr_file import guarded
from pokea.billing.cost_shares import call_cost
from pokea.billing.statements.rows_file import BETWEEN, one_line
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.settling import QUALIFIED
from pokea.leads import Answer, Lead, Reason
from pokea.money import divided
from pokea.sautikit.closings import RecordingPointer

_CALLEE = "callee"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One contact. `score` is None where no conversation was scored, `talk_s` and `micros` where they are not known; nobody who was never
    rung has cost anything. `recording`: the key of the sound of the latest call in its bucket, "" where there is none."""

    number: str
    name: str
    language: str
    state: ContactState
    disposition: Disposition | None
    reason: str
    attempts: int
    rung_at: datetime | None
    talk_s: int | None
    micros: int | None
    currency: str
    score: int | None = None
    reasons: tuple[Reason, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    call_again: str = ""
    call: str = ""
    recording: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_qualified(self) -> bool:
        return self.disposition in QUALIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`micros`: what is known of the cost; of `unknown_cost` contacts nobody knows all of it, so then it is a lower bound."""

    contacts: int
    states: Mapping[ContactState, int]
    dispositions: Mapping[Disposition, int]
    attempts: int
    talk_s: int
    qualified: int
    micros: int
    unknown_cost: int
    currency: str

    @property
    def micros_per_qualified(self) -> int | None:
        """The cost of one hot or warm lead, of all attempts, also those in vain; None without a lead, or while costs are unknown."""
        return divided(self.micros, self.qualified) if self.qualified and not self.unknown_cost else None


def row_of(
    contact: Contact,
    lead: Lead | None,
    recording: RecordingPointer | None,
    cdrs: Sequence[Cdr],
    currency: str,
) -> ResultRow:
    """`lead`, `recording`: of the latest call. `cdrs`: the latest versions of all legs of all attempts of this contact."""
    is_scored = lead is not None and bool(lead.reasons or lead.is_over)
    return ResultRow(
        number=contact.number,
        name=contact.name,
        language=(lead.language if lead is not None else "") or contact.language,
        state=contact.state,
        disposition=contact.disposition,
        reason=contact.reason,
        attempts=contact.attempts,
        rung_at=contact.asked_at,
        talk_s=_talk_s(contact, cdrs),
        micros=_micros(contact, cdrs, currency),
        currency=currency,
        score=lead.score if lead is not None and is_scored else None,
        reasons=lead.reasons if lead is not None else (),
        answers=lead.answers if lead is not None else {},
        call_again=lead.call_again if lead is not None else "",
        call=contact.session_id or "",
        recording=recording.key if recording is not None else "",
        fields=contact.fields,
    )


def summary_of(rows: Iterable[ResultRow], currency: str) -> Summary:
    states: Counter[ContactState] = Counter()
    dispositions: Counter[Disposition] = Counter()
    contacts = attempts = talk_s = qualified = micros = unknown = 0
    for row in rows:
        contacts += 1
        states[row.state] += 1
        if row.disposition is not None:
            dispositions[row.disposition] += 1
        attempts += row.attempts
        talk_s += row.talk_s or 0
        qualified += row.is_qualified
        micros += row.micros or 0
        unknown += row.micros is None
    return Summary(
        contacts=contacts,
        states={state: states[state] for state in ContactState},
        dispositions={disposition: dispositions[disposition] for disposition in Disposition},
        attempts=attempts,
        talk_s=talk_s,
        qualified=qualified,
        micros=micros,
        unknown_cost=unknown,
        currency=currency,
    )


FIXED = (
    "number",
    "name",
    "language",
    "state",
    "disposition",
    "reason",
    "score",
    "reasons",
    "attempts",
    "rung_at",
    "talk_s",
    "cost_micros",
    "currency",
    "call_again",
    "call",
    "recording",
)


def csv_of(
    rows: Sequence[ResultRow],
    questions: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    *,
    is_first: bool = True,
) -> str:
    """The whole file, its header first: the fixed columns, then two for every question that anybody answered, in the order of its first
    answer, then one for every field of the list, in the order in which they come. The same rows give the same text.

    With `questions` and `fields` it is one page of a file that has these columns on every page, and a header where `is_first` says so.
    """
    if questions is None:
        questions = list(dict.fromkeys(key for row in rows for key in row.answers))
    if fields is None:
        fields = list(dict.fromkeys(name for row in rows for name in row.fields))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if is_first:
        asked = [f"{kind}_{key}" for key in questions for kind in ("answer", "quote")]
        writer.writerow([*FIXED, *map(_text, [*asked, *(f"field_{name}" for name in fields)])])
    writer.writerows(
        [*_cells(row), *_answers(row, questions), *(_text(row.fields.get(name, "")) for name in fields)] for row in rows
    )
    return out.getvalue()


def json_of(rows: Iterable[ResultRow], summary: Summary) -> str:
    document = {"version": 1, "summary": summary_json(summary), "contacts": [row_json(row) for row in rows]}
    return json.dumps(document, ensure_ascii=False).encode(errors="replace").decode()


def summary_json(summary: Summary) -> dict[str, object]:
    return {
        "contacts": summary.contacts,
        "states": {state.value: count for state, count in summary.states.items()},
        "dispositions": {disposition.value: count for disposition, count in summary.dispositions.items()},
        "attempts": summary.attempts,
        "talk_s": summary.talk_s,
        "qualified": summary.qualified,
        "cost_micros": summary.micros,
        "unknown_cost": summary.unknown_cost,
        "cost_micros_per_qualified": summary.micros_per_qualified,
        "currency": summary.currency,
    }


def row_json(row: ResultRow) -> dict[str, object]:
    return {
        "number": row.number,
        "name": row.name,
        "language": row.language,
        "state": row.state.value,
        "disposition": row.disposition.value if row.disposition is not None else None,
        "reason": row.reason,
        **lead_json(row.score, row.reasons, row.answers, row.call_again),
        "attempts": row.attempts,
        "rung_at": _instant(row.rung_at) or None,
        "talk_s": row.talk_s,
        "cost_micros": row.micros,
        "currency": row.currency,
        "call": row.call,
        "recording": row.recording,
        "fields": dict(row.fields),
    }


def lead_json(
    score: int | None, reasons: Sequence[Reason], answers: Mapping[str, Answer], call_again: str
) -> dict[str, object]:
    """What a conversation came to: also the part of a webhook that is about the lead."""
    return {
        "score": score,
        "reasons": [
            {"question": one.question, "points": one.points, "reason": one.reason, "quote": one.quote}
            for one in reasons
        ],
        "answers": {
            key: {"value": one.value, "quote": one.quote, "state": one.state.value} for key, one in answers.items()
        },
        "call_again": call_again,
    }


def _cells(row: ResultRow) -> Iterator[str]:
    yield _text(row.number)
    yield _text(row.name)
    yield _text(row.language)
    yield row.state.value
    yield row.disposition.value if row.disposition is not None else ""
    yield _text(row.reason)
    yield _count(row.score)
    yield _text(BETWEEN.join(f"{one.reason} ({one.points:+d})" for one in row.reasons))
    yield str(row.attempts)
    yield _instant(row.rung_at)
    yield _count(row.talk_s)
    yield _count(row.micros)
    yield _text(row.currency)
    yield _text(row.call_again)
    yield _text(row.call)
    yield _text(row.recording)


def _answers(row: ResultRow, questions: Sequence[str]) -> Iterator[str]:
    for key in questions:
        answer = row.answers.get(key)
        yield _text(answer.value) if answer is not None else ""
        yield _text(answer.quote) if answer is not None else ""


def _text(written: str) -> str:
    return guarded(one_line(written))


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _talk_s(contact: Contact, cdrs: Sequence[Cdr]) -> int | None:
    if not contact.attempts:
        return 0
    callees = [cdr for cdr in cdrs if cdr.leg == _CALLEE]
    talked = [cdr.talk_s if cdr.answered_at is not None else 0 for cdr in callees]
    known = [seconds for seconds in talked if seconds is not None]
    return sum(known) if len(known) == len(talked) >= contact.attempts else None


def _micros(contact: Contact, cdrs: Sequence[Cdr], currency: str) -> int | None:
    if not contact.attempts:
        return 0
    calls: dict[str, list[Cdr]] = defaultdict(list)
    for cdr in cdrs:
        calls[cdr.call_id].append(cdr)
    costs = [call_cost(legs, currency).micros for legs in calls.values()]
    known = [micros for micros in costs if micros is not None]
    return sum(known) if len(known) == len(costs) >= contact.attempts else None
