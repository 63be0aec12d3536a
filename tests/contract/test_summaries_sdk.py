"""Summaries by the real SDK, against a server on loopback that speaks the Gemini API's generateContent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.records.summaries import ModelSummaries
from pokea.call_outcomes import Disposition
from pokea.call_record import CALL_RECORD, CallRecord
from pokea.call_summary import notes_for
from pokea.errors import Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CloseReason, Closing, Said
from tests.support.control_plane import LINE, SESSION, ControlPlane, opened

MODEL = "gemini-test-flash"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RECORD = CallRecord(
    business_id=BusinessId("b"),
    session_id=SessionId("HD_1"),
    agent="support",
    direction="inbound",
    disposition=Disposition.TICKET_OPENED,
    reason="goodbye",
    language="en",
    a_number=E164("+254722000111"),
    b_number=E164("+254711000003"),
    began_at=NOW,
    ended_at=NOW,
    duration_ms=60_000,
    kept_until=NOW,
    fields={"ticket": {"status": "ticket_opened", "reference": "T-1041"}},
)
CLOSING = Closing(
    session_id=SessionId("HD_1"),
    business_id=BusinessId("b"),
    reason=CloseReason.GOODBYE,
    duration_ms=60_000,
    transcript=(Said("caller", "My internet is slow", 900), Said("agent", "I opened a ticket", 2_000)),
    truncated=False,
    closed_at=NOW,
)


class Answers:
    """What the server answers next; a status other than 200 is an error, None hangs up."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status: int | None = 200
        self.text = json.dumps({"summary": "The router was slow.", "problem": "slow internet", "booked": "yes"})
        self.wait = threading.Event()
        self.wait.set()

    @property
    def body(self) -> dict[str, Any]:
        part = {"candidates": [{"content": {"role": "model", "parts": [{"text": self.text}]}, "finishReason": "STOP"}]}
        return part if self.status == 200 else {"error": {"code": self.status, "message": "no", "status": "INTERNAL"}}


@contextmanager
def gemini(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answers.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answers.wait.wait(5)
            if answers.status is None:
                self.connection.close()
                return
            reply = json.dumps(answers.body).encode()
            with suppress(BrokenPipeError):
                self._send(answers.status, reply)

        def _send(self, status: int, reply: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        answers.wait.set()
        server.shutdown()
        serving.join()
        server.server_close()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def url(answers: Answers) -> Iterator[str]:
    with gemini(answers) as url:
        yield url


def test_the_model_is_asked_with_a_schema_and_told_no_number(answers: Answers, url: str) -> None:
    found = ModelSummaries("key-1", MODEL, url).summary(RECORD, CLOSING, 15)
    assert (found.text, found.by, found.noted) == ("The router was slow.", MODEL, {"problem": "slow internet"})
    (path, headers, body) = answers.asked[0]
    assert path.endswith(f"/models/{MODEL}:generateContent")
    assert headers["x-goog-api-key"] == "key-1"
    config = body["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert set(config["responseJsonSchema"]["properties"]) == {"summary", *notes_for("support")}
    sent = json.dumps(body)
    assert "My internet is slow" in sent and "ticket_opened" in sent
    assert "+2547" not in sent and "HD_1" not in sent


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"summary": ""}'])
def test_an_answer_that_is_no_summary_is_unavailable(answers: Answers, url: str, text: str) -> None:
    answers.text = text
    with pytest.raises(Unavailable):
        ModelSummaries("key-1", MODEL, url).summary(RECORD, CLOSING, 15)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503, None])
def test_a_service_that_refuses_or_breaks_is_unavailable(answers: Answers, url: str, status: int | None) -> None:
    answers.status = status
    with pytest.raises(Unavailable):
        ModelSummaries("key-1", MODEL, url).summary(RECORD, CLOSING, 15)


def test_a_service_that_does_not_answer_is_given_up(answers: Answers, url: str) -> None:
    answers.wait.clear()
    with pytest.raises(Unavailable):
        ModelSummaries("key-1", MODEL, url, timeout_ms=150).summary(RECORD, CLOSING, 15)


def test_nothing_said_needs_no_model(answers: Answers, url: str) -> None:
    from dataclasses import replace

    with pytest.raises(Unavailable):
        ModelSummaries("key-1", MODEL, url).summary(RECORD, replace(CLOSING, transcript=()), 15)
    assert not answers.asked


@pytest.mark.parametrize(("status", "by"), [(200, MODEL), (503, "rules"), (None, "rules")])
def test_a_record_says_who_wrote_its_summary_and_the_outcome_stays_the_stores(
    answers: Answers, url: str, status: int | None, by: str
) -> None:
    answers.status = status
    answers.text = json.dumps({"summary": "The appointment was booked and paid.", "topic": "cleaning"})
    plane = ControlPlane()
    token = str(opened(plane, plane.ring())["result"]["call_token"])
    said = [{"who": "caller", "text": "A cleaning please", "at_ms": 900}]
    close = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 9_000, "transcript": said}
    plane.tools(close, None)
    plane.secretary(ModelSummaries("key-1", MODEL, url)).take(plane.ended[0], "m1")
    record = plane.bookings.record(CALL_RECORD, LINE.business_id, SESSION)
    assert record is not None
    assert (record.summary_by, record.disposition, dict(record.fields)) == (by, Disposition.TALKED, {})
