"""The receptionist's answers: from the business's own knowledge, or an honest "I do not know" and a way to somebody who does."""

from __future__ import annotations

from dataclasses import replace

from pokea.desk.reception_hours import opening_hours
from pokea.desk.visit import Visit, ask, reply
from pokea.knowledge import Passage
from pokea.knowledge_words import terms
from pokea.reception import ReceptionRules
from pokea.toolkit import ToolResult, then, then_yes_no
from pokea.words import say

MAX_REASON = 200  # of a hand-off's reason: what the human hears
MAX_ASKED = 256  # of a heading that is passed back as an argument


def answer_question(visit: Visit) -> ToolResult:
    question = visit.text("question")
    if not question:
        asked = ask("question", visit.say("reception_ask_question"))
        return replace(asked, payload={**asked.payload, "then": then("answerQuestion", "question")})
    about = set(terms(question, visit.language, _rules(visit).knowledge.ignored))
    if about == {"WHERE"} and _rules(visit).directions:
        return directions(visit)
    not_meant = visit.text("not_meant")
    answer = _rules(visit).knowledge.find(question, visit.language, not_meant=not_meant)
    if answer is not None and answer.is_sure:
        return _told(visit, answer.passage)
    if "OPENHOURS" in about:
        hours = opening_hours(replace(visit, call=replace(visit.call, arguments={"when": question})))
        if hours.payload["status"] == "ok":
            return hours
    if answer is not None and not not_meant:
        return _ask_whether(visit, question, answer.passage.asked[0])
    return connect(visit, "reception_unknown", question)


def _told(visit: Visit, passage: Passage) -> ToolResult:
    if passage.language == visit.language:
        words = visit.say("reception_answer", answer=passage.text)
    else:
        spoken_in = say(visit.language, f"language_{passage.language}")
        words = visit.say("reception_answer_elsewhere", answer=passage.text, spoken_in=spoken_in)
    return reply("ok", words, topic=passage.asked[0])


def _ask_whether(visit: Visit, question: str, heading: str) -> ToolResult:
    """Likely is not enough: the caller says whether that is the question."""
    yes = {"tool": "answerQuestion", "arguments": {"question": heading[:MAX_ASKED]}}
    no = {"tool": "answerQuestion", "arguments": {"question": question, "not_meant": heading[:MAX_ASKED]}}
    words = visit.say("reception_ask_whether", question=heading.rstrip("?.! "))
    return reply("ask", words, question="meant", then=then_yes_no(yes, no))


def directions(visit: Visit) -> ToolResult:
    known = _rules(visit).directions
    if not known:
        return connect(visit, "reception_no_directions", "directions")
    words = known.get(visit.language) or next(iter(known.values()))
    return reply("ok", visit.say("reception_directions", directions=words))


def connect(visit: Visit, key: str, about: str) -> ToolResult:
    """We do not know: somebody of the directory may, or a message is taken where there is no directory."""
    if visit.desk.profile.directory.people:
        hand_over = {"tool": "handOver", "arguments": {"reason": about[:MAX_REASON]}}
        return reply("none", visit.say(key), then=then_yes_no(hand_over, None))
    message = {"tool": "proposeMessage", "arguments": {"message": about[:MAX_REASON]}}
    return reply("none", visit.say("reception_unknown_message"), then=then_yes_no(message, None))


def _rules(visit: Visit) -> ReceptionRules:
    return visit.desk.profile.reception or ReceptionRules()
