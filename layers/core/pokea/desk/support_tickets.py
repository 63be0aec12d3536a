"""proposeTicket and proposeTicketNote, and what carries them out."""

from __future__ import annotations

from datetime import timedelta

from pokea.accounts import Account, Ticket
from pokea.backends import BackendCannot
from pokea.confirm import Proposal
from pokea.desk import gate
from pokea.desk.memory import memory_of
from pokea.desk.support_fixes import tried
from pokea.desk.support_status import ask_problem, spelled
from pokea.desk.verify import opened_account, support_rules
from pokea.desk.visit import Visit, refused, reply
from pokea.ids import IntentKey
from pokea.support import MAX_NOTES_A_DAY, MAX_OPEN_TICKETS, TICKETS_COUNT_DAYS
from pokea.toolkit import ToolResult, then, then_yes_no
from pokea.verification import code_of

DAY = timedelta(days=1)


def propose_ticket(visit: Visit) -> ToolResult:
    account = opened_account(visit)
    if isinstance(account, ToolResult):
        return account
    problem = visit.text("problem") or str(memory_of(visit).notes.get("problem", ""))
    if not problem:
        return ask_problem(visit, "proposeTicket")
    if (count := _lately_opened(visit, account)) >= MAX_OPEN_TICKETS:
        return _too_many(visit, count)
    arguments = {"account": account.account_id, "problem": problem}
    return gate.propose(visit, "ticket", arguments, visit.say("ticket_read_back", problem=problem))


def open_ticket(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    account = _own(visit, proposal)
    if isinstance(account, ToolResult):
        return gate.NotDone(account)
    accounts = visit.desk.accounts
    ticket = accounts.open_ticket(intent, account, str(proposal.arguments["problem"]), visit.now)
    tried(visit, f"ticket {ticket.ticket_id} opened")
    words = visit.say("ticket_opened", reference=spelled(ticket.ticket_id))
    return gate.Done(reply("ticket_opened", words, reference=ticket.ticket_id))


def propose_ticket_note(visit: Visit) -> ToolResult:
    account = opened_account(visit)
    if isinstance(account, ToolResult):
        return account
    ticket = _chosen(visit, account)
    if isinstance(ticket, ToolResult):
        return ticket
    note = visit.text("note")
    if not note:
        asked = then("proposeTicketNote", fill="note", expect="text", reference=ticket.ticket_id)
        return reply("ask", visit.say("ticket_ask_note"), question="note", then=asked)
    if len([written for written in ticket.notes if written.at > visit.now - DAY]) >= MAX_NOTES_A_DAY:
        return _enough_notes(visit)
    arguments = {"account": account.account_id, "reference": ticket.ticket_id, "note": note}
    read_back = visit.say("ticket_note_read_back", reference=spelled(ticket.ticket_id), note=note)
    return gate.propose(visit, "ticket_note", arguments, read_back)


def add_note(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    account = _own(visit, proposal)
    if isinstance(account, ToolResult):
        return gate.NotDone(account)
    reference, note = str(proposal.arguments["reference"]), str(proposal.arguments["note"])
    ticket = visit.desk.accounts.add_note(intent, account, reference, note, visit.now)
    if ticket is None:
        return gate.NotDone(_no_ticket(visit, "refused"))
    tried(visit, f"note added to ticket {ticket.ticket_id}")
    words = visit.say("ticket_updated", reference=spelled(ticket.ticket_id))
    return gate.Done(reply("ticket_updated", words, reference=ticket.ticket_id))


def _own(visit: Visit, proposal: Proposal) -> str | ToolResult:
    """The account that was proposed for, as long as it is still the one that this call has opened."""
    account = str(proposal.arguments["account"])
    if account and account == visit.caller.account:
        return account
    return refused("changed", visit.say("propose_again"))


def _open(visit: Visit, account: Account) -> list[Ticket]:
    return [ticket for ticket in visit.desk.accounts.tickets_of(account.account_id) if ticket.is_open]


def _lately_opened(visit: Visit, account: Account) -> int:
    """How many count for the cap. A system that cannot list tickets may still open them, under a cap of its own."""
    try:
        tickets = _open(visit, account)
    except BackendCannot:
        return 0
    return len([ticket for ticket in tickets if ticket.opened_at > visit.now - TICKETS_COUNT_DAYS * DAY])


def _chosen(visit: Visit, account: Account) -> Ticket | ToolResult:
    """The one open ticket that is meant, among the caller's own: by its number, or because there is only one."""
    own, said = _open(visit, account), visit.text("reference")
    wanted = code_of(said, visit.language)
    if said:
        own = [
            ticket for ticket in own if wanted and wanted in (code_of(ticket.ticket_id), ticket.ticket_id.lstrip("T"))
        ]
    if len(own) == 1:
        return own[0]
    if not own:
        return _no_ticket(visit, "none")
    choices = [{"value": ticket.ticket_id, "spoken": spelled(ticket.ticket_id)} for ticket in own]
    words = visit.say("ticket_ask_which", choices=visit.listed([choice["spoken"] for choice in choices]))
    note = {"note": visit.text("note")} if visit.text("note") else {}
    asked = then("proposeTicketNote", fill="reference", expect="choice", **note)
    return reply("ask", words, question="reference", choices=choices, then=asked)


def _no_ticket(visit: Visit, status: str) -> ToolResult:
    new = then_yes_no({"tool": "proposeTicket", "arguments": {}}, None)
    return reply(status, visit.say("ticket_none"), code="no_ticket", then=new)


def _too_many(visit: Visit, count: int) -> ToolResult:
    note = then_yes_no({"tool": "proposeTicketNote", "arguments": {}}, None)
    return refused("too_many", visit.say("ticket_too_many", number=str(count)), then=note)


def _enough_notes(visit: Visit) -> ToolResult:
    department = support_rules(visit).escalate_to
    arguments = {"reason": "many notes on one ticket", **({"department": department} if department else {})}
    return refused(
        "too_many",
        visit.say("ticket_enough_notes"),
        then=then_yes_no({"tool": "handOver", "arguments": arguments}, None),
    )
