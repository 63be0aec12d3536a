"""The only currency between the bridge's core, its codecs and its shell: events go in, commands come out.

Events are facts in the past tense or things that were said; commands are orders to the shell. All of them are small and frozen. The two
hot paths, caller audio in and agent audio out, move plain byte buffers through methods of the session instead.

pcm: little-endian int16, mono. Times end in `_ms` and stand on the call's clock: milliseconds since the bridge took the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from pokea.billing.usage import CallShares, ModelUsage
from pokea.billing.usage import Meter as Meter  # a word of the frames, which is all that codecs know
from pokea.turn_latency import TurnLatency

FRAME_MS = 20
MODEL_IN_HZ = 16_000  # what most models are fed
MODEL_OUT_HZ = 24_000  # what most models speak, and what clips are stored at

Buffer: TypeAlias = bytes | bytearray | memoryview


def frame_bytes(rate_hz: int) -> int:
    """Size of one 20 ms frame: 640 bytes at 16 kHz."""
    return rate_hz * FRAME_MS // 1000 * 2


class WireError(Exception):
    """The peer sent what its protocol does not allow. `code` is stable snake_case; the text never quotes the message."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class EndReason(StrEnum):
    """Why a call ended, as the `close` operation reports it."""

    GOODBYE = "goodbye"
    CALLER_HUNG_UP = "caller_hung_up"
    IDLE = "idle"
    MAX_DURATION = "max_duration"
    FRUITLESS = "fruitless"  # it led nowhere, or cost more than it may
    BRIDGE_ERROR = "bridge_error"
    MODEL_LOST = "model_lost"
    HANDED_OVER = "handed_over"  # a person took over, and the two have spoken or the carrier goes on with it
    MACHINE = "machine"  # an answering machine or a fax picked up


class Loss(StrEnum):
    """Why a model connection ended, as far as it says what to try next. Each wire codec translates its provider's codes."""

    NETWORK = "network"  # cut or timed out: the same session may be continued
    EXPIRED = "expired"  # it reached its age limit: the same session may be continued
    STATE = (
        "state"  # the provider refuses this session's state: resuming it would be refused again, a fresh one may work
    )
    OVERLOADED = "overloaded"  # no capacity or no quota left: another engine, or later
    REFUSED = "refused"  # key, model or address: trying again is pointless


class LegLost(WireError):
    """The peer said in a message that this connection is of no more use; `loss` says what to try next."""

    def __init__(self, loss: Loss, reason: str) -> None:
        super().__init__("leg_lost", reason)
        self.loss, self.reason = loss, reason


class TurnDetection(StrEnum):
    """Who tells the model when the caller's turn begins and ends."""

    MODEL = "model"  # its own detector
    OWN = "own"  # the bridge: BeginCallerTurn, EndCallerTurn


# --- events from the switch ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamMetadata:
    """The switch's first text frame. It may come late or never, and nothing in it is trusted."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DtmfPressed:
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class MarkReached:
    """The switch's claim that audio was played: a hint, never evidence."""

    name: str
    cleared: bool


@dataclass(frozen=True, slots=True)
class SwitchNotice:
    """A text frame of a kind the bridge has no use for."""

    kind: str


@dataclass(frozen=True, slots=True)
class SwitchClosed:
    """The switch's socket is gone. `by_us`: the bridge closed it, or broke on it."""

    code: int
    by_us: bool = False


@dataclass(frozen=True, slots=True)
class SwitchCongested:
    """The switch stopped (or resumed) reading what it is sent."""

    congested: bool


SwitchEvent: TypeAlias = StreamMetadata | DtmfPressed | MarkReached | SwitchNotice

# --- events from the model -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelReady:
    """The model accepted the setup of connection `link`."""

    link: int = 0


@dataclass(frozen=True, slots=True)
class ModelLost:
    """Connection `link` failed or ended. `code`: WebSocket close code, HTTP status of a refused handshake, or 0 (no answer)."""

    link: int
    code: int
    reason: str = ""
    loss: Loss = Loss.NETWORK


@dataclass(frozen=True, slots=True)
class ModelAudio:
    """`item` tells the parts of one turn apart where a provider names them: each becomes an utterance of its own."""

    pcm: bytes
    rate_hz: int = MODEL_OUT_HZ
    item: str = ""


@dataclass(frozen=True, slots=True)
class ModelInterrupted:
    """The model's own detector heard the caller speak over it: what it generated and was not heard is void."""


@dataclass(frozen=True, slots=True)
class CallerSpeech:
    """The model's own detector heard the caller begin or stop, where a provider says so apart from an interruption."""

    speaking: bool


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """Every sample of the utterance has been sent to us. `broken`: what was sent breaks off, and no more will come."""

    broken: bool = False


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """The model waits for the caller again. `asked`: it was asked something; where nobody said a word it need not be."""

    asked: bool = True


@dataclass(frozen=True, slots=True)
class CallerTranscribed:
    text: str
    finished: bool = False


@dataclass(frozen=True, slots=True)
class AgentTranscribed:
    """Words of the current utterance; they may run ahead of its audio or behind it."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolAsked:
    tool_call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolsCancelled:
    """The model no longer waits for these calls' answers."""

    tool_call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The connection will end on its own in `time_left_ms`."""

    time_left_ms: int


@dataclass(frozen=True, slots=True)
class ResumeHandle:
    """Opens a new connection that continues this session."""

    handle: str


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens of one turn; sums over turns are what is billed. `meters`: the same as a price list counts them, each token in one of them."""

    prompt: int
    response: int
    thoughts: int
    total: int
    meters: Mapping[Meter, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UsageUnknown:
    """A turn of which nobody will say what it used."""


@dataclass(frozen=True, slots=True)
class ServiceUsed:
    """What a service beside the model used: one that writes down what the caller says, or speaks the answer. It is no turn."""

    model: str
    meters: Mapping[Meter, int]


ModelEvent: TypeAlias = (
    ModelReady
    | ModelAudio
    | ModelInterrupted
    | CallerSpeech
    | GenerationComplete
    | TurnComplete
    | CallerTranscribed
    | AgentTranscribed
    | ToolAsked
    | ToolsCancelled
    | GoingAway
    | ResumeHandle
    | UsageReported
    | UsageUnknown
    | ServiceUsed
)

# --- events from the shell -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """The answer to a `CallTool`. `failed`: the payload says so in words for the model, and nothing is known to have changed. `handoff`:
    the caller is to be handed to a person; in mode attended nobody is given the answer yet."""

    tool_call_id: str
    payload: Mapping[str, Any]
    nonce: str | None = None
    end_call: bool = False
    failed: bool = False
    handoff: HandoffBegun | None = None
    language: str | None = None  # what the caller is spoken to in from now on
    recording: bool | None = None  # the caller's word on being recorded


@dataclass(frozen=True, slots=True)
class HandoffBegun:
    """The control plane calls a person for the caller, or (`dials`) has the carrier do so once the stream is closed. `hop`: what the other
    leg's bridge will prove itself with; it stays in the shell."""

    handoff_id: str
    dials: bool
    ring_s: int
    hop: str = field(default="", repr=False)
    answer_s: int = 0  # to ring and to answer, together


class Asked(StrEnum):
    """What the control plane is asked or told about a hand-off. Not all of it is for both sides."""

    STATUS = "status"
    CANCEL = "cancel"
    JOINED = "joined"
    ENDED = "ended"
    BRIEFING = "briefing"
    ACCEPT = "accept"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class HandoffTold:
    """The control plane's word on the hand-off, in answer to `asked`; `state` is "" where it could not be had. `payload` is the final
    answer for the model."""

    asked: Asked
    state: str
    payload: Mapping[str, Any] | None = None
    handoff_id: str = ""


class PeerWord(StrEnum):
    """What the two bridges of a hand-off tell each other."""

    BRIEFING = "briefing"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    HANGUP = "hangup"


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """The other leg's bridge is on the line."""


@dataclass(frozen=True, slots=True)
class PeerSaid:
    word: PeerWord


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The other leg's bridge is gone, or was not to be had."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A deadline of the session may be due."""


@dataclass(frozen=True, slots=True)
class DrainExpired:
    """The bridge must exit now: say sorry and end the call."""


HandoffEvent: TypeAlias = HandoffTold | PeerConnected | PeerSaid | PeerLost

Event: TypeAlias = (
    SwitchEvent
    | SwitchClosed
    | SwitchCongested
    | ModelEvent
    | ModelLost
    | ToolReturned
    | HandoffEvent
    | TimePassed
    | DrainExpired
)

# --- commands to the shell -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlushSwitch:
    """Send `zeros` as one binary frame, then `killAudio` if `kill`. Nothing may be put between the two, nor before them."""

    zeros: bytes
    kill: bool


@dataclass(frozen=True, slots=True)
class ToolDeclaration:
    name: str
    description: str
    parameters: Mapping[str, Any]  # JSON schema, type "object"


@dataclass(frozen=True, slots=True)
class ModelSetup:
    """What a model connection is opened with. `input_hz`: the rate of the caller audio that it will be sent (PCM16, mono)."""

    model: str
    voice: str
    instructions: str
    tools: tuple[ToolDeclaration, ...] = ()
    resume_handle: str | None = None
    input_hz: int = MODEL_IN_HZ
    language: str = ""
    turn_detection: TurnDetection = TurnDetection.MODEL


@dataclass(frozen=True, slots=True)
class OpenModel:
    """Open connection `link` to `engine`; the answer is ModelReady or ModelLost with the same number, within `timeout_ms`."""

    link: int
    setup: ModelSetup
    timeout_ms: int
    engine: str = "gemini"


@dataclass(frozen=True, slots=True)
class UseModel:
    """From now on `link` is the connection that hears the caller; `held` is caller audio to send it first, oldest first."""

    link: int
    held: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class DropModel:
    link: int


@dataclass(frozen=True, slots=True)
class SayToModel:
    """Text that the model shall act on now."""

    text: str


@dataclass(frozen=True, slots=True)
class TellModel:
    """Context for the model that asks for no answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerTool:
    tool_call_id: str
    name: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HeardItem:
    """How much of one item's audio the caller heard. An item that was never sent has heard_ms 0."""

    item: str
    heard_ms: int
    generated_ms: int


@dataclass(frozen=True, slots=True)
class StopModel:
    """The caller has the floor: say no more of this turn, and remember only what was heard of it. Oldest first."""

    heard: tuple[HeardItem, ...] = ()


@dataclass(frozen=True, slots=True)
class BeginCallerTurn:
    """With own turn detection: the caller audio that follows is speech."""


@dataclass(frozen=True, slots=True)
class EndCallerTurn:
    """With own turn detection: the caller's turn is over; answer it."""


@dataclass(frozen=True, slots=True)
class CallTool:
    """`evidence` is the JSON form of what the bridge attests about the read-back and the caller's turns."""

    tool_call_id: str
    name: str
    arguments: Mapping[str, Any]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    last_turns: tuple[tuple[str, str], ...] = ()  # (who, words), for the person whom the caller is handed to


@dataclass(frozen=True, slots=True)
class WatchHandoff:
    """Ask for the state of the hand-off every second, and let the other leg's bridge in."""

    handoff_id: str


@dataclass(frozen=True, slots=True)
class AskHandoff:
    """Ask or tell the control plane once."""

    handoff_id: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class ReachPeer:
    """Connect to the bridge that has the caller. The answer is PeerConnected or PeerLost."""


@dataclass(frozen=True, slots=True)
class TellPeer:
    word: PeerWord


@dataclass(frozen=True, slots=True)
class JoinPeer:
    """From now on the other leg hears this one, in the model's place, and is asked about no more."""


@dataclass(frozen=True, slots=True)
class LeavePeer:
    """The hand-off is over: ask no more, and let go of the other leg's bridge."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the leg: by REST first, then close the switch's socket. `by_rest` is false where the carrier's fallback shall run."""

    reason: EndReason
    by_rest: bool = True


@dataclass(frozen=True, slots=True)
class EndCall:
    """The call is over: release everything and report it once. `facts`: what the tools were asked and answered, latest last.
    `handoff_id`: of the call's latest hand-off; `handoff_asked`: what the control plane must still be told about it, before the end."""

    reason: EndReason
    duration_ms: int
    transcript: tuple[Mapping[str, Any], ...]
    facts: tuple[Mapping[str, Any], ...] = ()
    handoff_id: str = ""
    handoff_asked: Asked | None = None
    language: str = ""
    turns: tuple[TurnLatency, ...] = ()  # each that was answered
    tools: tuple[Mapping[str, Any], ...] = ()  # each call: name, status, took_ms, at_ms
    usage: tuple[ModelUsage, ...] = ()
    shares: CallShares | None = None  # of `duration_ms`
    answerer: str = ""  # who picked up a placed call: "person", "machine", "fax", "silence"; "" where nobody judged it


@dataclass(frozen=True, slots=True)
class TurnAnswered:
    """A turn of the caller's was answered, and the answer heard."""

    latency: TurnLatency


@dataclass(frozen=True, slots=True)
class RecordAudio:
    """Sound that may be kept, in order and without gaps: the caller's and what the caller heard, for the same stretch of time."""

    left: bytes
    right: bytes
    left_hz: int
    right_hz: int
    at_ms: int  # when it begins, on the call's clock


@dataclass(frozen=True, slots=True)
class DropRecording:
    """The caller said no: delete what there is."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the call record."""

    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


# What the connection in use is told, whatever its kind.
LegCommand: TypeAlias = SayToModel | TellModel | AnswerTool | StopModel | BeginCallerTurn | EndCallerTurn

HandoffCommand: TypeAlias = WatchHandoff | AskHandoff | ReachPeer | TellPeer | JoinPeer | LeavePeer

Command: TypeAlias = (
    FlushSwitch
    | OpenModel
    | UseModel
    | DropModel
    | LegCommand
    | CallTool
    | HandoffCommand
    | HangUp
    | EndCall
    | TurnAnswered
    | RecordAudio
    | DropRecording
    | Note
)
