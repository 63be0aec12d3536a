"""Voice documents: the XML that tells the switch what to do with a call.

    <Response>
      <Say language="en-KE">…</Say>                          only if the line speaks first
      <Stream url="wss://…" connect="true" …/>               hands the call's audio to our media bridge
      <Say language="en-KE">…</Say>                          only if the line has words for a lost stream
      <Dial timeout="30"><Number>…</Number></Dial>           only if the line has a fallback number
    </Response>

What stands behind the stream runs only on platforms that continue after it, and only after the bridge was lost or refused: a call
that ends normally is hung up first. A line whose callers are handed over by the carrier has nothing behind its stream: such a platform
then asks what comes next, and is answered with a Dial or with the fallback. `connect="true"` is not optional: without it the document
ends at once and the leg hangs up.

Every function takes plain values and returns the document's bytes (UTF-8, with declaration). Text is data: markup in it is escaped, and
characters that XML 1.0 cannot carry are dropped, because the standard library's writer lets U+000B and lone surrogates through.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from pokea.phone_numbers import E164

MEDIA_TYPE = "application/xml"
STREAM_EVENTS = "stream-started stream-stopped stream-error"
TRACKS = ("inbound_track", "both_tracks")
RATES_HZ = (8_000, 16_000)
MAX_SAY_CHARS = 4_000  # far beyond what anybody listens to; a bound on what one field can grow a document by

# Everything outside the Char production of XML 1.0 (fifth edition, §2.2). A table, because compiling the same as a regular expression
# takes longer than everything else in this module, and a telephone rings meanwhile.
_KEPT_CONTROLS = frozenset("\t\n\r")
_NOT_XML = dict.fromkeys(
    [*(c for c in range(0x20) if chr(c) not in _KEPT_CONTROLS), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF]
)
_DIAL_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Words for the platform's own synthesiser. `language` is a BCP-47 tag such as "en-KE" or "sw-KE"."""

    text: str
    language: str = "en-KE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Where the call's audio goes. `rate_hz` holds for both directions; `name` comes back in every status event."""

    url: str
    track: str
    rate_hz: int
    name: str
    status_callback: str
    open_metadata: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What the caller is told when the media bridge is gone, and who is rung then, if anybody."""

    number: E164 | None = None
    say: Speech | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """A second leg that the carrier makes. `nested`: the number stands in an element of its own, else it is the Dial's text."""

    number: E164
    caller_id: E164
    ring_s: int
    nested: bool = True


def stream_document(stream: Stream, *, say_first: Speech | None = None, fallback: Fallback | None = None) -> bytes:
    """The document of a new call. The same values give the same bytes."""
    response = Element("Response")
    _say(response, say_first)
    attributes = {
        "url": stream.url,
        "connect": "true",
        "track": stream.track,
        "outputSamplingRate": str(stream.rate_hz),
        "bidirectionalSamplingRate": str(stream.rate_hz),
        "name": stream.name,
        "statusCallback": stream.status_callback,
        "statusEvents": STREAM_EVENTS,
    }
    if stream.open_metadata:
        attributes["openMetadata"] = stream.open_metadata
    SubElement(response, "Stream", {name: xml_text(value) for name, value in attributes.items()})
    if fallback is not None:
        _fall_back(response, fallback)
    return _bytes(response)


def empty_document() -> bytes:
    """Nothing to do: the answer to every state that needs none."""
    return _bytes(Element("Response"))


def goodbye_document(say: Speech) -> bytes:
    """Says one thing and hangs up: an unknown number, a full house, our last-resort apology."""
    response = Element("Response")
    _say(response, say)
    SubElement(response, "Hangup")
    return _bytes(response)


def busy_document(say: Speech, fallback: Fallback | None = None) -> bytes:
    """For a call that no bridge can take: rings the fallback number if there is one, else says so and hangs up."""
    if fallback is None or fallback.number is None:
        return goodbye_document(say)
    response = Element("Response")
    _fall_back(response, fallback)
    return _bytes(response)


def dial_document(say: Speech, dialling: Dialling) -> bytes:
    """Says one thing and rings one number: a call that is handed over by the carrier."""
    response = Element("Response")
    _say(response, say)
    attributes = {"callerId": str(dialling.caller_id), "timeout": str(dialling.ring_s)}
    dial = SubElement(response, "Dial", attributes)
    (SubElement(dial, "Number") if dialling.nested else dial).text = dialling.number
    return _bytes(response)


def xml_text(text: str) -> str:
    """`text` without the characters that no XML 1.0 document can contain; line ends as every parser reads them back."""
    return text.translate(_NOT_XML).replace("\r\n", "\n").replace("\r", "\n")


def _say(response: Element, speech: Speech | None) -> None:
    words = xml_text(speech.text[:MAX_SAY_CHARS]).strip() if speech is not None else ""
    if speech is not None and words:
        SubElement(response, "Say", {"language": xml_text(speech.language)}).text = words


def _fall_back(response: Element, fallback: Fallback) -> None:
    _say(response, fallback.say)
    if fallback.number is not None:
        dial = SubElement(response, "Dial", {"timeout": str(_DIAL_TIMEOUT_S)})
        SubElement(dial, "Number").text = fallback.number


def _bytes(response: Element) -> bytes:
    markup: bytes = tostring(response, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + markup
