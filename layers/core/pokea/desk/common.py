"""Tools that every agent has: a person can always be reached, a message can always be left, and the language can be changed."""

from __future__ import annotations

from collections.abc import Mapping

from pokea.desk import gate
from pokea.desk.agent import Tool, schema, speak_language, text
from pokea.desk.handover import hand_over, hand_over_spec
from pokea.desk.messages import leave_message, propose_message, propose_message_spec
from pokea.desk.recording_consent import consent_spec, recording_consent
from pokea.profile import Profile
from pokea.retention import Recording
from pokea.toolkit import Effect, ToolSpec

COMMON_ACTIONS: Mapping[str, gate.Action] = {"message": leave_message}
COMMON_PROPOSED = ("message", "name", "number", "department")


def common_tools(profile: Profile) -> tuple[Tool, ...]:
    shared = [
        Tool(hand_over_spec(profile), hand_over),
        Tool(propose_message_spec(profile), propose_message),
    ]
    if profile.recording is not Recording.OFF:
        shared.append(Tool(consent_spec(profile), recording_consent))
    if len(profile.languages) > 1:
        shared.append(Tool(_speak_language(profile), speak_language))
    return tuple(shared)


def _speak_language(profile: Profile) -> ToolSpec:
    language = text("Code of the language.", list(profile.languages))
    return ToolSpec(
        "speakLanguage",
        "The caller speaks another language than the one spoken so far, or asks for it.",
        schema(["language"], language=language),
        Effect.NOTE,
    )
