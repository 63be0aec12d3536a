"""recordingConsent: the caller's word on being recorded. It is written down and takes effect in the bridge at once; a no is served like
a yes."""

from __future__ import annotations

from pokea.desk.agent import schema, text
from pokea.desk.memory import memory_of, remember
from pokea.desk.visit import Visit, refused
from pokea.profile import Profile
from pokea.retention import RECORDING_TOOL, Recording
from pokea.spoken.answers import yes_or_no
from pokea.toolkit import Effect, ToolResult, ToolSpec, then

NOTED = "recording"  # in the call's memory: "yes" or "no"


def consent_spec(profile: Profile) -> ToolSpec:
    when = (
        "The caller's answer to the question whether the call may be recorded, before anything else is done; or a later change of mind."
        if profile.recording is Recording.ASK
        else "The caller does not want this call to be recorded: call it with no."
    )
    answer = text("What the caller said.", ["yes", "no"])
    return ToolSpec(RECORDING_TOOL, when, schema(["answer"], answer=answer), Effect.NOTE)


def recording_consent(visit: Visit) -> ToolResult:
    """A no stands for the whole call: what was recorded is deleted, so there is nothing to go on with."""
    agreed = yes_or_no(visit.text("answer"))
    before = memory_of(visit).notes.get(NOTED)
    if agreed is None and before != "no":
        again = then(RECORDING_TOOL, "answer", "yes_no")
        return refused("bad_answer", visit.say("recording_which"), then=again)
    if not agreed or before == "no":
        remember(visit, lambda memory: memory.noted(**{NOTED: "no"}))
        was_on = before == "yes" or visit.desk.profile.recording is Recording.NOTICE
        words = visit.say("recording_stopped" if was_on else "recording_off")
        return ToolResult({"status": "ok", "say": words}, recording=False)
    remember(visit, lambda memory: memory.noted(**{NOTED: "yes"}))
    return ToolResult({"status": "ok", "say": visit.say("recording_on")}, recording=True)
