"""The support agent: checks who is calling, tells them about their account, walks them through fixes, opens tickets."""

from __future__ import annotations

from pokea.accounts import Factor
from pokea.backends import BackendUnsure
from pokea.desk.agent import DeskAgent, Run, Tool, schema, text
from pokea.desk.outside import truthful, truthful_action, unsure
from pokea.desk.support_fixes import fix_step, start_fix
from pokea.desk.support_status import TOPICS, account_status, order_status
from pokea.desk.support_tickets import add_note, open_ticket, propose_ticket, propose_ticket_note
from pokea.desk.verify import verify_caller
from pokea.desk.visit import Visit
from pokea.profile import Profile
from pokea.toolkit import Effect, Level, ToolResult, ToolSpec


class SupportAgent(DeskAgent):
    name = "support"
    persona = "You help customers with their account, their orders and what does not work, and nothing else."
    proposed = ("account", "problem", "reference", "note")
    actions = {  # noqa: RUF012 - a constant table
        "ticket": truthful_action(open_ticket),
        "ticket_note": truthful_action(add_note),
    }

    def toolbox(self, profile: Profile) -> tuple[Tool, ...]:
        return support_tools()

    def rules(self, profile: Profile, language: str) -> str:
        return _RULES

    def problem(self, profile: Profile) -> str | None:
        if profile.support is None:
            return "support: the support agent needs this table"
        accounts = profile.backends.get("accounts")
        asks_pin = Factor.PIN in (*profile.support.factors, *profile.support.factors_by_number)
        if accounts and asks_pin and "verify" not in accounts.paths and "pin" not in accounts.fields.get("account", {}):
            return "backend.accounts.paths.verify: is missing, and callers are asked for a PIN"
        escalate_to = profile.support.escalate_to
        if escalate_to and escalate_to not in profile.directory.people:
            return f"support.escalate_to: {escalate_to!r} is nobody in the directory"
        return None

    def commit(self, visit: Visit) -> ToolResult:
        try:
            return super().commit(visit)
        except BackendUnsure:
            return unsure(visit)


AGENT = SupportAgent()

_RULES = """\
- Something is not working: call startFix with the caller's own words, then fixStep with what they say after each step. Add no steps of
  your own.
- Say nothing about an account, an order or a ticket, not even whether there is one, before a tool gave it to you.
- When a tool asks who is calling, ask, and give every answer to verifyCaller. After "[The caller pressed … keys; …]" call verifyCaller
  without an answer: the digits reach it by another way. Never repeat a PIN.
- After status "verified" call the tool for what the caller wanted at first.
- Status "unknown": say honestly that you cannot tell."""


_PROBLEM = text("What is wrong, in the caller's own words.")


def support_tools() -> tuple[Tool, ...]:
    return tuple(Tool(spec, truthful(run)) for spec, run in (*_about_the_account(), *_about_what_is_broken()))


def _about_the_account() -> tuple[tuple[ToolSpec, Run], ...]:
    said = "The account number as the caller said it, or their words that they go by the number they call from."
    verify = schema(
        [], reference=text(said), answer=text("The caller's own answer to the question that this tool asked.")
    )
    status = schema(
        [],
        topic=text("What the caller asks about.", list(TOPICS)),
        area=text("A place that the caller named, for an outage there."),
    )
    order = schema([], reference=text("The order's number as the caller said it; leave out for the latest one."))
    needed = "Check who is calling, one answer at a time. Needed before anything about an account is said or changed."
    told = "Balance, plan, open tickets and outages of the caller's own account."
    where = "Where an order of the caller's own account is."
    return (
        (ToolSpec("verifyCaller", needed, verify, Effect.NOTE), verify_caller),
        (ToolSpec("accountStatus", told, status, Effect.READ, Level.VERIFIED), account_status),
        (ToolSpec("orderStatus", where, order, Effect.READ, Level.VERIFIED), order_status),
    )


def _about_what_is_broken() -> tuple[tuple[ToolSpec, Run], ...]:
    begin = "Begin to fix something together with the caller, step by step."
    step = "What came of the step that the caller was asked to do; gives the next one."
    ticket = "Prepare a ticket. Returns the read-back to speak and a nonce. Opens nothing."
    add = "Prepare a note on one of the caller's open tickets. Returns the read-back to speak and a nonce. Writes nothing."
    note = schema(
        [],
        reference=text("The ticket's number as the caller said it; leave out if there is only one."),
        note=text("What to add, in the caller's own words."),
    )
    result = schema(["result"], result=text("The caller's own words."))
    problem = schema([], problem=_PROBLEM)
    return (
        (ToolSpec("startFix", begin, problem, Effect.NOTE), start_fix),
        (ToolSpec("fixStep", step, result, Effect.NOTE), fix_step),
        (ToolSpec("proposeTicket", ticket, problem, Effect.PROPOSE, Level.VERIFIED), propose_ticket),
        (ToolSpec("proposeTicketNote", add, note, Effect.PROPOSE, Level.VERIFIED), propose_ticket_note),
    )
