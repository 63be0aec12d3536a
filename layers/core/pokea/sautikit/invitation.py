"""The invitation of a call to our media bridge: the Stream document made from a call, its line and its token."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pokea.ids import SessionId
from pokea.lines import Line
from pokea.sautikit.document import Fallback, Speech, Stream, stream_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where our own ends are reachable. `release` keeps new calls away from a bridge that is draining."""

    bridge_url: str  # wss://media.example.com
    release: str
    stream_status_url: str  # the carrier posts stream events there


def stream_url(endpoints: Endpoints, session_id: SessionId, token: str) -> str:
    """wss://<bridge>/g/<release>/audio?call=<session id>&token=<stream token>"""
    call = quote(session_id, safe="")
    return f"{endpoints.bridge_url}/g/{quote(endpoints.release, safe='')}/audio?call={call}&token={token}"


def invitation(
    session_id: SessionId, open_metadata: str, line: Line, endpoints: Endpoints, token: str, *, is_last: bool = False
) -> bytes:
    """The same arguments give the same bytes, so a repeated hook is answered with the identical document.

    is_last: nothing stands behind the stream, so that a carrier that goes on after it asks us first.
    """
    stream = Stream(
        url=stream_url(endpoints, session_id, token),
        track=line.track,
        rate_hz=line.rate_hz,
        name=session_id,  # comes back in stream events, which may carry no session id of their own
        status_callback=endpoints.stream_status_url,
        open_metadata=open_metadata,
    )
    fallback = None if is_last else fallback_of(line)
    return stream_document(stream, say_first=Speech(text=line.say_first), fallback=fallback)


def fallback_of(line: Line) -> Fallback:
    return Fallback(number=line.fallback_number, say=Speech(text=line.fallback_say))
