"""The speech worker: espeak-ng, alone in a process of its own (it is GPL; nothing else is linked with it).

Run as `python -m local.speech.espeak`; it speaks the protocol of `local.speech.pipe`.

    question  {"text": str, "voice": "en-gb+f3", "wpm": 150, "pitch": 50, "gap": 0}   gap: pause between words, 10 ms units
    answer    {"rate_hz": 22050} and mono PCM16 as body; or {"error": "…"} without a body
"""

from __future__ import annotations

import ctypes
from typing import Any

from local.speech.pipe import serve

# espeak-ng/speak_lib.h
_OUTPUT_SYNCHRONOUS = 2
_POSITION_CHARACTER = 1
_CHARS_UTF8, _PHONEMES_IN_BRACKETS, _END_PAUSE = 0x1, 0x100, 0x1000
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_WORD_GAP = 1, 3, 7
_MIN_WPM, _MAX_WPM = 80, 450
_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class SpeechError(Exception):
    """espeak-ng refused: unknown voice, impossible speed."""


class Espeak:
    """One initialised library. Not thread-safe: espeak-ng keeps its state in globals."""

    def __init__(self, library_path: str, data_path: str) -> None:
        self._library = ctypes.CDLL(library_path)
        self.rate_hz: int = self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data_path.encode(), 0)
        if self.rate_hz <= 0:
            raise SpeechError(f"espeak-ng does not start with {data_path}")
        self._pcm = bytearray()
        self._callback = _SynthCallback(self._collect)  # kept: the library holds a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, count * 2)
        return 0  # go on

    def say(self, text: str, *, voice: str, wpm: int, pitch: int, gap: int) -> bytes:
        """Mono PCM16 at `rate_hz`. Raises SpeechError."""
        if not _MIN_WPM <= wpm <= _MAX_WPM:
            raise SpeechError(f"wpm must be {_MIN_WPM}..{_MAX_WPM}, not {wpm}")
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SpeechError(f"no voice {voice!r}")
        for parameter, value in ((_PARAMETER_RATE, wpm), (_PARAMETER_PITCH, pitch), (_PARAMETER_WORD_GAP, gap)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pcm.clear()
        encoded = text.encode() + b"\0"
        flags = _CHARS_UTF8 | _PHONEMES_IN_BRACKETS | _END_PAUSE
        status = self._library.espeak_Synth(encoded, len(encoded), 0, _POSITION_CHARACTER, 0, flags, None, None)
        if status != 0:
            raise SpeechError(f"espeak-ng status {status}")
        return bytes(self._pcm)


def open_library() -> Espeak:
    """The espeak-ng that the espeakng-loader package ships."""
    import espeakng_loader  # here: importing this module for its protocol must not load the library

    return Espeak(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())


def main() -> None:
    espeak = open_library()

    def answer(question: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            return {"rate_hz": espeak.rate_hz}, espeak.say(
                str(question["text"]),
                voice=str(question["voice"]),
                wpm=int(question["wpm"]),
                pitch=int(question["pitch"]),
                gap=int(question["gap"]),
            )
        except SpeechError as error:
            return {"error": str(error)}, b""

    serve(answer)


if __name__ == "__main__":
    main()
