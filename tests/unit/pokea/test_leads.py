"""The script's own decisions, without a desk: which question is open, what may be answered, when it is over."""

from __future__ import annotations

from pokea import leads
from pokea.ids import SessionId
from pokea.leads import CALL_AGAIN, OPENING, Answer, AnswerState, Lead, LeadScript, Outcome, Rule
from pokea.lines import PACKAGED
from pokea.profile import load_profile
from tests.fakes.conversation import AMINA, SATURDAY

MIZANI = load_profile(PACKAGED / "mizani.toml")
NEW = Lead(business_id=MIZANI.business_id, session_id=SessionId("HD_1"), number=AMINA, language="en", began_at=SATURDAY)


def script() -> LeadScript:
    assert MIZANI.leads is not None
    return MIZANI.leads


def said(value: str, state: AnswerState = AnswerState.GIVEN) -> Answer:
    return Answer(value=value, quote=f"well, {value}", at=SATURDAY, state=state)


def after(*answers: tuple[str, str]) -> Lead:
    lead = NEW
    for key, value in answers:
        lead = leads.answered(script(), lead, key, said(value))
    return lead


def test_questions_are_open_in_the_order_of_the_script() -> None:
    keys = []
    lead = NEW
    while (key := leads.current(script(), lead)) is not None:
        keys.append(key)
        lead = leads.answered(script(), lead, key, said("yes" if key in (OPENING, "decides") else "5"))
    assert keys == [OPENING, "decides", "users", "start"]
    assert lead.is_over


def test_a_no_to_the_opening_leads_to_one_question_only() -> None:
    lead = after((OPENING, "no"))
    assert leads.current(script(), lead) == CALL_AGAIN
    noted = leads.answered(script(), lead, CALL_AGAIN, said("1"))
    assert (leads.current(script(), noted), noted.outcome, noted.call_again) == (None, Outcome.UNFINISHED, "well, 1")


def test_only_what_was_asked_may_be_answered() -> None:
    lead = after((OPENING, "yes"), ("decides", "yes"))
    assert [key for key in (*script().keys, "nothing") if leads.may_answer(script(), lead, key)] == [
        OPENING, "decides", "users",
    ]  # fmt: skip


def test_what_was_skipped_or_is_not_known_is_worth_nothing() -> None:
    lead = leads.answered(script(), after((OPENING, "yes")), "decides", said("", AnswerState.SKIPPED))
    assert (lead.score, lead.reasons) == (0, ())


def test_of_several_rules_the_first_that_holds_counts() -> None:
    lead = after((OPENING, "yes"), ("decides", "no"), ("users", "12"))
    assert [reason.points for reason in lead.reasons] == [40]
    assert after((OPENING, "yes"), ("decides", "no"), ("users", "9")).score == 20


def test_a_rule_without_conditions_holds_for_any_answer() -> None:
    assert Rule(points=1, reason="answered").holds("whatever")
    assert not Rule(points=1, reason="few", at_most=3).holds("4")
    assert Rule(points=1, reason="some", at_least=2, at_most=3).holds("3")


def test_an_outcome_stays_and_only_an_opt_out_goes_over_it() -> None:
    cold = after((OPENING, "yes"), ("decides", "no"), ("users", "1"), ("start", "700"))
    assert cold.outcome is Outcome.COLD
    assert leads.answered(script(), cold, "users", said("500")) is cold
    out = leads.opted_out(cold)
    assert leads.answered(script(), out, "users", said("500")) is out
    assert leads.declined(out) is out
    assert out.outcome is Outcome.OPTED_OUT
