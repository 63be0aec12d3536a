"""Keys the caller presses reach the model as one text, and nobody else as anything but a number."""

from __future__ import annotations

import pytest

from bridge.core.dtmf import KeyPad, KeyRun

KEPT = "[The caller pressed 4 keys; they are kept from you: call the tool that asked for them now, without an answer]"


def typed(pad: KeyPad, keys: str, now_ms: float = 0.0) -> KeyRun | None:
    run = None
    for key in keys:
        run = pad.press(key, now_ms)
    return run


def test_a_hash_ends_the_run() -> None:
    assert typed(KeyPad(), "123#") == KeyRun("[The caller pressed: 1 2 3]", 3)


def test_two_seconds_without_a_key_end_the_run() -> None:
    pad = KeyPad()
    assert typed(pad, "4*", 1_000.0) is None
    assert pad.deadline_ms == 3_000.0
    assert pad.due(2_999.0) is None
    assert pad.due(3_000.0) == KeyRun("[The caller pressed: 4 *]", 2)
    assert pad.deadline_ms is None


def test_the_twentieth_key_ends_the_run() -> None:
    run = typed(KeyPad(), "0" * 20)
    assert run is not None
    assert run.count == 20


def test_a_lone_hash_is_a_key_of_its_own() -> None:
    assert typed(KeyPad(), "#") == KeyRun("[The caller pressed: #]", 1)


def test_a_secret_is_masked_to_the_model_too_and_only_once() -> None:
    pad = KeyPad()
    pad.expects("secret")
    assert typed(pad, "4711#") == KeyRun(KEPT, 4)
    assert typed(pad, "1#") == KeyRun("[The caller pressed: 1]", 1)


def test_the_digits_of_a_secret_are_there_for_the_next_tool_and_gone_once_a_tool_has_answered() -> None:
    pad = KeyPad()
    pad.expects(4)
    typed(pad, "4711")
    assert pad.secret == "4711"
    pad.expects(None)
    assert pad.secret == ""


def test_a_secret_of_so_many_digits_ends_with_the_last_and_its_hash_is_nothing() -> None:
    pad = KeyPad()
    pad.expects(4)
    assert typed(pad, "4711") == KeyRun(KEPT, 4)
    assert typed(pad, "#", 300.0) is None
    assert typed(pad, "5#", 900.0) == KeyRun("[The caller pressed: 5]", 1)


@pytest.mark.parametrize("kind", [None, True, 0, 21, -4, "4", "", 4.0, {}])
def test_what_is_no_count_of_digits_masks_nothing(kind: object) -> None:
    pad = KeyPad()
    pad.expects(kind)
    assert typed(pad, "47#") == KeyRun("[The caller pressed: 4 7]", 2)
    assert pad.secret == ""


def test_a_repr_shows_no_secret() -> None:
    pad = KeyPad()
    pad.expects(4)
    typed(pad, "4711")
    assert "4711" not in repr(pad)


def test_another_answer_of_a_tool_takes_the_mask_off() -> None:
    pad = KeyPad()
    pad.expects("secret")
    pad.expects(None)
    assert typed(pad, "47#") == KeyRun("[The caller pressed: 4 7]", 2)


@pytest.mark.parametrize("key", ["", "12", "x", "\n", "١"])
def test_what_is_no_key_is_nothing(key: str) -> None:
    pad = KeyPad()
    assert pad.press(key, 0.0) is None
    assert pad.deadline_ms is None


def test_the_pad_does_not_show_its_keys() -> None:
    pad = KeyPad()
    typed(pad, "4711")
    assert "4711" not in repr(pad)
