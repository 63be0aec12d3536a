"""Lines that must be heard whole: what we say first to whoever we ring, and what we leave on their machine. Judged by their sound."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from local.audio.analysis import Samples, speech_segments
from local.demo.handoff import NARROW_HZ, narrowed, share_heard, speech
from local.demo.scenario import Played, Problems, expect
from local.speech.resample import resample

GREETING, VOICEMAIL = "greeting", "voicemail"
WHOLE_MS = (
    400  # a line may take so much longer or shorter to be heard than to be said: frames come late on a busy machine
)
MOST = 0.5  # of the line's pieces; 0.83 on an idle machine, because pauses are pieces, too
AT_ITS_END = 0.4  # of those of its last second; 0.67 on an idle machine
BEEP_TAIL_MS = (
    40  # two beats of the telephone's clock: a message may begin as early as this before the beep has died away
)
TURN_MS = 700  # of silence end what was said


def read_clip(path: Path, rate_hz: int) -> Samples:
    """A rendered line at `rate_hz`. Raises OSError or wave.Error."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32)
        scaled = resample(samples, file.getframerate(), rate_hz)
    clip: Samples = np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    return clip


def judge_disclosed(played: Played) -> Problems:
    """Who rings, that it is an AI, what for and how to stop it: the first thing that is heard, all of it, and only after a hello."""
    turns = speech_segments(played.sound.agent, played.sound.rate_hz, pause_ms=TURN_MS)
    hello = next((line for line in played.lines if line.end_ms is not None), None)
    if not turns or hello is None or hello.end_ms is None:
        return ["nobody said hello, or nothing was said to them"]
    return [
        *expect(turns[0].start_ms >= hello.end_ms, "the agent spoke before it had heard who answered"),
        *_first_is(played.fixed[GREETING], played.sound.agent, played.sound.rate_hz, "the disclosure"),
    ]


def judge_message(played: Played) -> Problems:
    """The machine has the whole message, begun after its beep, and heard nothing before."""
    if played.tape is None:
        return ["no machine has recorded anything"]
    rate_hz = played.sound.rate_hz
    before = played.sound.agent[: rate_hz * (played.tape.from_ms - BEEP_TAIL_MS) // 1000]
    return [
        *expect(not speech_segments(before, rate_hz), "something was said before the beep was over"),
        *_first_is(played.fixed[VOICEMAIL], played.tape.sound, rate_hz, "the message"),
        *_nothing_else(played.fixed[VOICEMAIL], played.tape.sound, rate_hz),
    ]


def _first_is(line: Samples, channel: Samples, rate_hz: int, what: str) -> Problems:
    """The first sound of `channel` is the whole of `line`."""
    heard = speech(narrowed(channel, rate_hz))
    wanted = speech(narrowed(line, rate_hz))
    room = NARROW_HZ * WHOLE_MS // 1000
    if len(heard) + room < len(wanted):
        return [f"{what} was cut short: {len(heard) / NARROW_HZ:.1f} s of {len(wanted) / NARROW_HZ:.1f} s"]
    share = share_heard(wanted, heard[: len(wanted) + room])
    ends = share_heard(wanted[-NARROW_HZ:], heard[: len(wanted) + room])
    return [
        *expect(share >= MOST, f"{share:.0%} of {what} was heard first"),
        *expect(ends >= AT_ITS_END, f"{ends:.0%} of the last second of {what} was heard"),
    ]


def _nothing_else(line: Samples, channel: Samples, rate_hz: int) -> Problems:
    heard, wanted = speech(narrowed(channel, rate_hz)), speech(narrowed(line, rate_hz))
    longer_ms = 1000 * (len(heard) - len(wanted)) // NARROW_HZ
    return expect(longer_ms <= WHOLE_MS, f"{longer_ms} ms of something else stand behind the message")
