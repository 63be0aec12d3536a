"""Calls of a chaos soak: what each witness would say of them and when, and one thing that goes wrong in each.

Hooks are the simulated carrier's own bodies through the real functions; the bridge opens and closes through the real tools function and
speaks through the queue. A fault only ever changes when, how often and whether something is said, or what is said of a length or an end:
what happened stands in the carrier's books.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from local.carrier import BillingFault, BookedCall, BookedDial
from local.carrier.hooks import LegFacts, event_body, stream_fields, voice_fields
from pokea.calls import Direction
from pokea.ids import SessionId
from pokea.lines import Line
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.sautikit.attempts import OutboundRequest, place
from pokea.sautikit.labels import attempt_session
from pokea.toolkit import HandoffMode
from pokea.transfer import HANDOFF, Handoff, HandoffState, attempt_of
from tests.support.chaos_world import DIALLING_LINE, FALLBACK, World
from tests.support.control_plane import CALLER, LINE, posted, token_in

PERSON = E164("+254722000999")
KINDS = ("inbound", "inbound", "outbound", "unanswered", "transferred", "dialled")
ENDS = ("completed", "completed_event", "stream_stopped", "close", "closed_said")
HOOKS = ("completed", "completed_event", "stream_stopped", "answered_event", "dial_completed")
CLOSED_WITHIN_S = 3_000  # a bridge's close needs the call's token, which does not hold for a day
Work = Callable[[], object]


@dataclass(slots=True)
class Signal:
    at: datetime
    work: Work
    copies: int = 1


@dataclass(slots=True)
class Life:
    """One session. `leg`: as the carrier's hooks name it. `signals`: what is said of it; the ringing cannot be lost, or it is no call of
    ours. `told_s` and `stream_ms` are what is said of its length."""

    world: World
    leg: LegFacts
    booked: BookedCall
    is_documented: bool
    signals: dict[str, Signal] = field(default_factory=dict)
    token: str = ""
    told_s: int = 0
    stream_ms: int = 0
    bridge_off: timedelta = timedelta(0)
    reason: str = "caller_hung_up"
    booked_late: timedelta = timedelta(0)
    line: Line = LINE

    @property
    def session(self) -> SessionId:
        return SessionId(self.leg.session_id)

    def say(self, name: str, at: datetime, work: Work) -> None:
        self.signals[name] = Signal(at, work)

    def begin(self) -> None:
        """Everything that is said of it, each in its time."""
        when = self.booked.ended_at + self.booked_late if self.booked_late else self.booked.started_at
        self.world.at(when, lambda: self.world.carrier.book(self.booked))
        for signal in self.signals.values():
            for copy in range(signal.copies):
                self.world.at(signal.at + timedelta(seconds=2 * copy), signal.work)

    # --- the carrier's hooks ------------------------------------------------------------------------------------------------

    def ring(self, state: str, *, opens: bool = True) -> None:
        document = self.hook(state)
        if opens and "token=" in document:
            request = {"operation": "open", "session_id": self.session, "token": token_in(document), "bridge": "b1"}
            opened: Any = self.world.plane.tools(request, None)
            self.token = str(opened["result"]["call_token"])

    def hook(self, state: str) -> str:
        is_over = state in ("Completed", "busy", "no-answer", "failed")
        duration_s = self.told_s if state == "Completed" and self.booked.answered_at else None
        fields = voice_fields(self.leg, state, is_active=not is_over, duration_s=duration_s)
        reply = self.world.plane.voice(posted("/voice", fields), None)
        assert reply["statusCode"] == 200, reply
        return str(reply["body"])

    def event(self, kind: str, **details: object) -> None:
        envelope = self.world.draw.choice("ABC")
        at, event_id = self.world.clock.now(), f"evt-{self.session}-{kind}"
        body = event_body(self.leg, kind, details, event_id=event_id, envelope=envelope, at=at)
        self._posted("/call-events", json.dumps(body).encode(), "application/json")

    def stream_status(self, event: str) -> None:
        fields = stream_fields(self.leg, event, stream_id="ST_1", name=self.session)
        self._posted("/stream-status", json.dumps(fields).encode(), "application/json")

    def _posted(self, path: str, body: bytes, content_type: str) -> None:
        reply = self.world.plane.events(posted(path, body, content_type=content_type), None)
        assert reply["statusCode"] in (200, 204), reply

    # --- the bridge ---------------------------------------------------------------------------------------------------------

    def said(self, event: str, index: int) -> None:
        """One event of the bridge's outbox, by the bridge's own clock."""
        body: dict[str, object] = {"event": event, "index": index, "bridge": "b1"}
        body["at"] = (self.world.clock.now() + self.bridge_off).isoformat().replace("+00:00", "Z")
        if event == "closed":
            body |= {"stream_ms": self.stream_ms, "reason": self.reason, "handoff": "", "usage": [], "shares": None}
        self.world.tell(
            json.dumps({"version": 1, "call": self.session, "business": self.line.business_id, "said": body}), 0.0
        )

    def close(self) -> None:
        request = {"operation": "close", "call_token": self.token, "reason": self.reason}
        request |= {"duration_ms": self.stream_ms, "transcript": []}  # type: ignore[dict-item]
        reply = self.world.plane.tools(request, None)
        assert reply["ok"] is True, reply


# --- what happens -----------------------------------------------------------------------------------------------------------


class Chaos:
    """Makes calls, one fault in each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._made = 0

    def call(self, began: datetime, fault: str) -> None:
        """A call that begins then, and everything that follows from it."""
        fits, befall = FAULTS[fault]
        draw = self.world.draw
        kind = draw.choice([kind for kind in KINDS if kind in fits])
        lives = self._lives(kind, began)
        befall(draw.choice(lives) if kind == "transferred" else lives[0])
        for life in lives:
            if life.signals.keys() & {"close", "closed_said"}:
                self.world.streams[life.session] = life.stream_ms
            life.begin()

    def _lives(self, kind: str, began: datetime) -> list[Life]:
        match kind:
            case "inbound":
                return [self._inbound(began)]
            case "outbound":
                return [self._outbound(began)]
            case "unanswered":
                return [self._unanswered(began)]
            case "dialled":
                return [self._dialled(began)]
            case _:
                return self._transferred(began)

    def _ids(self) -> tuple[str, str]:
        self._made += 1
        return f"HD_f{self._made:011x}", f"rec-{self._made}"

    def _life(self, leg: LegFacts, began: datetime, talk_s: int, first: str) -> Life:
        """An answered call that our bridge has from its answer to its end."""
        draw = self.world.draw
        answered, ended = began + timedelta(seconds=2), began + timedelta(seconds=2 + talk_s)
        documented = draw.random() < 0.5
        stream_s = talk_s if documented else talk_s + 3
        booked = BookedCall(
            direction=leg.direction,
            a_number=leg.a_number,
            b_number=leg.b_number,
            started_at=began,
            answered_at=answered,
            ended_at=ended,
            session_id=leg.session_id,
            call_id=leg.call_id,
            client_request_id=leg.client_request_id,
            stream_s=stream_s,
            stream_per_minute_minor=0 if documented else 50,
        )
        stream_ms = 1000 * stream_s - draw.randrange(700)
        life = Life(self.world, leg, booked, documented, told_s=talk_s, stream_ms=stream_ms)
        life.say("ringing", began, lambda: life.ring(first))
        life.say("opened_said", answered, lambda: life.said("opened", 0))
        self._ending(life, ended)
        if documented:
            life.say("answered_event", answered, lambda: life.event("call.answered", status="answered"))
        return life

    def _ending(self, life: Life, ended: datetime) -> None:
        def after(seconds: float) -> datetime:
            return ended + timedelta(seconds=seconds)

        life.say("completed", after(0.1), lambda: life.hook("Completed"))
        life.say("close", after(0.3), life.close)
        life.say("closed_said", after(0.4), lambda: life.said("closed", 1))
        if life.is_documented:
            life.say("stream_stopped", after(0.2), lambda: life.stream_status("stream-stopped"))
            life.say("completed_event", after(0.5), lambda: life.event("call.completed", duration_seconds=life.told_s))

    def _inbound(self, began: datetime, talk_s: int | None = None, line: Line = LINE) -> Life:
        session, call_id = self._ids()
        leg = LegFacts(session_id=session, call_id=call_id, direction="inbound", a_number=CALLER, b_number=line.number)
        life = self._life(leg, began, talk_s or 3 + self.world.draw.randrange(600), "Ringing")
        life.line = line
        return life

    def _placed(self, began: datetime) -> LegFacts:
        """The carrier was asked for a call, as POST /calls does."""
        self._made += 1
        plane = self.world.plane
        request = OutboundRequest(line=LINE, to_number=E164(CALLER), agent=LINE.agent, context={},
                                  idempotency_key=f"k{self._made}")  # fmt: skip
        outcome = place(
            request,
            store=plane.calls,
            telephony=plane.reach.telephony(),
            voice_callback_url="https://api.example.com/voice",
            now=began,
        )
        assert outcome.session_id and outcome.call_id
        return LegFacts(
            session_id=outcome.session_id,
            call_id=outcome.call_id,
            direction="outbound",
            a_number=LINE.number,
            b_number=CALLER,
            client_request_id=outcome.client_request_id,
        )

    def _outbound(self, began: datetime) -> Life:
        return self._life(self._placed(began), began, 3 + self.world.draw.randrange(300), "Answered")

    def _unanswered(self, began: datetime) -> Life:
        leg, draw = self._placed(began), self.world.draw
        status, state = draw.choice((("busy", "busy"), ("no_answer", "no-answer"), ("failed", "failed")))
        documented = draw.random() < 0.5
        ended = began + timedelta(seconds=3 + draw.randrange(30))
        booked = BookedCall(
            direction="outbound",
            a_number=leg.a_number,
            b_number=leg.b_number,
            started_at=began,
            answered_at=None,
            ended_at=ended,
            status=status,
            session_id=leg.session_id,
            call_id=leg.call_id,
            client_request_id=leg.client_request_id,
        )
        life = Life(self.world, leg, booked, documented)
        life.say("completed", ended, lambda: life.hook(state if documented else "Completed"))
        if documented:
            life.say("completed_event", ended, lambda: life.event("call.failed", failure_reason=status))
        return life

    def _dialled(self, began: datetime) -> Life:
        """A caller whom the carrier itself put through once the stream was closed."""
        life = self._inbound(began, 60 + self.world.draw.randrange(120), DIALLING_LINE)
        life.is_documented, life.reason = True, "handed_over"
        left = began + timedelta(seconds=20)
        leg = BookedDial(
            number=PERSON,
            started_at=left,
            answered_at=left + timedelta(seconds=5),
            ended_at=life.booked.ended_at,
        )
        if self.world.draw.random() < 0.3:
            leg = replace(leg, answered_at=None, ended_at=left + timedelta(seconds=9), status="no_answer")
        life.booked = replace(life.booked, dialled=(leg,), stream_s=18, stream_per_minute_minor=0)
        life.stream_ms = 17_600
        self._ending(life, life.booked.ended_at)
        for name in ("close", "closed_said", "stream_stopped"):
            life.signals[name].at = left
        life.say("left", left - timedelta(seconds=1), lambda: self._leave_word(life))
        life.say("asked", left + timedelta(seconds=0.5), lambda: _is_sent_on(life.hook("StreamStopped")))
        life.say("dial_completed", leg.ended_at, lambda: life.hook("DialCompleted"))
        return life

    def _leave_word(self, life: Life) -> None:
        """As the tools function does for a hand-off that the carrier is to dial."""
        call = self.world.plane.calls.call(life.session)
        assert call is not None
        onward = Onward(handoff_id=f"h{life.session[-6:]}", number=PERSON, words="", language="en-KE", ring_s=25)
        self.world.plane.calls.put_call(replace(call, onward=onward))

    def _transferred(self, began: datetime) -> list[Life]:
        """A caller who was put through by a second call of ours."""
        talk_s = 60 + self.world.draw.randrange(200)
        caller = self._inbound(began, talk_s=talk_s)
        caller.reason = "handed_over"
        session, call_id = self._ids()
        rung = began + timedelta(seconds=20)
        handoff = Handoff(
            business_id=LINE.business_id, handoff_id=f"a{session[-6:]}", session_id=caller.session, person="desk",
            person_name="Njeri", number=PERSON, mode=HandoffMode.ATTENDED, state=HandoffState.ENDED, created_at=rung,
            ring_until=rung, answer_until=rung, language="en", spoken_to_person="en", hop="x",
        )  # fmt: skip
        label = attempt_of(handoff).removeprefix(attempt_session(""))
        leg = LegFacts(
            session_id=session, call_id=call_id, direction="outbound", a_number=LINE.number, b_number=PERSON,
            client_request_id=label,
        )  # fmt: skip
        second = self._life(leg, rung, talk_s - 25, "Answered")
        second.signals["ringing"].work = lambda: second.ring("Answered", opens=False)
        second.signals.pop("close")
        caller.say("handed", rung - timedelta(seconds=1), lambda: self._hand(caller.session, handoff, label))
        return [caller, second]

    def _hand(self, session: SessionId, handoff: Handoff, label: str) -> None:
        plane = self.world.plane
        caller = plane.calls.call(session)
        assert caller is not None
        plane.bookings.put(HANDOFF.of(handoff))
        attempt = replace(
            caller, session_id=attempt_of(handoff), agent="whisper", direction=Direction.OUTBOUND, a_number=LINE.number,
            b_number=PERSON, client_request_id=label, open_metadata=json.dumps({"handoff": handoff.handoff_id}),
            carrier_call_id=None, opened_at=None, stream_issued_at=None, answered_at=None, version=0,
        )  # fmt: skip
        plane.calls.create_call(attempt)


def _is_sent_on(document: str) -> None:
    assert PERSON in document, document


# --- what goes wrong --------------------------------------------------------------------------------------------------------


def lose(life: Life, *names: str) -> None:
    for name in names:
        life.signals.pop(name, None)


def delay(life: Life, *names: str) -> None:
    for name in names:
        if name in life.signals:
            most_s = CLOSED_WITHIN_S if name == "close" else 86_400
            life.signals[name].at += timedelta(seconds=life.world.draw.randrange(60, most_s))


def double(life: Life, *names: str) -> None:
    for name in names:
        if name in life.signals:
            life.signals[name].copies = life.world.draw.randrange(2, 6)


def shuffle(life: Life) -> None:
    """The end is told in any order, within a minute."""
    for name in (*ENDS, "dial_completed"):
        if name in life.signals:
            life.signals[name].at = life.booked.ended_at + timedelta(seconds=life.world.draw.randrange(60))


def contradict_length(life: Life) -> None:
    life.told_s = max(0, life.told_s + life.world.draw.choice((-40, -5, 5, 40, 3_600)))


def contradict_stream(life: Life) -> None:
    life.stream_ms = max(0, life.stream_ms + life.world.draw.choice((-60_000, -9_000, 9_000, 600_000)))


def contradict_end(life: Life) -> None:
    late = life.booked.ended_at + timedelta(seconds=life.world.draw.randrange(-2, 30))
    life.say("contradiction", late, lambda: life.event("call.failed", failure_reason="network_error"))


def wrong_clock(life: Life) -> None:
    life.bridge_off = timedelta(seconds=life.world.draw.choice((-3_600, -300, -10, 300, 86_400)))


def kill_bridge(life: Life) -> None:
    """No closing and no word of the end. Where the carrier goes on after the stream, it rings whom the document names."""
    lose(life, "close", "closed_said")
    if life.is_documented and life.leg.direction == "inbound":
        began = life.booked.ended_at - timedelta(seconds=2)
        leg = BookedDial(number=FALLBACK, started_at=began, answered_at=began, ended_at=life.booked.ended_at)
        life.booked = replace(life.booked, dialled=(leg,))


def tell_nobody(life: Life) -> None:
    """Only the carrier knows that there was such a call."""
    life.signals.clear()


def lose_hooks(life: Life) -> None:
    lose(life, *HOOKS)


def rest_down(life: Life) -> None:
    world, seconds = life.world, life.world.draw.randrange(60, 1_200)

    def fail() -> None:
        world.books.down_until = max(world.books.down_until, world.clock.now() + timedelta(seconds=seconds))

    life.say("rest_down", life.booked.ended_at - timedelta(seconds=1), fail)


def book_late(life: Life) -> None:
    life.booked_late = timedelta(seconds=life.world.draw.randrange(60, 40 * 3_600))


def deliver_often(life: Life) -> None:
    life.world.copies[life.session] = life.world.draw.randrange(2, 5)


def contend(life: Life) -> None:
    """Two consumers have the call at once."""
    life.say("contention", life.booked.ended_at, lambda: life.world.interfere(life.session))


def fail_once(life: Life) -> None:
    """The queue and the bus do not take what the function sends, once."""
    office = life.world.office

    def fail() -> None:
        office.later.down, office.bus_down = 1, 1

    life.say("failure", life.booked.ended_at, fail)


def book_twice(life: Life) -> None:
    life.booked = replace(life.booked, billing=BillingFault.DUPLICATE)


def nothing(life: Life) -> None:
    """A clean call among the others."""


_TALKED = frozenset({"inbound", "outbound", "transferred", "dialled"})
_ALL = _TALKED | {"unanswered"}
_OURS = frozenset({"inbound", "outbound"})
_Fault = tuple[frozenset[str], Callable[[Life], None]]
FAULTS: Mapping[str, _Fault] = {
    "nothing": (_ALL, nothing),
    **{
        f"lost {name}": (_TALKED, partial(lambda name, life: lose(life, name), name)) for name in (*ENDS, "opened_said")
    },
    **{f"late {name}": (_TALKED, partial(lambda name, life: delay(life, name), name)) for name in ENDS},
    **{f"doubled {name}": (_TALKED, partial(lambda name, life: double(life, name), name)) for name in ENDS},
    "all late": (_TALKED, lambda life: delay(life, *ENDS)),
    "all doubled": (_TALKED, lambda life: double(life, *ENDS)),
    "lost hooks": (_OURS, lose_hooks),
    "shuffled": (_TALKED, shuffle),
    "another length": (_TALKED, contradict_length),
    "another stream": (_OURS, contradict_stream),
    "another end": (_TALKED, contradict_end),
    "wrong clock": (_TALKED, wrong_clock),
    "bridge killed": (_OURS, kill_bridge),
    "told to nobody": (_ALL - {"transferred", "dialled"}, tell_nobody),
    "REST down": (_ALL, rest_down),
    "booked late": (_ALL - {"dialled"}, book_late),
    "delivered often": (_ALL, deliver_often),
    "contended": (_ALL, contend),
    "refused once": (_ALL, fail_once),
    "booked twice": (_ALL, book_twice),
}
