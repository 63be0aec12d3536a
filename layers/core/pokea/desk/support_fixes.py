"""startFix and fixStep: a guided fix, one step at a time. Where the caller stands is in the call's memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from pokea.backends import BackendCannot
from pokea.desk.memory import memory_of, remember
from pokea.desk.support_status import ask_problem, outage_words
from pokea.desk.verify import support_rules
from pokea.desk.visit import Visit, reply
from pokea.support import Fix
from pokea.toolkit import ToolResult, then, then_yes_no

T = TypeVar("T")
TRIED = "tried"  # lines for whoever takes the call over
MAX_TRIED = 20
MAX_LINE = 160
MAX_PROBLEM = 256
_YES = frozenset(["yes", "yeah", "yep", "worked", "ndio", "ndiyo"])
_NO = frozenset(["no", "nope", "hapana", "siyo", "sio", "not_worked"])
_GOOD = frozenset(
    [
        "work",
        "works",
        "working",
        "solved",
        "fixed",
        "helped",
        "green",
        "ok",
        "okay",
        "imefanya",
        "inafanya",
        "imesaidia",
        "imewaka",
        "kijani",
        "vizuri",
        "imerudi",
        "imetulia",
    ]
)
_BAD = frozenset(["red", "off", "slow", "dark", "nyekundu", "imezima", "polepole"])
_NEGATIONS = frozenset(
    [
        "not",
        "still",
        "nothing",
        "never",
        "didnt",
        "doesnt",
        "isnt",
        "wont",
        "dont",
        "bado",
        "haifanyi",
        "haijafanya",
        "haijasaidia",
        "haijawaka",
        "haiko",
        "haijarudi",
        "haijatulia",
        "si",
        "hakuna",
    ]
)
# Taken out before the words are read one by one, because a word in them means something else alone.
_GOOD_IDIOMS = re.compile(
    r"\b(?:(?:hakuna|hamna) (?:shida|tatizo)|no(?: more)? problems?|(?:iko|ipo|ziko|ni|imekuwa) sawa|sawa sasa|sasa sawa)\b"
)


def start_fix(visit: Visit) -> ToolResult:
    problem = visit.text("problem")[:MAX_PROBLEM]
    if not problem:
        return ask_problem(visit, "startFix")
    fixes = _meant(visit, problem)
    if len(fixes) != 1:
        return _which(visit, problem, fixes)
    fix = fixes[0]
    outage = _outage(visit)
    if outage is not None:
        tried(visit, f"{_title(visit, fix)}: told about the outage in the area")
        return reply("ok", f"{outage} {visit.say('anything_else')}", outage=True)
    remember(visit, lambda m: m.noted(fix={"key": fix.key, "step": 0}, problem=problem))
    return _step(visit, fix, 0)


def fix_step(visit: Visit) -> ToolResult:
    noted = memory_of(visit).notes.get("fix")
    fix = support_rules(visit).fixes.get(str(noted.get("key"))) if isinstance(noted, Mapping) else None
    if fix is None or not isinstance(noted, Mapping):
        return ask_problem(visit, "startFix")
    at = int(noted.get("step", 0))
    helped = understood_result(visit.text("result"))
    if helped is None:
        return reply("ask", visit.say("fix_again"), question="result", then=_AFTER_STEP)
    done = f"{_title(visit, fix)}: {_what(visit, fix, at)}: {'helped' if helped else 'did not help'}"
    if helped:
        _go_to(visit, done, None)
        return reply("ok", visit.say("fix_worked"), fixed=True)
    if at + 1 < len(fix.steps):
        _go_to(visit, done, {"key": fix.key, "step": at + 1})
        return _step(visit, fix, at + 1, visit.say("fix_next"))
    _go_to(visit, done, None)
    return _offer_ticket(visit, "fix_exhausted", str(memory_of(visit).notes.get("problem", "")))


def tried(visit: Visit, line: str) -> None:
    """Note a line for whoever takes the call over."""
    remember(visit, lambda memory: memory.noted(**{TRIED: _lines(memory.notes.get(TRIED), line)}))


def understood_result(said: str) -> bool | None:
    """Whether it helped; None where the words do not say, or say both: "yes, it is still slow"."""
    plain = _GOOD_IDIOMS.sub("works", said.casefold().replace("'", "").replace("’", ""))
    words = set(re.findall(r"[a-z_]+", plain))
    bad = bool(words & (_BAD | _NEGATIONS))
    if words & _YES:
        return None if bad or words & _NO else True
    if words & _NO:
        return None if words & _GOOD and not bad else False
    if bad and words & (_BAD | _GOOD | _NEGATIONS - {"dont", "not"}):
        return False
    return True if words & _GOOD and not bad else None


_AFTER_STEP = then("fixStep", fill="result", expect="yes_no")


def _go_to(visit: Visit, line: str, fix: dict[str, object] | None) -> None:
    remember(visit, lambda memory: memory.noted(fix=fix, **{TRIED: _lines(memory.notes.get(TRIED), line)}))


def _lines(noted: object, line: str) -> list[str]:
    before = [str(item) for item in noted] if isinstance(noted, list | tuple) else []
    return [*before, line[:MAX_LINE]][-MAX_TRIED:]


def _step(visit: Visit, fix: Fix, at: int, before: str = "") -> ToolResult:
    words = _in_language(visit, fix.steps[at].say)
    return reply(
        "ask", f"{before} {words}".strip(), question="result", then=_AFTER_STEP, step=at + 1, steps=len(fix.steps)
    )


def _meant(visit: Visit, problem: str) -> list[Fix]:
    """The fixes whose names stand in the words; of several only those with the longest name."""
    said = set(re.findall(r"\w+", problem.casefold()))
    best, found = 0, []
    for fix in support_rules(visit).fixes.values():
        names = [name for spoken in fix.names.values() for name in spoken]
        fitting = [name for name in names if set(re.findall(r"\w+", name.casefold())) <= said]
        size = max((len(name.split()) for name in fitting), default=0)
        if problem == fix.key:
            return [fix]
        if size > best:
            best, found = size, [fix]
        elif size == best and size:
            found.append(fix)
    return found


def _which(visit: Visit, problem: str, found: list[Fix]) -> ToolResult:
    fixes = found or list(support_rules(visit).fixes.values())
    was_asked = memory_of(visit).notes.get("fix_asked") is True
    remember(visit, lambda memory: memory.noted(fix_asked=True, problem=problem))
    if not fixes or (was_asked and not found):
        return _offer_ticket(visit, "fix_unknown", problem)
    choices = [{"value": fix.key, "spoken": _in_language(visit, fix.names)[0]} for fix in fixes]
    words = visit.say("fix_ask_which", choices=visit.listed([choice["spoken"] for choice in choices]))
    asked = then("startFix", fill="problem", expect="choice")
    return reply("ask", words, question="problem", choices=choices, then=asked)


def _offer_ticket(visit: Visit, words: str, problem: str) -> ToolResult:
    ticket = {"tool": "proposeTicket", "arguments": {"problem": problem} if problem else {}}
    return reply("ask", visit.say(words), question="ticket", then=then_yes_no(ticket, None))


def _outage(visit: Visit) -> str | None:
    """What is out of order where a verified caller lives: then nothing at their home needs fixing."""
    accounts = visit.desk.accounts
    account = accounts.find(visit.caller.account) if visit.caller.account else None
    try:
        outage = accounts.outage_in(account.area) if account else None
    except BackendCannot:
        return None
    return visit.say("fix_outage_first", what=outage_words(visit, outage)) if outage else None


def _title(visit: Visit, fix: Fix) -> str:
    names = fix.names.get(visit.desk.profile.language) or next(iter(fix.names.values()))
    return names[0]


def _what(visit: Visit, fix: Fix, at: int) -> str:
    """The step without its question, in the business's first language: for a person, not for the caller."""
    said = fix.steps[at].say
    words = said.get(visit.desk.profile.language) or next(iter(said.values()))
    instruction, _, _ = words.rpartition(". ")
    return instruction or words


def _in_language(visit: Visit, texts: Mapping[str, T]) -> T:
    return texts.get(visit.language) or next(iter(texts.values()))
