"""Speech to words with a small grammar per expectation, by pocketsphinx and the acoustic model inside its package."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder, get_model_path

from local.engine.expectation import Expectation
from local.engine.names import NAMES

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
DAYS = (*(p + d for d in WEEK for p in ("", "next ", "on ", "this ")), "tomorrow", "today", "the day after tomorrow")
CLOCKS = tuple(
    c
    for h in HOURS
    for c in (f"{h} thirty", f"{h} fifteen", f"{h} forty five", f"{h} o'clock", f"half past {h}", f"quarter past {h}", f"quarter to {h}")
)
TIMES = (*CLOCKS, *(f"at {c}" for c in CLOCKS), *(f"at {h}" for h in HOURS))
PARTS = ("in the morning", "in the afternoon", "in the evening")
PERIODS = ("morning", "afternoon", "evening")
BOOK = ("i would like to book a", "i want to book a", "can i book a", "i would like a")
MOVE = ("i want to move my appointment", "please move my appointment", "i would like to move my appointment")
CANCEL = ("cancel my appointment", "please cancel my appointment", "i want to cancel my appointment")
YES = ("yes", "yes please", "yes that is right", "that is right", "correct")
NO = ("no", "no thank you")
BYE = ("no that is all thank you goodbye", "goodbye")
CHOICES = ("the first one", "the second one", "the last one")

Edge = tuple[str, str, float, str]
PAD = 4800
SIGMA = 8.0


def _fan(a: str, b: str, weight: float, texts: Iterable[str]) -> list[Edge]:
    texts = list(texts)
    return [(a, b, weight / len(texts), text) for text in texts]


def _when(start: str, end: str) -> list[Edge]:
    return [
        *_fan(start, "day", 0.7, DAYS),
        *_fan(start, "time", 0.3, TIMES),
        ("day", end, 0.3, ""),
        *_fan("day", "late", 0.5, TIMES),
        *_fan("day", end, 0.2, PERIODS),
        ("late", end, 0.7, ""),
        *_fan("late", end, 0.3, PARTS),
        ("time", end, 0.8, ""),
        *_fan("time", end, 0.2, PARTS),
    ]


def _open(services: Sequence[str]) -> list[Edge]:
    return [
        *_fan("start", "book", 0.3, BOOK),
        *_fan("book", "booked", 1.0, services or ("appointment",)),
        ("booked", "end", 0.4, ""),
        ("booked", "when", 0.6, ""),
        *_fan("start", "move", 0.15, MOVE),
        ("move", "end", 0.4, ""),
        *_fan("move", "when", 0.6, ("to",)),
        *_fan("start", "end", 0.4, (*CANCEL, *YES, *NO, *BYE)),
        ("start", "when", 0.15, ""),
        *_when("when", "end"),
    ]


def _edges(expectation: Expectation, services: Sequence[str]) -> list[Edge]:
    names = [name.lower() for name in NAMES]
    match expectation:
        case Expectation.NAME:
            return [*_fan("start", "end", 0.5, names), *_fan("start", "n", 0.5, ("my name is", "this is")), *_fan("n", "end", 1.0, names)]
        case Expectation.YES_NO:
            return [*_fan("start", "end", 0.7, (*YES, *NO, *CANCEL)), ("start", "when", 0.3, ""), *_when("when", "end")]
        case Expectation.WHEN:
            return [*_when("start", "end"), *_fan("start", "end", 0.05, (*BYE, *CANCEL))]
        case Expectation.SERVICE:
            return [*_fan("start", "end", 0.5, services), *_fan("start", "s", 0.5, ("a",)), *_fan("s", "end", 1.0, services)]
        case Expectation.CHOICE:
            return [*_fan("start", "end", 0.6, (*CHOICES, *NO, *BYE)), ("start", "when", 0.4, ""), *_when("when", "end")]
    return _open(services)


@cache
def _dictionary() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in Path(get_model_path(), "en-us/cmudict-en-us.dict").read_text(encoding="utf-8").splitlines():
        word, _, phones = line.strip().partition(" ")
        found.setdefault(word.partition("(")[0], []).append(phones)
    return found


def _pronunciations(text: str, limit: int = 6) -> list[str]:
    extra = {"amina": ["AA M IY N AH", "AH M IY N AH"]}
    parts = [extra.get(word) or _dictionary()[word] for word in text.split()]
    return list(dict.fromkeys(" ".join(one) for one in itertools.islice(itertools.product(*parts), limit)))


class Recogniser:
    def __init__(self, services: Mapping[str, Sequence[str]], language: str = "en") -> None:
        spoken = [name for names in services.values() for name in names]
        self._services = [name for name in dict.fromkeys(spoken) if all(word in _dictionary() for word in name.split())]
        self._decoders: dict[Expectation, Decoder] = {}
        self._lock = threading.Lock()

    def recognise(self, pcm16k: bytes, expectation: Expectation) -> str | None:
        samples = np.frombuffer(pcm16k, "<i2").astype(np.float32)
        padded = np.concatenate([np.zeros(PAD, np.float32), samples, np.zeros(PAD, np.float32)])
        noisy = padded + np.random.default_rng(0).normal(0, SIGMA, len(padded))
        with self._lock:
            decoder = self._decoders.get(expectation) or self._build(expectation)
            decoder.start_utt()
            decoder.process_raw(np.clip(np.rint(noisy), -32768, 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
        return found.hypstr.replace("_", " ").strip() or None if found else None

    def _build(self, expectation: Expectation) -> Decoder:
        model = get_model_path()
        decoder = Decoder(hmm=f"{model}/en-us/en-us", dict=None, lm=None, loglevel="FATAL")
        edges = _edges(expectation, self._services)
        states = {name: index for index, name in enumerate(dict.fromkeys(["start", *(s for a, b, *_ in edges for s in (a, b))]))}
        for text in sorted({text for *_, text in edges if text}):
            for index, phones in enumerate(_pronunciations(text)):
                word = text.replace(" ", "_")
                decoder.add_word(word if index == 0 else f"{word}({index + 1})", phones, False)
        rows = [(states[a], states[b], w, t.replace(" ", "_")) if t else (states[a], states[b], w) for a, b, w, t in edges]
        decoder.add_fsg("g", decoder.create_fsg("g", states["start"], states["end"], rows))
        decoder.activate_search("g")
        self._decoders[expectation] = decoder
        return decoder


@cache
def _shared(services: tuple[tuple[str, tuple[str, ...]], ...], language: str) -> Recogniser:
    return Recogniser(dict(services), language)


def recogniser_for(services: Mapping[str, Sequence[str]], language: str) -> Recogniser:
    """Recognisers are shared by the sessions of one business."""
    return _shared(tuple((key, tuple(names)) for key, names in services.items()), language)
