"""Where spans go: to a daemon by datagrams, to a collector by a thread; and what is never in one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.adapters import otlp_http
from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.observability import FIELDS
from pokea.adapters.otlp_http import BATCH_SPANS, QUEUE_SPANS, ToCollector, signed_for
from pokea.adapters.settings import BadSettings, load
from pokea.adapters.tracing import ToDaemon, Traces, harmless, traces_of
from pokea.errors import NotFound, Unauthorized
from pokea.phone_numbers import E164
from pokea.privacy import LOGGABLE
from pokea.tracing import ATTRIBUTES, NAMES, Span, root_of, span_id_of, tool_call_of, trace_id_of, xray_id
from tests.oracles.otlp_reader import ReadSpan
from tests.support.collector import collecting, daemon, patient

SESSION = "HD_0a1b2c3d4e5f"


class Kept:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.dropped = 0
        self.spans: list[Span] = []

    def __call__(self, spans: Any) -> None:
        self.spans += spans

    def close(self) -> None:
        pass


def span(name: str = "hook", **fields: Any) -> Span:
    return Span(
        name=name,
        session_id=SESSION,
        span_id=b"12345678",
        parent_id=None,
        began_ns=1,
        ended_ns=2,
        attributes=harmless({"session_id": SESSION, **fields}),
    )


def settings(**environ: str) -> StoreSettings:
    return load(StoreSettings, {"POKEA_CORE_TABLE": "core", **environ})


# --- ids ---------------------------------------------------------------------------------------------------------------------


def test_ids_follow_from_the_call_and_from_nothing_else() -> None:
    # Another release's process must find the same: these two never change.
    assert (trace_id_of(SESSION).hex(), root_of(SESSION).hex()) == (
        "e979e6311a6b21cb3fd87745c197cb31",
        "34d11e44c443c3b5",
    )
    assert trace_id_of(SESSION) != trace_id_of("HD_0a1b2c3d4e60")
    ids = {root_of(SESSION), span_id_of(SESSION, "stream"), tool_call_of(SESSION, "a"), tool_call_of(SESSION, "b")}
    assert len(ids) == 4 and all(len(one) == 8 and any(one) for one in ids)
    assert len(trace_id_of(SESSION)) == 16


@given(st.lists(st.text(max_size=4), min_size=1, max_size=3), st.lists(st.text(max_size=4), min_size=1, max_size=3))
def test_no_two_spans_have_one_id(one: list[str], other: list[str]) -> None:
    assert (span_id_of(SESSION, *one) == span_id_of(SESSION, *other)) is (one == other)


def test_x_ray_writes_the_same_id_in_its_own_way() -> None:
    assert xray_id(bytes.fromhex("5759e988bd862e3fe1be46a994272793")) == "1-5759e988-bd862e3fe1be46a994272793"


# --- privacy -----------------------------------------------------------------------------------------------------------------


def test_a_span_can_hold_nothing_that_a_log_line_could_not() -> None:
    assert set(ATTRIBUTES) <= FIELDS - {"a_number", "b_number"}
    assert set(ATTRIBUTES.values()) <= LOGGABLE


def test_numbers_and_whatever_is_not_on_the_list_are_not_sent() -> None:
    said = harmless(
        {
            "session_id": SESSION,
            "a_number": E164("+254700000001"),
            "transcript": "my secret",
            "reason": "rang +254700000001 twice",
            "outcome": None,
            "code": "",
            "count": 0,
        }
    )
    assert said == {"session_id": SESSION, "reason": "rang …01 twice", "count": 0}


# --- spans of functions ------------------------------------------------------------------------------------------------------


def test_a_span_is_sent_when_its_work_is_done() -> None:
    kept = Kept()
    traces = Traces(kept)
    with traces.span("hook") as open_span:
        open_span.of(SESSION, state="Ringing")
        open_span.of(SESSION, reply="stream")
    (sent,) = kept.spans
    assert sent.attributes == {"session_id": SESSION, "state": "Ringing", "reply": "stream"}
    assert (sent.parent_id, sent.failed) == (root_of(SESSION), False)
    assert sent.ended_ns >= sent.began_ns > 1_700_000_000 * 10**9
    assert sent.name in NAMES


def test_a_failure_is_told_by_its_type_and_code_alone() -> None:
    kept = Kept()
    with pytest.raises(NotFound), Traces(kept).span("cdr") as open_span:
        open_span.of(SESSION)
        raise NotFound("no_such_call", "nobody of the name of Canary")
    (sent,) = kept.spans
    assert sent.failed
    assert sent.attributes == {"session_id": SESSION, "code": "no_such_call", "error": "NotFound"}


def test_whoever_did_not_prove_themselves_leaves_no_trace_in_somebody_elses_call() -> None:
    kept = Kept()
    with pytest.raises(Unauthorized), Traces(kept).span("tool") as open_span:
        open_span.of(SESSION)
        raise Unauthorized("token_invalid")
    with Traces(kept).span("hook"):
        pass  # it never learned whose it is
    assert kept.spans == []


# --- to Lambda's daemon ------------------------------------------------------------------------------------------------------


def test_a_function_sends_each_span_to_the_daemon_beside_it() -> None:
    with daemon() as (address, came):
        traces = traces_of(settings(POKEA_TRACES="on", AWS_XRAY_DAEMON_ADDRESS=address), "voice")
        traces.add(span(reply="stream"), span("open"))
        first, second = *came(), *came()
        traces.close()
    assert isinstance(first, ReadSpan)
    assert (first.service, first.trace_id) == ("pokea-voice", trace_id_of(SESSION).hex())
    assert first.attributes == {
        "session_id": SESSION,
        "reply": "stream",
        "aws.xray.annotations": ["session_id", "reply"],
    }
    assert second.name == "open"


def test_a_daemon_that_is_gone_costs_spans_and_nothing_else() -> None:
    sender = ToDaemon({}, "127.0.0.1:1")
    sender((span(),) * 3)
    long = Span(name="x" * 70_000, session_id="s", span_id=b"", parent_id=None, began_ns=0, ended_ns=0)
    before = sender.dropped
    sender((long,))
    assert sender.dropped == before + 1
    sender.close()


def test_a_function_without_a_daemon_works_without_traces(capsys: pytest.CaptureFixture[str]) -> None:
    assert not traces_of(settings(POKEA_TRACES="on"), "voice").are_kept
    assert not traces_of(settings(AWS_XRAY_DAEMON_ADDRESS="127.0.0.1:2000"), "voice").are_kept
    with pytest.raises(BadSettings):
        traces_of(settings(POKEA_TRACES="on", AWS_XRAY_DAEMON_ADDRESS="nowhere"), "voice")


# --- to a collector ----------------------------------------------------------------------------------------------------------


def test_a_collector_gets_all_spans_in_batches_and_the_last_ones_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    patient(monkeypatch)
    with collecting() as collector:
        sender = ToCollector({"service.name": "pokea-bridge"}, collector.url)
        sender([span() for _ in range(BATCH_SPANS + 1)])
        sender.close()
    assert (len(collector.spans), len(collector.bodies), sender.dropped) == (BATCH_SPANS + 1, 2, 0)
    assert {one["content-type"] for one in collector.headers} == {"application/x-protobuf"}


def test_a_collector_that_hangs_keeps_nobody_waiting_and_no_more_than_the_queue_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient(monkeypatch)
    with collecting() as collector:
        collector.answers.clear()
        sender = ToCollector({}, collector.url, every_s=0.01)
        for _ in range(2 * QUEUE_SPANS // BATCH_SPANS):
            sender([span()] * BATCH_SPANS)
        assert QUEUE_SPANS - 2 * BATCH_SPANS <= sender.dropped <= QUEUE_SPANS
        collector.answers.set()
        sender.close()
    assert len(collector.spans) + sender.dropped == 2 * QUEUE_SPANS


def test_what_a_collector_refuses_is_dropped_and_counted_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with collecting() as collector:
        collector.status = 503
        sender = ToCollector({}, collector.url)
        sender([span()] * 3)
        sender.close()
    assert (sender.dropped, collector.bodies) == (3, [])
    assert [record.message for record in caplog.records if "traces" in record.message] == [
        "traces are not taken: HTTP 503"
    ]
    sender([span()])
    assert sender.dropped == 4, "it is closed"


def test_a_sender_that_was_never_used_has_no_thread() -> None:
    before = threading.active_count()
    sender = ToCollector({}, "http://127.0.0.1:1")
    assert threading.active_count() == before
    sender.close()


def test_x_ray_itself_is_asked_in_the_name_of_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    sign = signed_for("af-south-1")
    head = sign("https://xray.af-south-1.amazonaws.com/v1/traces", b"spans", {"content-type": "application/x-protobuf"})
    assert "/af-south-1/xray/aws4_request, SignedHeaders=" in head["Authorization"]
    assert head["content-type"] == "application/x-protobuf"
    assert otlp_http.XRAY.match("https://xray.af-south-1.amazonaws.com")
    assert not otlp_http.XRAY.match("https://xray.af-south-1.amazonaws.com.example.org")
