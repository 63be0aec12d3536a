"""The event log's bodies and records."""

from __future__ import annotations

import json

import pytest

from bridge.core.event_log import BODY_BYTES, call_of, closed, encode_record, opened, scan
from bridge.core.frames import EndCall, EndReason
from pokea.errors import Misuse

AT = "2026-11-21T10:00:00.000+00:00"


def test_an_opened_call_says_who_where_and_when_and_nothing_else() -> None:
    assert json.loads(opened("HD_1", "shop", 1, AT, "bridge-1")) == {
        "version": 1,
        "call": "HD_1",
        "business": "shop",
        "said": {"event": "opened", "index": 1, "at": AT, "bridge": "bridge-1"},
    }


def test_a_closed_call_says_how_long_why_and_for_which_hand_off_but_no_word_that_was_spoken() -> None:
    end = EndCall(
        EndReason.GOODBYE, 61_000, ({"who": "caller", "text": "I owe ten"},), facts=({"tool": "x"},), language="sw"
    )
    said = json.loads(closed("HD_1", "shop", 2, AT, "bridge-1", end, 60_500, "hand-1"))["said"]
    assert {name: said[name] for name in ("event", "index", "stream_ms", "reason", "handoff")} == {
        "event": "closed",
        "index": 2,
        "stream_ms": 60_500,
        "reason": "goodbye",
        "handoff": "hand-1",
    }
    assert set(said) == {"event", "index", "at", "bridge", "stream_ms", "reason", "handoff", "usage", "shares"}


def test_a_body_is_ascii_as_every_queue_takes_it() -> None:
    assert opened("HD_1", "dükân", 1, AT, "b").isascii()
    assert call_of(opened("HD_1", "dükân", 1, AT, "b")) == "HD_1"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"call": 1}', b"\xff"])
def test_a_body_that_names_no_call_belongs_to_none(body: bytes) -> None:
    assert call_of(body) == ""


@pytest.mark.parametrize("size", [0, BODY_BYTES + 1])
def test_a_body_that_no_reader_would_accept_is_not_written(size: int) -> None:
    with pytest.raises(Misuse):
        encode_record(bytes(size))


def test_zeros_are_no_record() -> None:
    """A file system may leave them behind a crash; the CRC of nothing is zero, too."""
    record = encode_record(b"{}")
    for zeros in (1, 8, 16, 4_096):
        found = scan(record + bytes(zeros))
        assert (found.bodies, found.good_bytes) == ((b"{}",), len(record))
