"""The stand-ins bill as the services do: each turn the whole context again."""

from __future__ import annotations

from local.engine.bill import Bill, Billed, usage_metadata


def test_every_turn_bills_everything_before_it_again() -> None:
    bill = Bill()
    bill.reads("x" * 400)
    bill.hears(2_000)
    bill.says("y" * 40, 4_000)
    assert bill.turn() == Billed(text_in=100, audio_in=50, text_out=10, audio_out=100)
    bill.hears(1_000)
    bill.says("", 2_000)
    assert bill.turn() == Billed(text_in=100, audio_in=50 + 100 + 25, text_out=0, audio_out=50)
    assert bill.turn() == Billed(text_in=100, audio_in=175 + 50, text_out=0, audio_out=0)


def test_the_lists_name_less_than_the_prompt_and_the_total_is_both() -> None:
    usage = usage_metadata(Billed(text_in=100, audio_in=50, text_out=10, audio_out=100))
    assert usage["promptTokenCount"] == 175 > sum(part["tokenCount"] for part in usage["promptTokensDetails"])
    assert usage["totalTokenCount"] == 175 + 110
