"""The exchange: what it asks the carrier for, and what it never does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import httpx
import pytest

from pokea.adapters.exchange import SautikitExchange, exchange_of
from pokea.adapters.public_http import PublicHttp
from pokea.errors import Conflict, Denied, Indeterminate, NotFound, Unavailable
from pokea.ids import SessionId
from pokea.phone_numbers import E164
from pokea.toolkit import HandoffMode
from pokea.transfer import Handoff
from tests.support.control_plane import LINE, PROFILES, SESSION, ControlPlane
from tests.support.handed_over import FRONT_DESK, HandOver

CLINIC = PROFILES[LINE.business_id]


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane(continues=True)


def an_exchange(plane: ControlPlane) -> SautikitExchange:
    return exchange_of(plane.reach, CLINIC)


def a_handoff(plane: ControlPlane) -> Handoff:
    """Of the call that is on; nothing has been dialled for it."""
    over = HandOver(plane)
    plane.answers = [httpx.Response(403)]
    over.hand_over()
    plane.asked.clear()
    return replace(over.stored, handoff_id="a" * 24)


def test_ringing_twice_for_one_hand_off_rings_once(plane: ControlPlane) -> None:
    handoff = a_handoff(plane)
    for _ in range(2):
        an_exchange(plane).ring(handoff)
    assert [call["to"] for call in plane.rung] == [[str(FRONT_DESK.number)]]


def test_a_refused_hand_off_stays_refused(plane: ControlPlane) -> None:
    handoff = a_handoff(plane)
    plane.answers = [httpx.Response(402)]
    for _ in range(2):
        with pytest.raises(Denied):
            an_exchange(plane).ring(handoff)
    assert len(plane.rung) == 1


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+254711000199", "not_in_directory"), ("+881612345678", "not_in_directory"), (str(LINE.number), "not_in_directory"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", list(HandoffMode))
def test_only_numbers_of_the_directory_are_dialled(
    plane: ControlPlane, number: str, code: str, mode: HandoffMode
) -> None:
    handoff = replace(a_handoff(plane), number=E164(number))
    with pytest.raises(Denied) as caught:
        _begin(an_exchange(plane), handoff, mode)
    assert caught.value.code == code
    call = plane.calls.call(SESSION)
    assert plane.rung == [] and call is not None and call.onward is None


@pytest.mark.parametrize("mode", list(HandoffMode))
def test_the_policy_is_asked_again_even_for_the_directory_s_own_numbers(plane: ControlPlane, mode: HandoffMode) -> None:
    number = E164("+254900223456")
    person = replace(FRONT_DESK, number=number)
    directory = replace(CLINIC.directory, people={"front_desk": person})
    exchange = SautikitExchange(plane.reach, LINE, directory, "KE")
    with pytest.raises(Denied, match="dial policy"):
        _begin(exchange, replace(a_handoff(plane), number=number), mode)
    assert plane.rung == []


def test_a_line_of_our_own_is_not_rung(plane: ControlPlane) -> None:
    other = next(line.number for line in plane.register._lines.values() if line.number != LINE.number)
    directory = replace(CLINIC.directory, people={"front_desk": replace(FRONT_DESK, number=other)})
    exchange = SautikitExchange(plane.reach, LINE, directory, "KE")
    with pytest.raises(Denied, match="own"):
        exchange.ring(replace(a_handoff(plane), number=other))


def test_word_is_left_once_and_not_for_a_call_that_is_over(plane: ControlPlane) -> None:
    handoff = a_handoff(plane)
    exchange = an_exchange(plane)
    for words in ("one", "two"):
        exchange.leave_word(handoff, words)
    call = plane.calls.call(SESSION)
    assert call is not None and call.onward is not None
    assert (call.onward.words, call.onward.number, call.onward.language) == ("two", FRONT_DESK.number, "en-KE")
    plane.ring("StreamStopped")
    plane.ring("Completed")
    with pytest.raises(Conflict, match="ended"):
        exchange.leave_word(handoff, "three")
    with pytest.raises(NotFound):
        exchange.leave_word(replace(handoff, session_id=SessionId("HD_ffffffffffff")), "four")


def test_without_a_carrier_that_continues_no_word_is_left() -> None:
    plane = ControlPlane()
    with pytest.raises(Denied, match="goes on"):
        an_exchange(plane).leave_word(a_handoff(plane), "x")


@pytest.mark.parametrize("trouble", [httpx.Response(404), httpx.Response(403), httpx.ReadTimeout("late")])
def test_a_hang_up_that_fails_is_nobody_s_problem(plane: ControlPlane, trouble: httpx.Response | Exception) -> None:
    plane.answers = [trouble] * 3
    an_exchange(plane).hang_up(SESSION)
    assert plane.asked


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data", "https://127.0.0.1/x", "http://desk.example.com/x", "https://[::1]/",
        "https://user:pw@desk.example.com/", "https://inside.example.com/",
    ],
)  # fmt: skip
def test_nobody_inside_is_told_of_a_hand_off(plane: ControlPlane, url: str) -> None:
    """S12: the guarded client refuses the address before it connects, and the hand-off goes on."""

    def find(host: str, port: int) -> Iterable[str]:
        return ["10.0.0.7"]

    guarded = PublicHttp(find=find, timeout_s=0.2)
    reach = replace(plane.reach, http=lambda: guarded)
    exchange_of(reach, CLINIC).notify(url, {"card_url": "https://api.example.com/cards/x"})
    guarded.close()


@pytest.mark.parametrize("trouble", [Unavailable("down"), Indeterminate("lost"), Denied("no")])
def test_a_system_that_cannot_be_told_is_left_alone(plane: ControlPlane, trouble: Exception) -> None:
    class Down(PublicHttp):
        def __init__(self) -> None: ...

        def request(self, *_: object, **__: object) -> object:  # type: ignore[override]
            raise trouble

    reach = replace(plane.reach, http=Down)
    exchange_of(reach, CLINIC).notify("https://desk.example.com/", {})


def _begin(exchange: SautikitExchange, handoff: Handoff, mode: HandoffMode) -> None:
    if mode is HandoffMode.DIAL:
        exchange.leave_word(handoff, "x")
    else:
        exchange.ring(handoff)
