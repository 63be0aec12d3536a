"""Placed calls as they are answered: espeak voices, tones and noises over an 8 kHz µ-law line, seeded.

Levels, pauses and noise are drawn, not recorded: what the detector scores on them says nothing of how often a real call has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bridge.core.machine import Answerer
from local.carrier.resample import Resampler, through_g711
from local.speech.voice import Voice
from tests.support.greetings import MAILBOXES, OPERATORS, PEOPLE, TELEVISION
from tests.support.lines import SPOKEN_DBFS, Audio, as_pcm, at_level, noise
from tests.support.sounds import busy, hum, ring_back

HZ = 8_000
VOICES = {
    "en": ("", "en-us+f3", "en+m3", "en+f2", "en+m7", "en+f4"),
    "sw": ("", "sw+f2", "sw+m3", "sw+f5", "sw+m1"),
}
Background = Literal["", "street", "television", "child", "hum"]
BACKGROUNDS: tuple[Background, ...] = ("", "", "", "street", "television", "child", "hum")
Sounds = Callable[[np.random.Generator], Audio]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is heard, PCM16 at 8 kHz, and what it is. spoken_until_ms: the end of the first thing said, up to its first long pause, which
    began first_said_ms before; beep_ms: the end of the beep. text: what a transcriber would have written, in pieces, each with when it
    would have come. held_out: no threshold was chosen by it."""

    name: str
    is_: Answerer
    pcm: NDArray[np.int16]
    first_said_ms: float = 0.0
    spoken_until_ms: float | None = None
    beep_ms: float | None = None
    text: tuple[tuple[float, str], ...] = ()
    held_out: bool = True
    behind: Background = ""

    def at(self, rate_hz: int) -> NDArray[np.int16]:
        return self.pcm if rate_hz == HZ else Resampler(HZ, rate_hz).process(self.pcm)


# --- pieces ----------------------------------------------------------------------------------------------------------------


def still(milliseconds: float) -> Audio:
    return np.zeros(round(milliseconds * HZ / 1000), np.float32)


def tone(hertz: Sequence[float], milliseconds: float, dbfs: float = -15.0) -> Audio:
    """Sines of equal strength, with edges of 5 ms."""
    time = np.arange(round(milliseconds * HZ / 1000)) / HZ
    sound = sum(np.sin(2 * np.pi * f * time) for f in hertz) / math.sqrt(len(hertz))
    edge = np.clip(np.minimum(time, time[::-1]) / 0.005, 0, 1)
    return np.asarray(sound * edge * 32_768 * math.sqrt(2) * 10 ** (dbfs / 20), np.float32)


def telephone_band(audio: Audio) -> Audio:
    """300 to 3,400 Hz, with the slopes of a telephone's filter."""
    size = 1 << len(audio).bit_length()
    spectrum = np.fft.rfft(audio, size)
    hertz = np.fft.rfftfreq(size, 1 / HZ)
    low, high = 1 / (1 + (250 / np.maximum(hertz, 1)) ** 6), 1 / (1 + (hertz / 3_500) ** 24)
    return np.fft.irfft(spectrum * np.sqrt(low * high), size)[: len(audio)].astype(np.float32)


@lru_cache(maxsize=1)
def mouth() -> Voice:
    return Voice("caller")


def said(text: str, language: str, voice: str, wpm: int) -> Audio:
    pcm = mouth().say_now(text, language=language, voice=voice, wpm=wpm, rate_hz=HZ)
    return np.frombuffer(pcm, "<i2").astype(np.float32)


@dataclass(frozen=True, slots=True)
class Manner:
    language: str
    voice: str
    wpm: int
    pauses_ms: tuple[float, float]
    long_pause_ms: tuple[float, float] = (1_100, 1_600)


def spoken(text: str, manner: Manner, dice: np.random.Generator) -> tuple[Audio, float, list[tuple[float, str]]]:
    """The sound, where its first long pause (or the end) is, and the words with the end of each sentence. Milliseconds."""
    parts: list[Audio] = []
    words: list[tuple[float, str]] = []
    first_end = 0.0
    for index, stretch in enumerate(text.split("||")):
        if index:
            parts.append(still(dice.uniform(*manner.long_pause_ms)))
        for number, sentence in enumerate(stretch.split("|")):
            if number:
                parts.append(still(dice.uniform(*manner.pauses_ms)))
            parts.append(said(sentence.strip(), manner.language, manner.voice, manner.wpm))
            words.append((sum(map(len, parts)) * 1000 / HZ, sentence.strip() + " "))
        first_end = first_end or sum(map(len, parts)) * 1000 / HZ
    return np.concatenate(parts), first_end, words


def backdrop(kind: Background, length: int, dice: np.random.Generator) -> Audio:
    """At the level of a voice; whoever mixes it says how much softer."""
    seed = int(dice.integers(1_000))
    if kind == "television":
        text = TELEVISION[seed % len(TELEVISION)]
        language = "sw" if text.startswith("Habari") else "en"
        talk = said(text, language, VOICES[language][seed % 3], 165)
        return np.resize(np.roll(talk, seed * 37), length).astype(np.float32)
    if kind == "child":
        return np.resize(np.concatenate([_cry(dice) for _ in range(6)]), length).astype(np.float32)
    if kind == "hum":
        return at_level(hum(length, HZ, seed), SPOKEN_DBFS + 22).astype(np.float32)
    if kind == "street":
        rumble = noise(length, SPOKEN_DBFS, seed)
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.3 * np.arange(length) / HZ + seed)
        return (np.convolve(rumble, np.ones(4) / 2, "same") * swell).astype(np.float32)
    return np.zeros(length, np.float32)


def _cry(dice: np.random.Generator) -> Audio:
    """A wail: harmonics over 350 to 550 Hz that rise and fall, and a breath."""
    length = int(dice.uniform(0.5, 1.1) * HZ)
    time = np.arange(length) / HZ
    pitch = dice.uniform(350, 550) * (1 + 0.15 * np.sin(np.pi * time / time[-1]) + 0.02 * np.sin(2 * np.pi * 6 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / HZ
    wail = sum(np.sin(h * phase) / h for h in (1, 2, 3, 4, 5)) * np.sin(np.pi * time / time[-1])
    return np.concatenate(
        ((wail * 32_768 * 10 ** (SPOKEN_DBFS / 20)).astype(np.float32), still(dice.uniform(150, 600)))
    )


def over_line(
    audio: Audio, dice: np.random.Generator, background: Background = "", level: float | None = None
) -> NDArray[np.int16]:
    """As the carrier's leg hands it on: level, the room behind it 12 to 25 dB softer, the line's noise, its band, G.711."""
    level = dice.uniform(-14, 4) if level is None else level
    room = backdrop(background, len(audio), dice)
    mixed = at_level(audio, level) + at_level(room, level - dice.uniform(12, 25))
    line = noise(len(audio), dice.uniform(-75, -50), int(dice.integers(1_000_000)))
    return through_g711(as_pcm(telephone_band(mixed + line)))


BEEPS: tuple[tuple[str, Sounds], ...] = (
    ("1,000 Hz, 0.5 s", lambda dice: tone((1_000,), 500)),
    ("1,400 Hz, 0.2 s", lambda dice: tone((1_400,), 200)),
    ("440 Hz, 0.4 s", lambda dice: tone((440,), 400)),
    ("850 Hz, 1 s", lambda dice: tone((850,), 1_000)),
    ("2,000 Hz, 0.3 s", lambda dice: tone((2_000,), 300, -20)),
    ("1,100 Hz, 0.5 s", lambda dice: tone((1_100,), 500)),
    ("620 Hz, soft", lambda dice: tone((620,), 350, -28)),
    ("any pitch", lambda dice: tone((float(dice.uniform(560, 2_050)),), float(dice.uniform(220, 900)), -18)),
    ("two of them", lambda dice: np.concatenate((tone((950,), 220), still(150), tone((950,), 220)))),
    ("with a third harmonic", lambda dice: tone((900,), 350) + tone((2_700,), 350, -24.5)),
    ("fading", lambda dice: tone((1_200,), 600) * np.linspace(1, 0.15, 4_800, dtype=np.float32)),
)


# --- calls -----------------------------------------------------------------------------------------------------------------


def _manner(language: str, dice: np.random.Generator, pauses_ms: tuple[float, float]) -> Manner:
    voices = VOICES[language]
    return Manner(language, voices[int(dice.integers(len(voices)))], int(dice.integers(130, 190)), pauses_ms)


def _words(words: Sequence[tuple[float, str]], from_ms: float) -> tuple[tuple[float, str], ...]:
    """A transcriber is some 0.7 s behind."""
    return tuple((from_ms + at_ms + 700, text) for at_ms, text in words)


def person(index: int, seed: int) -> Answered:
    """Says it, and waits for 9 s."""
    language, text = PEOPLE[index]
    dice = np.random.default_rng((index, seed, 1))
    lead = still(dice.uniform(100, 1_500))
    sound, first_end, words = spoken(text, _manner(language, dice, (200, 600)), dice)
    background = BACKGROUNDS[int(dice.integers(len(BACKGROUNDS)))]
    lead_ms = len(lead) * 1000 / HZ
    pcm = over_line(np.concatenate((lead, sound, still(9_000))), dice, background)
    name = f"{text} ({background or 'quiet'})"
    text_written = _words(words, lead_ms)
    held_out = index % 2 == 1
    return Answered(
        name, Answerer.PERSON, pcm, first_end, lead_ms + first_end, None, text_written, held_out, background
    )


def mailbox(index: int, seed: int) -> Answered:
    """A greeting, most often from a quiet room, a pause, a beep, and the silence that is recorded."""
    language, text = MAILBOXES[index]
    dice = np.random.default_rng((index, seed, 2))
    lead = still(dice.uniform(200, 1_500))
    sound, first_end, words = spoken(text, _manner(language, dice, (250, 750)), dice)
    kind, beep = BEEPS[(index + seed * 5) % len(BEEPS)]
    before = np.concatenate((lead, sound, still(dice.uniform(150, 1_200)), beep(dice)))
    background: Background = "street" if dice.random() < 0.15 else ""
    pcm = over_line(np.concatenate((before, still(5_000))), dice, background, float(dice.uniform(-12, 2)))
    lead_ms, beep_ms = len(lead) * 1000 / HZ, len(before) * 1000 / HZ
    name = f"{text} (beep: {kind})"
    return Answered(
        name, Answerer.MACHINE, pcm, first_end, lead_ms + first_end, beep_ms, _words(words, lead_ms), index % 2 == 1
    )


def operator(index: int, seed: int) -> Answered:
    """An announcement, said again and again; every third after the exchange's three tones, every fifth after a chime."""
    language, text = OPERATORS[index]
    dice = np.random.default_rng((index, seed, 3))
    parts = [still(dice.uniform(100, 800))]
    if (index + seed) % 3 == 0:
        parts += [information_tones(), still(dice.uniform(50, 400))]
    elif (index + seed) % 5 == 0:
        parts += [tone((660,), 350), tone((520,), 350), tone((784,), 600), still(300)]
    lead_ms = sum(map(len, parts)) * 1000 / HZ
    manner = _manner(language, dice, (300, 900))
    sound, first_end, words = spoken(text, manner, dice)
    gap = still(dice.uniform(500, 1_000))
    parts += [sound, gap, sound, gap, sound, still(2_000)]
    pcm = over_line(np.concatenate(parts), dice, "", float(dice.uniform(-10, 2)))
    return Answered(
        text, Answerer.MACHINE, pcm, first_end, lead_ms + first_end, None, _words(words, lead_ms), index % 2 == 1
    )


def information_tones(long: bool = True) -> Audio:
    parts: list[Audio] = []
    for hertz in (950, 1_400, 1_800):
        parts += [tone((hertz,), 330 if long else 274), still(15)]
    return np.concatenate(parts)


def data_of_fax(milliseconds: float, seed: int) -> Audio:
    """V.21, 300 bit/s, on the answering side's frequencies: flags, then frames."""
    bits = np.random.default_rng(seed).integers(0, 2, int(milliseconds * 0.3))
    flags = np.array([0, 1, 1, 1, 1, 1, 1, 0] * 40)[: len(bits)]
    bits[: len(flags)] = flags
    hertz = np.repeat(np.where(bits, 1_650.0, 1_850.0), HZ // 300 + 1)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / HZ) * 5_000, np.float32)


def _answering_tone(reversals: bool) -> Audio:
    sound = tone((2_100,), 3_000)
    if reversals:  # ANSam: the phase turns every 450 ms, and 15 Hz wavers in it
        time = np.arange(len(sound)) / HZ
        sound = sound * np.where((time // 0.45) % 2 == 0, 1, -1) * (1 + 0.2 * np.sin(2 * np.pi * 15 * time))
    return np.asarray(sound, np.float32)


def _calling_fax(bursts: int) -> Audio:
    return np.concatenate([part for _ in range(bursts) for part in (tone((1_100,), 500), still(3_000))])


def _machines_of_tones() -> dict[str, Sounds]:
    return {
        "answers": lambda dice: np.concatenate(
            (still(dice.uniform(200, 2_200)), _answering_tone(False), still(75), data_of_fax(1_500, 3))
        ),
        "answers, for a modem": lambda dice: np.concatenate(
            (still(dice.uniform(200, 2_200)), _answering_tone(True), still(800))
        ),
        "sends at once": lambda dice: np.concatenate(
            (still(dice.uniform(300, 1_500)), data_of_fax(1_800, 5), still(2_000), data_of_fax(1_800, 6))
        ),
        "calls": lambda dice: np.concatenate((still(dice.uniform(200, 2_000)), _calling_fax(3))),
        "soft": lambda dice: np.concatenate((still(1_000), at_level(_answering_tone(False), -16), still(500))),
        "a hum, then it answers": lambda dice: np.concatenate(
            (at_level(hum(HZ, HZ, 3), -14), _answering_tone(False), still(500))
        ),
        "says so first": lambda dice: np.concatenate(
            (
                still(400),
                said("Please send your fax now", "en", "", 150),
                still(300),
                _answering_tone(False),
                still(500),
            )
        ),
    }


def faxes(seeds: Sequence[int]) -> Iterator[Answered]:
    for name, sound in _machines_of_tones().items():
        for seed in seeds:
            dice = np.random.default_rng((seed, 4))
            yield Answered(f"fax {name}", Answerer.FAX, over_line(sound(dice), dice, level=float(dice.uniform(-12, 0))))


def exchanges(seeds: Sequence[int]) -> Iterator[Answered]:
    """Tones without words: information tones alone, busy, and mailboxes that only beep."""
    for seed in seeds:
        dice = np.random.default_rng((seed, 5))
        for name, sound in (
            ("information tones", np.concatenate((still(400), information_tones(seed % 2 == 0), still(3_000)))),
            ("busy", busy(5 * HZ, HZ, seed)),
            ("only a beep", np.concatenate((still(dice.uniform(300, 1_500)), tone((1_000,), 600), still(4_000)))),
            ("only a beep at a fax's pitch", np.concatenate((still(500), tone((1_100,), 500), still(6_000)))),
        ):
            yield Answered(name, Answerer.MACHINE, over_line(sound, dice, level=float(dice.uniform(-10, 0))))


def nobodies(seeds: Sequence[int]) -> Iterator[Answered]:
    """Lines on which nobody speaks for 8 s."""
    length = 8 * HZ
    for seed in seeds:
        dice = np.random.default_rng((seed, 6))
        yield Answered("digital silence", Answerer.SILENCE, np.full(length, -1, np.int16))
        yield Answered("a line's noise", Answerer.SILENCE, over_line(np.zeros(length, np.float32), dice))
        street = at_level(backdrop("street", length, dice), -16)
        yield Answered("a street", Answerer.SILENCE, over_line(street, dice, level=-6))
        clicks = np.zeros(length, np.float32)
        clicks[:: HZ // 2 + seed] = 9_000
        yield Answered("clicks", Answerer.SILENCE, over_line(clicks, dice))


def ringing(seeds: Sequence[int]) -> Iterator[Answered]:
    """Answered by a switchboard that rings on: nothing is known yet."""
    for seed in seeds:
        dice = np.random.default_rng((seed, 7))
        yield Answered("it rings on", Answerer.UNDECIDED, over_line(ring_back(14 * HZ, HZ, seed), dice, level=-4))


def music(seeds: Sequence[int]) -> Iterator[Answered]:
    """Music on hold: chords of notes with harmonics, in bars, for 14 s. Nobody to talk to, so a machine."""
    for seed in seeds:
        dice = np.random.default_rng((seed, 8))
        notes = []
        for _ in range(28):
            root = 220 * 2 ** (int(dice.choice((0, 3, 5, 7, 10, 12))) / 12)
            time = np.arange(HZ // 2) / HZ
            chord = sum(
                np.sin(2 * np.pi * root * step * h * time) / h**1.3 for step in (1, 1.26, 1.5) for h in (1, 2, 3, 4)
            )
            notes.append((chord * np.exp(-time / 0.4) * 2_200).astype(np.float32))
        yield Answered(
            "music", Answerer.MACHINE, over_line(np.concatenate(notes), dice, level=float(dice.uniform(-8, 0)))
        )


def corpus(seeds: Sequence[int], every: int = 1) -> Iterator[Answered]:
    """All kinds; of people and machines each `every`th text. One drawing of each for every seed."""
    for seed in seeds:
        for index in range(seed % every, len(PEOPLE), every):
            yield person(index, seed)
        for index in range(seed % every, len(MAILBOXES), every):
            yield mailbox(index, seed)
        for index in range(seed % every, len(OPERATORS), every):
            yield operator(index, seed)
    for kind in (faxes, exchanges, nobodies, ringing, music):
        yield from kind(seeds)
