"""What every store of campaigns promises, as tests to inherit; see `booking_store_contract`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pokea.campaigns import moves
from pokea.campaigns.campaign import Campaign, CampaignState, Retry, Voicemail
from pokea.campaigns.contact import Consent, Contact, ContactState, Disposition
from pokea.campaigns.ports import CHANNELS_FULL, Added, Attempts, CampaignStore, contact_id_of
from pokea.campaigns.seeking import Search
from pokea.errors import Conflict, RejectedInput
from pokea.hours import WEEKDAYS, Opening, OpeningHours
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from tests.contract.booking_store_contract import at_once, fresh

AT = datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC)
ALL_DAY = OpeningHours({day: (Opening(0, 1440),) for day in range(len(WEEKDAYS))})


def a_campaign(**changes: object) -> Campaign:
    made = Campaign(
        business_id=BusinessId(fresh("b")),
        campaign_id="spring",
        name="Spring",
        agent="leads",
        from_number="+254711000001",
        countries=frozenset({"KE", "UG"}),
        windows=ALL_DAY,
        begins_at=None,
        ends_at=AT + timedelta(days=30),
        cps=5,
        channels=20,
        retries={Disposition.BUSY: Retry(30, 3)},
        max_attempts=3,
        voicemail=Voicemail.HANG_UP,
        budget_micros=None,
        fields=("car", "town"),
        state=CampaignState.RUNNING,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def a_contact(campaign: Campaign, number: int = 0, **changes: object) -> Contact:
    phone = E164(f"+2547221{number:05d}")
    made = Contact(
        business_id=campaign.business_id,
        campaign_id=campaign.campaign_id,
        contact_id=contact_id_of(campaign.business_id, phone),
        number=phone,
        name="Wanjikũ",
        language="sw",
        zone="",
        consent=Consent("web form", "Yes, call me", AT - timedelta(days=3)),
        state=ContactState.WAITING,
        due_at=AT,
        fields={"car": "Vitz", "town": "Nakuru"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def added(store: CampaignStore, campaign: Campaign, count: int, **changes: object) -> list[Contact]:
    contacts = [a_contact(campaign, number, **changes) for number in range(count)]
    assert store.add_contacts(contacts) == Added(new=count)
    return [replace(contact, version=1) for contact in contacts]


def begun(store: CampaignStore, contact: Contact, label: str = "", channels: int = 20) -> Contact:
    """`contact`, stored as WAITING, as it is asked for."""
    claimed = store.put_contact(moves.claimed(contact, AT))
    wanted = moves.asked(claimed, label or fresh("pk"), AT)
    return store.begin(wanted, channels, store.attempts(contact.business_id, contact.number))


class CampaignStoreContract:
    contenders = 8

    def test_a_campaign_comes_back_as_it_was_written_and_is_fenced(self, store: CampaignStore) -> None:
        bare = a_campaign(
            begins_at=AT, budget_micros=7, schedule="at(2026-11-24T05:00:00)", webhook="https://x.example/"
        )
        assert store.campaign(bare.business_id, "spring") is None
        one = store.put_campaign(bare)
        assert one == replace(bare, version=1) == store.campaign(bare.business_id, "spring")
        two = store.put_campaign(replace(one, state=CampaignState.PAUSED, reason="owner"))
        other = store.put_campaign(replace(bare, campaign_id="autumn"))
        assert store.campaigns_of(bare.business_id) == (other, two)
        for old in (bare, one, replace(two, version=9)):
            with pytest.raises(Conflict) as lost:
                store.put_campaign(old)
            assert lost.value.code == "stale"

    def test_contacts_are_added_once_and_whoever_was_begun_is_left_alone(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        contacts = [a_contact(campaign, number) for number in range(60)]
        assert store.add_contacts(contacts) == Added(new=60)
        assert store.add_contacts(contacts) == Added(kept=60)
        first = store.contact(campaign.business_id, "spring", contacts[0].contact_id)
        assert first == replace(contacts[0], version=1)
        asked = begun(store, first)
        renamed = [replace(contact, name="Otieno") for contact in contacts[:3]]
        assert store.add_contacts([*renamed, a_contact(campaign, 500)]) == Added(new=1, renewed=2, kept=1)
        assert store.contact(campaign.business_id, "spring", asked.contact_id) == asked
        second = store.contact(campaign.business_id, "spring", contacts[1].contact_id)
        assert second == replace(contacts[1], name="Otieno", version=2)
        assert store.counts(campaign.business_id, "spring").contacts == 61

    def test_all_contacts_are_found_and_page_by_page_each_once(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        contacts = added(store, campaign, 23)
        ids = {contact.contact_id for contact in contacts}
        found = list(store.contacts(campaign.business_id, "spring"))
        assert {contact.contact_id for contact in found} == ids and len(found) == 23
        paged: list[str] = []
        cursor, pages = "", 0
        while cursor or not pages:
            page, cursor = store.page(campaign.business_id, "spring", cursor, 5)
            paged += [contact.contact_id for contact in page]
            pages += 1
        assert set(paged) == ids and len(paged) == 23
        for bad in ("x", "9:", "-1:a", "²:a"):
            with pytest.raises(RejectedInput):
                store.page(campaign.business_id, "spring", bad, 5)

    def test_one_number_is_found_in_all_campaigns_of_its_business(self, store: CampaignStore) -> None:
        spring, autumn = a_campaign(), a_campaign(campaign_id="autumn")
        autumn = replace(autumn, business_id=spring.business_id)
        other = a_campaign()
        for campaign in (spring, autumn, other):
            store.put_campaign(campaign)
            added(store, campaign, 2)
        found = store.contacts_of_number(spring.business_id, a_contact(spring, 1).number)
        assert [(one.business_id, one.campaign_id) for one in found] == [
            (spring.business_id, "autumn"),
            (spring.business_id, "spring"),
        ]
        assert store.contacts_of_number(spring.business_id, E164("+254733999999")) == ()

    def test_an_attempt_is_found_by_its_label_and_counts_for_its_number(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        (contact,) = added(store, campaign, 1)
        assert store.attempts(campaign.business_id, contact.number) == Attempts()
        label = fresh("pk")
        asked = begun(store, contact, label)
        assert (asked.state, asked.attempts, asked.version) == (ContactState.ASKED, 1, 3)
        assert store.contact_of_label(label) == asked
        assert store.contact_of_label(fresh("pk")) is None
        assert store.attempts(campaign.business_id, contact.number) == Attempts(
            rung_at=(AT,), labels=(label,), version=1
        )

    def test_an_attempt_that_never_was_is_taken_back(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        (contact,) = added(store, campaign, 1)
        ended = store.put_contact(moves.done(begun(store, contact, "first" + fresh("")), Disposition.BUSY))
        waiting = store.put_contact(replace(ended, state=ContactState.WAITING))
        asked = begun(store, waiting, "second" + fresh(""))
        assert len(store.attempts(campaign.business_id, contact.number).rung_at) == 2
        store.take_back(moves.not_rung(asked, AT, "carrier_busy"), asked.label)
        kept = store.attempts(campaign.business_id, contact.number)
        assert kept.labels == (ended.label,) and kept.rung_at == (AT,)
        assert store.live(campaign.business_id, "spring") == ()

    def test_a_channel_is_held_as_long_as_the_call_and_no_more_are_given_than_there_are(
        self, store: CampaignStore
    ) -> None:
        campaign = a_campaign()
        contacts = added(store, campaign, 4)
        asked = [begun(store, contact, channels=2) for contact in contacts[:2]]
        assert set(store.live(campaign.business_id, "spring")) == {one.contact_id for one in asked}
        with pytest.raises(Conflict) as full:
            begun(store, contacts[2], channels=2)
        assert full.value.code == CHANNELS_FULL
        ringing = store.put_contact(moves.ringing(asked[0], SessionId("HD_1")))
        assert len(store.live(campaign.business_id, "spring")) == 2
        store.put_contact(moves.done(ringing, Disposition.HOT))
        assert store.live(campaign.business_id, "spring") == (asked[1].contact_id,)
        begun(store, contacts[3], channels=2)
        assert len(store.live(campaign.business_id, "spring")) == 2

    def test_counts_follow_every_move(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        contacts = added(store, campaign, 6)
        assert store.counts(campaign.business_id, "nothing").contacts == 0
        ringing = store.put_contact(moves.ringing(begun(store, contacts[0]), None))
        store.put_contact(moves.done(ringing, Disposition.HOT))
        store.put_contact(moves.done(begun(store, contacts[1]), Disposition.BUSY))
        begun(store, contacts[2])
        store.put_contact(moves.claimed(contacts[3], AT))
        store.put_contact(moves.excluded(contacts[4], "suppressed"))
        counts = store.counts(campaign.business_id, "spring")
        wanted = {"done": 2, "asked": 1, "claimed": 1, "excluded": 1, "waiting": 1, "ringing": 0}
        assert {state.value: count for state, count in counts.states.items()} == wanted
        assert {one: count for one, count in counts.dispositions.items() if count} == {
            Disposition.HOT: 1,
            Disposition.BUSY: 1,
        }
        assert counts.contacts == 6

    def test_who_is_due_is_listed_earliest_first(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        later = [a_contact(campaign, number, due_at=AT + timedelta(minutes=number)) for number in range(20)]
        store.add_contacts(later)
        due = store.due(campaign.business_id, "spring", AT + timedelta(minutes=9), 100)
        assert [contact.due_at for contact in due] == [AT + timedelta(minutes=number) for number in range(10)]
        assert store.due(campaign.business_id, "spring", AT + timedelta(minutes=9), 3) == due[:3]
        store.put_contact(moves.claimed(due[0], AT))
        left = store.due(campaign.business_id, "spring", AT + timedelta(minutes=9), 100)
        assert left == due[1:]
        (claimed,) = store.in_state(campaign.business_id, "spring", ContactState.CLAIMED)
        assert claimed.contact_id == due[0].contact_id

    def test_turns_are_given_out_one_gap_apart(self, store: CampaignStore) -> None:
        business = BusinessId(fresh("b"))
        turns = [store.take_turn(business, "spring", AT, 0.25, 1.0) for _ in range(7)]
        wanted = [AT + timedelta(seconds=0.25 * number) for number in range(5)]
        assert turns == [*wanted, *[AT + timedelta(seconds=1.25)] * 2]
        assert store.take_turn(business, "spring", AT + timedelta(seconds=9), 0.25, 0.0) == AT + timedelta(seconds=9)
        store.hold_pace(business, "spring", AT + timedelta(seconds=60))
        store.hold_pace(business, "spring", AT + timedelta(seconds=50))
        held = store.take_turn(business, "spring", AT + timedelta(seconds=20), 0.25, 1.0)
        assert held == AT + timedelta(seconds=60.25)

    def test_how_far_the_carriers_list_was_read_is_kept_and_fenced(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        name = campaign.business_id, campaign.campaign_id
        assert store.search(*name) is None
        search = Search(since=AT, until=AT + timedelta(minutes=20), reached=AT, begun_at=AT)
        store.put_search(*name, search)
        known = store.search(*name)
        assert known == replace(search, version=1) and store.search(campaign.business_id, "autumn") is None
        store.put_search(*name, replace(known, reached=AT + timedelta(minutes=3), has_gaps=True))
        assert store.search(*name) == replace(known, reached=AT + timedelta(minutes=3), has_gaps=True, version=2)
        with pytest.raises(Conflict):
            store.put_search(*name, known)

    def test_a_charge_counts_once_and_the_last_one_told_counts(self, store: CampaignStore) -> None:
        business, one, two = BusinessId(fresh("b")), fresh("pk"), fresh("pk")
        told = [(one, 500), (two, 250), (one, 500), (one, 700), (two, 0)]
        assert [store.charge(business, "spring", label, micros) for label, micros in told] == [500, 750, 750, 950, 700]
        assert store.spent(business, "spring") == 700 and store.spent(business, "other") == 0

    def test_of_many_who_begin_one_contact_exactly_one_does(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        (contact,) = added(store, campaign, 1)
        claimed = store.put_contact(moves.claimed(contact, AT))
        attempts = store.attempts(campaign.business_id, contact.number)
        results: list[str] = []

        def begin(number: int) -> None:
            try:
                store.begin(moves.asked(claimed, fresh("pk"), AT), 20, attempts)
                results.append("won")
            except Conflict as lost:
                results.append(lost.code)

        at_once(self.contenders, begin)
        assert Counter(results) == Counter({"won": 1, "stale": self.contenders - 1})
        assert len(store.live(campaign.business_id, "spring")) == 1
        assert store.counts(campaign.business_id, "spring").states[ContactState.ASKED] == 1

    def test_many_at_once_share_the_channels_and_the_turns(self, store: CampaignStore) -> None:
        campaign = a_campaign()
        claimed = [store.put_contact(moves.claimed(one, AT)) for one in added(store, campaign, self.contenders)]
        channels, turns, full = max(1, self.contenders // 2), [AT] * 0, [""] * 0

        def begin(number: int) -> None:
            turns.append(store.take_turn(campaign.business_id, "spring", AT, 0.1, 60.0))
            try:
                store.begin(moves.asked(claimed[number], fresh("pk"), AT), channels, Attempts())
            except Conflict as lost:
                full.append(lost.code)

        at_once(self.contenders, begin)
        assert sorted(turns) == [AT + timedelta(seconds=0.1) * number for number in range(self.contenders)]
        assert len(store.live(campaign.business_id, "spring")) == channels
        assert full == [CHANNELS_FULL] * (self.contenders - channels)
