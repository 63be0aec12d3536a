"""A campaign's call through the real handlers: dialler, voice, tools, settler. What the bridge is told, and what an opt-out stops."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pokea import agents
from pokea.campaigns.briefing import context_of
from pokea.campaigns.campaign import Campaign, Voicemail
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.suppressing import lift, revoke
from pokea.consent import SUPPRESSION, Source, is_suppressed
from pokea.ids import SessionId
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.profile import load_profile
from pokea.sautikit.attempts import OutboundRequest, attempt_of
from tests.support.control_plane import NOW, SESSION, ControlPlane, opened
from tests.support.dial_room import Room, always_lawful
from tests.support.settled import CAMPAIGN, Office, waiting

MIZANI = load_profile(PACKAGED / "mizani.toml")
BUSINESS = MIZANI.business_id
SPRING = replace(
    CAMPAIGN,
    business_id=BUSINESS,
    campaign_id="spring",
    from_number=str(MIZANI.line.number),
    fields=("plan",),
    webhook="",
)
AGENT = agents.get("leads")


def rung(
    plane: ControlPlane,
    campaign: Campaign | None = SPRING,
    agent: str = "leads",
    session: str = SESSION,
    **contact: Any,
) -> dict[str, Any]:
    """What the tools answer to the bridge that opens a call of `campaign`, or one that was placed for no campaign."""
    somebody = waiting(campaign=campaign or SPRING, **contact)
    context = {} if campaign is None else context_of(somebody, campaign)
    request = OutboundRequest(
        line=MIZANI.line, to_number=somebody.number, agent=agent, context=context, idempotency_key=f"k{session}"
    )
    attempt = plane.calls.create_call(attempt_of(request, NOW))
    fields = {"callerNumber": MIZANI.line.number, "destinationNumber": somebody.number, "direction": "Outbound"}
    document = plane.ring("Answered", **fields, sessionId=session, clientRequestId=str(attempt.client_request_id))
    answer = opened(plane, document, SessionId(session))
    assert answer["ok"], answer
    found: dict[str, Any] = answer["result"]
    return found


def tool(plane: ControlPlane, token: str, name: str, **arguments: Any) -> dict[str, Any]:
    request = {
        "operation": "tool",
        "call_token": token,
        "tool_call_id": f"t-{name}",
        "tool": name,
        "arguments": arguments,
        "evidence": {"at_ms": 0, "read_back": None, "caller_turns": []},
    }
    answer = plane.tools(request, None)
    assert answer["ok"], answer
    return dict(answer["result"])


@pytest.mark.parametrize(("language", "spoken"), [("sw", "sw"), ("en", "en"), ("fr", "en")])
def test_the_bridge_greets_a_contact_in_their_language_with_a_line_that_has_a_clip(language: str, spoken: str) -> None:
    plane = ControlPlane()
    result = rung(plane, language=language)
    context = result["context"]
    assert (context["language"], context["greeting"]) == (spoken, AGENT.greeting(MIZANI, spoken))
    assert context["phrases"] == AGENT.phrases(MIZANI, spoken)
    said = tool(plane, result["call_token"], "nextQuestion")["payload"]["say"]
    assert ("wakati mzuri" in said) == (spoken == "sw")


def test_the_model_is_shown_name_and_columns_behind_every_rule() -> None:
    told = rung(ControlPlane(), fields={"plan": "basic", "secret": "x"})["context"]["instructions"]
    rules, _, data = told.partition("What the business's list says")
    assert rules.startswith("You are the telephone assistant of Mizani")
    assert json.loads(data.split("\n")[-2]) == {"name": "Wanjiku Kamau", "fields": {"plan": "basic"}}
    assert "Wanjiku" not in rules and "secret" not in data


def test_a_machine_hears_what_the_campaign_says() -> None:
    context = rung(ControlPlane())["context"]
    assert context["answering"] == {"voicemail": "hang_up", "message": ""}
    leaves = rung(ControlPlane(), replace(SPRING, voicemail=Voicemail.MESSAGE), language="sw")["context"]
    assert leaves["answering"] == {"voicemail": "message", "message": AGENT.voicemail(MIZANI, "sw")}
    assert "Wanjiku" not in leaves["answering"]["message"]


def test_nothing_is_left_on_the_machine_of_somebody_whom_no_campaign_rings() -> None:
    assert rung(ControlPlane(), None)["context"]["answering"] == {"voicemail": "hang_up", "message": ""}


def test_who_calls_us_is_not_listened_to_first() -> None:
    plane = ControlPlane()
    document = plane.ring("Ringing", destinationNumber=MIZANI.line.number)
    assert opened(plane, document)["result"]["context"]["answering"] is None


def test_our_own_person_is_not_listened_to_first_either() -> None:
    assert rung(ControlPlane(), None, agent="whisper")["context"]["answering"] is None


def test_a_lead_for_whom_nobody_is_free_is_never_rung_for() -> None:
    plane = ControlPlane()
    sessions = [f"HD_{n:012x}" for n in range(1, 4)]
    numbers = [E164(f"+25472200011{n}") for n in range(3)]
    campaign = replace(SPRING, reps=2)
    orders = []
    for session, number in zip(sessions, numbers, strict=True):
        token = rung(plane, campaign, session=session, number=number, language="en")["call_token"]
        orders.append(tool(plane, token, "handOver", department="sales", reason="wants it"))
    assert [order["handoff"] is not None for order in orders] == [True, True, False]
    assert orders[2]["payload"]["code"] == "no_rep"
    assert [call["to"] for call in plane.rung] == [["+254711000401"]] * 2


# --- an opt-out, wherever it is said ---------------------------------------------------------------------------------------------------


class Business:
    """One business with two campaigns that have the same person queued, its dialer, its tools and its settler over the same stores."""

    def __init__(self) -> None:
        self.plane = ControlPlane()
        self.room = Room(business=BUSINESS, policies=always_lawful(), calls=self.plane.calls, store=self.plane.bookings)
        self.room.open(1)
        (first,) = self.room.contacts()
        self.number = first.number
        autumn = replace(self.campaign("spring"), campaign_id="autumn", version=0)
        self.room.campaigns.put_campaign(autumn)
        self.room.campaigns.add_contacts([replace(self.room.somebody(0), campaign_id="autumn")])

    def campaign(self, name: str) -> Campaign:
        found = self.room.campaigns.campaign(BUSINESS, name)
        assert found is not None
        return found

    def contact(self, campaign_id: str) -> Contact:
        (found,) = [
            one
            for one in self.room.campaigns.contacts_of_number(BUSINESS, self.number)
            if one.campaign_id == campaign_id
        ]
        return found

    def opts_out(self, name: str = "optOut", **arguments: Any) -> dict[str, Any]:
        """In a call that is no campaign's: they ring the line. Whether the agent or the bridge heard it, the same tool is called."""
        document = self.plane.ring("Ringing", callerNumber=self.number, destinationNumber=MIZANI.line.number)
        token = opened(self.plane, document)["result"]["call_token"]
        return tool(self.plane, token, name, **arguments)

    def dial(self, campaign_id: str) -> None:
        """The dialer takes the message that was queued before."""
        contact = self.contact(campaign_id)
        body = {"version": 1, "business": BUSINESS, "campaign": campaign_id, "contact": contact.contact_id}
        self.room.dialer().take(json.dumps({**body, "contact_version": contact.version}))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("optOut", {}), ("recordAnswer", {"question": "opening", "answer": "please stop calling me"})],
)
def test_an_opt_out_is_written_before_the_next_sentence_and_no_queued_claim_rings_any_more(
    name: str, arguments: dict[str, Any]
) -> None:
    business = Business()
    said = business.opts_out(name, **arguments)
    assert said["payload"]["status"] == "opted_out" and said["end_call"]
    assert is_suppressed(business.plane.bookings, BUSINESS, business.number)  # the answer is spoken after this
    for campaign_id in ("spring", "autumn"):
        business.dial(campaign_id)
        contact = business.contact(campaign_id)
        assert (contact.state, contact.reason) == (ContactState.EXCLUDED, "suppressed")
    assert business.room.board.rings == []


def test_without_it_the_same_claim_would_ring() -> None:
    business = Business()
    business.dial("spring")
    assert len(business.room.board.rings) == 1


def test_the_end_of_that_call_takes_the_number_off_every_list() -> None:
    business = Business()
    business.opts_out()
    office: Any = Office()
    office.calls, office.store, office.campaigns = (
        business.plane.calls,
        business.plane.bookings,
        business.room.campaigns,
    )
    office.clerk.take(json.dumps({"version": 1, "call": SESSION, "business": BUSINESS}), "m1")
    for campaign_id in ("spring", "autumn"):
        assert (business.contact(campaign_id).state, business.contact(campaign_id).reason) == (
            ContactState.EXCLUDED,
            "suppressed",
        )


def test_an_opt_out_in_the_campaigns_own_call_stands_under_that_call() -> None:
    plane = ControlPlane()
    tool(plane, rung(plane)["call_token"], "optOut")
    (noted,) = plane.bookings.all_records(SUPPRESSION)
    assert (noted.session_id, noted.source, noted.stands) == (SESSION, Source.CALL, True)


def test_consent_that_is_taken_back_by_letter_stops_a_queued_claim_at_once() -> None:
    business = Business()
    done = revoke(business.plane.bookings, business.room.campaigns, BUSINESS, business.number, "by letter", NOW)
    assert (done.is_new, done.taken_off) == (True, 2)
    business.dial("spring")
    assert business.room.board.rings == []


def test_after_a_suppression_was_lifted_somebody_may_be_rung_and_an_opt_out_counts_again() -> None:
    business = Business()
    business.opts_out()
    lift(business.plane.bookings, BUSINESS, business.number, "asked us to call", NOW)
    assert not is_suppressed(business.plane.bookings, BUSINESS, business.number)
    business.dial("spring")
    assert len(business.room.board.rings) == 1
    business.plane.ring("Completed", callerNumber=business.number, destinationNumber=MIZANI.line.number)
    session = SessionId("HD_0000000000ff")
    document = business.plane.ring(
        "Ringing", callerNumber=business.number, destinationNumber=MIZANI.line.number, sessionId=session
    )
    tool(business.plane, opened(business.plane, document, session)["result"]["call_token"], "optOut")
    (noted,) = business.plane.bookings.all_records(SUPPRESSION)
    assert noted.stands and noted.session_id == session
    assert [(past.session_id, past.lifted_reason) for past in noted.earlier] == [(SESSION, "asked us to call")]
