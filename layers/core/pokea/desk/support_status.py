"""accountStatus and orderStatus: what a verified caller may hear of their own account."""

from __future__ import annotations

from pokea.accounts import Account, Order, Outage, Ticket
from pokea.backends import BackendCannot
from pokea.desk.verify import opened_account, support_rules
from pokea.desk.visit import Visit, reply
from pokea.money import Money
from pokea.spoken import amounts as said_amounts
from pokea.toolkit import ToolResult, then
from pokea.verification import code_of

TOPICS = ("balance", "plan", "tickets", "outage", "all")
Facts = dict[str, object]


def account_status(visit: Visit) -> ToolResult:
    topic = visit.text("topic") or "all"
    area = area_named(visit, visit.text("area"))
    if topic == "outage" and area:
        return _outage_there(visit, area)  # said about a place, and so about nobody
    account = opened_account(visit)
    if isinstance(account, ToolResult):
        return account
    said: list[str] = []
    facts: Facts = {"account": account.account_id}
    for name, tell in _TOPICS.items():
        if topic in (name, "all") or topic not in TOPICS:
            try:
                words, found = tell(visit, account)
            except BackendCannot:
                if name == topic:
                    raise
                continue
            said.append(words)
            facts |= found
    return reply("ok", " ".join([*said, visit.say("anything_else")]), **facts)


def order_status(visit: Visit) -> ToolResult:
    account = opened_account(visit)
    if isinstance(account, ToolResult):
        return account
    wanted = code_of(visit.text("reference"), visit.language)
    orders = visit.desk.accounts.orders_of(account.account_id)
    found = next((order for order in orders if not wanted or code_of(order.order_id) == wanted), None)
    if found is None:
        return reply("none", f"{visit.say('order_none')} {visit.say('anything_else')}")
    words = [_order_words(visit, found)]
    if found.expected_on is not None and found.status.value in ("placed", "packed", "shipped", "delayed"):
        words.append(visit.say("order_expected", day=visit.day(found.expected_on)))
    facts: Facts = {"reference": found.order_id, "state": found.status.value, "item": found.item}
    if found.expected_on is not None:
        facts["expected_on"] = found.expected_on.isoformat()
    return reply("ok", " ".join([*words, visit.say("anything_else")]), **facts)


def outage_words(visit: Visit, outage: Outage) -> str:
    what = outage.what.get(visit.language) or next(iter(outage.what.values()), "")
    return what or visit.say("status_outage_what").lower()


def area_named(visit: Visit, said: str) -> str:
    """Key of the area that the words name, "" for none."""
    words = said.casefold()
    for key, names in support_rules(visit).areas.items():
        if any(name.casefold() in words for spoken in names.values() for name in spoken) or words == key:
            return key
    return ""


def spelled(reference: str) -> str:
    """As it is read out: character by character."""
    return " ".join(reference)


def ticket_words(visit: Visit, ticket: Ticket) -> str:
    state = visit.say(f"ticket_state_{ticket.status.value}")
    said = visit.say(
        "status_ticket",
        reference=spelled(ticket.ticket_id),
        problem=ticket.problem,
        state=state[:1].lower() + state[1:],
    )
    return said[:1].lower() + said[1:]


def ask_problem(visit: Visit, tool: str) -> ToolResult:
    words = visit.say("ticket_ask_problem" if tool == "proposeTicket" else "fix_ask_problem")
    return reply("ask", words, question="problem", then=then(tool, fill="problem", expect="text"))


def _order_words(visit: Visit, order: Order) -> str:
    state = visit.say(f"order_state_{order.status.value}")
    return visit.say(
        "order_line", reference=spelled(order.order_id), item=order.item, state=state[:1].lower() + state[1:]
    )


def _plan(visit: Visit, account: Account) -> tuple[str, Facts]:
    if not account.plan:
        return visit.say("status_no_plan"), {}
    return visit.say("status_plan", plan=account.plan), {"plan": account.plan}


def _balance(visit: Visit, account: Account) -> tuple[str, Facts]:
    balance = account.balance
    if balance is None:
        return visit.say("status_no_balance"), {}
    key = "status_nothing_owed" if not balance.micros else "status_credit" if balance.micros > 0 else "status_owed"
    words = visit.say(key, amount=said_amounts.spoken(_size(balance), visit.language))
    return words, {"balance": str(balance)}


def _size(amount: Money) -> Money:
    return amount if amount.micros >= 0 else -amount


def _tickets(visit: Visit, account: Account) -> tuple[str, Facts]:
    tickets = [ticket for ticket in visit.desk.accounts.tickets_of(account.account_id) if ticket.is_open]
    rows = [{"reference": t.ticket_id, "problem": t.problem, "state": t.status.value} for t in tickets]
    if not tickets:
        return visit.say("status_no_tickets"), {"tickets": rows}
    count = (
        visit.say("status_one_ticket")
        if len(tickets) == 1
        else visit.say("status_many_tickets", number=str(len(tickets)))
    )
    listed = "; ".join(ticket_words(visit, ticket) for ticket in tickets)
    return visit.say("status_tickets", count=count[:1].lower() + count[1:], tickets=listed), {"tickets": rows}


def _outage(visit: Visit, account: Account) -> tuple[str, Facts]:
    outage = visit.desk.accounts.outage_in(account.area)
    if outage is None:
        return visit.say("status_no_outage"), {"outage": False}
    return _outage_line(visit, outage), {"outage": True}


def _outage_line(visit: Visit, outage: Outage) -> str:
    what = outage_words(visit, outage)
    if outage.back_at is None or outage.back_at <= visit.now:
        return visit.say("status_outage", what=what)
    return visit.say("status_outage_until", what=what, time=visit.instant(outage.back_at))


def _outage_there(visit: Visit, area: str) -> ToolResult:
    outage = visit.desk.accounts.outage_in(area)
    names = support_rules(visit).areas[area]
    name = (names.get(visit.language) or next(iter(names.values())))[0]
    words = visit.say("status_no_outage_there", area=name) if outage is None else _outage_line(visit, outage)
    return reply("ok", f"{words} {visit.say('anything_else')}", outage=outage is not None)


_TOPICS = {"plan": _plan, "balance": _balance, "tickets": _tickets, "outage": _outage}
