"""S9: recording refused, not answered, secret digits spoken or keyed, a person joins, the notice spoken over. Not one byte is recorded
before it is allowed, the notice is proven heard, and a pause is exact to the sample.

What may be kept is worked out here from when things were said and heard; the call's samples tell where each of them was said.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import pytest

from bridge.core.frames import (
    CallerTranscribed,
    DtmfPressed,
    HandoffBegun,
    PeerConnected,
    PeerSaid,
    PeerWord,
    SwitchClosed,
    ToolAsked,
)
from pokea.toolkit import Effect
from tests.faults.broken import leaky_records
from tests.support.traced_call import PER_MS, TracedCall, allowed_mask, caller_samples, heard_ms
from tests.unit.bridge.virtual_call import TOOLS, clips, context

SAMPLE, FULL = 12, 200
GREETING_MS = 1_600
CLIPS = clips(greeting=GREETING_MS, goodbye=700)


@dataclass
class Story:
    """One call, and what of it may be kept."""

    call: TracedCall
    draw: random.Random
    allowed: list[tuple[float, float]] = field(default_factory=list)
    _since_ms: float | None = None
    _tools: int = 0

    def may(self, since_ms: float | None = None) -> None:
        if self._since_ms is None:
            self._since_ms = self.call.now if since_ms is None else since_ms

    def may_not(self) -> None:
        if self._since_ms is not None:
            self.allowed.append((self._since_ms, self.call.now))
        self._since_ms = None

    def wait(self, low: float = 300, high: float = 3_000) -> None:
        self.call.advance(self.draw.uniform(low, high))

    def tool(self, **fields: object) -> None:
        """A tool is asked for, and answers a while later."""
        self._tools += 1
        name = f"t{self._tools}"
        self.call.feed(ToolAsked(name, "findTimes", {"n": self._tools}))
        self.wait(50, 700)
        self.call.tool_answers(name, **fields)

    def speak(self) -> None:
        self.call.model_says(round(self.draw.uniform(200, 1_500)), "Let me see what there is.")

    def close(self) -> None:
        whole_ms = 20 * int(self.call.now // 20 + 1)  # sound leaves in whole frames
        self.call.advance(whole_ms - self.call.now + 1e-6)
        self.call.now = float(whole_ms)
        self.may_not()
        self.call.feed(SwitchClosed(1000))


def begin(draw: random.Random, rule: str) -> Story:
    tools = {**TOOLS, "handOver": Effect.TRANSFER, "recordingConsent": Effect.NOTE}
    story = Story(TracedCall(context(recording=rule, phrases={}, effects=tools), CLIPS), draw)
    if draw.random() < 0.8:
        story.call.model_ready()
    return story


def heard_notice(draw: random.Random) -> Story:
    """The notice is heard to its end."""
    story = begin(draw, "notice")
    story.call.advance(GREETING_MS + draw.uniform(50, 900))
    story.may(heard_ms(GREETING_MS))
    return story


def notice_spoken_over(draw: random.Random) -> Story:
    story = begin(draw, "notice")
    story.call.advance(draw.uniform(20, GREETING_MS - 250))
    story.call.feed(CallerTranscribed("I need an appointment please", finished=True))
    story.wait()
    story.speak()
    story.wait()
    return story


def refused(draw: random.Random) -> Story:
    """A no at any moment; what was kept is gone, a later yes brings nothing back, and the call goes on."""
    story = heard_notice(draw) if draw.random() < 0.7 else begin(draw, "ask")
    story.wait()
    story.tool(recording=False)
    story.allowed.clear()
    story._since_ms = None
    story.speak()
    story.wait()
    story.tool(recording=True)
    story.wait()
    return story


def refused_unwritten(draw: random.Random) -> Story:
    """A no whose tool is slow, fails, or never answers, or after which the caller hangs up at once: it counts all the same."""
    story = heard_notice(draw) if draw.random() < 0.7 else agreed(draw)
    story.wait()
    answer = draw.choice(["no", "No, please don't.", "hapana", "sitaki"])
    story.call.feed(ToolAsked("no", "recordingConsent", {"answer": answer}))
    story.allowed.clear()
    story._since_ms = None
    if draw.random() < 0.3:
        return story
    story.wait()
    if draw.random() < 0.6:
        story.call.tool_answers("no", payload={"status": "unknown"}, failed=True)
    story.speak()
    story.wait()
    return story


def not_answered(draw: random.Random) -> Story:
    """Where callers are asked and say something else, or where nobody knows what rules hold."""
    story = begin(draw, draw.choice(["ask", "ask", "off"]))
    for _ in range(draw.randrange(1, 4)):
        story.wait()
        story.tool()
        story.speak()
    story.wait()
    return story


def agreed(draw: random.Random) -> Story:
    story = begin(draw, "ask")
    story.wait()
    story.tool(recording=True)
    story.may()
    story.wait()
    return story


def secret_digits(draw: random.Random) -> Story:
    """Asked for once or twice, spoken or keyed; the pause ends with the answer of the tool that took them."""
    story = heard_notice(draw)
    for _ in range(draw.randrange(1, 3)):
        story.wait()
        story.tool(payload={"status": "ask", "expects_digits": 4})
        story.may_not()
        story.wait()
        if draw.random() < 0.5:
            for digit in "4711":
                story.call.feed(DtmfPressed(digit, 100))
                story.call.advance(draw.uniform(50, 400))
            story.call.feed(DtmfPressed("#", 100))
        else:
            story.call.feed(CallerTranscribed("four seven one one", finished=True))
        story.wait()
        story.tool()
        story.may()
        story.speak()
        story.wait(1_000, 4_000)
    return story


PERSON_LEVEL = 1_234


def person_joins(draw: random.Random) -> Story:
    """A person of the business takes the caller over: their voice is kept from where the caller's is, and nowhere else."""
    story = heard_notice(draw) if draw.random() < 0.6 else begin(draw, "ask")
    call = story.call
    story.wait()
    call.feed(ToolAsked("h1", "handOver", {"reason": "wants a person"}))
    call.tool_answers("h1", handoff=HandoffBegun("ho_1", False, 25))
    story.wait()
    call.feed(PeerConnected(), PeerSaid(PeerWord.ACCEPTED))
    assert call.session.handoff.is_joined
    for _ in range(draw.randrange(20, 120)):
        call.advance(20)
        call.session.peer_audio(np.full(320, PERSON_LEVEL, "<i2").tobytes(), call.now)
    story.wait()
    return story


STORIES: tuple[Callable[[random.Random], Story], ...] = (
    notice_spoken_over, refused, refused_unwritten, not_answered, agreed, secret_digits, person_joins,
)  # fmt: skip


def leaks(story: Story) -> int:
    """Samples that were recorded and must not have been, of both channels."""
    left, right = story.call.left, story.call.right
    mask = allowed_mask(len(left), *story.allowed)
    return int(np.count_nonzero(left[~mask]) + np.count_nonzero(right[~mask]))


def missing(story: Story) -> int:
    """Samples of the caller that were not recorded, or not at their place, although they may have been."""
    left = story.call.left
    mask = allowed_mask(len(left), *story.allowed)
    return int(np.count_nonzero(left[mask] != caller_samples(0, len(left))[mask]))


def told(count: int, seed: int = 9) -> Iterator[Story]:
    for index in range(count):
        draw = random.Random(f"{seed}-{index}")
        story = STORIES[index % len(STORIES)](draw)
        story.close()
        yield story


def check(count: int) -> None:
    kept_ms = 0.0
    for story in told(count):
        assert leaks(story) == 0
        assert missing(story) == 0
        assert story.call.ended is not None  # served to its end, recorded or not
        kept_ms += sum(end - begin for begin, end in story.allowed)
    assert kept_ms > count * 300  # the stories do record


def test_nothing_is_recorded_that_may_not_be() -> None:
    check(SAMPLE)


@pytest.mark.faults
def test_nothing_is_recorded_that_may_not_be_in_200_calls() -> None:
    check(FULL)


BROKEN: dict[str, tuple[Callable[[], AbstractContextManager[None]], Callable[[random.Random], Story]]] = {
    "recorder before consent": (leaky_records.recorder_before_consent, notice_spoken_over),
    "a notice that was stopped counts": (leaky_records.notice_counts_when_it_begins, notice_spoken_over),
    "pauses ignored": (leaky_records.pauses_ignored, secret_digits),
    "refusals ignored": (leaky_records.refusals_ignored, refused),
    "refusals heeded when written": (leaky_records.refusals_heeded_when_written, refused_unwritten),
    "tape without a mask": (leaky_records.tape_without_a_mask, agreed),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_safeguard_is_seen_to_be_missing(name: str) -> None:
    broken, tell = BROKEN[name]
    found = []
    for build in (broken, nullcontext):
        with build():
            stories = [tell(random.Random(f"{name}-{index}")) for index in range(4)]
            for story in stories:
                story.close()
        found.append(sum(leaks(story) for story in stories))
    assert found[0] > 0 and found[1] == 0


def test_a_person_who_joins_is_on_the_recording_of_what_the_caller_hears() -> None:
    heard = []
    for index in range(6):
        story = person_joins(random.Random(f"joined-{index}"))
        story.close()
        heard.append((bool(story.allowed), int(np.count_nonzero(story.call.right == PERSON_LEVEL))))
    assert {allowed for allowed, _ in heard} == {True, False}
    assert all((count > 3_000) is allowed for allowed, count in heard)


def test_where_the_notice_ends_is_where_the_recording_begins() -> None:
    story = heard_notice(random.Random("exact"))
    story.wait()
    story.close()
    first = int(np.flatnonzero(story.call.left)[0])
    assert first == int(np.ceil(heard_ms(GREETING_MS) * PER_MS))
