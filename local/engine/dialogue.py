"""What the offline engine says and does next: a rule dialogue driven by the tools it was given and by what they answer.

Pure: words and tool results in, acts out. It knows how appointments are talked about, but no business, no diary and no scenario:
services come from the tools' declarations, and whatever matters is said in the words of a tool's `say`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local.engine.expectation import Expectation
from local.engine.phrases import PHRASES, Phrases

ORDINALS = (
    ("first", "ya kwanza"),
    ("second", "ya pili"),
    ("third", "ya tatu"),
)
MAX_PUZZLED = (
    3  # times in a row that the caller is asked to say it again before the engine explains what it understands
)


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    name: str
    arguments: Mapping[str, Any]


Act = Say | CallTool


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants so far."""

    intent: str = ""  # "book", "move", "cancel", "list"
    service: str = ""
    when: str = ""
    name: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    nonce: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Dialogue:
    """One conversation. `services`: key → spoken names. `tools`: the names of the declared tools."""

    services: Mapping[str, Sequence[str]]
    tools: frozenset[str]
    language: str = "en"
    wish: Wish = field(default_factory=Wish)
    proposal: Proposal | None = None
    choices: list[tuple[str, str]] = field(default_factory=list)  # (value to pass on, spoken)
    asked: str = ""  # what the caller was asked for: "service", "when", "name", "which", "more"
    is_ending: bool = False
    puzzled: int = 0
    last_said: str = ""
    unanswered: str = ""  # the caller's words to an engine that was lost before it answered them
    waiting_for: CallTool | None = None  # asked for and not answered yet
    answered_late: str = ""  # words out of a brief that were acted on; their sound may still come

    @property
    def phrases(self) -> Phrases:
        return PHRASES[self.language]

    @property
    def expectation(self) -> Expectation:
        """What the next answer is likely to be: the recogniser listens with a grammar for it."""
        if self.proposal is not None:
            return Expectation.YES_NO
        if self.choices:
            return Expectation.CHOICE
        return {
            "service": Expectation.SERVICE,
            "when": Expectation.WHEN,
            "name": Expectation.NAME,
        }.get(self.asked, Expectation.OPEN)

    # --- the caller spoke ---------------------------------------------------------------------------------------------------

    def heard(self, words: str | None) -> list[Act]:
        """`words`: lower-case text, or None for speech that was not understood."""
        late, self.answered_late = self.answered_late, ""
        if words and words == late:
            return []
        unanswered, self.unanswered, self.waiting_for = self.unanswered, "", None
        acts = self._heard(words)
        if unanswered and self.puzzled:  # the caller only wonders whether anybody is there
            acts = self._heard(unanswered)
        return self._remembered(acts)

    def overheard(self, words: str | None) -> list[Act]:
        """What was said while the agent was speaking: a murmur or a cough is no turn, and a yes to half a sentence is none either."""
        if not words or self.phrases.murmur.fullmatch(words):
            return []
        return self.heard(words)

    def noted(self) -> list[Act]:
        """The connection was interrupted: answer what nobody answered, ask again for what never came, or repeat the last words.

        A tool may be called a second time here: a lookup changes nothing, and a commit is carried out once by whoever guards it.
        """
        if self.unanswered:
            words, self.unanswered = self.unanswered, ""
            acts = self.heard(words)
            self.answered_late = words
            return acts
        if self.waiting_for is not None:
            return [self.waiting_for]
        if self.is_ending:
            return [Say(self.last_said or self.phrases.goodbye)]
        return self._remembered([Say(self.last_said or self.phrases.say_again)])

    def _remembered(self, acts: list[Act]) -> list[Act]:
        for act in acts:
            if isinstance(act, CallTool):
                self.waiting_for = act
        self.last_said = " ".join(act.text for act in acts if isinstance(act, Say)) or self.last_said
        return acts

    def _heard(self, words: str | None) -> list[Act]:
        if self.is_ending:
            return []
        if not words:
            return self._puzzle()
        self.puzzled = 0
        found = self._intent(words)
        if found == "goodbye" and self.proposal is None:
            return self._end()
        if found in ("book", "move", "cancel", "list"):
            self._start(found, words)
            return self._advance()
        if self.proposal is not None:
            return self._answer_to_proposal(words)
        if self.choices:
            return self._pick(words)
        if self.asked:
            return self._answer(words)
        return self._puzzle()

    def _intent(self, words: str) -> str:
        for intent, pattern in self.phrases.intents:
            if pattern.search(words):
                return intent
        return ""

    def _start(self, intent: str, words: str) -> None:
        """A new wish; the name stays, because the caller has not changed."""
        service, rest = self._service_in(words)
        self.proposal, self.choices, self.asked = None, [], ""
        self.wish = Wish(intent, service, self._when_in(rest), self.wish.name)

    def _service_in(self, words: str) -> tuple[str, str]:
        """(service key, what follows its name); without a service everything is what follows."""
        found = [
            (match.start(), -len(name), key, match.end())
            for key, names in self.services.items()
            for name in names
            if (match := re.search(rf"\b{re.escape(_plain(name))}\b", words))
        ]
        if not found:
            return "", words
        _, _, key, end = min(found)
        return key, words[end:]

    def _when_in(self, words: str) -> str:
        match = self.phrases.when.search(words)
        return words[match.start() :].strip() if match else ""

    def _answer_to_proposal(self, words: str) -> list[Act]:
        assert self.proposal is not None
        if when := self._when_in(words):  # "no, at ten": another time is a no to this one
            self.proposal = None
            self.wish = replace(self.wish, when=when)
            return self._advance()
        if self.phrases.yes.search(words):
            proposal, self.proposal = self.proposal, None
            return [CallTool("commitProposal", {"nonce": proposal.nonce, "arguments": dict(proposal.arguments)})]
        if self.phrases.no.search(words):
            self.proposal = None
            self.wish = replace(self.wish, when="")
            if self.wish.intent == "cancel":
                return self._more(self.phrases.left_alone)
            self.asked = "when"
            return [Say(self.phrases.other_time)]
        return self._puzzle()

    def _pick(self, words: str) -> list[Act]:
        for index, names in enumerate(ORDINALS):
            if any(name in words for name in names):
                if index < len(self.choices):
                    return self._take(self.choices[index][0])
                return [Say(self.phrases.no_such_choice)]
        if when := self._when_in(words):
            matching = [value for value, spoken in self.choices if when in _plain(spoken)]
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

    def _answer(self, words: str) -> list[Act]:
        match self.asked:
            case "name":
                self.wish = replace(self.wish, name=self.phrases.before_name.sub("", words).strip().title())
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

    def tool_answered(self, tool: str, payload: Mapping[str, Any]) -> list[Act]:
        """`payload`: what the tool returned. Its `say` is spoken word for word."""
        self.waiting_for = None
        return self._remembered(self._answered(tool, payload))

    def _answered(self, tool: str, payload: Mapping[str, Any]) -> list[Act]:
        say = str(payload.get("say") or self.phrases.trouble)
        status = payload.get("status")
        if tool == "endCall":
            return [Say(say)]
        if nonce := payload.get("nonce"):
            arguments = payload.get("arguments") or (self.proposal.arguments if self.proposal else {})
            self.proposal = Proposal(str(nonce), arguments)
        elif status == "ask":
            self._ask(str(payload.get("question")), payload.get("choices") or [])
        elif times := payload.get("times"):
            self.choices = [(str(one["starts_at"]), str(one["spoken"])) for one in times]
            self.asked = "when"
        elif status in ("booked", "moved", "cancelled", "ok", "none"):
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
        self.proposal, self.choices, self.asked = None, [], "more"
        return [Say(words)]

    def _end(self) -> list[Act]:
        self.is_ending = True
        return [CallTool("endCall", {})] if "endCall" in self.tools else [Say(self.phrases.goodbye)]

    def _puzzle(self) -> list[Act]:
        self.puzzled += 1
        if self.puzzled >= MAX_PUZZLED:
            self.puzzled = 0
            return [Say(self.phrases.what_i_understand)]
        return [Say(self.phrases.say_again)]


def _plain(text: str) -> str:
    """As the recogniser writes it: lower case, no punctuation or hyphens."""
    return " ".join(re.sub(r"[^a-z' ]+", " ", text.lower()).split())


def services_of(declarations: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Service keys and their spoken names, from the first tool that has a `service` parameter with an enum.

    The description lists them as "key: name, name; key: name"; a key that it does not explain is spoken as it is written.
    """
    for declaration in declarations:
        parameter = (declaration.get("parameters") or {}).get("properties", {}).get("service") or {}
        if keys := parameter.get("enum"):
            text = str(parameter.get("description", ""))
            return {str(key): _spoken_names(str(key), text) for key in keys}
    return {}


def _spoken_names(key: str, description: str) -> tuple[str, ...]:
    listed = re.search(rf"\b{re.escape(key)}: ([^;]+)", description)
    names = [_plain(name) for name in listed[1].split(",")] if listed else []
    return tuple(dict.fromkeys([*filter(None, names), _plain(key.replace("_", " "))]))
