"""S10: calls full of marked names, numbers, words and keys through every function, also where stores break and models fail. Nothing of
them in any log, metric, queue message, dead letter or error; numbers are masked.

Every kind of personal data of a call is a canary: a value that occurs nowhere else, so that a search for it cannot be wrong.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from pokea.errors import Unavailable
from pokea.ids import SessionId
from tests.faults.broken import leaky_records
from tests.support.control_plane import LINE, ControlPlane, CountingCallStore, form, opened, posted

SAMPLE, FULL = 20, 500


@dataclass(frozen=True)
class Canaries:
    """What one caller gives away."""

    number: str
    name: str
    words: str
    place: str
    keys: str

    @classmethod
    def drawn(cls, draw: random.Random) -> Canaries:
        mark = f"{draw.randrange(16**6):06x}"
        number = f"+25472{draw.randrange(10**7):07d}"
        return cls(
            number, f"Zuhura{mark} Kanari", f"I owe {mark} shillings", f"Plot {mark}x", f"{draw.randrange(10**6):06d}"
        )

    def __iter__(self) -> Iterator[str]:
        yield from (
            self.number,
            self.number[1:],
            self.name,
            self.name.split()[0],
            self.words,
            self.place,
            f"keys-{self.keys}",
        )


class Breaking(CountingCallStore):
    """Fails now and then, with the caller's data in what it raises, as libraries do."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self._draw = draw
        self.says = ""

    def put_call(self, call: Any) -> Any:
        trouble = self._draw.random()
        if trouble < 0.1:
            raise ZeroDivisionError(self.says)
        if trouble < 0.2:
            raise Unavailable("store_unavailable")
        return super().put_call(call)


class BreakingSummaries:
    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    def summary(self, record: Any, closing: Any, limit_s: float) -> Any:
        text = " ".join(said.text for said in closing.transcript)
        raise Unavailable("summary_failed", text) if self._draw.random() < 0.5 else KeyError(text)


def one_call(plane: ControlPlane, index: int, canaries: Canaries) -> list[str]:
    """A call through voice, tools, stream status, call events and records. Returns the errors that the functions answered."""
    session = SessionId(f"HD_{index:012x}")
    errors: list[str] = []
    hook = plane.voice(posted("/voice", form("Ringing", sessionId=session, callerNumber=canaries.number)), None)
    document = str(hook["body"])
    if "token=" in document:
        reply = opened(plane, document, session)
        if not reply["ok"]:
            errors.append(json.dumps(reply["error"]))
        else:
            token = reply["result"]["call_token"]
            errors += with_bridge(plane, token, canaries)
    plane.events(
        posted("/stream-status", {"event": "stream-error", "sessionId": session, "error": canaries.words}), None
    )
    plane.events(
        posted("/call-events", {"sessionId": session, "state": canaries.name, "callerNumber": canaries.number}), None
    )
    plane.voice(posted("/voice", {"sessionId": session, "speech": canaries.words, "dtmfDigits": canaries.keys}), None)
    return errors


def with_bridge(plane: ControlPlane, token: str, canaries: Canaries) -> list[str]:
    evidence = {"at_ms": 9_000, "read_back": None, "caller_turns": [], "keys": canaries.keys}
    asked = [
        ("proposeBooking", {"service": "cleaning", "when": canaries.words, "name": canaries.name}),
        ("proposeMessage", {"message": canaries.words, "name": canaries.name, "number": canaries.number}),
        ("listAppointments", {"name": canaries.name}),
        (canaries.name, {"x": canaries.words}),
        ("findTimes", {"service": canaries.place, "when": 7}),
    ]
    requests: list[dict[str, Any]] = [
        {
            "operation": "tool",
            "call_token": token,
            "tool_call_id": f"t{at}",
            "tool": tool,
            "arguments": arguments,
            "evidence": evidence,
        }
        for at, (tool, arguments) in enumerate(asked)
    ]
    requests.append({**requests[0], canaries.name: canaries.words})
    requests.append({**requests[0], "arguments": {canaries.words: canaries.name}})
    said = [{"who": "caller", "text": f"{canaries.name}, {canaries.words}, {canaries.place}", "at_ms": 900}]
    fact = {
        "tool": "proposeBooking",
        "arguments": {"name": canaries.name},
        "result": {"status": "proposed", "say": canaries.words},
    }
    reason = "model_lost" if int(canaries.keys) % 3 == 0 else "goodbye"
    close = {
        "operation": "close",
        "call_token": token,
        "reason": reason,
        "duration_ms": 9,
        "transcript": said,
        "facts": [fact],
    }
    replies = [plane.tools(request, None) for request in [*requests, close]]
    return [json.dumps(reply["error"]) for reply in replies if not reply["ok"]]


def leaks(
    count: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], seed: int = 10
) -> list[str]:
    """Every place where something personal turned up."""
    draw = random.Random(seed)
    calls = Breaking(draw)
    plane = ControlPlane(calls=calls)
    secretary = plane.secretary(BreakingSummaries(draw))
    plane.records = plane.records_of(secretary)
    canaries, errors = [], []
    with caplog.at_level(logging.DEBUG):
        for index in range(count):
            caller = Canaries.drawn(draw)
            calls.says = " ".join(caller)
            canaries.append(caller)
            errors += one_call(plane, index, caller)
        poison = [json.dumps({"call": caller.name, "business": caller.words}) for caller in canaries[:20]]
        plane.write_records(*plane.ended, *poison)
    printed = capsys.readouterr()
    written = {
        "log": plane.logged.getvalue(),
        "output": printed.out + printed.err,
        "logging": "\n".join(
            f"{record.getMessage()} {record.exc_info}" for record in caplog.records if record.name != "asyncio"
        ),
        "queue": "\n".join(plane.ended),
        "errors": "\n".join(errors),
    }
    assert len(plane.bookings._records) > 0 and written["log"].count("\n") > count  # it did say something
    return [
        f"{place}: {word}" for place, text in written.items() for caller in canaries for word in caller if word in text
    ]


def test_nothing_personal_is_logged_sent_or_answered(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leaks(SAMPLE, caplog, capsys) == []


@pytest.mark.faults
def test_nothing_personal_in_500_calls(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    assert leaks(FULL, caplog, capsys) == []


def test_a_log_that_takes_everything_is_seen(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for broken, found in ((leaky_records.logs_everything, True), (nullcontext, False)):
        with broken():
            log = ControlPlane()._log("s10")
            plane = ControlPlane()
            log.info("said", transcript="Zuhura Kanari")
            plane.ring(callerNumber="+254722000111")
        assert bool("Zuhura" in capsys.readouterr().out + log._logger.registered_handler.stream.getvalue()) is found  # type: ignore[attr-defined]


def test_a_number_that_is_logged_is_masked() -> None:
    plane = ControlPlane()
    plane.voice(posted("/voice", form("Ringing", destinationNumber="+254799999999")), None)
    assert "+254799999999" not in plane.logged.getvalue() and LINE.number not in plane.logged.getvalue()
