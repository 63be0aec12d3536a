"""How the switch reads the answer of a voice URL."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.carrier.documents import (
    Dial,
    DocumentError,
    Hangup,
    Play,
    Redirect,
    Reject,
    Say,
    Stream,
    Verb,
    parse_document,
)


def read_xml(inside: str) -> tuple[Verb, ...]:
    return parse_document(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>'.encode(), "text/xml")


def read_json(*actions: object) -> tuple[Verb, ...]:
    return parse_document(json.dumps({"actions": actions}).encode(), "application/json; charset=utf-8")


def test_an_empty_response_has_no_verbs() -> None:
    assert read_xml("") == ()
    assert parse_document(b"<Response/>", "application/xml") == ()
    assert read_json() == ()


def test_the_stream_that_production_uses() -> None:
    (stream,) = read_xml(
        '<Stream url="wss://b.example/audio?call=HD_1&amp;token=t" name="desk" track="inbound_track" connect="true"'
        ' outputSamplingRate="16000" bidirectionalSamplingRate="16000" statusCallback="https://a.example/s"'
        ' statusEvents="stream-started stream-stopped stream-error" openMetadata="{&quot;lead&quot;:7}"'
        ' headerMetadata="{&quot;X-Lead&quot;:&quot;7&quot;}"/>'
    )
    assert stream == Stream(
        url="wss://b.example/audio?call=HD_1&token=t",
        connect=True,
        track="inbound_track",
        output_rate_hz=16_000,
        bidirectional_rate_hz=16_000,
        name="desk",
        status_callback="https://a.example/s",
        status_events=("stream-started", "stream-stopped", "stream-error"),
        open_metadata='{"lead":7}',
        header_metadata={"X-Lead": "7"},
    )


def test_a_stream_without_its_optional_attributes_neither_holds_the_leg_nor_plays_anything() -> None:
    (stream,) = read_xml('<Stream url="ws://b/audio"/>')
    assert isinstance(stream, Stream)
    assert not stream.connect
    assert stream.bidirectional_rate_hz is None
    assert (stream.track, stream.output_rate_hz) == ("inbound_track", 8000)


def test_the_connect_wrapper_of_other_platforms_is_not_a_hold() -> None:
    (stream,) = read_xml('<Connect><Stream url="ws://b/audio" connect="true"/></Connect>')
    assert isinstance(stream, Stream)
    assert not stream.connect


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ('connect="true"', "url is required"),
        ('url="https://b/audio"', "ws:// or wss://"),
        ('url="ws://b/a" track="caller"', "track must be one of"),
        ('url="ws://b/a" outputSamplingRate="24000"', "outputSamplingRate"),
        ('url="ws://b/a" outputSamplingRate="high"', "must be a number"),
        ('url="ws://b/a" bidirectionalSamplingRate="11025"', "bidirectionalSamplingRate"),
        ('url="ws://b/a" headerMetadata="X-Lead: 7"', "headerMetadata"),
    ],
)
def test_a_stream_that_the_switch_cannot_use_is_refused_with_its_reason(attributes: str, says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        read_xml(f"<Stream {attributes}/>")


@pytest.mark.parametrize(
    "inside",
    [
        "<Dial>+254711000001</Dial>",
        "<Dial><Number>+254711000001</Number></Dial>",
        '<Dial phoneNumbers="+254711000001"/>',
    ],
)
def test_every_spelling_of_a_dial_means_the_same(inside: str) -> None:
    assert read_xml(inside) == (Dial(("+254711000001",)),)


def test_verbs_come_in_document_order() -> None:
    verbs = read_xml(
        '<Say voice="woman" language="sw-KE">Habari &amp; karibu</Say><Play>https://a/x.wav</Play>'
        '<Dial callerId="+254200000001" timeout="30"><Number>+254711000001</Number><Number>+254711000002</Number></Dial>'
        '<Redirect>https://a/next</Redirect><Reject reason="busy"/><Hangup/>'
    )
    assert verbs == (
        Say("Habari & karibu", "woman", "sw-KE"),
        Play("https://a/x.wav"),
        Dial(("+254711000001", "+254711000002"), "+254200000001", 30.0),
        Redirect("https://a/next"),
        Reject("busy"),
        Hangup(),
    )


def test_the_json_action_list_gives_the_same_verbs() -> None:
    assert read_json(
        {"say": {"text": "Hello", "language": "en-KE"}},
        {"stream": {"url": "ws://b/audio", "connect": True, "outputSamplingRate": 16000}},
        {"dial": {"numbers": ["+254711000001"], "timeout": 20}},
        {"hangup": {}},
    ) == (
        Say("Hello", "", "en-KE"),
        Stream(url="ws://b/audio", connect=True, output_rate_hz=16_000),
        Dial(("+254711000001",), "", 20.0),
        Hangup(),
    )


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ([{"say": {"text": "x"}}] * 51, "at most 50"),
        ([{"say": {"text": "x"}, "hangup": {}}], "one verb per action"),
        ([{"dial": {"number": "+2547", "sip": "a@b"}}], "ErrDialTargetXOR"),
        ([{"say": {}}], "text is required"),
        ([{"sing": {}}], "verb 'sing'"),
        ([{"hangup": None}], "needs an object"),
    ],
)
def test_a_wrong_action_list_is_refused_with_its_reason(actions: list[object], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        read_json(*actions)


@given(st.binary(max_size=300), st.sampled_from(["text/xml", "application/json", ""]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        parse_document(body, content_type)
    except DocumentError as refusal:
        assert str(refusal)
