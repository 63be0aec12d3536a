"""Which talk a session needs: appointments have one of their own, all else is led by the tools."""

from __future__ import annotations

import json
import re

from local.engine.dialogue import Dialogue
from local.engine.subject import Subject
from local.engine.talks.booking import BookingTalk

_FIRST_ANSWER = re.compile(r"\bFirst answer: (\{.*\})\s*$", re.MULTILINE)


def talk_for(subject: Subject, language: str = "en", instructions: str = "") -> Dialogue:
    """`instructions` may say what takes the caller's first words, in the form of a result's `then`: the greeting has asked for them."""
    talk = BookingTalk(subject, language) if "proposeBooking" in subject.tools else Dialogue(subject, language)
    if found := _FIRST_ANSWER.search(instructions):
        then = json.loads(found[1])
        talk.then = then if isinstance(then, dict) and then.get("tool") in subject.tools else None
    return talk
