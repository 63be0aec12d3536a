"""Notices a peer that has gone quiet without saying so: a switch that sends nothing, a model that hears and does not answer."""

from __future__ import annotations

from enum import StrEnum

SWITCH_SILENT_MS = 10_000.0  # a live leg sends 50 frames a second, silence included
MODEL_SILENT_MS = 7_000.0


class Alarm(StrEnum):
    SWITCH_SILENT = "switch_silent"
    MODEL_SILENT = "model_silent"  # remind it
    MODEL_STUCK = "model_stuck"  # reminded, and still nothing: replace it


class Watchdog:
    def __init__(self) -> None:
        self._model_owes_since_ms: float | None = None
        self._reminded = False

    def model_owes(self, now_ms: float) -> None:
        """The model understood the caller's words or got an answer: speech, a tool call or an end must follow."""
        self._model_owes_since_ms = now_ms

    def model_acted(self) -> None:
        self._model_owes_since_ms = None
        self._reminded = False

    def deadline_ms(self, last_audio_ms: float) -> float:
        switch = last_audio_ms + SWITCH_SILENT_MS
        model = self._model_owes_since_ms
        return switch if model is None else min(switch, model + MODEL_SILENT_MS)

    def due(self, now_ms: float, last_audio_ms: float) -> Alarm | None:
        """What has gone wrong by now, each thing once."""
        if now_ms >= last_audio_ms + SWITCH_SILENT_MS:
            return Alarm.SWITCH_SILENT
        owes = self._model_owes_since_ms
        if owes is None or now_ms < owes + MODEL_SILENT_MS:
            return None
        if self._reminded:
            self.model_acted()
            return Alarm.MODEL_STUCK
        self._reminded, self._model_owes_since_ms = True, now_ms
        return Alarm.MODEL_SILENT
