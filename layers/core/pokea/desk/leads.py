"""nextQuestion, recordAnswer and optOut: a script walked through with one lead, every answer written down as it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pokea import allowance, leads
from pokea.allowance import Limit
from pokea.consent import asks_to_stop
from pokea.desk.free_rep import has_people, may_be_put_through
from pokea.desk.handover import NO_REP, hand_over
from pokea.desk.opt_out import opted_out, suppression
from pokea.desk.recording_consent import recording_consent
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, refused, reply
from pokea.leads import (
    CALL_AGAIN,
    LEAD,
    OPENING,
    PER_NUMBER_A_DAY,
    TIMES_ASKED,
    WITHHELD_A_DAY,
    Answer,
    AnswerKind,
    AnswerState,
    Lead,
    LeadScript,
    Outcome,
    Question,
)
from pokea.messages import plain
from pokea.ports import Change
from pokea.spoken import answers as said_answers
from pokea.spoken import times as spoken_time
from pokea.toolkit import ToolResult, then, then_yes_no
from pokea.words import say

MAX_QUOTE = 256  # characters of an answer that are kept
MAX_REASON = 200  # of a hand-off: what the human hears
_EXPECT = {
    AnswerKind.YES_NO: "yes_no",
    AnswerKind.NUMBER: "number",
    AnswerKind.CHOICE: "choice",
    AnswerKind.TIMELINE: "text",
    AnswerKind.TEXT: "text",
}


def next_question(visit: Visit) -> ToolResult:
    lead = _lead_of(visit)
    return _closing(visit, lead) if _is_over(visit, lead) else _ask(visit, lead)


def record_answer(visit: Visit) -> ToolResult:
    said = visit.text("answer")
    if asks_to_stop(said):
        return opt_out_of_leads(visit)

    def decide() -> Decision[ToolResult]:
        before = _lead_of(visit)
        if _is_promising(before) and visit.text("question") == CALL_AGAIN and said:
            after = _with_promise(visit, before, said)
            return Decision(_closing(visit, after), Change(records=(LEAD.of(after),)))
        if _is_over(visit, before):
            return Decision(_closing(visit, before))
        key = visit.text("question") or leads.current(_script(visit), before) or OPENING
        if not said or not leads.may_answer(_script(visit), before, key):
            return Decision(_ask(visit, before))
        after = _with_answer(visit, before, key, said)
        if after.outcome is Outcome.HOT and not may_be_put_through(visit):
            after = leads.unserved(after, visit.now)
        change = _change(visit, before, after)
        if change is None:
            return Decision(_too_many(visit))
        return Decision(_following(visit, after, key), change)

    return settle(visit.store, decide)


def opt_out_of_leads(visit: Visit) -> ToolResult:
    """The number is suppressed and the lead is closed in one write."""

    def decide() -> Decision[None]:
        before = _lead_of(visit)
        closed = None if before.outcome is Outcome.OPTED_OUT else _change(visit, before, leads.opted_out(before))
        records = (*suppression(visit), *(closed.records if closed else ()))
        return Decision(None, Change(records=records) if records else None)

    settle(visit.store, decide)
    return opted_out(visit)


def hand_over_lead(visit: Visit) -> ToolResult:
    """handOver; a lead for whom nobody is free is never rung for, and is owed a call from then on."""
    result = hand_over(visit)
    if result.handoff is None and result.payload.get("code") != NO_REP:
        return result
    step = leads.served if result.handoff is not None else lambda lead: leads.unserved(lead, visit.now)

    def decide() -> Decision[Lead]:
        before = _lead_of(visit)
        after = step(before) if before.outcome is Outcome.HOT else before
        return Decision(after, None if after is before else Change(records=(LEAD.of(after),)))

    lead = settle(visit.store, decide)
    if result.handoff is not None or not _is_promising(lead):
        return result
    words = visit.say("leads_no_rep" if has_people(visit) else "leads_no_reps")
    return reply("call_owed", words, question=CALL_AGAIN, then=_when())


def recording_answered(visit: Visit) -> ToolResult:
    """The caller's word on being recorded; then the script goes on where it stands."""
    result = recording_consent(visit)
    if result.recording is None:  # not understood: it is asked again
        return result
    following = next_question(visit)
    key = "leads_recorded" if result.recording else "leads_not_recorded"
    words = visit.say(key, question=str(following.payload["say"]))
    return replace(following, payload={**following.payload, "say": words}, recording=result.recording)


def goodbye(visit: Visit) -> ToolResult:
    return ToolResult({"status": "ok", "say": visit.say("leads_goodbye")}, end_call=True)


def read_answer(visit: Visit, question: Question, said: str) -> Answer | None:
    """What `said` answers; None when it answers something else."""
    quote = _quote(said)
    value = _value(visit, question, said)
    if value is not None:
        return Answer(value=value, quote=quote, at=visit.now)
    if said_answers.is_unsure(said):
        return Answer(value="", quote=quote, at=visit.now, state=AnswerState.UNSURE)
    return None


def _value(visit: Visit, question: Question, said: str) -> str | None:
    named = said_answers.chosen(said, question.choices)
    if question.kind is AnswerKind.CHOICE or named is not None:
        return named
    if question.kind is AnswerKind.YES_NO:
        yes = said_answers.yes_or_no(said)
        return None if yes is None else "yes" if yes else "no"
    if question.kind is AnswerKind.NUMBER:
        return _text_of(said_answers.count(said, visit.language))
    if question.kind is AnswerKind.TIMELINE:
        hours = visit.desk.profile.hours
        return _text_of(said_answers.days_until(said, visit.now, visit.desk.profile.tz, hours, visit.language))
    return _quote(said) or None


def _quote(said: str) -> str:
    return plain(said)[:MAX_QUOTE]


def _text_of(number: int | None) -> str | None:
    return None if number is None else str(number)


def _with_answer(visit: Visit, lead: Lead, key: str, said: str) -> Lead:
    script = _script(visit)
    if key == CALL_AGAIN:
        return _with_call_again(visit, lead, said)
    question = script.question(key)
    answer = read_answer(visit, question, said) if question else _opening(visit, said)
    if answer is not None:
        return leads.answered(script, lead, key, answer)
    asked = leads.missed(lead, key)
    if asked.missed[key] < TIMES_ASKED:
        return asked
    given_up = Answer(value="no" if key == OPENING else "", quote=_quote(said), at=visit.now, state=AnswerState.SKIPPED)
    return leads.answered(script, asked, key, given_up)


def _opening(visit: Visit, said: str) -> Answer | None:
    yes = said_answers.yes_or_no(said)
    return None if yes is None else Answer(value="yes" if yes else "no", quote=_quote(said), at=visit.now)


def _with_call_again(visit: Visit, lead: Lead, said: str) -> Lead:
    """A time is noted in the lead's own words; "not at all" closes; what is neither is asked once more."""
    profile = visit.desk.profile
    days = said_answers.days_until(said, visit.now, profile.tz, profile.hours, visit.language)
    answer = Answer(value=str(days), quote=_quote(said), at=visit.now)
    if days is not None:
        noted = leads.answered(_script(visit), lead, CALL_AGAIN, answer)
        return replace(noted, call_again_at=_instant(visit, said))
    if _wants_none(said):
        return leads.declined(lead)
    asked = leads.missed(lead, CALL_AGAIN)
    if asked.missed[CALL_AGAIN] < TIMES_ASKED:
        return asked
    return leads.answered(_script(visit), asked, CALL_AGAIN, replace(answer, value="", state=AnswerState.SKIPPED))


def _is_promising(lead: Lead) -> bool:
    return lead.outcome is Outcome.HOT and lead.unserved_at is not None


def _with_promise(visit: Visit, lead: Lead, said: str) -> Lead:
    """When they want the call that is owed to them. What is no time is asked for once more; then the call stays owed without one."""
    profile = visit.desk.profile
    days = said_answers.days_until(said, visit.now, profile.tz, profile.hours, visit.language)
    answer = Answer(value="" if days is None else str(days), quote=_quote(said), at=visit.now)
    if days is not None:
        return replace(leads.promised(lead, answer), call_again_at=_instant(visit, said))
    if _wants_none(said):
        return leads.served(leads.promised(lead, replace(answer, state=AnswerState.SKIPPED)))
    asked = leads.missed(lead, CALL_AGAIN)
    if asked.missed[CALL_AGAIN] < TIMES_ASKED:
        return asked
    return leads.promised(asked, replace(answer, state=AnswerState.SKIPPED))


def _wants_none(said: str) -> bool:
    return said_answers.yes_or_no(said) is False or "at all" in said.casefold() or "kabisa" in said.casefold()


def _instant(visit: Visit, said: str) -> datetime | None:
    profile = visit.desk.profile
    found = spoken_time.resolve(said, visit.now, profile.tz, profile.hours, visit.language)
    return found.start if isinstance(found, spoken_time.Resolved) else None


def _following(visit: Visit, lead: Lead, key: str) -> ToolResult:
    """What comes after `key` was answered, or asked in vain."""
    if _is_over(visit, lead):
        return _closing(visit, lead)
    return _ask(visit, lead, again=leads.current(_script(visit), lead) == key)


def _ask(visit: Visit, lead: Lead, *, again: bool = False) -> ToolResult:
    script = _script(visit)
    key = leads.current(script, lead) or OPENING
    question = script.question(key)
    if question is None:
        fields = {"business": visit.desk.profile.name, "purpose": _purpose(visit)}
        words = visit.say(f"leads_{key}_again" if again else f"leads_{key}", **fields)
        expect = "yes_no" if key == OPENING else "when"
        return reply("ask", words, question=key, then=then("recordAnswer", "answer", expect, question=key))
    spoken = question.again if again else question.ask
    words = spoken.get(visit.language) or next(iter(spoken.values()))
    choices = [
        {"value": choice, "spoken": (names.get(visit.language) or next(iter(names.values())))[0]}
        for choice, names in question.choices.items()
    ]
    following = then("recordAnswer", "answer", _EXPECT[question.kind], question=key)
    return reply("ask", words, question=key, choices=choices, then=following)


def _is_over(visit: Visit, lead: Lead) -> bool:
    return lead.is_over or leads.current(_script(visit), lead) is None


def _closing(visit: Visit, lead: Lead) -> ToolResult:
    closings: dict[Outcome, Callable[[Visit, Lead], ToolResult]] = {
        Outcome.HOT: _hot,
        Outcome.WARM: _warm,
        Outcome.COLD: _cold,
        Outcome.UNFINISHED: _later,
        Outcome.OPTED_OUT: lambda visit, lead: opted_out(visit),
    }
    return closings[lead.outcome](visit, lead)


def _hot(visit: Visit, lead: Lead) -> ToolResult:
    people, key = visit.desk.profile.directory.people, _script(visit).transfer
    if CALL_AGAIN in lead.answers:
        words = visit.say("leads_no_rep_noted" if lead.unserved_at else "leads_no_rep_declined")
        return ToolResult({"status": "ok", "say": words}, end_call=True)
    if _is_promising(lead):
        return _promise(visit, lead)
    if key not in people:
        return _warm(visit, lead)
    reasons = "; ".join(f"{reason.reason} ({reason.quote})" for reason in lead.reasons)
    reason = say(visit.language, "leads_reason", purpose=_purpose(visit), score=str(lead.score), reasons=reasons)
    hand_over = {"tool": "handOver", "arguments": {"department": key, "reason": reason[:MAX_REASON]}}
    return reply("hot", visit.say("leads_hot"), then=then_yes_no(hand_over, _call_back(visit)))


def _promise(visit: Visit, lead: Lead) -> ToolResult:
    """Nobody is free for them, which is said as it is; nobody is rung."""
    first = "leads_hot_busy" if has_people(visit) else "leads_hot_later"
    words = visit.say("leads_no_rep_again" if lead.missed.get(CALL_AGAIN) else first)
    return reply("hot", words, question=CALL_AGAIN, then=_when())


def _when() -> dict[str, object]:
    return then("recordAnswer", "answer", "when", question=CALL_AGAIN)


def _warm(visit: Visit, lead: Lead) -> ToolResult:
    return reply(
        "warm", visit.say("leads_warm"), then=then_yes_no(_call_back(visit), {"tool": "endCall", "arguments": {}})
    )


def _cold(visit: Visit, lead: Lead) -> ToolResult:
    if leads.current(_script(visit), lead) is not None:  # declined before the end of the script
        return ToolResult({"status": "declined", "say": visit.say("leads_left")}, end_call=True)
    return reply("cold", visit.say("leads_cold"), instruction="Speak it, and call endCall at once.")


def _later(visit: Visit, lead: Lead) -> ToolResult:
    """No questions now. The call ends with it."""
    words = visit.say("leads_call_again_noted" if lead.call_again else "leads_left")
    return ToolResult({"status": "ok", "say": words}, end_call=True)


def _call_back(visit: Visit) -> dict[str, object]:
    message = say(visit.language, "leads_callback_message", purpose=_purpose(visit))
    key = _script(visit).transfer
    arguments = {"message": message, **({"department": key} if key in visit.desk.profile.directory.people else {})}
    return {"tool": "proposeMessage", "arguments": arguments}


def _change(visit: Visit, before: Lead, after: Lead) -> Change | None:
    """The write; None when this number has had as many conversations written down as it may have in a day."""
    if before.version:
        return Change(records=(LEAD.of(after),))
    number = visit.caller.a_number
    limit = Limit("lead_number", number, PER_NUMBER_A_DAY) if number else Limit("lead_withheld", "", WITHHELD_A_DAY)
    counts = allowance.spent(visit.store, visit.caller.business_id, (limit,), visit.today)
    return None if counts is None else Change(records=(LEAD.of(after), *counts))


def _too_many(visit: Visit) -> ToolResult:
    result = refused("too_many", visit.say("leads_too_many"), instruction="Speak it, and call endCall at once.")
    return replace(result, end_call=True)


def _lead_of(visit: Visit) -> Lead:
    stored = visit.store.record(LEAD, visit.caller.business_id, visit.caller.session_id)
    return stored or Lead(
        business_id=visit.caller.business_id,
        session_id=visit.caller.session_id,
        number=visit.caller.a_number,
        language=visit.language,
        began_at=visit.now,
    )


def _script(visit: Visit) -> LeadScript:
    script = visit.desk.profile.leads
    assert script is not None  # the agent's `problem` says so before the profile is used
    return script


def _purpose(visit: Visit) -> str:
    purpose = _script(visit).purpose
    return purpose.get(visit.language) or next(iter(purpose.values()))
