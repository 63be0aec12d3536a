"""The load generator's own arithmetic: what it would blame a bridge for, it must not do itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.load.clockwork import MS, Clockwork, S
from bench.load.conversation import UTTERANCE_MS, Conversation, Tallies
from bench.load.sounds import CALLER_HZ, FRAME_BYTES, SIGN, audible, caller_noise
from bench.load.wire import BINARY, TEXT, Link, audio_in, frame, unmasked

LOUD = (7_000).to_bytes(2, "little", signed=True)
QUIET = bytes(2)
FRAME_SAMPLES = FRAME_BYTES // 2


@pytest.fixture
def tallies() -> Tallies:
    return Tallies(begin_ns=0, end_ns=60 * S)


@pytest.fixture
def call(tallies: Tallies) -> Conversation:
    return Conversation(3, tallies, caller_noise(2_000))


def speak(call: Conversation, frames: int, from_ms: float) -> None:
    """The phone is sent `frames` of 20 ms, one every 20 ms."""
    for index in range(frames):
        call.phone_heard(LOUD * FRAME_SAMPLES, int((from_ms + 20 * index) * MS))


class TestTheCallersFrames:
    def test_a_frame_that_arrives_is_counted_with_its_latency(self, call: Conversation, tallies: Tallies) -> None:
        sent = call.next_frame(now_ns=5 * MS, due_ns=4 * MS)
        call.model_heard(sent, 7 * MS)
        assert (tallies.sent, tallies.received, tallies.lost, tallies.damaged) == (1, 1, 0, 0)
        assert tallies.up_ms.summary() == {"count": 1, "p50": 2.0, "p99": 2.0, "max": 2.0}
        assert tallies.lateness_ms.summary() == {"count": 1, "p50": 1.0, "p99": 1.0, "max": 1.0}

    def test_a_missing_frame_a_repeated_one_and_a_damaged_one_are_each_noticed(
        self, call: Conversation, tallies: Tallies
    ) -> None:
        first, _, third = (call.next_frame(at * MS, at * MS) for at in (0, 20, 40))
        call.model_heard(first, 1 * MS)
        call.model_heard(third[:-1] + b"\x55", 41 * MS)
        call.model_heard(third, 42 * MS)
        assert (tallies.lost, tallies.damaged, tallies.repeated) == (1, 1, 1)

    def test_a_frame_of_another_call_is_not_taken_for_this_ones(self, tallies: Tallies) -> None:
        mine, other = (Conversation(number, tallies, caller_noise(10)) for number in (1, 2))
        mine.model_recognised(other.next_frame(0, 0)[: SIGN.size], 1 * MS)
        assert tallies.received == 0


class TestWhatTheCallerHears:
    def test_a_paced_bridge_stops_when_what_it_sent_has_been_played(self, call: Conversation, tallies: Tallies) -> None:
        said = call.begins(0)
        call.phone_heard(LOUD * FRAME_SAMPLES * 2, 1 * MS)  # 40 ms of lead
        speak(call, 49, from_ms=21)  # until 981 ms, playing until 1021
        said.interrupted_ns = 990 * MS
        call.begins(8 * S)
        stop = tallies.stop_ms.summary()
        assert stop is not None and stop["p50"] == pytest.approx(31.0, abs=0.1)
        assert tallies.stale_samples == 0

    def test_a_relay_that_dumped_its_burst_is_heard_to_the_end_of_it(
        self, call: Conversation, tallies: Tallies
    ) -> None:
        said = call.begins(0)
        call.phone_heard(LOUD * CALLER_HZ * 3, 1 * MS)
        said.interrupted_ns = 1 * S
        call.begins(8 * S)
        stop = tallies.stop_ms.summary()
        assert stop is not None and stop["p50"] == pytest.approx(2_001, abs=1)

    def test_an_order_to_flush_ends_what_is_heard(self, call: Conversation, tallies: Tallies) -> None:
        said = call.begins(0)
        call.phone_heard(LOUD * CALLER_HZ, 1 * MS)
        said.interrupted_ns = 300 * MS
        call.phone_flushed(302 * MS)
        call.begins(8 * S)
        stop = tallies.stop_ms.summary()
        assert stop is not None and stop["p50"] == 2.0

    def test_what_comes_after_a_flush_is_played_at_once(self, call: Conversation, tallies: Tallies) -> None:
        said = call.begins(0)
        call.phone_heard(LOUD * CALLER_HZ, 1 * MS)
        said.interrupted_ns = 300 * MS
        call.phone_flushed(302 * MS)
        call.phone_heard(LOUD * FRAME_SAMPLES, 305 * MS)
        call.begins(8 * S)
        stop = tallies.stop_ms.summary()
        assert stop is not None and stop["p50"] == 25.0

    def test_audio_sent_in_spite_of_an_interruption_is_stale(self, call: Conversation, tallies: Tallies) -> None:
        said = call.begins(0)
        speak(call, 50, from_ms=1)
        said.interrupted_ns = 1_000 * MS
        call.phone_heard(LOUD * FRAME_SAMPLES, 1_005 * MS)  # was on its way
        call.phone_heard(LOUD * FRAME_SAMPLES, 2_200 * MS)  # was not
        call.begins(8 * S)
        assert tallies.stale_samples == FRAME_SAMPLES

    def test_an_utterance_that_came_whole_and_one_that_did_not(self, call: Conversation, tallies: Tallies) -> None:
        frames = UTTERANCE_MS // 20
        call.begins(0)
        speak(call, frames, from_ms=1)
        call.begins(8 * S)
        assert (tallies.whole_utterances, tallies.cut_short) == (1, 0)
        call.phone_heard((-7_000).to_bytes(2, "little", signed=True) * FRAME_SAMPLES * (frames - 10), 8_001 * MS)
        call.account(13 * S)
        assert (tallies.whole_utterances, tallies.cut_short) == (2, 1)


@pytest.mark.parametrize(
    ("pcm", "expected"),
    [
        (LOUD * 320, (320, 0, 0)),
        (QUIET * 320, (0, 0, 320)),
        (LOUD * 100 + QUIET * 220, (100, 0, 220)),
        (QUIET * 200 + LOUD * 120, (120, 0, 0)),
        (b"", (0, 0, 0)),
    ],
)
def test_speech_is_told_from_silence(pcm: bytes, expected: tuple[int, int, int]) -> None:
    assert audible(pcm, True) == expected
    same, other, silent = audible(pcm, False)
    assert (other, same, silent) == expected


class TestTheWire:
    @pytest.fixture
    def pair(self) -> Iterator[tuple[Link, list[tuple[int, bytes]]]]:
        ours, theirs = socket.socketpair()
        link = Link(Clockwork(), ours, is_client=True)
        heard: list[tuple[int, bytes]] = []
        link.on_message = lambda opcode, payload: heard.append((opcode, payload))
        yield link, heard
        ours.close()
        theirs.close()

    @pytest.mark.parametrize("size", [0, 125, 126, 640, 70_000])
    @pytest.mark.parametrize("cut", [1, 7, 100_000])
    def test_messages_come_out_whole_however_the_stream_is_cut(
        self, pair: tuple[Link, list[tuple[int, bytes]]], size: int, cut: int
    ) -> None:
        link, heard = pair
        stream = frame(BINARY, bytes(size), masked=False) + frame(TEXT, b"{}", masked=True)
        step = cut if cut > 1 or size < 1_000 else 997
        for at in range(0, len(stream), step):
            link.take(stream[at : at + step])
        assert heard == [(BINARY, bytes(size)), (TEXT, b"{}")]

    @pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 931, 3_000])
    def test_a_mask_comes_off(self, size: int) -> None:
        payload, mask = bytes(index % 251 for index in range(size)), b"\x01\x80\xff\x7e"
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        assert unmasked(masked, mask) == payload

    def test_audio_is_found_wherever_the_message_has_it(self) -> None:
        assert audio_in(b'{"realtimeInput": {"audio": {"data": "AAEC", "mimeType": "audio/pcm"}}}') == (
            38,
            b"\0\x01\x02",
        )
        assert audio_in(b'{"setup":{}}') is None
