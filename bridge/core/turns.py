"""Whose turn it is: one table, from which the diagram in docs/ is printed.

listening    the line is the caller's
thinking     the caller has finished; the model has not begun
speaking     the caller hears the agent
interrupted  the agent was stopped by the caller and has not begun again
closing      the last words: only ways out
"""

from __future__ import annotations

from enum import StrEnum

from bridge.core.diagrams import draw


class Turn(StrEnum):
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    INTERRUPTED = "interrupted"
    CLOSING = "closing"


class Signal(StrEnum):
    CALLER_STARTED = "caller_started"
    CALLER_STOPPED = "caller_stopped"
    AGENT_STARTED = "agent_started"
    AGENT_HEARD = "agent_heard"  # everything the agent said so far was heard
    BARGED_IN = "barged_in"
    FAREWELL = "farewell"  # the next words are the last ones
    REOPENED = "reopened"  # the caller had more to say


TABLE: dict[Turn, dict[Signal, Turn]] = {
    Turn.LISTENING: {
        Signal.CALLER_STARTED: Turn.LISTENING,
        Signal.CALLER_STOPPED: Turn.THINKING,
        Signal.AGENT_STARTED: Turn.SPEAKING,
        Signal.AGENT_HEARD: Turn.LISTENING,
        Signal.BARGED_IN: Turn.LISTENING,
        Signal.FAREWELL: Turn.CLOSING,
        Signal.REOPENED: Turn.LISTENING,
    },
    Turn.THINKING: {
        Signal.CALLER_STARTED: Turn.LISTENING,
        Signal.CALLER_STOPPED: Turn.THINKING,
        Signal.AGENT_STARTED: Turn.SPEAKING,
        Signal.AGENT_HEARD: Turn.THINKING,
        Signal.BARGED_IN: Turn.LISTENING,
        Signal.FAREWELL: Turn.CLOSING,
        Signal.REOPENED: Turn.THINKING,
    },
    Turn.SPEAKING: {
        Signal.CALLER_STARTED: Turn.SPEAKING,  # the model decides whether that is an interruption
        Signal.CALLER_STOPPED: Turn.SPEAKING,
        Signal.AGENT_STARTED: Turn.SPEAKING,
        Signal.AGENT_HEARD: Turn.LISTENING,
        Signal.BARGED_IN: Turn.INTERRUPTED,
        Signal.FAREWELL: Turn.CLOSING,
        Signal.REOPENED: Turn.SPEAKING,
    },
    Turn.INTERRUPTED: {
        Signal.CALLER_STARTED: Turn.INTERRUPTED,
        Signal.CALLER_STOPPED: Turn.THINKING,
        Signal.AGENT_STARTED: Turn.SPEAKING,
        Signal.AGENT_HEARD: Turn.INTERRUPTED,
        Signal.BARGED_IN: Turn.INTERRUPTED,
        Signal.FAREWELL: Turn.CLOSING,
        Signal.REOPENED: Turn.INTERRUPTED,
    },
    Turn.CLOSING: {
        Signal.CALLER_STARTED: Turn.CLOSING,
        Signal.CALLER_STOPPED: Turn.CLOSING,
        Signal.AGENT_STARTED: Turn.CLOSING,
        Signal.AGENT_HEARD: Turn.CLOSING,
        Signal.BARGED_IN: Turn.CLOSING,
        Signal.FAREWELL: Turn.CLOSING,
        Signal.REOPENED: Turn.LISTENING,
    },
}


class TurnTaking:
    def __init__(self) -> None:
        self.turn = Turn.LISTENING

    def on(self, signal: Signal) -> Turn:
        self.turn = TABLE[self.turn][signal]
        return self.turn


def diagram() -> str:
    return draw(TABLE, Turn.LISTENING, Turn.CLOSING)
