"""Speech to words: asks a pool of recognition workers, so that neither a loop nor another session waits for a search."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import wave
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path

from local.engine.expectation import Expectation
from local.engine.lexicon import is_english
from local.engine.subject import Subject, Terms, plain
from local.speech.pipe import Worker

WORKERS = 2
WORKERS_SETTING = "OFFLINE_ENGINE_WORKERS"  # names another number of them
HEARD_DIR = (
    "OFFLINE_ENGINE_HEARD_DIR"  # names a folder in which every utterance is kept, for whoever asks what an engine heard
)
_MODULE = "local.engine.decoder"

log = logging.getLogger(__name__)


class RecognitionFailed(Exception):
    """The worker died twice over the same utterance."""


class Pool:
    """Recognition workers, started when first needed. An utterance waits for an idle one. Thread-safe."""

    def __init__(self, size: int = WORKERS) -> None:
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)  # a worker not yet started
        self.size = size

    def ask(self, question: Mapping[str, object], pcm: bytes) -> Mapping[str, object]:
        """Blocks for the time of the search. Raises RecognitionFailed."""
        worker = self._idle.get()
        try:
            for _attempt in (1, 2):
                worker = worker or Worker(_MODULE)
                try:
                    return worker.ask(question, pcm)[0]
                except (EOFError, OSError):
                    worker.end()
                    worker = None
            raise RecognitionFailed("the recognition worker died twice in a row")
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Ends the idle workers. One at work ends when this process does."""
        for _ in range(self.size):
            try:
                worker = self._idle.get_nowait()
            except queue.Empty:
                return
            if worker is not None:
                worker.end()
            self._idle.put(None)


class Recogniser:
    """Understands the callers of one business in one language."""

    def __init__(self, terms: Terms, language: str = "en", pool: Pool | None = None) -> None:
        self._pool = pool or _pool()
        self._question = {
            "language": language,
            "services": _spoken_in(language, terms.services),
            "people": _spoken_in(language, terms.people),
            "tools": list(terms.tools),
        }

    def recognise(self, pcm16k: bytes, expectation: Expectation) -> str | None:
        """One utterance, 16 kHz mono PCM16 → plain lower-case words; None: not understood. Blocks; any thread.

        Raises RecognitionFailed.
        """
        _keep(pcm16k)
        answer = self._pool.ask({**self._question, "expectation": expectation.value}, pcm16k)
        log.info(
            "recognised cost=%s worst=%s accepted=%s", answer["cost"], answer["worst"], answer["words"] is not None
        )
        words = answer["words"]
        return str(words) if words else None

    def get_ready(self) -> None:
        """Has every worker load this vocabulary, in threads of their own, so that the first utterance does not wait for it."""
        question = {**self._question, "expectation": Expectation.OPEN.value}
        for _ in range(self._pool.size):
            threading.Thread(target=self._pool.ask, args=(question, b""), daemon=True).start()


def _spoken_in(language: str, names: Sequence[str]) -> list[str]:
    """A business declares its names in all its languages; a phrase that the English dictionary has is English."""
    spoken = [name for name in dict.fromkeys(plain(name) for name in names) if name]
    return [name for name in spoken if is_english(name) == (language == "en")] or spoken


_numbers = count(1)


def _keep(pcm16k: bytes) -> None:
    folder = os.environ.get(HEARD_DIR, "")
    if not folder or not pcm16k:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with wave.open(str(Path(folder) / f"{os.getpid()}-{next(_numbers):04d}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm16k)


@cache
def _pool() -> Pool:
    pool = Pool(int(os.environ.get(WORKERS_SETTING, "") or WORKERS))
    atexit.register(pool.close)
    return pool


@cache
def _shared(terms: Terms, language: str) -> Recogniser:
    recogniser = Recogniser(terms, language)
    recogniser.get_ready()
    return recogniser


def recogniser_for(subject: Subject, language: str) -> Recogniser:
    """Recognisers are shared by the sessions of one business."""
    return _shared(subject.terms, language)
