"""Everything in which the two carriers differ, in one table, and the misbehaviour a test can ask for on top.

`documented` is what the vendor's pages promise. `observed` is what an integration in production met. Where neither says anything,
both rows hold the same value and the comment says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from local.carrier.billing import BillingFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    name: str
    continues_after_stream: bool
    """After OUR side closed the socket: the next verb runs, and behind the last one the voice URL is asked again.
    False: silence until somebody hangs up."""
    stream_status_callbacks: bool
    event_webhooks: bool
    dial_completed_hook: bool
    stream_open_delay_ms: int
    """Answer → WebSocket connect. Audio is already being collected meanwhile."""
    backlog_bytes: int
    """Size of the first binary frame when the leg was collecting before the socket opened (0: ordinary frames)."""
    completed_to_close_ms: int
    """How long the socket outlives the `Completed` hook, still carrying filled silence."""
    metadata: Literal["open_metadata", "wrapped"]
    """First text frame: the document's openMetadata as it stands, or a JSON object around it that also holds `headers`."""
    header_metadata_in: Literal["handshake", "first_text"]
    kill_window_ms: int
    """For how long after killAudio the switch keeps emptying its playout buffer. One tick was measured on the module; integrators
    are told to wait 50 to 100 ms."""
    call_id_on_create: bool
    """Whether POST /v1/calls returns the uuid beside the session id."""
    outbound_first_state: str
    """State of the first hook of a call placed by REST, sent when the callee picks up."""
    unanswered_states: Mapping[str, str]
    """Disposition → `callSessionState` of the only hook of a call that nobody picked up."""
    stream_rate_per_minute_minor: int
    """What an open media stream costs on top of the leg: pages say nothing, a customer's bill said 0.50 a minute."""


DOCUMENTED = Behaviour(
    name="documented",
    continues_after_stream=True,
    stream_status_callbacks=True,
    event_webhooks=True,
    dial_completed_hook=True,
    stream_open_delay_ms=40,
    backlog_bytes=0,
    completed_to_close_ms=0,
    metadata="open_metadata",
    header_metadata_in="handshake",
    kill_window_ms=20,
    call_id_on_create=True,
    outbound_first_state="Answered",
    unanswered_states={"busy": "busy", "no_answer": "no-answer", "failed": "failed", "canceled": "Completed"},
    stream_rate_per_minute_minor=0,
)

OBSERVED = Behaviour(
    name="observed",
    continues_after_stream=False,
    stream_status_callbacks=False,
    event_webhooks=False,
    dial_completed_hook=False,  # unknown; the harsher value
    stream_open_delay_ms=1160,
    backlog_bytes=39_040,  # 1.22 s at 16 kHz
    completed_to_close_ms=3000,
    metadata="wrapped",
    header_metadata_in="first_text",
    kill_window_ms=60,
    call_id_on_create=False,
    outbound_first_state="Ringing",  # unknown for placed calls; the first state of every call that was seen
    unanswered_states=dict.fromkeys(("busy", "no_answer", "failed", "canceled"), "Completed"),  # unknown
    stream_rate_per_minute_minor=50,
)

BEHAVIOURS: Mapping[str, Behaviour] = {row.name: row for row in (DOCUMENTED, OBSERVED)}


def behaviour_named(behaviour: str | Behaviour) -> Behaviour:
    """Raises ValueError for a name that is not in the table."""
    if isinstance(behaviour, Behaviour):
        return behaviour
    if behaviour not in BEHAVIOURS:
        raise ValueError(f"carrier behaviour {behaviour!r}: expected one of {', '.join(BEHAVIOURS)}")
    return BEHAVIOURS[behaviour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Misbehaviour on demand, per call. States are `callSessionState` values as they appear on the wire."""

    swap_numbers: bool = False
    """Caller and callee exchanged in every hook, as seen on calls that a browser client places."""
    copies: Mapping[str, int] = field(default_factory=dict)
    """State → how many times its hook is posted at once (2 = one duplicate)."""
    late_copies: Mapping[str, float] = field(default_factory=dict)
    """State → posted once more this many seconds after the call has ended."""
    completed_first: bool = False
    """A `Completed` hook is posted before the first real one."""
    stream_states_on_voice_url: bool = False
    """StreamStarted / StreamStopped are posted to the voice URL too; whatever it answers is ignored."""
    first_text: Literal["metadata", "absent", "concatenated"] = "metadata"
    late_frame_chance: float = 0.0
    """Chance, per 20 ms, that the sending thread is late and several frames leave as one message."""
    late_frames_max: int = 7
    seed: int = 0
    event_envelope: Literal["A", "B", "C"] = "A"
    hook_format: Literal["form", "json"] = "form"
    both_tracks_layout: Literal["mixed", "stereo"] = "mixed"
    billing: BillingFault | None = None
    """What goes wrong in the books of the call's own leg."""
    dial_billing: BillingFault | None = None
    """The same for the legs that a Dial makes."""
