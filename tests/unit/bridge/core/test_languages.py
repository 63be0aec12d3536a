"""A caller who changes the language hears everything in it, the bridge's own lines too."""

from __future__ import annotations

from typing import Any

from bridge.core.announcer import in_language
from bridge.core.context import lines_of, parse_context
from bridge.core.frames import ToolAsked, ToolReturned
from tests.unit.bridge.virtual_call import ALL_CLIPS, PHRASES, VirtualCall, context, voice_ms

SWAHILI = {"idle_ask": "Bado upo?", "idle_goodbye": "Kwaheri."}


def call(**clips: bytes) -> VirtualCall:
    made = VirtualCall(context(other_phrases={"sw": SWAHILI}), {**ALL_CLIPS, **clips})
    made.model_ready()
    made.advance(2_500)
    return made


def changed(call: VirtualCall, language: str | None) -> None:
    call.feed(ToolAsked("t1", "findTimes", {}))
    call.feed(ToolReturned("t1", {"status": "ok", "say": "Sawa."}, language=language))
    call.model_says(400, "Sawa.")
    call.advance(600)


def said(call: VirtualCall) -> list[str]:
    return [str(note["text"]) for note in call.notes("agent_said")]


def test_prompts_follow_the_language() -> None:
    swahili = call(**{in_language("sw", "idle_ask"): voice_ms(700, 3_000)})
    changed(swahili, "sw")
    swahili.advance(9_500)
    assert SWAHILI["idle_ask"] in said(swahili)
    assert PHRASES["idle_ask"] not in said(swahili)


def test_a_line_that_nobody_translated_is_said_in_the_first_language() -> None:
    swahili = call(**{in_language("sw", "idle_ask"): voice_ms(700, 3_000)})
    changed(swahili, "sw")
    swahili.advance(18_500)
    assert PHRASES["idle_ask_again"] in said(swahili)


def test_without_a_change_nothing_changes() -> None:
    english = call()
    changed(english, None)
    english.advance(9_500)
    assert PHRASES["idle_ask"] in said(english)


def test_the_lines_of_every_language_are_known_by_name() -> None:
    value: dict[str, Any] = {"greeting": "Hi", "phrases": PHRASES, "other_phrases": {"sw": SWAHILI}}
    lines = lines_of(parse_context(value))
    assert lines["greeting"] == "Hi"
    assert lines["idle_ask"] == PHRASES["idle_ask"]
    assert lines[in_language("sw", "idle_ask")] == SWAHILI["idle_ask"]
