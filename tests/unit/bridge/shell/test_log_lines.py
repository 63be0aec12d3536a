"""The bridge's own log lines: the names of the functions' lines, and nothing that nobody classified."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest

from bridge.shell.log_lines import JsonLines, keep_log
from pokea.adapters.observability import FIELDS, Log
from pokea.errors import Conflict

HEAD = {"level", "location", "message", "timestamp", "service"}


def line(text: str, *args: object, logger: str = "bridge.shell.heart", **more: Any) -> dict[str, Any]:
    record = logging.getLogger(logger).makeRecord(logger, logging.WARNING, "heart.py", 7, text, args, None, "_say")
    vars(record).update(more)
    found = json.loads(JsonLines().format(record))
    assert isinstance(found, dict)
    return found


def test_a_line_has_the_names_of_the_functions_lines_and_the_id_of_its_call() -> None:
    stream = io.StringIO()
    Log("test-log-lines", stream).warning("hook refused", session_id="HD_0a1b2c3d4e5f")
    functions_line = json.loads(stream.getvalue())
    said = line("hang-up of %s: HTTP %d", "HD_0a1b2c3d4e5f", 503)
    assert set(said) == set(functions_line) == HEAD | {"session_id"}
    assert said["message"] == "hang-up of HD_0a1b2c3d4e5f: HTTP 503"
    assert (said["level"], said["service"], said["session_id"]) == ("WARNING", "bridge", "HD_0a1b2c3d4e5f")
    assert said["location"] == "bridge.shell.heart:_say:7"


def test_no_field_that_nobody_classified_is_in_it() -> None:
    said = line("refused", transcript="my card is 4417", code="x" * 999, a_number="+254700000001")
    assert set(said) - HEAD <= FIELDS | {"unclassified"}
    assert said["unclassified"] == ["transcript"] and "4417" not in str(said)
    assert (said["code"], said["a_number"]) == ("x" * 200, "…01")


def test_of_an_error_its_type_code_and_place_are_told_and_never_its_words() -> None:
    try:
        raise Conflict("stale", "Amina Otieno, +254700000001")
    except Conflict:
        said = line("worker failed", exc_info=sys.exc_info())
    assert (said["error"], said["code"]) == ("Conflict", "stale")
    assert said["at"].startswith("test_log_lines.py:")
    assert set(said) == HEAD | {"error", "code", "at"} and "Amina" not in str(said)


def test_of_a_librarys_words_the_first_line_is_kept_without_numbers_and_ours_keep_their_figures() -> None:
    text = "Task exception was never retrieved for +254700000001\nfuture: <Task exception=ValueError('Amina')>"
    assert line(text, logger="asyncio")["message"] == "Task exception was never retrieved for …01"
    assert line("outbox: %s was cut at byte %d", "a/00000012.log", 8_000_000)["message"].endswith(
        "12.log was cut at byte 8000000"
    )


@pytest.mark.parametrize("text", ['{"transcript": "my card"}', "5", "null"])
def test_a_message_is_text_even_where_it_looks_like_json(text: str) -> None:
    assert line(text)["message"] == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(logging, "root", root := logging.RootLogger(logging.DEBUG))
    keep_log(stream)
    root.warning("the event loop stood still")
    root.info("nobody asks for this")
    return stream.getvalue()


def test_a_person_at_a_terminal_reads_plain_text_and_a_log_group_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(Terminal(), monkeypatch).endswith("WARNING root: the event loop stood still\n")
    (kept,) = written(io.StringIO(), monkeypatch).splitlines()
    assert json.loads(kept)["message"] == "the event loop stood still"
