"""The receptionist: answers what callers ask, takes messages, and connects them. The work is in `pokea.desk.reception`."""

from __future__ import annotations

from pokea.desk.agent import DeskAgent, Tool, schema, text
from pokea.desk.reception import answer_question, directions
from pokea.desk.reception_hours import opening_hours
from pokea.profile import Profile
from pokea.toolkit import Effect, ToolSpec


class Receptionist(DeskAgent):
    name = "receptionist"
    persona = "You are the receptionist: you answer questions about the business, take messages and connect callers."

    def toolbox(self, profile: Profile) -> tuple[Tool, ...]:
        return TOOLS

    def rules(self, profile: Profile, language: str) -> str:
        return _RULES

    def problem(self, profile: Profile) -> str | None:
        return None if profile.reception else "reception.knowledge: the receptionist needs something to answer from"


AGENT = Receptionist()

_RULES = """\
- Every question about the business goes to answerQuestion, in the caller's own words, also when you believe you know the answer.
- Status "none": nobody has told you. Never answer from your own knowledge; speak `say` and follow its `then`.
- Opening hours come from openingHours and the way to the business from directions.
- A caller who wants to leave word, or whom nobody can be found for, leaves a message with proposeMessage."""

TOOLS = (
    Tool(
        ToolSpec(
            "answerQuestion",
            "Answer a question about the business from what it wants its callers to know.",
            schema(
                [],
                question=text("The caller's question in their own words."),
                not_meant=text("As a result's `then` gave it; otherwise leave it out."),
            ),
            Effect.READ,
        ),
        answer_question,
    ),
    Tool(
        ToolSpec(
            "openingHours",
            "When the business is open. Leave out `when` for now and the usual week.",
            schema([], when=text("The caller's own words for the day or time, unchanged.")),
            Effect.READ,
        ),
        opening_hours,
    ),
    Tool(ToolSpec("directions", "Where the business is and how to get there.", schema([]), Effect.READ), directions),
)
