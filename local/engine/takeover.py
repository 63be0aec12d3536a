"""A dialogue that another engine began: rebuilt from the brief that its successor is given.

The brief (docs/adr/0012) holds the words that were heard and what the tools answered, each in order but not interleaved. The latest fact
says where the conversation stood; the turns after its words were spoken are replayed; what nobody answered is kept to be answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.engine.dialogue import Dialogue, Say
from local.engine.phrases import PHRASES
from local.engine.subject import Subject
from local.engine.talks import talk_for

_BRIEF = re.compile(r"<call-so-far>\s*(\{.*\})\s*</call-so-far>", re.DOTALL)
_TELLING_WORDS = 3  # so many words of a sentence tell it from others


def brief_in(instructions: str) -> dict[str, Any] | None:
    """The JSON between <call-so-far> and </call-so-far>; None where there is none or it is malformed."""
    found = _BRIEF.search(instructions)
    if found is None:
        return None
    try:
        brief = json.loads(found[1])
    except ValueError:
        return None
    return brief if isinstance(brief, dict) else None


def restored(brief: Mapping[str, Any], subject: Subject, language: str) -> Dialogue:
    """The dialogue as its predecessor left it. It acts on nothing by itself: `noted` says what is owed.

    The brief's language wins over `language` if the engine speaks it.
    """
    spoken = str(brief.get("language") or language)
    dialogue = talk_for(subject, spoken if spoken in PHRASES else language)
    turns, facts = _objects(brief.get("turns")), _objects(brief.get("facts"))
    dialogue.recall(facts)
    if facts:
        turns = turns[_catch_up(dialogue, facts[-1], turns) :]
    offered = dialogue.proposal
    _replay(dialogue, turns)
    if offered is None or dialogue.proposal is not None:  # else the caller has answered it with a no
        _reopen(dialogue, brief.get("open_confirmation"))
    return dialogue


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _catch_up(dialogue: Dialogue, fact: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> int:
    """Stand where the latest fact led to; returns the index of the first turn after its words, all of them if none was heard."""
    tool = str(fact.get("tool"))
    dialogue.is_ending = tool == "endCall"
    dialogue.tool_answered(tool, fact.get("result") or {})
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].get("who") == "agent" and _is_from(str(turns[index].get("text")), dialogue.last_said):
            return index + 1
    return len(turns)


def _replay(dialogue: Dialogue, turns: Sequence[Mapping[str, Any]]) -> None:
    """Every turn of the caller, once more. A turn without an answer that was heard changes nothing yet."""
    unanswered = ""
    for index, turn in enumerate(turns):
        words = str(turn.get("text", "")).lower().strip(" .,!?")
        if turn.get("who") != "caller" or not words:
            continue
        before = dialogue.copy()
        acts = dialogue.heard(words)
        said = " ".join(act.text for act in acts if isinstance(act, Say))
        after = (str(later.get("text")) for later in turns[index + 1 :] if later.get("who") == "agent")
        if said and any(_is_from(text, said) for text in after):
            unanswered = ""
            continue
        dialogue.return_to(before)
        is_a_guess = said in (dialogue.phrases.say_again, dialogue.what_i_understand)
        unanswered = unanswered if is_a_guess and unanswered else words
    dialogue.unanswered = unanswered


def _reopen(dialogue: Dialogue, confirmation: object) -> None:
    """A read-back that was not heard to its end binds nobody: it is proposed again before anything else."""
    if not isinstance(confirmation, Mapping) or dialogue.is_ending:
        return
    dialogue.reopen(
        str(confirmation.get("nonce")),
        confirmation.get("arguments") or {},
        was_heard=bool(confirmation.get("read_back_heard")),
    )


def _is_from(heard: str, said: str) -> bool:
    """Whether `heard`, which may be cut short or stand among other sentences, holds the beginning of `said`."""
    ours, theirs = _words(said), _words(heard)
    if not ours or not theirs:
        return False
    telling = ours[:_TELLING_WORDS]
    if len(theirs) < len(telling):
        return theirs == telling[: len(theirs)]
    return any(theirs[start : start + len(telling)] == telling for start in range(len(theirs) - len(telling) + 1))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())
