"""One call of the load: what its phone sent and heard, what its model said, and what the figures make of both."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.load.clockwork import MS, S
from bench.load.figures import Samples
from bench.load.sounds import CALLER_HZ, MARK, SIGN, audible

UTTERANCE_MS = 3_000
STALE_AFTER_NS = 10 * MS  # what arrives later than this after `interrupted` was sent in spite of it, not on its way
_STOPPED_BY_NS = 600 * MS  # what a phone was not sent by then is not coming
_NS_PER_SAMPLE = S // CALLER_HZ


@dataclass(slots=True)
class Said:
    """One utterance of the model, from the model's first chunk to the phone's last sample."""

    positive: bool
    began_ns: int
    interrupted_ns: int = 0
    first_heard_ns: int = 0
    quiet_ns: int = 0  # when the last of its samples received so far has been played
    samples: int = 0
    stale_samples: int = 0
    latest_ns: int = 0  # how late its audio came at worst, against its own beginning


@dataclass(slots=True)
class Tallies:
    """What all calls together came to inside the window."""

    begin_ns: int = 0
    end_ns: int = 0
    up_ms: Samples = field(default_factory=Samples)
    first_audio_ms: Samples = field(default_factory=Samples)
    stop_ms: Samples = field(default_factory=Samples)
    late_ms: Samples = field(default_factory=Samples)
    lateness_ms: Samples = field(default_factory=Samples)  # the generator's own
    sent: int = 0
    received: int = 0
    lost: int = 0
    repeated: int = 0
    damaged: int = 0
    stale_samples: int = 0
    whole_utterances: int = 0
    cut_short: int = 0  # uninterrupted utterances of which more than 2 % never arrived
    interrupted: int = 0

    def within(self, at_ns: int) -> bool:
        return self.begin_ns <= at_ns < self.end_ns


class Conversation:
    def __init__(self, number: int, tallies: Tallies, noise: bytes) -> None:
        self.number = number
        self._tallies = tallies
        self._noise = noise
        self._next_number = 0
        self._expected = 0
        self._play_end_ns = 0
        self.said: Said | None = None

    # --- the caller's audio -------------------------------------------------------------------------------------------------

    def next_frame(self, now_ns: int, due_ns: int) -> bytes:
        number = self._next_number
        self._next_number = number + 1
        tallies = self._tallies
        if tallies.begin_ns <= now_ns < tallies.end_ns:
            tallies.sent += 1
            tallies.lateness_ms.add((now_ns - due_ns) / MS)
        return SIGN.pack(MARK, self.number, number, now_ns) + self._noise

    def model_heard(self, frame: bytes, now_ns: int) -> None:
        """One whole frame as it reached the model."""
        if frame[SIGN.size :] != self._noise and self._tallies.within(now_ns):
            self._tallies.damaged += 1
        self.model_recognised(frame[: SIGN.size], now_ns)

    def model_recognised(self, sign: bytes, now_ns: int) -> None:
        """A frame reached the model, and this is its beginning."""
        mark, call, number, sent_ns = SIGN.unpack(sign)
        if mark != MARK or call != self.number:
            return  # it will be missed
        expected = self._expected
        self._expected = expected if number < expected else number + 1
        tallies = self._tallies
        if tallies.begin_ns <= sent_ns < tallies.end_ns:
            tallies.received += 1
            tallies.up_ms.add((now_ns - sent_ns) / MS)
            if number > expected:
                tallies.lost += number - expected
            elif number < expected:
                tallies.repeated += 1

    # --- the model's speech -------------------------------------------------------------------------------------------------

    def begins(self, now_ns: int) -> Said:
        """The model starts its next utterance; the last one is entered into the figures."""
        self.account(now_ns)
        self.said = Said(self.said is None or not self.said.positive, now_ns)
        return self.said

    def phone_heard(self, pcm: bytes, now_ns: int) -> None:
        """A binary message reached the phone. The switch plays everything it was sent, one after another."""
        self._play_end_ns = max(self._play_end_ns, now_ns) + len(pcm) // 2 * _NS_PER_SAMPLE
        said = self.said
        if said is None:
            return
        same, other, silent = audible(pcm, said.positive)
        if other and self._tallies.within(now_ns):
            self._tallies.stale_samples += other
        if not same:
            return
        if not said.first_heard_ns:
            said.first_heard_ns = now_ns
            if self._tallies.within(said.began_ns):
                self._tallies.first_audio_ms.add((now_ns - said.began_ns) / MS)
        late_ns = now_ns - said.first_heard_ns - said.samples * _NS_PER_SAMPLE
        said.latest_ns = max(said.latest_ns, late_ns)
        said.samples += same
        said.quiet_ns = self._play_end_ns - silent * _NS_PER_SAMPLE
        if said.interrupted_ns and now_ns > said.interrupted_ns + STALE_AFTER_NS:
            said.stale_samples += same

    def phone_flushed(self, now_ns: int) -> None:
        """The switch was told to drop what it has not played."""
        self._play_end_ns = min(self._play_end_ns, now_ns)
        if self.said is not None:
            self.said.quiet_ns = min(self.said.quiet_ns, now_ns)

    def account(self, now_ns: int) -> None:
        """Enter the latest utterance, if enough time has passed to tell what became of it."""
        said, tallies = self.said, self._tallies
        if said is None or not tallies.within(said.began_ns):
            return
        if said.interrupted_ns:
            if said.first_heard_ns and now_ns - said.interrupted_ns > _STOPPED_BY_NS:
                tallies.interrupted += 1
                tallies.stop_ms.add(max(0, said.quiet_ns - said.interrupted_ns) / MS)
        elif now_ns - said.began_ns > UTTERANCE_MS * MS + _STOPPED_BY_NS:
            tallies.whole_utterances += 1
            tallies.late_ms.add(said.latest_ns / MS)
            if said.samples < 0.98 * UTTERANCE_MS * CALLER_HZ / 1000:
                tallies.cut_short += 1
        tallies.stale_samples += said.stale_samples
