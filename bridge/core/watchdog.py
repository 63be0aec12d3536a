"""Notices a peer that has gone quiet without saying so: a switch that sends nothing, a model that hears and does not answer."""

from __future__ import annotations

from enum import StrEnum

SWITCH_SILENT_MS = 10_000.0  # a live leg sends 50 frames a second, silence included
MODEL_SILENT_MS = 7_000.0


class Alarm(StrEnum):
    SWITCH_SILENT = "switch_silent"
    MODEL_SILENT = "model_silent"


class Watchdog:
    def __init__(self) -> None:
        self._model_owes_since_ms: float | None = None

    def model_owes(self, now_ms: float) -> None:
        """The model understood the caller's words: an answer, a tool call or a close must follow."""
        self._model_owes_since_ms = now_ms

    def model_acted(self) -> None:
        self._model_owes_since_ms = None

    def deadline_ms(self, last_audio_ms: float) -> float:
        switch = last_audio_ms + SWITCH_SILENT_MS
        model = self._model_owes_since_ms
        return switch if model is None else min(switch, model + MODEL_SILENT_MS)

    def due(self, now_ms: float, last_audio_ms: float) -> Alarm | None:
        if now_ms >= last_audio_ms + SWITCH_SILENT_MS:
            return Alarm.SWITCH_SILENT
        owes = self._model_owes_since_ms
        if owes is not None and now_ms >= owes + MODEL_SILENT_MS:
            self._model_owes_since_ms = None
            return Alarm.MODEL_SILENT
        return None
