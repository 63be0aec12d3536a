"""Rate decks: each mistake is one line that names the file and the key; the decks that ship are sound and say where they come from."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pokea.billing.audit_findings import Difference
from pokea.billing.rate_deck import (
    _DECK_KEYS,
    _ROW_KEYS,
    PACKAGED_DECKS,
    BadDeck,
    MinorRounding,
    Pulse,
    RateDeck,
    amount,
    deck_of,
    load_deck,
    packaged_deck,
)
from pokea.errors import Misuse
from tests.house.rules import ROOT

ROW = {"direction": "outbound", "prefix": "+254", "per_minute": "3.00", "rounding": "per_second"}
CHANGE = datetime(2027, 1, 1, tzinfo=UTC)


def deck(*rows: dict[str, object], **keys: object) -> RateDeck:
    return deck_of({"id": "sample", "currency": "KES", "row": list(rows or (ROW,)), **keys}, "sample.toml")


def problem_of(*rows: dict[str, object], **keys: object) -> str:
    with pytest.raises(BadDeck) as caught:
        deck(*rows, **keys)
    message = caught.value.message
    assert message.startswith("sample.toml: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("direction", "sideways"),
        ("direction", 3),
        ("prefix", "0722"),
        ("prefix", "+2547220001112223"),
        ("per_minute", 3.0),
        ("per_minute", 3),
        ("per_minute", "3,00"),
        ("per_minute", "-3.00"),
        ("per_minute", "0.0000001"),
        ("connect_fee", "free"),
        ("rounding", "per_minute"),
        ("minimum_s", -1),
        ("minimum_s", "10"),
        ("free_s", 1.5),
        ("free_s", True),
        ("from", "2026-01-01"),
        ("from", datetime(2026, 1, 1)),
        ("source", 7),
        ("puls", "1/1"),
    ],
)
def test_a_bad_value_names_its_row_and_key(key: str, value: object) -> None:
    assert f"row 1: {key}" in problem_of({**ROW, key: value})


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"currency": "QQQ"}, "currency"),
        ({"id": "No Id"}, "id"),
        ({"row": []}, "row"),
        ({"row": ["x"]}, "row 1"),
        ({"colour": "red"}, "colour"),
        ({"minor_rounding": "sideways"}, "minor_rounding"),
    ],
)
def test_a_bad_deck_names_its_key(keys: dict[str, object], named: str) -> None:
    assert problem_of(**keys).startswith(f"sample.toml: {named}")


def test_missing_keys_are_named() -> None:
    for key in ("direction", "per_minute", "rounding"):
        assert key in problem_of({name: value for name, value in ROW.items() if name != key})


@pytest.mark.parametrize("pulse", ["60", "0/1", "60/0", "99999/1", "a/b", "-1/1"])
def test_a_bad_pulse_is_refused(pulse: str) -> None:
    row = {name: value for name, value in ROW.items() if name != "rounding"}
    assert "row 1: pulse" in problem_of({**row, "pulse": pulse})


def test_rounding_and_pulse_together_are_refused() -> None:
    assert "either rounding or pulse" in problem_of({**ROW, "pulse": "1/1"})


@pytest.mark.parametrize(
    ("one", "other", "is_clash"),
    [
        ({}, {}, True),
        ({"to": CHANGE}, {"from": CHANGE}, False),
        ({"from": CHANGE}, {"to": CHANGE}, False),
        ({"to": CHANGE}, {}, True),
        ({}, {"prefix": "+2547"}, False),
        ({}, {"prefix": "254"}, True),
        ({}, {"direction": "transfer"}, False),
    ],
)
def test_two_rows_never_hold_at_once(one: dict[str, object], other: dict[str, object], is_clash: bool) -> None:
    rows = {**ROW, **one}, {**ROW, **other}
    if is_clash:
        assert "at the same time as row" in problem_of(*rows)
    else:
        assert len(deck(*rows).rows) == 2


def test_each_row_has_a_number_of_its_own() -> None:
    (row,) = deck().rows
    with pytest.raises(Misuse):
        RateDeck(deck_id="d", currency="KES", rows=(row, replace(row, prefix="+255")))


def test_an_end_before_the_beginning_is_refused() -> None:
    assert "row 1: to" in problem_of({**ROW, "from": CHANGE, "to": CHANGE})


def test_a_file_that_is_no_deck_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "deck.toml"
    for content in (b"\xff\xfe", b"id = ", b"id = 1"):
        file.write_bytes(content)
        with pytest.raises(BadDeck, match=r"deck\.toml: "):
            load_deck(file)
    with pytest.raises(BadDeck, match="cannot be read"):
        load_deck(tmp_path / "none.toml")
    with pytest.raises(BadDeck, match="neither a file nor a deck"):
        packaged_deck("../rate_deck")


def test_every_packaged_deck_loads_and_each_row_has_a_source() -> None:
    files = sorted(PACKAGED_DECKS.glob("*.toml"))
    assert len(files) >= 3
    for file in files:
        loaded = packaged_deck(file.stem)
        assert loaded.deck_id == file.stem
        assert all(row.source and row.valid_from for row in loaded.rows)


def test_steps_are_counted_up() -> None:
    assert [Pulse(30, 6).up_to(seconds) for seconds in (0, 1, 30, 31, 36, 37)] == [0, 30, 30, 36, 36, 42]
    assert [Pulse(60, 60).name, Pulse(1, 1).name, Pulse(60, 1).name] == ["per_started_minute", "per_second", "60/1"]
    with pytest.raises(Misuse):
        Pulse(0, 1)


@pytest.mark.parametrize(
    ("rule", "shown"),
    [("unstated", {34, 35}), ("half_up", {34}), ("up", {35}), ("down", {34})],
)
def test_fractions_of_a_minor_unit_follow_the_deck(rule: str, shown: set[int]) -> None:
    assert deck(minor_rounding=rule).minor_amounts(341_667) == shown
    assert deck(minor_rounding=rule).minor_amounts(340_000) == {34}
    assert deck().minor_rounding is MinorRounding.UNSTATED


def test_amounts_are_written_out_exactly() -> None:
    assert [amount(micros) for micros in (3_000_000, 416_667, -50_000, 0)] == ["3.00", "0.416667", "-0.05", "0.00"]


def test_the_example_in_the_documents_is_a_deck() -> None:
    page = (ROOT / "docs/rate-decks.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    assert len(deck_of(tomllib.loads(example), "docs").rows) == 4
    for name in (*_DECK_KEYS, *_ROW_KEYS):
        assert f"`{name}`" in page or name == "row"


def test_the_documents_name_every_difference_and_every_deck_that_ships() -> None:
    page = (ROOT / "docs/rate-decks.md").read_text(encoding="utf-8")
    for name in (*Difference, *(path.stem for path in PACKAGED_DECKS.glob("*.toml"))):
        assert f"| `{name}`" in page


@pytest.mark.parametrize("rule", list(MinorRounding))
def test_what_a_bill_may_show_is_one_of_its_amounts(rule: MinorRounding) -> None:
    one = deck(minor_rounding=rule.value)
    for micros in (0, 1, 4_999, 5_000, 5_001, 9_999, 10_000, 10_001, 341_667):
        assert {minor for minor in range(40) if one.may_show(micros, minor)} == one.minor_amounts(micros)
