from __future__ import annotations

from bridge.shell.faults import described


def breaks() -> None:
    raise KeyError("Amina Otieno")


def caught() -> Exception:
    try:
        try:
            breaks()
        except KeyError as cause:
            raise ValueError("+254722000111") from cause
    except ValueError as problem:
        return problem


def test_an_error_is_described_by_types_and_places_and_never_by_its_words() -> None:
    text = described(ExceptionGroup("Amina", [caught(), RuntimeError("Amina")]))
    assert (
        "ValueError at test_faults.py:" in text and "caused by KeyError at test_faults.py:" in text and "breaks" in text
    )
    assert "RuntimeError at no frame" in text
    assert "Amina" not in text and "254" not in text
