"""recordingConsent, the greeting's words about recording, and which calls may be recorded at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pokea import agents
from pokea.call_memory import MEMORY
from pokea.consent import STOP_KEY
from pokea.ids import SessionId
from pokea.profile import Profile
from pokea.retention import Recording
from pokea.sautikit.closings import RecordingPointer, recording_key
from pokea.toolkit import Effect
from pokea.words import say
from tests.fakes.conversation import CLINIC, Conversation
from tests.support.control_plane import LINE, PROFILES, SESSION, ControlPlane, opened


def business(rule: Recording) -> Profile:
    return replace(CLINIC, recording=rule)


def call(rule: Recording) -> Conversation:
    return Conversation(profile=business(rule))


def tools_of(rule: Recording) -> dict[str, Any]:
    return {spec.name: spec for spec in agents.get("booking").tools(business(rule))}


def test_the_tool_is_there_where_something_may_be_recorded() -> None:
    assert "recordingConsent" not in tools_of(Recording.OFF)
    for rule in (Recording.NOTICE, Recording.ASK):
        assert tools_of(rule)["recordingConsent"].effect is Effect.NOTE


def test_a_yes_starts_the_recording_and_is_remembered() -> None:
    talk = call(Recording.ASK)
    answer = talk.tool("recordingConsent", {"answer": "yes"})
    assert (answer.recording, answer.payload["status"]) == (True, "ok")
    memory = talk.store.record(MEMORY, talk.profile.business_id, SessionId(talk.session))
    assert memory is not None and memory.notes["recording"] == "yes"


def test_a_no_is_served_and_stands() -> None:
    talk = call(Recording.ASK)
    assert talk.tool("recordingConsent", {"answer": "no"}).recording is False
    assert talk.tool("recordingConsent", {"answer": "yes"}).recording is False
    assert talk.propose("Thursday at 10 am").payload["status"] == "proposed"


@pytest.mark.parametrize("language", ["en", "sw"])
def test_a_caller_who_objects_to_a_notice_hears_that_it_is_deleted(language: str) -> None:
    talk = replace(call(Recording.NOTICE), language=language)
    answer = talk.tool("recordingConsent", {"answer": "no"})
    assert answer.recording is False
    assert answer.payload["say"] == say(language, "recording_stopped")


@pytest.mark.parametrize("answer", ["", "maybe", 7, None])
def test_anything_but_yes_or_no_changes_nothing(answer: object) -> None:
    talk = call(Recording.ASK)
    result = talk.tool("recordingConsent", {"answer": answer})
    assert (result.payload["status"], result.recording) == ("refused", None)


@pytest.mark.parametrize("language", ["en", "sw"])
def test_each_rule_has_its_own_greeting_and_only_the_notice_claims_to_record(language: str) -> None:
    agent, notice = agents.get("booking"), say(language, "recording_notice")
    greetings = {rule: agent.greeting(business(rule), language) for rule in Recording}
    assert len(set(greetings.values())) == 3
    assert {rule for rule, words in greetings.items() if notice in words.lower()} == {Recording.NOTICE}
    assert "?" in greetings[Recording.ASK].rstrip()[-1]


# --- what `open` tells the bridge ------------------------------------------------------------------------------------------


def context(rule: Recording, **hook: str) -> dict[str, Any]:
    plane = ControlPlane(profiles={**PROFILES, LINE.business_id: replace(PROFILES[LINE.business_id], recording=rule)})
    return dict(opened(plane, plane.ring(**hook))["result"]["context"])


def test_a_notice_counts_for_callers_of_the_businesss_own_country() -> None:
    assert context(Recording.NOTICE)["recording"] == "notice"
    assert context(Recording.OFF)["recording"] == "off"


@pytest.mark.parametrize("caller", ["+14155550123", "+4930123456", "anonymous", "+999123456789"])
def test_where_another_caller_is_nobody_knows_the_rules_so_only_a_yes_records(caller: str) -> None:
    assert context(Recording.NOTICE, callerNumber=caller)["recording"] == "off"
    assert context(Recording.ASK, callerNumber=caller)["recording"] == "ask"


def test_a_greeting_without_the_notice_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.get("booking"), "greeting", lambda profile, language: "Hello.", raising=False)
    assert context(Recording.NOTICE)["recording"] == "off"


def test_the_bridge_is_told_how_to_hear_an_opt_out_where_there_is_the_tool() -> None:
    assert context(Recording.OFF)["stop"] is None
    lead_line = next(profile for profile in PROFILES.values() if profile.line.agent == "leads")
    plane = ControlPlane()
    document = plane.ring(destinationNumber=str(lead_line.line.number))
    stop = opened(plane, document)["result"]["context"]["stop"]
    assert (stop["tool"], stop["key"]) == ("optOut", STOP_KEY)
    assert "usinipigie" in stop["words"] and "stop calling" in stop["words"]


# --- what `close` keeps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "is_kept"), [("yes", True), ("no", False), (None, True)])
def test_nothing_points_at_a_recording_of_a_caller_who_said_no(answer: str | None, is_kept: bool) -> None:
    """The second line: a bridge that obeys a no reports no recording."""
    asks = replace(PROFILES[LINE.business_id], recording=Recording.ASK)
    plane = ControlPlane(profiles={**PROFILES, LINE.business_id: asks})
    token = opened(plane, plane.ring())["result"]["call_token"]
    if answer is not None:
        request = {"operation": "tool", "call_token": token, "tool_call_id": "c1", "tool": "recordingConsent"}
        arguments = {"arguments": {"answer": answer}, "evidence": {"at_ms": 0, "read_back": None, "caller_turns": []}}
        assert plane.tools({**request, **arguments}, None)["ok"] is True
    key = recording_key(LINE.business_id, "2026-03-02", SESSION)
    pointer = {"key": key, "bytes": 64_044, "ms": 1_000}
    end = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 9_000, "transcript": []}
    assert plane.tools({**end, "recording": pointer}, None)["ok"] is True
    closing = plane.closings.closing(SESSION)
    assert closing is not None
    assert closing.recording == (RecordingPointer(key, 64_044, 1_000) if is_kept else None)
