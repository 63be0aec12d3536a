"""F4.7: whatever stands in a name, a note or a number, the document parses in two independent parsers, the text survives or is stripped,
and no element appears that was not ours."""

from __future__ import annotations

from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.ids import SessionId
from pokea.phone_numbers import E164
from pokea.sautikit.document import Fallback, Speech, Stream, stream_document, xml_text
from tests.faults.broken.control_plane import controls_let_through, markup_pasted_in
from tests.oracles import xml_reader
from tests.support.control_plane import ControlPlane, form, posted

HOSTILE = [
    "".join(map(chr, range(32))),
    "\ufffe\uffff\ud800\udfff\ud83d",
    "]]>",
    "<![CDATA[<Dial>+254900000000</Dial>]]>",
    "</Say><Dial>+254900000000</Dial><Say>",
    '" connect="false" x="',
    "&amp;&lt;&#x0;&#11;&nbsp;&x;",
    "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>&x;",
    "<?xml version='1.0'?>",
    "\u202egnp.exe\u202c\u200f",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1f0\U0001f1ea",
    "Wanjikũ Ng'ang'a",
    "x" * 10_000,
    "\x85\u2028\x7f\x80",
]
TEXT = (
    st.sampled_from(HOSTILE) | st.text(max_size=60) | st.text(alphabet="<>&\"'/]![-?=#x;\x00\x0b\ufffe ", max_size=40)
)
SAFE = (Speech(text="Hello."), Fallback(number=E164("+254700000009"), say=Speech(text="One moment.")))


def both_read(document: bytes) -> xml_reader.Node:
    """The document's root, after both parsers have found the same in it."""
    ours = xml_reader.read(document)
    theirs = minidom.parseString(document).documentElement
    assert theirs is not None
    assert shape(ours) == dom_shape(theirs)
    return ours


def shape(node: xml_reader.Node) -> Any:
    return node.tag, sorted(node.attributes.items()), node.text, [shape(child) for child in node.children]


def dom_shape(element: Any) -> Any:
    text = "".join(child.data for child in element.childNodes if child.nodeType == child.TEXT_NODE)
    children = [dom_shape(child) for child in element.childNodes if child.nodeType == child.ELEMENT_NODE]
    return element.tagName, sorted(element.attributes.items()), text, children


def check_texts(say: str, metadata: str, name: str) -> None:
    stream = Stream(
        url=f"wss://media.example.com/audio?call={name}",
        track="inbound_track",
        rate_hz=16000,
        name=name,
        status_callback="https://api.example.com/s",
        open_metadata=metadata,
    )
    fallback = Fallback(number=E164("+254700000009"), say=Speech(text=say))
    try:
        root = both_read(stream_document(stream, say_first=Speech(text=say), fallback=fallback))
    except (xml_reader.NotWellFormed, ExpatError, UnicodeError) as error:
        raise AssertionError(f"not a document: {error}") from error
    spoken = xml_text(say[:4_000]).strip()
    speech = ["Say"] if spoken else []
    assert [node.tag for node in root.children] == [*speech, "Stream", *speech, "Dial"]
    assert [node.text for node in root.children if node.tag == "Say"] == [spoken] * (2 * len(speech))
    found = next(node for node in root.children if node.tag == "Stream").attributes
    assert found["connect"] == "true"
    assert found["name"] == xml_text(name)
    assert found.get("openMetadata", "") == xml_text(metadata)
    assert len(root.children[-1].children) == 1


@given(TEXT, TEXT, TEXT)
def test_any_text_stays_text(say: str, metadata: str, name: str) -> None:
    check_texts(say, metadata, name)


@pytest.mark.faults
@settings(max_examples=33_000)  # three texts each
@given(TEXT, TEXT, TEXT)
def test_a_hundred_thousand_texts_stay_text(say: str, metadata: str, name: str) -> None:
    check_texts(say, metadata, name)


@pytest.mark.parametrize("text", HOSTILE)
def test_every_known_trick_stays_text_in_every_place(text: str) -> None:
    check_texts(text, text, text)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize(
    "field", ["callerNumber", "destinationNumber", "direction", "clientRequestId", "note", "callSessionState"]
)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_fields_of_a_hook_get_a_document_that_parses(field: str, text: str) -> None:
    plane = ControlPlane()
    fields = {**form("Ringing", sessionId=SessionId("HD_1")), field: text}
    reply = plane.voice(posted("/voice", fields, content_type="application/json"), None)
    assert reply["statusCode"] == 200
    assert {node.tag for node in both_read(reply["body"].encode()).children} <= {"Stream", "Say", "Hangup"}
    assert "+254900000000" not in reply["body"]


def check_tricks() -> None:
    for text in HOSTILE:
        check_texts(text, text, text)


def test_the_check_sees_a_build_that_lets_control_characters_through() -> None:
    with controls_let_through(), pytest.raises(AssertionError):
        check_tricks()


def test_the_check_sees_a_build_that_pastes_markup_together() -> None:
    with markup_pasted_in(), pytest.raises(AssertionError):
        check_tricks()


def test_the_second_parser_is_strict() -> None:
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    for bad in (
        b"<a>", b"<a></b>", b"<a b=1/>", b"<a>&x;</a>", b"<a>&#0;</a>", b"<a><!-- --></a>", b"<a/><b/>", b'<a b="1" b="2"/>',
        b"<a>\x0b</a>", b"<a>]]></a>", b'<a b="<"/>', b"<a>&</a>", b"<!DOCTYPE a><a/>", b"\xff",
    ):  # fmt: skip
        with pytest.raises(xml_reader.NotWellFormed):
            xml_reader.read(head + bad)
    assert xml_reader.read(head + b'<a b="&quot;">x&amp;<c />y</a>').text == "x&y"
