"""`[leads]`: the questions and their worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.leads import CALL_AGAIN, OPENING, AnswerKind, LeadScript, Question, Rule
from pokea.tables.base import Key, Language, Spoken, Table, in_every_language

_BOUNDS = {AnswerKind.NUMBER: ("at_least", "at_most"), AnswerKind.TIMELINE: ("within_days",)}


def _known_kind(kind: str) -> str:
    if kind not in set(AnswerKind):
        raise ValueError(f"must be one of {', '.join(AnswerKind)}")
    return kind


Sentence = Annotated[str, Field(min_length=1, max_length=200)]


class RuleTable(Table):
    points: Annotated[int, Field(ge=-100, le=100)]
    reason: Sentence
    answer: Annotated[str, Field(max_length=32)] = ""
    at_least: Annotated[int, Field(ge=0)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None
    within_days: Annotated[int, Field(ge=0, le=3650)] | None = None

    def check(self, kind: AnswerKind, answers: Mapping[str, object], where: str) -> None:
        allowed = _BOUNDS.get(kind, ())
        for bound in ("at_least", "at_most", "within_days"):
            if getattr(self, bound) is not None and bound not in allowed:
                raise ValueError(f"{where}.rules.{bound}: means nothing for an answer of kind {kind.value}")
        if self.answer and self.answer not in answers:
            raise ValueError(f"{where}.rules.answer: {self.answer!r} is not one of its answers")


class QuestionTable(Table):
    key: Key
    kind: Annotated[str, AfterValidator(_known_kind)]
    ask: dict[Language, Sentence]
    again: dict[Language, Sentence]
    choices: dict[Key, dict[Language, Annotated[list[Spoken], Field(min_length=1, max_length=20)]]] = {}
    rules: Annotated[list[RuleTable], Field(max_length=20)] = []

    def check(self, languages: list[str]) -> None:
        where, kind = f"leads.questions.{self.key}", AnswerKind(self.kind)
        if self.key in (OPENING, CALL_AGAIN):
            raise ValueError(f"{where}: {self.key!r} is the name of a question that every script has")
        in_every_language(self.ask, languages, f"{where}.ask")
        in_every_language(self.again, languages, f"{where}.again")
        for key, names in self.choices.items():
            in_every_language(names, languages, f"{where}.choices.{key}")
        answers: Mapping[str, object] = self.choices
        if kind is AnswerKind.YES_NO:
            answers = {"yes": None, "no": None}
            if set(self.choices) - set(answers):
                raise ValueError(f"{where}.choices: of a yes_no question are yes and no")
        elif kind is AnswerKind.CHOICE:
            if len(self.choices) < 2:
                raise ValueError(f"{where}.choices: there must be two at least")
        elif self.choices:
            raise ValueError(f"{where}.choices: mean nothing for an answer of kind {kind.value}")
        for rule in self.rules:
            rule.check(kind, answers, where)

    def question(self) -> Question:
        return Question(
            key=self.key,
            kind=AnswerKind(self.kind),
            ask=self.ask,
            again=self.again,
            choices={
                key: {language: tuple(names) for language, names in spoken.items()}
                for key, spoken in self.choices.items()
            },
            rules=tuple(Rule(**rule.model_dump()) for rule in self.rules),
        )


class LeadsTable(Table):
    """purpose: what the call is about, as it goes on after "This is about". transfer: who takes over hot leads."""

    purpose: dict[Language, Spoken]
    hot: Annotated[int, Field(ge=1, le=1000)]
    warm: Annotated[int, Field(ge=0, le=1000)]
    transfer: str = ""
    questions: Annotated[list[QuestionTable], Field(min_length=1, max_length=20)]

    def check(self, languages: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""
        in_every_language(self.purpose, languages, "leads.purpose")
        keys = [question.key for question in self.questions]
        if len(set(keys)) != len(keys):
            raise ValueError("leads.questions: two questions have the same key")
        for question in self.questions:
            question.check(languages)
        if self.warm >= self.hot:
            raise ValueError("leads.warm: must be less than leads.hot")
        best = sum(max((0, *(rule.points for rule in question.rules))) for question in self.questions)
        if self.hot > best:
            raise ValueError(f"leads.hot: no answers reach more than {best} points")

    def rules(self) -> LeadScript:
        return LeadScript(
            purpose=self.purpose,
            questions=tuple(question.question() for question in self.questions),
            hot=self.hot,
            warm=self.warm,
            transfer=self.transfer,
        )
