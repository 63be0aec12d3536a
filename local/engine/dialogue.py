"""What the offline engine says and does next: a rule dialogue driven by the tools it was given and by what they answer.

Pure: words and tool results in, acts out. It knows no business and no scenario. How callers begin is a table (`openings`); from there the
tools lead: their `say` is spoken word for word, their `then` names the tool for the caller's next answer, a `nonce` waits for a yes.
What needs more than that is a talk of its own (`talks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from local.engine import openings
from local.engine.expectation import Expectation
from local.engine.phrases import PHRASES, Phrases
from local.engine.subject import Subject, plain

ORDINALS = (
    ("first", "ya kwanza"),
    ("second", "ya pili"),
    ("third", "ya tatu"),
)
MAX_PUZZLED = (
    3  # times in a row that the caller is asked to say it again before the engine explains what it understands
)
_EXPECTED = {
    "name": Expectation.NAME,
    "when": Expectation.WHEN,
    "number": Expectation.NUMBER,
    "digits": Expectation.DIGITS,
    "reference": Expectation.DIGITS,
    "tracking": Expectation.TRACKING,
    "place": Expectation.PLACE,
    "yes_no": Expectation.YES_NO,
    "choice": Expectation.CHOICE,
    "text": Expectation.TEXT,
}
_IS_OVER = ("cold",)  # statuses after which the agent ends the call
_OF_THE_SESSION = ("subject", "language", "unanswered", "answered_late")


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    name: str
    arguments: Mapping[str, Any]


Act = Say | CallTool


@dataclass(frozen=True, slots=True)
class Proposal:
    nonce: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Dialogue:
    """One conversation about whatever its tools are for."""

    subject: Subject
    language: str = "en"
    proposal: Proposal | None = None
    choices: list[tuple[str, str]] = field(default_factory=list)  # (value to pass on, spoken)
    then: Mapping[str, Any] | None = None  # which tool takes the caller's next answer, as the latest result said
    asked: str = ""  # what the caller was asked for beyond that: "more", …
    errand: CallTool | None = None  # what the caller came for last
    proposing: CallTool | None = None  # what made the latest proposal
    is_fresh: bool = True  # no tool was called yet
    is_ending: bool = False
    before: str = ""  # words that are still to be said in front of the next ones
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
        return self._expected()

    def _expected(self) -> Expectation:
        if self.proposal is not None or "acceptCall" in self.subject.tools:
            return Expectation.YES_NO
        if self.then is not None:
            return _EXPECTED.get(str(self.then.get("expect")), Expectation.TEXT)
        return Expectation.CHOICE if self.choices else Expectation.OPEN

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

    def keyed(self) -> list[Act]:
        """The caller pressed keys that are kept from us: the tool that waits for them has them already."""
        if self.then is None or not self.then.get("tool"):
            return []
        then, self.then = self.then, None
        return self._remembered([CallTool(str(then["tool"]), dict(then.get("arguments") or {}))])

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
                self.is_fresh = False
        self.last_said = " ".join(act.text for act in acts if isinstance(act, Say)) or self.last_said
        return acts

    def _heard(self, words: str | None) -> list[Act]:
        if self.is_ending:
            return []
        if not words:
            return self._puzzle()
        self.puzzled = 0
        if (acts := self._opened(words)) is not None:
            return acts
        if self.phrases.is_goodbye(words) and self.proposal is None:
            return self._end()
        return self._answer(words)

    def _opened(self, words: str) -> list[Act] | None:
        """What the words ask for, whatever was asked before; None if they are an answer."""
        found = openings.find(words, self.subject, self.language, always=self._is_told_something)
        if found is not None:
            self._forget()
            self.errand = CallTool(found.tool, found.arguments)
            return self._begin(self.errand)
        if self.is_fresh and self.subject.first_question:
            question = {"question": self.subject.first_question, "answer": words}
            return [CallTool("recordAnswer", question)]
        return None

    @property
    def _is_told_something(self) -> bool:
        """Free words are awaited, which may sound like a wish and are none."""
        return (
            self.proposal is None
            and self.then is not None
            and self.expectation not in (Expectation.YES_NO, Expectation.CHOICE)
        )

    def _begin(self, call: CallTool) -> list[Act]:
        """Call the tool, or ask for the first argument that it cannot do without."""
        required = self.subject.required.get(call.name, ())
        missing = next((name for name in required if name not in call.arguments), "")
        if not missing:
            return [call]
        self.then = {"tool": call.name, "arguments": dict(call.arguments), "fill": missing, "expect": "text"}
        return [Say(self.phrases.questions.get(missing, self.phrases.say_again))]

    def _answer(self, words: str) -> list[Act]:
        """The caller answers what was asked."""
        if "acceptCall" in self.subject.tools:
            return self._answer_to_ring(words)
        if self.proposal is not None:
            return self._answer_to_proposal(words)
        if self.then is not None:
            return self._answer_to_tool(words)
        if self.asked == "more" and self.phrases.no.search(words):
            return self._end()
        if self.phrases.yes.search(words):
            return [Say(self.phrases.what_then)]
        return self._puzzle()

    def _answer_to_ring(self, words: str) -> list[Act]:
        """A human of the business says whether they take the caller."""
        if self.phrases.yes.search(words):
            return [CallTool("acceptCall", {})]
        if self.phrases.no.search(words):
            return [CallTool("declineCall", {"reason": words})]
        return self._puzzle()

    def _answer_to_proposal(self, words: str) -> list[Act]:
        assert self.proposal is not None
        if self.phrases.yes.search(words):
            return [self._commit()]
        if self.phrases.no.search(words):
            other = (self.then or {}).get("no")
            self._forget()
            return self._follow(other) if other else self._more(self.phrases.left_alone)
        return self._puzzle()

    def _follow(self, step: Mapping[str, Any]) -> list[Act]:
        self.errand = CallTool(str(step.get("tool")), dict(step.get("arguments") or {}))
        return self._begin(self.errand)

    def _commit(self) -> CallTool:
        assert self.proposal is not None
        proposal = self.proposal
        self._forget()
        return CallTool("commitProposal", {"nonce": proposal.nonce, "arguments": dict(proposal.arguments)})

    def _answer_to_tool(self, words: str) -> list[Act]:
        """Follow the `then` of the latest result."""
        assert self.then is not None
        if self.then.get("fill"):
            return [self._answering(self._chosen(words))]
        if self.phrases.yes.search(words):
            follow = self.then.get("yes") if self.then.get("expect") == "yes_no" and "yes" in self.then else self.then
        elif self.phrases.no.search(words):
            follow = self.then.get("no")
        else:
            return self._puzzle()
        self._forget()
        return self._follow(follow) if follow else self._more(self.phrases.anything_else)

    def _answering(self, words: str) -> CallTool:
        assert self.then is not None
        then, self.then, self.choices = self.then, None, []
        arguments = dict(then.get("arguments") or {})
        if fill := then.get("fill"):
            is_name = then.get("expect") == "name"
            arguments[str(fill)] = self._name_in(words) if is_name else words
        return CallTool(str(then.get("tool")), arguments)

    def _name_in(self, words: str) -> str:
        return self.phrases.before_name.sub("", words).strip().title()

    def _chosen(self, words: str) -> str:
        """The value of the choice that was named, or the caller's own words."""
        if not self.choices:
            return words
        if (place := ordinal_in(words)) is not None and place < len(self.choices):
            return self.choices[place][0]
        matching = [value for value, spoken in self.choices if words in plain(spoken) or plain(spoken) in words]
        return matching[0] if len(matching) == 1 else words

    # --- a tool answered ----------------------------------------------------------------------------------------------------

    def tool_answered(self, tool: str, payload: Mapping[str, Any]) -> list[Act]:
        """`payload`: what the tool returned. Its `say` is spoken word for word."""
        asked_for, self.waiting_for = self.waiting_for, None
        if asked_for is not None and asked_for.name != tool:
            asked_for = None
        before, self.before = self.before, ""
        acts = self._answered(tool, payload, asked_for)
        return self._remembered(_with_words_before(acts, before) if before else acts)

    def _answered(self, tool: str, payload: Mapping[str, Any], asked_for: CallTool | None) -> list[Act]:
        say = str(payload.get("say") or self.phrases.trouble)
        if tool in ("endCall", "declineCall", "optOut"):
            self.is_ending = True
            return [Say(say)]
        if tool == "speakLanguage" and asked_for is not None and payload.get("status") == "ok":
            wanted = str(asked_for.arguments.get("language"))
            self.language = wanted if wanted in PHRASES else self.language
        self._forget()
        return self._led(tool, say, payload, asked_for)

    def _led(self, tool: str, say: str, payload: Mapping[str, Any], asked_for: CallTool | None) -> list[Act]:
        """Where the result leads."""
        then = payload.get("then")
        self.then = then if isinstance(then, Mapping) else None
        if nonce := payload.get("nonce"):
            self.proposal = Proposal(str(nonce), payload.get("arguments") or {})
            self.proposing = asked_for or self.proposing
        elif self.then is not None:
            self.choices = [(str(one["value"]), str(one["spoken"])) for one in payload.get("choices") or ()]
        elif payload.get("status") in _IS_OVER:
            self.before = say
            return self._end()
        elif payload.get("status") == "verified" and self.errand is not None:
            self.before = say
            return self._begin(self.errand)
        else:
            self.asked = "" if tool == "speakLanguage" else "more"
        return [Say(say)]

    def _forget(self) -> None:
        """Nothing is asked any more."""
        self.proposal, self.then, self.choices, self.asked = None, None, [], ""

    def _more(self, words: str) -> list[Act]:
        self.asked = "more"
        return [Say(words)]

    def _end(self) -> list[Act]:
        self.is_ending = True
        if "endCall" in self.subject.tools:
            return [CallTool("endCall", {})]
        before, self.before = self.before, ""
        return [Say(f"{before} {self.phrases.goodbye}".strip())]

    def _puzzle(self) -> list[Act]:
        self.puzzled += 1
        if self.puzzled >= MAX_PUZZLED:
            self.puzzled = 0
            return [Say(self.what_i_understand)]
        return [Say(self.phrases.say_again)]

    @property
    def what_i_understand(self) -> str:
        return self.phrases.what_i_understand

    # --- a call that another engine began -----------------------------------------------------------------------------------

    def recall(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """What the tools were asked for before this engine came, oldest first."""
        self.is_fresh = not facts
        begun = {one.tool for one in openings.OPENINGS}
        for fact in facts:
            call = CallTool(str(fact.get("tool")), fact.get("arguments") or {})
            if call.name in begun:
                self.errand = call
            if (fact.get("result") or {}).get("nonce"):
                self.proposing = call

    def reopen(self, nonce: str, arguments: Mapping[str, Any], *, was_heard: bool) -> None:
        """A proposal that binds nobody until its read-back was heard to the end: else it is made again before anything else."""
        self.proposal = Proposal(nonce, arguments)
        if not was_heard and not self.unanswered and (again := self.made_again()) is not None:
            self.waiting_for = again

    def made_again(self) -> CallTool | None:
        """What makes the open proposal once more."""
        return self.proposing

    def copy(self) -> Self:
        return replace(self, choices=list(self.choices))

    def return_to(self, before: Self) -> None:
        """Forget what was said since `before`."""
        for one in fields(self):
            if one.name not in _OF_THE_SESSION:
                setattr(self, one.name, getattr(before, one.name))


def _with_words_before(acts: list[Act], before: str) -> list[Act]:
    first = next((index for index, act in enumerate(acts) if isinstance(act, Say)), None)
    if first is None:
        return [Say(before), *acts]
    return [
        Say(f"{before} {act.text}") if index == first and isinstance(act, Say) else act
        for index, act in enumerate(acts)
    ]


def ordinal_in(words: str) -> int | None:
    """Which one the caller means by "the second one", counted from 0."""
    return next((index for index, names in enumerate(ORDINALS) if any(name in words for name in names)), None)
