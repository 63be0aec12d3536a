"""Calls that lose their engine: whatever is lost, the caller is not, and nothing is asked or done twice."""

from __future__ import annotations

from collections import Counter

from local.audio.analysis import longest_silence_within_ms
from local.demo.booking import book_rules, judge_book
from local.demo.scenario import Played, Problems, Scenario, expect

SILENCE_MS = 3_500  # the bridge promises 2 s; a busy desk machine may take its time
REPEATED_AT_MOST = 1  # the one line that was in the air when the engine was lost


def kill_scenario(state: str) -> Scenario:
    """The engine is cut off in `state` and comes back."""
    return Scenario(f"kill-{state}", "booked once", book_rules, judge_loss, death=state)


def replaced_scenario(state: str) -> Scenario:
    """The engine is cut off in `state` and never comes back: another kind of engine finishes the call."""
    return Scenario("replaced", "booked once", book_rules, judge_replaced, death=state)


def judge_loss(played: Played) -> Problems:
    spoken = Counter(line.text for line in played.lines if not line.aside)
    repeated = sum(times - 1 for times in spoken.values())
    silence = longest_silence_within_ms(played.sound)
    return [
        *judge_book(played),
        *expect(repeated <= REPEATED_AT_MOST, f"the caller had to say {repeated} things again: {dict(spoken)}"),
        *expect(silence <= SILENCE_MS, f"{silence} ms of silence in the middle of the call"),
        *expect(
            sum("how can i help" in said.lower() for said in played.agent_said) <= 1, "the caller was greeted again"
        ),
    ]


def judge_replaced(played: Played) -> Problems:
    engines = [str(note["engine"]) for note in played.notes if note["event"] == "model_ready" and note.get("engine")]
    return [
        *judge_loss(played),
        *expect(len(set(engines)) == 2, f"the call was answered by {' and '.join(engines) or 'nobody'}"),
    ]
