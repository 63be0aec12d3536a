"""The house rules are themselves tested: each must be able to fail."""

from __future__ import annotations

from tests.house.rules import source_breaches, text_breaches


def test_a_function_of_61_lines_is_a_breach_and_one_of_60_is_not() -> None:
    body = "def f():\n" + "    x = 1\n" * 59
    assert not list(source_breaches("bridge/core/a.py", body))
    assert "61 lines" in next(source_breaches("bridge/core/a.py", body + "    x = 1\n"))


def test_a_broad_except_is_allowed_only_at_a_door() -> None:
    source = "try:\n    pass\nexcept Exception:\n    raise\n"
    assert "broad except" in next(source_breaches("bridge/shell/clips.py", source))
    assert "broad except" in next(
        source_breaches("bridge/shell/clips.py", source.replace("Exception", "(ValueError, Exception)"))
    )
    assert not list(source_breaches("functions/voice/app.py", source))


def test_a_file_of_more_than_600_lines_is_a_breach() -> None:
    assert "601 lines" in next(source_breaches("local/x.py", "x = 1\n" * 601))


def test_machine_paths_and_unfinished_marks_are_breaches() -> None:
    assert list(text_breaches("README.md", "see " + "/wo" + "rk/here"))
    assert list(text_breaches("a.py", "# TO" + "DO: later"))
    assert not list(text_breaches("a.py", "path = '/usr/bin/python3'"))
