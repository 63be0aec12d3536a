"""The speech worker: espeak-ng, alone in a process of its own (it is GPL; nothing else is linked with it).

Run as `python -m local.speech.espeak`. Requests on stdin, answers on stdout, both length-prefixed (4 bytes, little-endian):

    request   JSON {"text": str, "voice": "en-gb+f3", "wpm": 150, "pitch": 50, "gap": 0}   gap: pause between words, 10 ms units
    answer    JSON {"rate_hz": 22050, "bytes": n}, then n bytes of mono PCM16; or {"error": "…"} and nothing after it

It ends when stdin ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

LENGTH = struct.Struct("<I")
MAX_REQUEST_BYTES = 64 * 1024

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


def _answer(say: Callable[..., bytes], rate_hz: int, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        pcm = say(
            str(request["text"]),
            voice=str(request.get("voice", "en-us")),
            wpm=int(request.get("wpm", 150)),
            pitch=int(request.get("pitch", 50)),
            gap=int(request.get("gap", 0)),
        )
    except (SpeechError, KeyError, ValueError, TypeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}, b""
    return {"rate_hz": rate_hz, "bytes": len(pcm)}, pcm


def serve(requests: BinaryIO, answers: BinaryIO, espeak: Espeak) -> None:
    """Answers until `requests` ends. A request over the limit ends the worker: the pipe is out of step then."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(head)
        if size > MAX_REQUEST_BYTES:
            return
        header, pcm = _answer(espeak.say, espeak.rate_hz, json.loads(requests.read(size)))
        encoded = json.dumps(header).encode()
        answers.write(LENGTH.pack(len(encoded)) + encoded + pcm)
        answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # The library may print; its words must not end up in the protocol.
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers, open_library())


if __name__ == "__main__":
    main()
