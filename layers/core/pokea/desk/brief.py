"""The brief: what a human is told before they take a call. Spoken, so it is short; the card has the rest."""

from __future__ import annotations

from textwrap import shorten

from pokea.profile import Profile
from pokea.retention import Recording
from pokea.toolkit import Level
from pokea.transfer import Handoff
from pokea.words import WORDS, say

MAX_SPOKEN_TRIED = 1
MAX_SPOKEN_CHARS = 80  # of one fact: the person listens on the telephone, and the caller waits


def brief_of(handoff: Handoff, profile: Profile) -> str:
    """In the person's language, with the caller's own words as they were given. They are told of a recording before they take the call."""
    language = handoff.spoken_to_person
    facts = _facts(handoff, language)
    if profile.recording is not Recording.OFF:
        facts.append(say(language, "brief_recorded"))
    return say(language, "brief", business=profile.name, facts=" ".join(facts))


def verified_how(handoff: Handoff, language: str) -> str:
    """How sure we are who calls; "" where nothing was checked."""
    if handoff.level is not Level.VERIFIED and not handoff.account:
        return ""
    return handoff.verified_by or say(language, "brief_two_factors")


def _facts(handoff: Handoff, language: str) -> list[str]:
    how = verified_how(handoff, language)
    who = handoff.caller_name
    facts = [say(language, "brief_caller", who=who) if who else say(language, "brief_nameless")]
    facts.append(say(language, "brief_verified", how=how) if how else say(language, "brief_unverified"))
    if handoff.account:
        facts.append(say(language, "brief_account", account=handoff.account))
    if handoff.reason:
        facts.append(say(language, "brief_reason", reason=_short(handoff.reason)))
    if handoff.tried:
        tried = "; ".join(_short(line) for line in handoff.tried[-MAX_SPOKEN_TRIED:])
        facts.append(say(language, "brief_tried", tried=tried))
    named = f"brief_language_{handoff.language}"
    if handoff.language != language and named in WORDS[language]:
        facts.append(say(language, "brief_language", spoken=say(language, named)))
    return facts


def _short(text: str) -> str:
    """Without its last stop, and cut after a whole word where nobody would listen any longer."""
    return shorten(text, MAX_SPOKEN_CHARS, placeholder="").rstrip(" .,;:")
