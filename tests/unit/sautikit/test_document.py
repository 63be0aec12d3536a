from __future__ import annotations

from xml.etree import ElementTree

from pokea.phone_numbers import E164
from pokea.sautikit.document import (
    Fallback,
    Speech,
    Stream,
    busy_document,
    empty_document,
    goodbye_document,
    stream_document,
    xml_text,
)

STREAM = Stream(
    url="wss://media.example.com/g/r1/audio?call=HD_1&token=a.b.c",
    track="both_tracks",
    rate_hz=8000,
    name="HD_1",
    status_callback="https://api.example.com/stream-status/s",
    open_metadata='{"order":"1 < 2 & \\"3\\""}',
)
SAY = Speech(text="One moment.", language="sw-KE")


def tags(document: bytes) -> list[str]:
    return [verb.tag for verb in ElementTree.fromstring(document)]


def test_the_stream_may_be_preceded_by_speech_and_followed_by_a_fallback() -> None:
    document = stream_document(STREAM, say_first=SAY, fallback=Fallback(number=E164("+254700000009"), say=SAY))
    assert tags(document) == ["Say", "Stream", "Say", "Dial"]
    root = ElementTree.fromstring(document)
    assert root.findtext("Dial/Number") == "+254700000009"
    assert [say.get("language") for say in root.findall("Say")] == ["sw-KE", "sw-KE"]


def test_without_a_fallback_number_only_the_words_stand_behind_the_stream() -> None:
    assert tags(stream_document(STREAM, fallback=Fallback(say=SAY))) == ["Stream", "Say"]
    assert tags(stream_document(STREAM, say_first=Speech(text=" \x0b "), fallback=Fallback())) == ["Stream"]


def test_both_sampling_rates_are_declared_and_the_stream_holds_the_leg() -> None:
    stream = ElementTree.fromstring(stream_document(STREAM)).find("Stream")
    assert stream is not None
    assert (stream.get("connect"), stream.get("track")) == ("true", "both_tracks")
    assert (stream.get("outputSamplingRate"), stream.get("bidirectionalSamplingRate")) == ("8000", "8000")


def test_attributes_survive_as_they_were() -> None:
    stream = ElementTree.fromstring(stream_document(STREAM)).find("Stream")
    assert stream is not None
    assert stream.get("url") == STREAM.url
    assert stream.get("openMetadata") == STREAM.open_metadata


def test_the_same_values_give_the_same_bytes() -> None:
    assert stream_document(STREAM, say_first=SAY) == stream_document(STREAM, say_first=SAY)


def test_the_other_documents() -> None:
    assert tags(empty_document()) == []
    assert tags(goodbye_document(SAY)) == ["Say", "Hangup"]
    assert tags(busy_document(SAY)) == tags(busy_document(SAY, Fallback(say=SAY))) == ["Say", "Hangup"]
    assert tags(busy_document(SAY, Fallback(number=E164("+254700000009"), say=SAY))) == ["Say", "Dial"]


def test_what_xml_cannot_carry_is_dropped() -> None:
    assert xml_text("a\x00\x0b\x1f\ud800\udfff\ufffe\uffffb\t\r\nc\rd\U0001f600") == "ab\t\nc\nd\U0001f600"
