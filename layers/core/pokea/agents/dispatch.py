"""The dispatch agent of a courier: where a parcel is, when it comes, and where to. The work is in `pokea.desk.dispatch_*`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pokea.backends import BackendUnsure
from pokea.desk.agent import DeskAgent, Tool, schema, text
from pokea.desk.base import Desk, Opening
from pokea.desk.delivery_opening import opening
from pokea.desk.dispatch_desk import find_gate, track_shipment
from pokea.desk.dispatch_propose import (
    commit_address,
    commit_note,
    commit_reschedule,
    delivery_answer,
    propose_confirm_address,
    propose_reschedule,
)
from pokea.desk.gate import Action
from pokea.desk.opt_out import OPT_OUT, opt_out
from pokea.desk.outside import truthful, truthful_action, unsure
from pokea.desk.visit import Visit
from pokea.errors import Indeterminate, Unavailable
from pokea.identity import Caller
from pokea.ids import ToolCallId
from pokea.profile import Profile
from pokea.toolkit import Effect, ToolCall, ToolResult, ToolSpec
from pokea.words import say


class DispatchAgent(DeskAgent):
    name = "dispatch"
    persona = "You help recipients and drivers with deliveries: where a parcel is, when it comes, and where to."
    actions: ClassVar[Mapping[str, Action]] = {
        "reschedule": truthful_action(commit_reschedule),
        "confirm_address": truthful_action(commit_address),
        "driver_note": truthful_action(commit_note),
    }
    proposed = ("tracking_id", "on", "window", "address", "landmark", "note")

    def toolbox(self, profile: Profile) -> tuple[Tool, ...]:
        return _TOOLS

    def rules(self, profile: Profile, language: str) -> str:
        return _RULES

    def phrases(self, profile: Profile, language: str) -> dict[str, str]:
        language = profile.spoken_language(language)
        return {**super().phrases(profile, language), "idle_ask_again": say(language, "dispatch_idle_ask_again")}

    def problem(self, profile: Profile) -> str | None:
        if profile.dispatch is None:
            return "dispatch: the dispatch agent needs this table"
        if profile.dispatch.department and profile.dispatch.department not in profile.directory.people:
            return f"dispatch.department: {profile.dispatch.department!r} is not in the directory"
        return None

    def commit(self, visit: Visit) -> ToolResult:
        try:
            return super().commit(visit)
        except BackendUnsure:
            return unsure(visit)

    def opening(self, caller: Caller, desk: Desk, context: Mapping[str, object], now: datetime) -> Opening | None:
        """A book that does not answer now must not keep a call from beginning."""
        visit = Visit(ToolCall(ToolCallId("open"), "open", {}), caller, desk, now)
        try:
            return opening(visit, context)
        except (Unavailable, Indeterminate):
            return None


_RULES = """\
- Never work out a tracking number, a day or an arrival time yourself, and never state one that a tool did not give you. Pass the
  caller's own words, tracking numbers character by character as they were said.
- A caller who has no tracking number: call the tool without it; it finds the caller's latest parcel.
- Never say an address or a recipient's name that a tool's `say` does not hold.
- When we rang the caller about a parcel, their answer goes to deliveryAnswer.
- Whoever does not want to be called again, in whatever words: call optOut before you say anything."""

_ID = text("The tracking number in the caller's own words, or as a tool gave it; leave out for their latest parcel.")
_NAME = text("The recipient's full name, once the caller was asked for it.")
_WHEN = text("The caller's own words for the day, unchanged, or an ISO date that a tool returned.")
_ADDRESS = text("The new address in the caller's own words.")
_LANDMARK = text("What is to be seen near the address, in the caller's own words.")
_ANSWER = text("The caller's own words.")

_TOOLS = (
    Tool(
        ToolSpec(
            "trackShipment",
            "Where a parcel is and when it comes.",
            schema([], trackingId=_ID, name=_NAME),
            Effect.READ,
        ),
        truthful(track_shipment),
    ),
    Tool(
        ToolSpec(
            "reschedule",
            "Prepare bringing a parcel on another day, to another address, or both. Returns the read-back and a nonce. Changes nothing.",
            schema([], trackingId=_ID, name=_NAME, when=_WHEN, address=_ADDRESS),
            Effect.PROPOSE,
        ),
        truthful(propose_reschedule),
    ),
    Tool(
        ToolSpec(
            "confirmAddress",
            "Read the address back for the recipient to confirm, or prepare a better one with a landmark. Changes nothing.",
            schema([], trackingId=_ID, name=_NAME, address=_ADDRESS, landmark=_LANDMARK),
            Effect.PROPOSE,
        ),
        truthful(propose_confirm_address),
    ),
    Tool(
        ToolSpec(
            "findGate",
            "For a driver who cannot find the place: landmark and gate notes of the parcel that they are delivering.",
            schema([], trackingId=_ID),
            Effect.READ,
        ),
        truthful(find_gate),
    ),
    Tool(
        ToolSpec(
            "deliveryAnswer",
            "The answer of a recipient whom we rang: whether somebody will be there, or what to do instead. Changes nothing.",
            schema([], trackingId=_ID, name=_NAME, answer=_ANSWER),
            Effect.PROPOSE,
        ),
        truthful(delivery_answer),
    ),
    Tool(OPT_OUT, opt_out),
)

AGENT = DispatchAgent()
