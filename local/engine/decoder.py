"""The recognition worker: pocketsphinx in a process of its own, because a decoder holds the interpreter while it searches.

Run as `python -m local.engine.decoder`; it speaks the protocol of `local.speech.pipe`.

    question  {"language": "en", "services": ["cleaning", …], "tools": […], "people": […], "expectation": "open"} and
              16 kHz mono PCM16 as body; without a body it only gets ready
    answer    {"words": "…" | null, "cost": nats per frame of speech, "worst": of the worst phrase}
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pocketsphinx import Decoder, set_loglevel

from local.engine.expectation import Expectation
from local.engine.grammar import END, START, Edge, edges
from local.engine.lexicon import MODEL, pronunciations
from local.speech.pipe import serve

RATE_HZ = 16_000
VOCABULARIES_KEPT = 12
_PAD_SAMPLES = RATE_HZ * 3 // 10
# The model knows no digital silence and no empty 4-8 kHz band; a noise far below hearing keeps both from looking like a phone.
_DITHER_SIGMA = 8.0
# A path's cost is counted against the best-fitting sound of each frame, whatever it is. Phrases that were meant cost 4 to 6.9 nats a
# frame, and so does each of their parts; foreign sentences forced into a grammar have a part that costs 7.7 and more, but for one that
# begins and ends like a real phrase and costs 7.24 all over (bench/recognition.py asks these questions).
MAX_COST = 7.2
MAX_PHRASE_COST = 7.4
# A line of 8 kHz carries nothing above 4 kHz, where the model expects what tells an s from an f. A faint mirror image of the lower band
# in its place takes up to 0.7 nats off a phrase; it stays dearer than over a wide line. Of 50 foreign sentences over a narrow line 49
# are still asked again.
MAX_NARROW_PHRASE_COST = 8.6
_NARROW_SHARE = 1e-5  # of the energy lies above 4.6 kHz: over a wide line 4e-4 and more, over a narrow one nothing
_MIRROR = 0.2
_MIN_PHRASE_FRAMES = 15  # shorter stretches say little
_NATS = 1024  # pocketsphinx scales its scores down by 2**10
_MIN_SPEECH_FRAMES = 15  # 150 ms: a click is not an answer
_LEVEL_SAMPLES = RATE_HZ // 50
_AUDIBLE_RMS = 100.0  # of 32,768
_MARGIN_FRAMES = 3  # 60 ms around what is audible: the soft ends of the first and the last word
_MAX_FLATNESS = (
    0.25  # of the spectrum from 200 Hz to 4 kHz: voices have 0.02 to 0.08 in most of their frames, a cough 0.5
)
_MIN_LEVEL_SPREAD_DB = 3.0  # speech rises and falls by far more; tones, dialling and hiss do not


@dataclass(frozen=True, slots=True)
class Finding:
    """The best path through the grammar. cost: nats per frame, over all its speech; worst: of its worst phrase."""

    words: str
    cost: float
    worst: float
    is_narrow: bool = False  # spoken over an 8 kHz line

    @property
    def is_credible(self) -> bool:
        return self.cost <= MAX_COST and self.worst <= (MAX_NARROW_PHRASE_COST if self.is_narrow else MAX_PHRASE_COST)


class Vocabulary:
    """One decoder with a search for each expectation. services, people: their spoken names in the language; tools: see `grammar.edges`."""

    def __init__(
        self, language: str, services: Sequence[str], tools: Sequence[str] = (), people: Sequence[str] = ()
    ) -> None:
        self._decoder = Decoder(
            hmm=str(MODEL / "en-us"),
            dict=None,
            lm=None,
            loglevel="FATAL",
            bestpath=False,
            compallsen=True,  # so that a cost is counted against every sound of the model, not only those that fit the grammar
        )
        graphs = {expectation: edges(expectation, language, services, tools, people) for expectation in Expectation}
        graphs = {expectation: graph for expectation, graph in graphs.items() if graph}
        for phrase in sorted({edge.phrase for graph in graphs.values() for edge in graph} - {""}):
            for index, phones in enumerate(pronunciations(phrase, language)):
                self._decoder.add_word(_word(phrase) if index == 0 else f"{_word(phrase)}({index + 1})", phones, False)
        for expectation, graph in graphs.items():
            self._add_search(expectation, graph)
        self._heard = frozenset(graphs)

    def _add_search(self, expectation: Expectation, graph: Sequence[Edge]) -> None:
        states = {
            name: index for index, name in enumerate(dict.fromkeys([START, END, *(edge.source for edge in graph)]))
        }
        rows = [
            (states[edge.source], states[edge.target], edge.weight, *([_word(edge.phrase)] if edge.phrase else []))
            for edge in graph
        ]
        name = expectation.value
        self._decoder.add_fsg(name, self._decoder.create_fsg(name, states[START], states[END], rows))

    def find(self, pcm: bytes, expectation: Expectation) -> Finding | None:
        """pcm: one utterance, 16 kHz mono PCM16. None without any path, or without speech."""
        speech = _speech_in(pcm)
        if speech is None:
            return None
        is_narrow = _is_narrow(speech)
        if is_narrow:
            speech = _mirrored(speech)
        decoder = self._decoder
        decoder.activate_search((expectation if expectation in self._heard else Expectation.OPEN).value)
        decoder.start_utt()
        decoder.process_raw(_dithered(speech), no_search=False, full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        if hypothesis is None or not hypothesis.hypstr:
            return None
        stretches = [
            (segment.word, segment.end_frame - segment.start_frame + 1, -math.log(segment.ascore) * _NATS)
            for segment in decoder.seg()
            if segment.start_frame >= 0 and segment.ascore > 0 and segment.word != "(NULL)"
        ]
        found = _judged(hypothesis.hypstr, stretches)
        return replace(found, is_narrow=is_narrow) if found else None


def _is_narrow(samples: npt.NDArray[np.float32]) -> bool:
    """Whether nothing is there that an 8 kHz line cannot carry."""
    frames = samples[: len(samples) // _LEVEL_SAMPLES * _LEVEL_SAMPLES].reshape(-1, _LEVEL_SAMPLES)
    power = np.abs(np.fft.rfft(frames * np.hanning(_LEVEL_SAMPLES))) ** 2
    at_hz = np.fft.rfftfreq(_LEVEL_SAMPLES, 1 / RATE_HZ)
    high = float(power[:, (at_hz > 4_600) & (at_hz < 7_500)].sum())
    return high < _NARROW_SHARE * float(power[:, at_hz < 4_000].sum())


def _mirrored(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """With a fainter image of the lower band in the upper one: every other sample turned over mirrors the spectrum."""
    image = samples.copy()
    image[1::2] *= -1
    return samples + np.float32(_MIRROR) * image


def _speech_in(pcm: bytes) -> npt.NDArray[np.float32] | None:
    """The samples from the first to the last audible moment, or None if they are too short or too steady for speech.

    The model itself cannot tell: it measures every sound against its own average.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    frames = samples[: len(samples) // _LEVEL_SAMPLES * _LEVEL_SAMPLES].reshape(-1, _LEVEL_SAMPLES)
    levels = np.sqrt(np.mean(frames**2, axis=1))
    (audible,) = np.nonzero(levels >= _AUDIBLE_RMS)
    if len(audible) * _LEVEL_SAMPLES < _MIN_SPEECH_FRAMES * RATE_HZ // 100:
        return None
    if np.std(20 * np.log10(levels[audible])) < _MIN_LEVEL_SPREAD_DB:
        return None
    if _flatness(frames[audible]) > _MAX_FLATNESS:
        return None
    first, last = max(0, audible[0] - _MARGIN_FRAMES), audible[-1] + 1 + _MARGIN_FRAMES
    return samples[first * _LEVEL_SAMPLES : last * _LEVEL_SAMPLES]


def _flatness(frames: npt.NDArray[np.float32]) -> float:
    """The spectral flatness of the median frame: 1.0 for noise, near 0 for a voice. frames: shape (n, 20 ms)."""
    power = np.abs(np.fft.rfft(frames * np.hanning(_LEVEL_SAMPLES)))[:, 4:80] ** 2 + 1e-3
    return float(np.median(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)))


def _judged(words: str, stretches: Sequence[tuple[str, int, float]]) -> Finding | None:
    """stretches: (word, frames, nats) in order. Silence at both ends does not count; a silence inside may hide foreign speech."""
    spoken = [index for index, (word, _, _) in enumerate(stretches) if not word.startswith("<")]
    if not spoken:
        return None
    inner = stretches[spoken[0] : spoken[-1] + 1]
    frames = sum(length for _, length, _ in inner)
    if frames < _MIN_SPEECH_FRAMES:
        return None
    worst = max((nats / length for _, length, nats in stretches if length >= _MIN_PHRASE_FRAMES), default=0.0)
    cost = sum(nats for _, _, nats in inner) / frames
    return Finding(words.replace("_", " ").strip(), cost, worst)


def _word(phrase: str) -> str:
    return phrase.replace(" ", "_")


def _dithered(samples: npt.NDArray[np.float32]) -> bytes:
    """PCM16 with 0.3 s of silence around it and faint noise on all of it, always the same noise."""
    padded = np.pad(samples, _PAD_SAMPLES)
    noisy = padded + np.random.default_rng(0).normal(0.0, _DITHER_SIGMA, len(padded))
    encoded: bytes = np.clip(np.rint(noisy), -32768, 32767).astype("<i2").tobytes()
    return encoded


class Vocabularies:
    """The vocabularies in use, built when first asked for; the least recently used goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Vocabulary] = OrderedDict()

    def get(self, question: Mapping[str, Any]) -> Vocabulary:
        language = str(question["language"])
        names = tuple(tuple(question.get(key) or ()) for key in ("services", "tools", "people"))
        key = (language, *names)
        if key not in self._kept:
            self._kept[key] = Vocabulary(language, *names)
        self._kept.move_to_end(key)
        while len(self._kept) > VOCABULARIES_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]


def main() -> None:
    set_loglevel("FATAL")
    vocabularies = Vocabularies()

    def answer(question: dict[str, Any], pcm: bytes) -> tuple[dict[str, Any], bytes]:
        vocabulary = vocabularies.get(question)
        finding = vocabulary.find(pcm, Expectation(question["expectation"])) if pcm else None
        if finding is None:
            return {"words": None, "cost": None, "worst": None}, b""
        words = finding.words if finding.is_credible else None
        return {"words": words, "cost": round(finding.cost, 2), "worst": round(finding.worst, 2)}, b""

    serve(answer)


if __name__ == "__main__":
    main()
