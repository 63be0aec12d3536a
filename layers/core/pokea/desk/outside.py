"""What a caller is told when the business's own system cannot be reached: what is true, and what can be done instead."""

from __future__ import annotations

from pokea.backends import BackendDown, BackendUnsure
from pokea.confirm import Proposal
from pokea.desk.agent import Run
from pokea.desk.gate import Action, Done, NotDone
from pokea.desk.visit import Visit, reply
from pokea.ids import IntentKey
from pokea.toolkit import ToolResult, then_yes_no

_MESSAGE = {"tool": "proposeMessage", "arguments": {}}


def truthful(run: Run) -> Run:
    """`run`, a tool that reads or proposes, with an honest answer where the outside system gives none."""

    def answered(visit: Visit) -> ToolResult:
        try:
            return run(visit)
        except (BackendDown, BackendUnsure):
            return unreachable(visit)

    return answered


def truthful_action(action: Action) -> Action:
    """`action` of a commit: where the outside system certainly did nothing, the caller hears so and the proposal is over."""

    def carried_out(visit: Visit, proposal: Proposal, intent: IntentKey) -> Done | NotDone:
        try:
            return action(visit, proposal, intent)
        except BackendDown:
            return NotDone(reply("unknown", visit.say("backend_nothing_changed"), then=then_yes_no(_MESSAGE, None)))

    return carried_out


def unreachable(visit: Visit) -> ToolResult:
    return reply("unknown", visit.say("backend_unreachable"), then=then_yes_no(_MESSAGE, None))


def unsure(visit: Visit) -> ToolResult:
    """A commit of which nobody knows what came. Asked again under the same nonce it is carried out under the same intent."""
    again = {"tool": "commitProposal", "arguments": dict(visit.call.arguments)}
    return reply("unknown", visit.say("backend_unsure"), then=then_yes_no(again, _MESSAGE))
