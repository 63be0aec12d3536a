"""The turn-taking table is total, and its diagram is made from it."""

from __future__ import annotations

from bridge.core.turns import TABLE, Signal, Turn, TurnTaking, diagram


def test_every_signal_has_an_answer_in_every_turn() -> None:
    assert set(TABLE) == set(Turn)
    assert all(set(row) == set(Signal) for row in TABLE.values())


def test_nothing_but_reopening_leads_out_of_closing() -> None:
    ways = {signal for signal, after in TABLE[Turn.CLOSING].items() if after is not Turn.CLOSING}
    assert ways == {Signal.REOPENED}


def test_a_conversation_goes_round() -> None:
    turns = TurnTaking()
    path = [Signal.CALLER_STARTED, Signal.CALLER_STOPPED, Signal.AGENT_STARTED, Signal.BARGED_IN, Signal.CALLER_STOPPED,
            Signal.AGENT_STARTED, Signal.AGENT_HEARD, Signal.FAREWELL]  # fmt: skip
    assert [turns.on(signal) for signal in path] == [
        Turn.LISTENING,
        Turn.THINKING,
        Turn.SPEAKING,
        Turn.INTERRUPTED,
        Turn.THINKING,
        Turn.SPEAKING,
        Turn.LISTENING,
        Turn.CLOSING,
    ]


def test_the_diagram_shows_every_change_of_the_table() -> None:
    text = diagram()
    changes = [
        (turn, signal, after) for turn, row in TABLE.items() for signal, after in row.items() if after is not turn
    ]
    assert all(f"    {turn} --> {after}: {signal}\n" in text for turn, signal, after in changes)
    assert len(text.splitlines()) == len(changes) + 3
