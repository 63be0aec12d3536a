"""Laws of the media core: counts are exact, cutting changes nothing, heard ≤ sent ≤ generated, nothing stale after an interruption."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.frames import frame_bytes
from bridge.core.pacer import REWIND_MS, Pacer
from bridge.core.playout import PlayoutLedger, Speaker, Utterance
from bridge.core.resample import RATES_HZ, Resampler
from bridge.core.voice import Voice
from tests.support.lines_played import ClockedSwitch, numbered
from tests.support.sizes import examples

rates = st.sampled_from(RATES_HZ)


def noise(samples: int, seed: int) -> bytes:
    return bytes(np.random.default_rng(seed).integers(-32_768, 32_767, samples).astype("<i2").tobytes())


def pieces(pcm: bytes, cuts: list[int]) -> list[bytes]:
    """`pcm` cut after these numbers of samples; the rest in one piece."""
    out, at = [], 0
    for samples in cuts:
        out.append(pcm[at : at + 2 * samples])
        at += 2 * samples
    return [*out, pcm[at:]]


@given(rates, rates, st.integers(0, 9_000), st.lists(st.integers(0, 2_000), max_size=12), st.integers(0, 2**32 - 1))
def test_resampling_does_not_depend_on_how_the_input_is_cut(
    rate_in: int, rate_out: int, samples: int, cuts: list[int], seed: int
) -> None:
    pcm = noise(samples, seed)
    whole, chunked = Resampler(rate_in, rate_out), Resampler(rate_in, rate_out)
    expected = bytes(whole.push(pcm)) + bytes(whole.drain())
    got = b"".join(bytes(chunked.push(piece)) for piece in pieces(pcm, cuts)) + bytes(chunked.drain())
    assert got == expected


@given(rates, rates, st.integers(0, 20_000))
def test_resampling_gives_an_exact_number_of_samples(rate_in: int, rate_out: int, samples: int) -> None:
    common = np.gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    assert len(Resampler(rate_in, rate_out).push(bytes(2 * samples))) == samples // down * up * 2


@given(rates, rates, st.integers(1, 50))
def test_twenty_milliseconds_in_are_twenty_milliseconds_out(rate_in: int, rate_out: int, frames: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    for _ in range(frames):
        assert len(resampler.push(bytes(frame_bytes(rate_in)))) == frame_bytes(rate_out)


# --- a model of the switch's player ----------------------------------------------------------------------------------------


@dataclass
class Switch:
    """Starts with a prebuffer of 1,280 samples, later hands on blocks of at least 640 (times `down`, 2 for an 8 kHz leg fed at 16 kHz) and
    keeps what is less; killAudio empties the queue but not what is kept, and what arrives within 60 ms after it is wiped."""

    down: int = 1
    kept: bytearray = field(default_factory=bytearray)
    started: bool = False
    queue: list[tuple[float, bytes]] = field(default_factory=list)
    wiped_until_ms: float = -1.0

    @property
    def prebuffer(self) -> int:
        return 1_280 * self.down * 2

    @property
    def step(self) -> int:
        return 640 * self.down * 2

    def receive(self, message: bytes, now_ms: float) -> None:
        assert len(message) % 2 == 0
        self.kept += message
        need = self.step if self.started else self.prebuffer
        if len(self.kept) >= need:
            whole = len(self.kept) // self.step * self.step
            if now_ms >= self.wiped_until_ms:
                self.queue.append((now_ms, bytes(self.kept[:whole])))
            del self.kept[:whole]
            self.started = True

    def kill(self, now_ms: float) -> None:
        self.queue.clear()
        self.wiped_until_ms = now_ms + 60

    def heard(self) -> bytes:
        return b"".join(piece for _, piece in self.queue)


def run(pacer: Pacer, switch: Switch, start_ms: float, until_ms: float) -> float:
    """Send what is due, as a shell with perfect timers would; returns the time of the last message."""
    now, last = start_ms, start_ms
    while now <= until_ms:
        while (message := pacer.pull(now)) is not None:
            switch.receive(bytes(message), now)
            last = now
        wake = pacer.wake_ms
        now = max(now + 0.5, min(wake, until_ms + 1))
    return last


@settings(max_examples=examples(30, 750))
@given(
    st.integers(1, 3_000),
    st.lists(st.integers(1, 7_001), min_size=1, max_size=40),
    st.sampled_from([(16_000, 1), (16_000, 2), (8_000, 1)]),
    st.sampled_from([40, 160, 300]),
)
def test_every_sample_of_an_utterance_is_heard_through_the_switchs_prebuffer(
    length_ms: int, cuts: list[int], leg: tuple[int, int], lead_ms: int
) -> None:
    rate_hz, down = leg
    samples = length_ms * rate_hz // 1000
    pcm = (np.arange(samples) % 30_000 + 1).astype("<i2").tobytes()  # never zero: silence of ours is told apart
    pacer, switch = Pacer(rate_hz, lead_ms, kill_audio=True), Switch(down)
    utterance = Utterance(Speaker.MODEL, rate_hz)
    pacer.begin(utterance)
    for piece in pieces(pcm, cuts):
        pacer.push(piece)
    pacer.finish()
    run(pacer, switch, 0.0, length_ms + 1_000)
    heard = switch.heard()
    assert heard[: len(pcm)] == pcm
    assert not any(heard[len(pcm) :])
    assert not any(switch.kept)
    assert utterance.sent == utterance.generated == samples
    assert pacer.is_idle


@settings(max_examples=examples(30, 750))
@given(st.integers(0, 3_000), st.integers(100, 3_000), st.sampled_from([1, 2]), st.booleans(), st.integers(0, 500))
def test_after_an_interruption_no_old_sample_is_sent_and_the_next_utterance_is_whole(
    cut_at_ms: int, next_ms: int, down: int, kill: bool, pause_ms: int
) -> None:
    rate_hz = 16_000
    pacer, switch = Pacer(rate_hz, 160, kill_audio=kill), Switch(down)
    pacer.begin(Utterance(Speaker.MODEL, rate_hz))
    pacer.push((np.ones(3 * rate_hz, dtype="<i2") * 111).tobytes())
    run(pacer, switch, 0.0, cut_at_ms)
    zeros = pacer.flush(float(cut_at_ms))
    if zeros is not None:
        switch.receive(zeros, cut_at_ms)
        if kill:
            switch.kill(cut_at_ms)
    before = len(switch.heard())
    pacer.begin(Utterance(Speaker.MODEL, rate_hz))
    pacer.push((np.ones(next_ms * 16, dtype="<i2") * 222).tobytes())
    pacer.finish()
    run(pacer, switch, float(cut_at_ms + pause_ms), cut_at_ms + pause_ms + next_ms + 1_000)
    after = np.frombuffer(switch.heard()[before:], "<i2")
    assert (after == 111).sum() == 0
    assert (after == 222).sum() == next_ms * 16


@given(st.lists(st.tuples(st.sampled_from("amip"), st.integers(1, 400)), max_size=40), st.booleans())
def test_heard_is_never_more_than_sent_nor_sent_more_than_generated(steps: list[tuple[str, int]], kill: bool) -> None:
    voice = Voice(16_000, 160, kill_audio=kill)
    seen: list[Utterance] = []
    now = 0.0
    for kind, amount in steps:
        if kind == "a":
            begun = voice.model_audio(bytes(amount * 48), 24_000)
            if begun is not None:
                seen.append(begun)
        elif kind == "m":
            voice.finish()
        elif kind == "i":
            voice.cut(now)
        now += amount
        while voice.pacer.pull(now) is not None:
            pass
        voice.settle(now)
        for utterance in seen:
            assert 0 <= utterance.heard(now) <= utterance.sent <= utterance.generated


@settings(max_examples=examples(20, 2_000))
@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=8), st.integers(0, 6_000))
def test_what_was_heard_never_shrinks_and_a_cut_freezes_it(lengths: list[int], cut_at_ms: int) -> None:
    voice = Voice(16_000, 160, kill_audio=True)
    utterances = []
    for length in lengths:
        begun = voice.model_audio(bytes(length * 48), 24_000)
        assert begun is not None
        utterances.append(begun)
        voice.finish()
    heard = [0] * len(utterances)
    for now in range(0, cut_at_ms + 1, 20):
        while voice.pacer.pull(float(now)) is not None:
            pass
        current = [utterance.heard(now) for utterance in utterances]
        assert all(new >= old for new, old in zip(current, heard, strict=True))
        heard = current
    voice.settle(cut_at_ms)
    voice.cut(cut_at_ms)
    frozen = [utterance.heard(cut_at_ms) for utterance in utterances]
    assert [utterance.heard(cut_at_ms + 10_000) for utterance in utterances] == frozen
    for utterance in utterances:
        complete = utterance.finished_at_ms(cut_at_ms + 10_000) is not None
        assert complete == (utterance.cut_ms is None)


def test_the_ledger_refuses_an_endless_number_of_utterances() -> None:
    ledger = PlayoutLedger()
    taken = [ledger.begin(Utterance(Speaker.MODEL, 16_000)) for _ in range(100)]
    assert taken.count(True) == 64


# --- stopping for a moment -------------------------------------------------------------------------------------------------

acts = st.lists(st.tuples(st.sampled_from("aaafhprc"), st.integers(1, 400)), max_size=30)


class Talk:
    """An agent whose every sample is numbered, on a line that plays on the clock."""

    def __init__(self, kill: bool) -> None:
        self.voice = Voice(24_000, 160, kill_audio=kill)
        self.switch = ClockedSwitch(24_000)
        self.said: list[tuple[Utterance, int]] = []  # with the number of the first sample
        self.generated = self.holds = 0
        self.cut_at: list[int] = []  # numbers of the last samples that were cut
        self.now = 0.0

    def act(self, kind: str, amount: int) -> None:
        if kind == "a" and self.generated + amount * 24 < 60_000:
            begun = self.voice.model_audio(numbered(amount * 24, self.generated), 24_000)
            if begun is not None:
                self.said.append((begun, self.generated))
            self.generated += amount * 24
        elif kind == "f":
            self.voice.finish()
        elif kind in "hp":
            self.holds += 1
            self.switch.obey(self.voice.hold(self.now, recall=kind == "h"), self.now)
        elif kind == "r":
            self.voice.resume()
        elif kind == "c":
            self.voice.settle(self.now)
            self.cut_at.append(self.generated)
            self.switch.obey(self.voice.cut(self.now).flush, self.now)

    def wait(self, milliseconds: float) -> None:
        self.switch.run(self.voice, self.now, self.now + milliseconds)
        self.now += milliseconds
        self.voice.settle(self.now)
        self.check_ledger()

    def speech(self) -> list[int]:
        return [sample for sample in self.switch.heard() if sample]

    def check_ledger(self) -> None:
        played = np.zeros(65_536, bool)
        played[self.speech()] = True
        for utterance, first in self.said:
            heard = utterance.heard(self.now)
            assert 0 <= heard <= utterance.sent <= utterance.generated
            really = int(played[first + 1 : first + utterance.generated + 1].sum())
            if utterance.cut_ms is None or self.voice.pacer._kill:
                assert abs(really - heard) <= 1 + self.holds  # each stop may round one sample
            else:
                assert really <= heard  # it was sent and cannot be taken back


@settings(max_examples=examples(40, 1_000), deadline=None)
@given(acts, st.booleans())
def test_speech_that_is_held_and_resumed_is_heard_whole_with_short_rewinds_and_counted_to_the_sample(
    steps: list[tuple[str, int]], kill: bool
) -> None:
    talk = Talk(kill)
    for kind, amount in steps:
        talk.act(kind, amount)
        talk.wait(amount)
    talk.voice.resume()
    talk.voice.finish()
    talk.wait(8_000)
    rewinds, last = 0, 0
    for number in talk.speech():
        if number != last + 1:
            if number <= last:
                rewinds += 1
                assert last - number < REWIND_MS * 24
            else:
                assert any(last < boundary and number == boundary + 1 for boundary in talk.cut_at), (last, number)
        last = number
    assert rewinds <= talk.holds
    assert rewinds == 0 or kill
    if not talk.cut_at:
        assert last == talk.generated
        assert all(utterance.finished_at_ms(talk.now) is not None for utterance, _ in talk.said)
    for utterance, _ in talk.said:
        if utterance.cut_ms is not None:
            assert utterance.finished_at_ms(talk.now + 60_000) is None
