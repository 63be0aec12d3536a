"""GET /cards/{token}: the page for the person who takes a call over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from functions.api.cards import CardDesk
from pokea.adapters.tokens import CardToken, TokenSigner
from pokea.transfer import HANDOFF, Handoff, HandoffState
from tests.faults.broken.handoffs import CardUnchecked
from tests.support.control_plane import CALLER, LINE, PROFILES, TOKEN_KEY, ControlPlane
from tests.support.handed_over import HandOver
from tests.support.lambda_thread import lambda_thread
from tests.unit.functions.test_api import Office

NAME = "Zawadi <script>alert(1)</script>"
TURNS = [["caller", "</p><img src=x onerror=alert(1)>"], ["agent", "{{ 7*7 }} {% raw %}"]]


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and what it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Desk:
    """An office in whose control plane a caller was handed over."""

    def __init__(self, worker: ThreadPoolExecutor, office: type[Office] = Office) -> None:
        self.office = office(worker)
        self._worker = worker
        self.over = HandOver(self.office.plane)
        self.over.tool("listAppointments", name=NAME)
        request = self.over.tool_request("handOver", self.over.token, "t9", reason="a broken & painful tooth")
        reply: Any = self.over.plane.tools({**request, "last_turns": TURNS}, None)
        assert reply["ok"], reply

    @property
    def handoff(self) -> Handoff:
        return self.over.stored

    def token(self, **changes: Any) -> str:
        card = CardToken(
            handoff_id=self.handoff.handoff_id, session_id=self.handoff.session_id, business_id=self.handoff.business_id
        )
        return self.office.plane.signer.card_token(replace(card, **changes), issued_at=self.office.plane.clock.now())

    def get(self, token: str) -> tuple[int, dict[str, str], str]:
        path = f"/cards/{token}"
        event = {
            "version": "2.0", "routeKey": "GET /cards/{token}", "rawPath": path, "rawQueryString": "",
            "headers": {"host": "api.example.com"},
            "requestContext": {
                "http": {"method": "GET", "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1", "userAgent": ""},
                "stage": "$default", "requestId": "r",
            },
            "isBase64Encoded": False,
        }  # fmt: skip
        reply = self._worker.submit(self.office.handler, event, None).result()
        return reply["statusCode"], {name.lower(): value for name, value in reply["headers"].items()}, reply["body"]


@contextmanager
def a_desk(office: type[Office]) -> Iterator[Desk]:
    with lambda_thread() as worker:
        yield Desk(worker, office)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with a_desk(Office) as opened:
        yield opened


class Careless(Office):
    """An office whose cards are shown to whoever asks."""

    def _cards(self) -> CardDesk:
        plane = self.plane
        return CardUnchecked(
            store=lambda: plane.bookings, profiles=lambda: PROFILES, signer=lambda: plane.signer, clock=plane.clock
        )


def check_shows_nothing(desk: Desk, token: str) -> None:
    status, headers, body = desk.get(token)
    assert status == 410
    assert not [secret for secret in (CALLER, "Zawadi", "tooth", desk.handoff.handoff_id) if secret in body]
    assert "no-store" in headers["cache-control"]


def test_the_card_shows_who_why_and_what_was_done(desk: Desk) -> None:
    status, _, body = desk.get(desk.token())
    assert status == 200
    page = Page(body)
    for words in (
        NAME,
        "Whitedent Clinic",
        "a broken & painful tooth",
        "List appointments",
        "Nothing was checked",
    ):
        assert words in page.text
    assert ("a", {"class": "call", "href": f"tel:{CALLER}"}) in page.tags
    assert "{{ 7*7 }} {% raw %}" in page.text


def test_what_was_said_is_text_and_nothing_else(desk: Desk) -> None:
    page = Page(desk.get(desk.token())[2])
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "iframe", "object", "link", "form", "base"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "src"]
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == [f"tel:{CALLER}"]


def test_the_page_may_load_nothing_and_is_kept_nowhere(desk: Desk) -> None:
    _, headers, body = desk.get(desk.token())
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert "unsafe" not in policy and "script-src" not in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None and f'<style nonce="{nonce[1]}">' in body
    assert desk.get(desk.token())[1]["content-security-policy"] != policy
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert (headers["cache-control"], headers["referrer-policy"]) == ("private, no-store", "no-referrer")
    assert "http://" not in body and "https://" not in body


def test_a_verified_caller_is_shown_as_such_in_the_person_s_language(desk: Desk) -> None:
    stored = replace(desk.handoff, account="A-77", verified_by="PIN", spoken_to_person="sw", state=HandoffState.JOINED)
    desk.office.plane.bookings.put(HANDOFF.of(stored))
    page = Page(desk.get(desk.token())[2])
    assert "PIN · Akaunti A-77" in page.text
    assert ("html", {"lang": "sw"}) in page.tags


def test_a_withheld_number_has_no_link(desk: Desk) -> None:
    desk.office.plane.bookings.put(HANDOFF.of(replace(desk.handoff, caller_number=None)))
    assert "tel:" not in desk.get(desk.token())[2]


def check_old_cards(desk: Desk) -> None:
    token = desk.token()
    desk.office.plane.clock.advance(24 * 3_600 - 1)
    assert desk.get(token)[0] == 200
    desk.office.plane.clock.advance(1)
    check_shows_nothing(desk, token)


def check_revoked_cards(desk: Desk) -> None:
    desk.office.plane.bookings.put(HANDOFF.of(replace(desk.handoff, card_revoked=True)))
    check_shows_nothing(desk, desk.token())


def check_forged_cards(desk: Desk) -> None:
    plane = desk.office.plane
    card = plane.signer.read_card_token(desk.token(), now=plane.clock.now())
    forged = TokenSigner(TOKEN_KEY[::-1]).card_token(card, issued_at=plane.clock.now())
    stream = plane.signer.stream_token(card.session_id, card.business_id, issued_at=plane.clock.now(), release="r1")
    others = [desk.token(business_id="kasi"), desk.token(session_id="HD_ffffffffffff"), desk.token(handoff_id="0" * 24)]
    head, _, tail = desk.token().rpartition(".")
    for token in (forged, stream, desk.over.token, *others, head + "." + tail[::-1], head, "x", "a" * 3_000):
        check_shows_nothing(desk, token)


CHECKS = [check_old_cards, check_revoked_cards, check_forged_cards]


@pytest.mark.parametrize("check", CHECKS)
def test_an_old_a_revoked_and_a_forged_address_show_nothing(desk: Desk, check: Callable[[Desk], None]) -> None:
    check(desk)


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_sees_a_build_that_does_not_look(check: Callable[[Desk], None]) -> None:
    with a_desk(Careless) as desk, pytest.raises(AssertionError):
        check(desk)


def test_a_card_token_opens_no_call_and_no_tool(desk: Desk) -> None:
    reply: Any = desk.over.plane.tools(desk.over.tool_request("endCall", desk.token()), None)
    assert reply["error"]["kind"] == "Unauthorized"


def test_an_address_is_never_logged(desk: Desk) -> None:
    token = desk.token()
    desk.get(token)
    desk.get(token[:-1])
    assert token[:40] not in desk.office.logged.getvalue()


def test_the_person_s_own_system_is_told_of_the_card_once() -> None:
    class Notifying(ControlPlane):
        def make_operations(self, **parts: Any) -> Any:
            clinic = parts["profiles"][LINE.business_id]
            person = replace(clinic.directory.people["front_desk"], notify_url="https://desk.example.com/hook")
            directory = replace(clinic.directory, people={"front_desk": person})
            profiles = {**PROFILES, LINE.business_id: replace(clinic, directory=directory)}
            return super().make_operations(**{**parts, "profiles": profiles})

    over = HandOver(Notifying())
    over.hand_over()
    assert over.plane.notified.sent == []  # the caller waits for the tool: nothing else is waited for meanwhile
    over.state()
    over.state()
    ((url, body),) = over.plane.notified.sent
    assert url == "https://desk.example.com/hook"
    assert b'"card_url": "https://api.example.com/cards/' in body
    assert b"a broken tooth" in body
