"""How appointments are talked about: a wish is completed bit by bit, then proposed; another time is a no to the one that was read back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local.engine.dialogue import Act, CallTool, Dialogue, Proposal, Say, ordinal_in
from local.engine.expectation import Expectation
from local.engine.subject import plain

_INTENTS = {
    "proposeBooking": "book",
    "proposeMove": "move",
    "proposeCancel": "cancel",
    "listAppointments": "list",
}
_DONE = ("booked", "moved", "cancelled", "ok", "none")
_EXPECTED = {"service": Expectation.SERVICE, "when": Expectation.WHEN, "name": Expectation.NAME}
_OWN_TOOLS = frozenset({*_INTENTS, "findTimes", "commitProposal", "endCall"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants so far."""

    intent: str = ""  # "book", "move", "cancel", "list"
    service: str = ""
    when: str = ""
    name: str = ""
    reference: str = ""


@dataclass(slots=True)
class BookingTalk(Dialogue):
    """What is not about the diary is led by the tools, as in every dialogue."""

    wish: Wish = field(default_factory=Wish)

    def _expected(self) -> Expectation:
        if self.proposal is None and self.then is None and not self.choices:
            return _EXPECTED.get(self.asked, Expectation.OPEN)
        return Dialogue._expected(self)

    # --- the caller spoke ---------------------------------------------------------------------------------------------------

    def _opened(self, words: str) -> list[Act] | None:
        if (acts := Dialogue._opened(self, words)) is not None:
            self.wish = Wish(name=self.wish.name)
            return acts
        found = "" if self._is_told_something or self.phrases.is_goodbye(words) else self._intent(words)
        if not found:
            return None
        self._start(found, words)
        return self._advance()

    def _intent(self, words: str) -> str:
        for intent, pattern in self.phrases.intents:
            if pattern.search(words):
                return intent
        return ""

    def _start(self, intent: str, words: str) -> None:
        """A new wish; the name stays, because the caller has not changed."""
        service, rest = self._service_in(words)
        self._forget()
        self.wish = Wish(intent, service, self._when_in(rest), self.wish.name)

    def _service_in(self, words: str) -> tuple[str, str]:
        """(service key, what follows its name); without a service everything is what follows."""
        found = [
            (match.start(), -len(name), key, match.end())
            for key, names in self.subject.services.items()
            for name in names
            if (match := re.search(rf"\b{re.escape(plain(name))}\b", words))
        ]
        if not found:
            return "", words
        _, _, key, end = min(found)
        return key, words[end:]

    def _when_in(self, words: str) -> str:
        match = self.phrases.when.search(words)
        return words[match.start() :].strip() if match else ""

    def _answer(self, words: str) -> list[Act]:
        if self.proposal is not None:
            return self._answer_to_proposal(words)
        if self.then is not None:
            return self._answer_to_tool(words)
        if self.choices:
            return self._pick(words)
        return self._complete(words) if self.asked else self._puzzle()

    def _answer_to_proposal(self, words: str) -> list[Act]:
        if not self.wish.intent:
            return Dialogue._answer_to_proposal(self, words)
        if when := self._when_in(words):  # "no, at ten": another time is a no to this one
            self.proposal = None
            self.wish = replace(self.wish, when=when)
            return self._advance()
        if self.phrases.yes.search(words):
            return [self._commit()]
        if self.phrases.no.search(words):
            self.proposal = None
            self.wish = replace(self.wish, when="")
            if self.wish.intent == "cancel":
                return self._more(self.phrases.left_alone)
            self.asked = "when"
            return [Say(self.phrases.other_time)]
        return self._puzzle()

    def _pick(self, words: str) -> list[Act]:
        if (place := ordinal_in(words)) is not None:
            is_there = place < len(self.choices)
            return self._take(self.choices[place][0]) if is_there else [Say(self.phrases.no_such_choice)]
        if when := self._when_in(words):
            matching = [value for value, spoken in self.choices if when in plain(spoken)]
            return self._take(matching[0] if len(matching) == 1 else when)
        if self.phrases.yes.search(words) and len(self.choices) == 1:
            return self._take(self.choices[0][0])
        if self.phrases.no.search(words):
            self.choices, self.asked = [], "when"
            return [Say(self.phrases.other_time)]
        return self._puzzle()

    def _take(self, value: str) -> list[Act]:
        kind, self.choices = self.asked, []
        if kind == "which":
            self.wish = replace(self.wish, reference=value)
        elif kind == "service":
            self.wish = replace(self.wish, service=value)
        else:
            self.wish = replace(self.wish, when=value)
        return self._advance()

    def _complete(self, words: str) -> list[Act]:
        match self.asked:
            case "name":
                self.wish = replace(self.wish, name=self._name_in(words))
            case "service":
                service, rest = self._service_in(words)
                if not service:
                    return self._puzzle()
                self.wish = replace(self.wish, service=service, when=self.wish.when or self._when_in(rest))
            case "when" | "detail":
                when = self._when_in(words) or words
                self.wish = replace(
                    self.wish, when=f"{self.wish.when} {when}".strip() if self.asked == "detail" else when
                )
            case "more" if self.phrases.no.search(words):
                return self._end()
            case _:
                return self._puzzle()
        return self._advance()

    # --- what is still missing ----------------------------------------------------------------------------------------------

    def _advance(self) -> list[Act]:
        """Ask for the first thing that is missing, or call the tool."""
        wish, phrases = self.wish, self.phrases
        self.asked = ""
        if wish.intent == "book" and not wish.service:
            self.asked = "service"
            return [Say(phrases.which_service)]
        if wish.intent in ("book", "move") and not wish.when:
            self.asked = "when"
            return [Say(phrases.when_to_book if wish.intent == "book" else phrases.when_to_move)]
        if not wish.name:
            self.asked = "name"
            return [Say(phrases.name)]
        return [self.tool_for_wish()]

    def tool_for_wish(self) -> CallTool:
        wish = self.wish
        reference = {"reference": wish.reference} if wish.reference else {}
        match wish.intent:
            case "book":
                return CallTool("proposeBooking", {"service": wish.service, "when": wish.when, "name": wish.name})
            case "move":
                return CallTool("proposeMove", {"name": wish.name, "when": wish.when, **reference})
            case "cancel":
                return CallTool("proposeCancel", {"name": wish.name, **reference})
        return CallTool("listAppointments", {"name": wish.name})

    # --- a tool answered ----------------------------------------------------------------------------------------------------

    def _answered(self, tool: str, payload: Mapping[str, Any], asked_for: CallTool | None) -> list[Act]:
        is_ours = tool in _OWN_TOOLS and (tool != "commitProposal" or self.wish.intent)
        if not is_ours or tool == "endCall" or payload.get("then"):
            return Dialogue._answered(self, tool, payload, asked_for)
        say = str(payload.get("say") or self.phrases.trouble)
        status = payload.get("status")
        if nonce := payload.get("nonce"):
            arguments = payload.get("arguments") or (self.proposal.arguments if self.proposal else {})
            self.proposal = Proposal(str(nonce), arguments)
        elif status == "ask":
            self._ask(str(payload.get("question")), payload.get("choices") or [])
        elif times := payload.get("times"):
            self.choices = [(str(one["starts_at"]), str(one["spoken"])) for one in times]
            self.asked = "when"
        elif status in _DONE:
            return self._more(say)
        elif status == "refused":
            self.asked = "more"
        else:
            self.asked = "when"  # closed, past, too far: another day
        return [Say(say)]

    def _ask(self, question: str, choices: Sequence[Mapping[str, Any]]) -> None:
        self.choices = [(str(one["value"]), str(one["spoken"])) for one in choices]
        match question:
            case "name" | "service" | "which":
                self.asked = question
            case "day" | "time" | "period":
                self.asked = "when" if self.choices else "detail"
            case _:
                self.asked = "when"

    def _more(self, words: str) -> list[Act]:
        self.wish = Wish(name=self.wish.name)
        self._forget()
        return Dialogue._more(self, words)

    @property
    def what_i_understand(self) -> str:
        return self.phrases.what_the_diary_understands

    # --- a call that another engine began -----------------------------------------------------------------------------------

    def recall(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """What is done is no wish any more, but the caller keeps the name."""
        Dialogue.recall(self, facts)
        for fact in facts:
            tool, given = str(fact.get("tool")), fact.get("arguments") or {}
            if tool in _INTENTS:
                known = {key: str(given[key]) for key in ("service", "when", "name", "reference") if given.get(key)}
                self.wish = replace(Wish(name=self.wish.name), intent=_INTENTS[tool], **known)
            elif tool == "commitProposal" and (fact.get("result") or {}).get("status") in _DONE:
                self.wish = Wish(name=str((given.get("arguments") or {}).get("name") or self.wish.name))

    def made_again(self) -> CallTool | None:
        return self.tool_for_wish() if self.wish.intent else Dialogue.made_again(self)
