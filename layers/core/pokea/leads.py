"""Lead qualification: the questions, and what the answers are worth.

    opening ──yes──► question 1 ► question 2 ► … ──► score ──► hot │ warm │ cold
       └────no────► call_again ──► unfinished, with the time that was named; "not at all" ► cold

A question that is not answered is asked once more in other words and then passed over. The score is the sum of the rules that hold,
each with its reason and the words it rests on. Once a lead has an outcome it keeps it; only an opt-out still changes it, and nothing
changes that. A hot lead for whom nobody is free is owed a call, and says when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.privacy import Pii
from pokea.records import Kind

OPENING = "opening"  # question 0, which the greeting asks: is now a good time?
OWED = "call_owed"  # the lookup of those who asked to be called again
CALL_AGAIN = "call_again"  # asked after a "no" to it: when then?
TIMES_ASKED = 2
LEADS_KEPT = timedelta(days=180)
PER_NUMBER_A_DAY = 10  # conversations that are written down
WITHHELD_A_DAY = 50


class AnswerKind(StrEnum):
    YES_NO = "yes_no"
    NUMBER = "number"
    CHOICE = "choice"
    TIMELINE = "timeline"
    TEXT = "text"


class AnswerState(StrEnum):
    GIVEN = "given"
    UNSURE = "unsure"  # "I do not know": an answer, worth nothing
    SKIPPED = "skipped"  # asked in vain


class Outcome(StrEnum):
    UNFINISHED = "unfinished"
    HOT = "hot"
    WARM = "warm"
    COLD = "cold"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Points for an answer that is `answer` ("yes", "no" or a choice) and lies within the bounds given; without any: for any answer."""

    points: int
    reason: str
    answer: str = ""
    at_least: int | None = None
    at_most: int | None = None
    within_days: int | None = None

    def holds(self, value: str) -> bool:
        if self.answer and value != self.answer:
            return False
        if self.at_least is not None and int(value) < self.at_least:
            return False
        if self.at_most is not None and int(value) > self.at_most:
            return False
        return self.within_days is None or int(value) <= self.within_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`ask`, `again`: by language. `choices`: how each answer may be said, by key and language. Of `rules` the first that holds counts."""

    key: str
    kind: AnswerKind
    ask: Mapping[str, str]
    again: Mapping[str, str]
    choices: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadScript:
    """The part of a business's profile that this area obeys. `transfer`: the directory's key of who takes over hot leads."""

    purpose: Mapping[str, str]
    questions: tuple[Question, ...]
    hot: int
    warm: int
    transfer: str

    def question(self, key: str) -> Question | None:
        return next((question for question in self.questions if question.key == key), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every question that can be answered, in the order of asking."""
        return OPENING, *(question.key for question in self.questions), CALL_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`value`: "yes", "no", a choice's key, a whole number, days from the day of the call, or the words themselves."""

    value: str
    quote: str
    at: datetime
    state: AnswerState = AnswerState.GIVEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule that held: its points and its sentence, and the words of the lead that it rests on."""

    question: str
    points: int
    reason: str
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One conversation with one lead. `missed`: how often each question was answered with something else."""

    business_id: BusinessId
    session_id: SessionId
    number: E164 | None
    language: str
    began_at: datetime
    answers: Mapping[str, Answer] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)
    outcome: Outcome = Outcome.UNFINISHED
    score: int = 0
    reasons: tuple[Reason, ...] = ()
    call_again: str = ""  # when to call again, in the lead's own words
    call_again_at: datetime | None = None
    called_again_at: datetime | None = None  # when somebody of the business did
    unserved_at: datetime | None = (
        None  # when nobody was free to take them: a call is owed, whether or not they said when
    )
    version: int = 0

    @property
    def is_over(self) -> bool:
        return self.outcome is not Outcome.UNFINISHED

    @property
    def is_owed_a_call(self) -> bool:
        return bool(self.call_again or self.unserved_at) and self.called_again_at is None


LEAD: Kind[Lead] = Kind(
    "lead",
    Lead,
    key=lambda lead: lead.session_id,
    privacy={
        "business_id": Pii.ID,
        "session_id": Pii.ID,
        "number": Pii.CONTACT,
        "language": Pii.NONE,
        "began_at": Pii.NONE,
        "answers": Pii.SPEECH,
        "missed": Pii.NONE,
        "outcome": Pii.NONE,
        "score": Pii.NONE,
        "reasons": Pii.SPEECH,
        "call_again": Pii.SPEECH,
        "call_again_at": Pii.NONE,
        "called_again_at": Pii.NONE,
        "unserved_at": Pii.NONE,
        "version": Pii.NONE,
    },
    lookups=lambda lead: (*((lead.number,) if lead.number else ()), *((OWED,) if lead.is_owed_a_call else ())),
    kept_until=lambda lead: lead.began_at + LEADS_KEPT,
)


def current(script: LeadScript, lead: Lead) -> str | None:
    """The key of the question that is to be asked now; None when there is none left."""
    opening = lead.answers.get(OPENING)
    if opening is None:
        return OPENING
    if opening.value != "yes":
        return None if CALL_AGAIN in lead.answers else CALL_AGAIN
    return next((question.key for question in script.questions if question.key not in lead.answers), None)


def may_answer(script: LeadScript, lead: Lead, key: str) -> bool:
    """Whether `key` has been asked: the current question, or an earlier one that is being put right."""
    return key in script.keys and (key == current(script, lead) or key in lead.answers)


def answered(script: LeadScript, lead: Lead, key: str, answer: Answer) -> Lead:
    """`lead` with one more answer, or a corrected one; with the last one it has an outcome."""
    if lead.is_over:
        return lead
    given = replace(lead, answers={**lead.answers, key: answer})
    if key == CALL_AGAIN:
        return replace(given, call_again=answer.quote if answer.state is AnswerState.GIVEN else "")
    reasons = reasons_of(script, given.answers)
    scored = replace(given, reasons=reasons, score=total(reasons))
    return replace(scored, outcome=outcome_of(script, scored.score)) if current(script, scored) is None else scored


def missed(lead: Lead, key: str) -> Lead:
    """`key` was asked, and what was said did not answer it."""
    return replace(lead, missed={**lead.missed, key: lead.missed.get(key, 0) + 1})


def declined(lead: Lead) -> Lead:
    """No conversation now, and none later."""
    return lead if lead.is_over else replace(lead, outcome=Outcome.COLD)


def opted_out(lead: Lead) -> Lead:
    return replace(lead, outcome=Outcome.OPTED_OUT)


def unserved(lead: Lead, now: datetime) -> Lead:
    """Worth a person, and none was free."""
    return lead if lead.unserved_at is not None else replace(lead, unserved_at=now)


def served(lead: Lead) -> Lead:
    """A person is being rung for them after all, or they want no call: none is owed for it any more."""
    return lead if lead.unserved_at is None else replace(lead, unserved_at=None)


def promised(lead: Lead, answer: Answer) -> Lead:
    """When they want the call that is owed. The lead has its outcome already, and keeps it."""
    given = {**lead.answers, CALL_AGAIN: answer}
    return replace(lead, answers=given, call_again=answer.quote if answer.state is AnswerState.GIVEN else "")


def reasons_of(script: LeadScript, answers: Mapping[str, Answer]) -> tuple[Reason, ...]:
    """In the order of the script. What was skipped or not known is worth nothing."""
    found = []
    for question in script.questions:
        answer = answers.get(question.key)
        if answer is None or answer.state is not AnswerState.GIVEN:
            continue
        rule = next((rule for rule in question.rules if rule.holds(answer.value)), None)
        if rule is not None:
            found.append(Reason(question=question.key, points=rule.points, reason=rule.reason, quote=answer.quote))
    return tuple(found)


def total(reasons: Iterable[Reason]) -> int:
    return sum(reason.points for reason in reasons)


def outcome_of(script: LeadScript, score: int) -> Outcome:
    if score >= script.hot:
        return Outcome.HOT
    return Outcome.WARM if score >= script.warm else Outcome.COLD
