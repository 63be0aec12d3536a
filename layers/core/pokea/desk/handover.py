"""handOver: the caller is handed to a person of the business's directory, named by key."""

from __future__ import annotations

from pokea.desk.agent import schema, text
from pokea.desk.visit import Visit, refused
from pokea.profile import Profile
from pokea.toolkit import Effect, ToolResult, ToolSpec


def hand_over_spec(profile: Profile) -> ToolSpec:
    return ToolSpec(
        "handOver",
        "Hand the caller over to a person of the business.",
        schema(["reason"], reason=text("Why, in a few words.")),
        Effect.TRANSFER,
    )


def hand_over(visit: Visit) -> ToolResult:
    return refused("nobody_there", visit.say("say_again"))
