"""What to claim and where to route: the decisions, without a carrier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.adapters.sautikit_dialects import CLAIM_WAYS, DIALECTS, ROUTE_WAYS, dialect_of
from pokea.errors import Conflict, Denied, NotFound, RejectedInput
from pokea.phone_numbers import E164
from pokea.sautikit.number_routes import (
    Claim,
    Deployed,
    OfferedNumber,
    OwnedNumber,
    Route,
    Routing,
    checked_url,
    is_routed,
    offer_of,
    our_route,
    ours,
    routable,
    settled_claim,
    settled_route,
    shown,
    way_back,
)
from pokea.sautikit.signature import WebhookAuth

NUMBER, OTHER = E164("+254711000001"), E164("+254711000002")
SECRET = "a-path-secret-of-the-desk"
OLD, NEW = Route("https://old.example/voice", "https://old.example/events"), Route("https://new.example/voice")


def owned(voice: str | None = None, events: str | None = None, status: str = "active") -> OwnedNumber:
    return OwnedNumber("n1", NUMBER, status, voice, events)


def offered(number: E164 = NUMBER) -> OfferedNumber:
    return OfferedNumber("inv1", number)


def test_a_released_number_is_nobodys() -> None:
    assert ours(NUMBER, [owned(status="released")]) is None
    assert ours(NUMBER, [owned(status="suspended")]) is not None


def test_a_number_that_is_not_offered_is_refused_with_what_is() -> None:
    assert offer_of(NUMBER, [offered(OTHER), offered()]).number == NUMBER
    with pytest.raises(NotFound, match=f"offers: \\{OTHER}"):
        offer_of(NUMBER, [offered(OTHER)])


@pytest.mark.parametrize(
    ("mine", "inventory", "outcome"),
    [
        ([owned()], [], Claim.CLAIMED),
        ([owned()], [offered()], Claim.CLAIMED),
        ([], [offered()], Claim.LOST),
        ([], [], Claim.UNKNOWN),
        ([owned(status="released")], [], Claim.UNKNOWN),
    ],
)
def test_a_lost_claim_is_settled_by_the_lists(
    mine: list[OwnedNumber], inventory: list[OfferedNumber], outcome: Claim
) -> None:
    assert settled_claim(NUMBER, mine, inventory) is outcome


def test_only_a_number_of_ours_that_takes_calls_is_routed() -> None:
    assert routable(NUMBER, [owned(status="unknown")]).number == NUMBER
    with pytest.raises(NotFound, match="numbers claim"):
        routable(NUMBER, [])
    with pytest.raises(Denied, match="suspended"):
        routable(NUMBER, [owned(status="suspended")])


def test_events_count_only_where_a_route_can_carry_them() -> None:
    there = owned(NEW.voice_url, "https://elsewhere.example")
    assert is_routed(there, NEW, carries_events=False)
    assert not is_routed(there, NEW, carries_events=True)


@pytest.mark.parametrize(
    ("voice", "replied", "outcome"),
    [
        (NEW.voice_url, False, Routing.ROUTED),
        (OLD.voice_url, True, Routing.UNTAKEN),
        (OLD.voice_url, False, Routing.UNTAKEN),
        (None, True, Routing.UNKNOWN),
        (None, False, Routing.UNTAKEN),
    ],
)
def test_a_reply_alone_is_no_proof_of_a_route(voice: str | None, replied: bool, outcome: Routing) -> None:
    assert settled_route(NUMBER, NEW, [owned(voice)], carries_events=False, replied=replied) is outcome


def test_a_number_that_vanished_is_not_known_to_be_routed() -> None:
    assert settled_route(NUMBER, NEW, [], carries_events=False, replied=True) is Routing.UNKNOWN


def test_the_way_back_ends_where_it_began_and_is_gone_once() -> None:
    assert way_back(OLD, NEW, owned(NEW.voice_url)) == OLD
    assert way_back(OLD, NEW, owned(OLD.voice_url, OLD.events_url)) is None
    with pytest.raises(Conflict, match=r"elsewhere\.example"):
        way_back(OLD, NEW, owned("https://elsewhere.example/voice"))
    with pytest.raises(Denied, match="--voice-url"):
        way_back(Route(""), NEW, owned(NEW.voice_url))


def test_hooks_go_where_their_proof_is_taken() -> None:
    both = our_route("https://api.example/", SECRET, WebhookAuth.SIGNATURE_AND_PATH)
    assert both == Route(f"https://api.example/voice/{SECRET}", f"https://api.example/call-events/{SECRET}")
    assert our_route("https://api.example", "", WebhookAuth.SIGNATURE).voice_url == "https://api.example/voice"
    for short in ("", "short"):
        with pytest.raises(RejectedInput, match="POKEA_WEBHOOK_PATH_SECRET"):
            our_route("https://api.example", short, WebhookAuth.PATH)


@pytest.mark.parametrize("url", ["http://api.example/voice", "ftp://api.example", "api.example", "https://", ""])
def test_a_url_that_anybody_could_read_along_is_refused(url: str) -> None:
    with pytest.raises(RejectedInput):
        checked_url(url)


def test_loopback_may_be_plain() -> None:
    assert checked_url("http://127.0.0.1:8081/voice/") == "http://127.0.0.1:8081/voice"


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789_-", min_size=16, max_size=64))
def test_no_secret_is_shown_and_two_are_told_apart(secret: str) -> None:
    text = shown(f"https://user:{secret}@api.example/voice/{secret}?token={secret}")
    assert secret not in text
    assert "api.example/voice/<secret " in text
    assert shown(f"https://api.example/voice/{secret}") != shown(f"https://api.example/voice/{secret}x")


def test_a_deployed_stack_is_asked_for_what_it_put_out_before_what_it_was_told() -> None:
    deployed = Deployed({"ApiEndpoint": "https://abc.execute-api"}, {"PublicUrl": "https://api.example/"})
    assert (deployed.public_url, deployed.auth) == ("https://api.example", WebhookAuth.PATH)
    assert Deployed({"ApiEndpoint": "https://abc"}, {"PublicUrl": ""}).public_url == "https://abc"
    assert Deployed({}, {"WebhookAuth": "signature+path"}).auth is WebhookAuth.SIGNATURE_AND_PATH
    with pytest.raises(NotFound):
        _ = Deployed({}, {}).public_url


def test_the_ways_are_settings_on_top_of_the_dialect() -> None:
    assert dialect_of({}) == DIALECTS["live"]
    assert dialect_of({"POKEA_CARRIER_DIALECT": "documented"}) == DIALECTS["documented"]
    for name, (path, _) in CLAIM_WAYS.items():
        assert dialect_of({"POKEA_CARRIER_CLAIM": name}).claim_number == path
    for name, (method, path, *_) in ROUTE_WAYS.items():
        found = dialect_of({"POKEA_CARRIER_DIALECT": "documented", "POKEA_CARRIER_ROUTE": name})
        assert (found.route_method, found.route_number, found.place_call) == (method, path, "/v1/calls/originate")
    assert dialect_of({"POKEA_CARRIER_CLAIM": "numbers", "POKEA_CARRIER_CLAIM_FIELD": "e164"}).claim_field == "e164"
    assert dialect_of({"POKEA_CARRIER_CLAIM": "by-id", "POKEA_CARRIER_CLAIM_FIELD": "e164"}).claim_field is None


@pytest.mark.parametrize(
    "name", ["POKEA_CARRIER_DIALECT", "POKEA_CARRIER_CLAIM", "POKEA_CARRIER_CLAIM_FIELD", "POKEA_CARRIER_ROUTE"]
)
def test_an_unknown_way_is_one_line_that_names_the_setting(name: str) -> None:
    with pytest.raises(RejectedInput, match=f"{name}: 'other' is not one of"):
        dialect_of({name: "other"})
