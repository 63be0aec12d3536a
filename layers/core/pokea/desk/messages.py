"""proposeMessage: a message for the business, to be answered by a call back."""

from __future__ import annotations

from pokea.confirm import Proposal
from pokea.desk import gate
from pokea.desk.agent import schema, text
from pokea.desk.visit import Visit, refused
from pokea.ids import IntentKey
from pokea.profile import Profile
from pokea.toolkit import Effect, ToolResult, ToolSpec


def propose_message_spec(profile: Profile) -> ToolSpec:
    return ToolSpec(
        "proposeMessage",
        "Prepare a message to the business.",
        schema(["message"], message=text("The caller's message in their own words.")),
        Effect.PROPOSE,
    )


def propose_message(visit: Visit) -> ToolResult:
    return refused("not_yet", visit.say("say_again"))


def leave_message(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    return gate.NotDone(refused("not_yet", visit.say("say_again")))
