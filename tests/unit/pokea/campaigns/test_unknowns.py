"""What becomes of calls whose answer was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pokea.billing.cdr import CarrierLeg
from pokea.calls import Call, CallStatus, Direction
from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.seeking import MAX_PAGES, placed_between
from pokea.campaigns.unknowns import GONE_AFTER, NOT_READ, Sight, Sighting, settled, sighting, window
from pokea.errors import Unavailable
from pokea.ids import SessionId
from pokea.sautikit.labels import attempt_session
from tests.contract.campaign_store_contract import AT, a_campaign, a_contact

NOTHING = Sighting(Sight.NOT_LISTED)


def asked() -> Contact:
    return moves.asked(moves.claimed(a_contact(a_campaign()), AT), "pk1", AT)


def an_attempt(**changes: Any) -> Call:
    contact = asked()
    made = Call(
        session_id=attempt_session("pk1"),
        business_id=contact.business_id,
        agent="leads",
        direction=Direction.OUTBOUND,
        a_number=None,
        b_number=contact.number,
        status=CallStatus.RINGING,
        created_at=AT,
        client_request_id="pk1",
    )
    return replace(made, **changes)


def a_leg(**changes: Any) -> CarrierLeg:
    made = CarrierLeg(
        record_id="c1", session_id="HD_1", direction="outbound", local_number="+254711000001", remote_number="+254733000000",
        started_at=AT, answered_at=None, ended_at=None, duration_s=None, status="ringing", cost_minor=None, currency="",
    )  # fmt: skip
    return replace(made, **changes)


def test_what_the_hooks_said_of_the_label_settles_it() -> None:
    after = settled(asked(), an_attempt(placed_as=SessionId("HD_1")), NOT_READ, AT)
    assert after is not None and (after.state, after.session_id) == (ContactState.RINGING, "HD_1")


def test_what_the_list_says_settles_it() -> None:
    seen = sighting(asked(), [a_leg(), a_leg(session_id="HD_2", client_request_id="pk1")], is_whole=False)
    after = settled(asked(), an_attempt(), seen, AT)
    assert after is not None and (after.state, after.session_id) == (ContactState.RINGING, "HD_2")


def test_it_takes_two_looks_to_say_that_there_is_no_call() -> None:
    first = settled(asked(), an_attempt(), NOTHING, AT + timedelta(days=1))
    assert first is not None and first.state is ContactState.ASKED
    seen_at = first.sought_at
    assert seen_at == AT + timedelta(days=1)  # however long ago the dialer's clock says that it asked
    assert settled(first, an_attempt(), NOTHING, seen_at + GONE_AFTER - timedelta(microseconds=1)) is None
    assert settled(first, an_attempt(), NOT_READ, seen_at + 9 * GONE_AFTER) is None
    gone = settled(first, an_attempt(), NOTHING, seen_at + GONE_AFTER)
    assert gone is not None and (gone.state, gone.attempts, gone.reason) == (ContactState.WAITING, 0, "never_placed")


def test_a_list_that_was_not_read_to_its_end_never_says_that_there_is_no_call() -> None:
    assert sighting(asked(), [], is_whole=False) == NOT_READ
    assert sighting(asked(), [a_leg(client_request_id="other")], is_whole=True) == NOTHING


def test_a_row_without_a_label_is_ours_by_number_and_time() -> None:
    contact = asked()
    near = a_leg(remote_number=contact.number, started_at=AT + timedelta(minutes=9))
    assert sighting(contact, [near], is_whole=True).sight is Sight.LISTED
    assert sighting(contact, [replace(near, client_request_id="pk9")], is_whole=True) == NOTHING
    assert sighting(contact, [replace(near, started_at=AT + timedelta(minutes=11))], is_whole=True) == NOTHING
    assert sighting(contact, [replace(near, started_at=None)], is_whole=True).sight is Sight.LISTED
    assert sighting(contact, [replace(near, remote_number="+254733000000")], is_whole=True) == NOTHING


def test_nothing_happens_to_whoever_is_not_unknown() -> None:
    assert settled(moves.ringing(asked(), None), None, NOTHING, AT) is None
    assert settled(a_contact(a_campaign()), None, NOTHING, AT) is None


def test_the_window_holds_every_attempt_and_room_for_wrong_clocks() -> None:
    assert window([]) is None and window([a_contact(a_campaign())]) is None
    late = replace(asked(), asked_at=AT + timedelta(hours=1))
    assert window([asked(), late]) == (AT - timedelta(minutes=10), AT + timedelta(hours=1, minutes=10))


class Pages:
    def __init__(self, pages: list[list[dict[str, object]] | Unavailable], endless: bool = False) -> None:
        self._pages, self._endless = pages, endless
        self.queries: list[dict[str, str]] = []

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        self.queries.append(dict(query))
        if self._endless:
            return [], "more"
        page = self._pages[len(self.queries) - 1]
        if isinstance(page, Unavailable):
            raise page
        return page, str(len(self.queries)) if len(self.queries) < len(self._pages) else None


def a_row(label: str) -> dict[str, object]:
    named = {"metadata": {"client_request_id": label}}
    return {"id": f"c-{label}", "session_id": f"HD_{label}", "direction": "outbound", "status": "ringing", **named}


def test_the_list_is_read_page_by_page() -> None:
    pages = Pages([[a_row("a"), a_row("b")], [a_row("c")]])
    listed = placed_between(pages, AT, AT + timedelta(hours=1))
    assert [leg.client_request_id for leg in listed.legs] == ["a", "b", "c"] and listed.is_whole
    assert pages.queries[0] == {
        "direction": "outbound",
        "from": "2026-11-23T09:00:00Z",
        "to": "2026-11-23T10:00:00Z",
        "limit": "100",
    }
    assert pages.queries[1]["cursor"] == "1"


def test_a_list_that_breaks_off_or_never_ends_is_not_whole() -> None:
    assert not placed_between(Pages([[a_row("a")], Unavailable("down")]), AT, AT).is_whole
    assert not placed_between(Pages([[{"nonsense": 1}]]), AT, AT).is_whole
    endless = Pages([], endless=True)
    assert not placed_between(endless, AT, AT).is_whole and len(endless.queries) == MAX_PAGES
    assert placed_between(Pages([[]]), AT, AT).is_whole
