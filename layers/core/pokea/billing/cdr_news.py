"""What is told of detail records once they are settled: to the bus, to the metrics, and to whoever guards what may be spent.

A record is stored first and told of afterwards, so what was told is kept in turn: a crash in between tells it again, never not at all. The
next look at the call is kept in the same place, so that many words about one call do not each begin a row of questions of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState
from pokea.calls import Call, is_over
from pokea.ids import BusinessId, SessionId
from pokea.privacy import Pii
from pokea.records import Kind
from pokea.sautikit.labels import label_of

EVENT = "CdrFinal"
NEWS_KEPT = timedelta(days=35)  # longer than anybody asks a carrier to correct a record


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrNews:
    """`told`: the version of each leg that was told of. `settled`: by label of a placed call, the charge that the guard knows. `look`: the
    number of the next look, which is due at `look_due`."""

    business_id: BusinessId
    session_id: SessionId
    told: Mapping[str, int] = field(default_factory=dict)
    settled: Mapping[str, int] = field(default_factory=dict)
    look: int = 0
    look_due: datetime | None = None
    kept_until: datetime
    version: int = 0


CDR_NEWS: Kind[CdrNews] = Kind(
    "cdrnews",
    CdrNews,
    key=lambda news: news.session_id,
    privacy={
        "business_id": Pii.ID,
        "session_id": Pii.ID,
        "told": Pii.NONE,
        "settled": Pii.NONE,
        "look": Pii.NONE,
        "look_due": Pii.NONE,
        "kept_until": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda news: news.kept_until,
)


def nothing_told(business_id: BusinessId, session_id: SessionId, now: datetime) -> CdrNews:
    return CdrNews(business_id=business_id, session_id=session_id, kept_until=now + NEWS_KEPT)


def untold(cdrs: Sequence[Cdr], news: CdrNews) -> tuple[Cdr, ...]:
    """Those whose settled version nobody was told of."""
    return tuple(
        cdr for cdr in cdrs if cdr.state is not CdrState.PROVISIONAL and cdr.version > news.told.get(cdr.leg, 0)
    )


def after_telling(news: CdrNews, told: Sequence[Cdr], settled: Mapping[str, int]) -> CdrNews:
    """The same object when nothing was told."""
    versions = {**news.told, **{cdr.leg: cdr.version for cdr in told}}
    sums = {**news.settled, **settled}
    if (versions, sums) == (dict(news.told), dict(news.settled)):
        return news
    return replace(news, told=versions, settled=sums)


def is_awaited(news: CdrNews, look: int, delay_s: int, now: datetime) -> bool:
    """Whether the call is looked at again in `delay_s` anyway. `look`: the number of the present look, which may be the awaited one."""
    due = news.look_due
    return due is not None and look != news.look and now < due <= now + timedelta(seconds=delay_s)


def awaiting(news: CdrNews, look: int, delay_s: int, now: datetime) -> CdrNews:
    return replace(news, look=look, look_due=now + timedelta(seconds=delay_s))


def placed_charges(call: Call, cdrs: Sequence[Cdr], dial_label: str = "") -> dict[str, int]:
    """What each placed call of this session costs so far, in micro-units by its label. A charge that is not known is left out.

    dial_label: of what the carrier was told to dial itself once the stream was closed; one that it never dialled costs nothing. Whom it
    dialled without being told, after a stream was lost, has a label of its own, under which nothing was reserved.
    """
    charges: dict[str, int] = {}
    own = [cdr for cdr in cdrs if cdr.leg in _PLACED and cdr.client_request_id]
    for cdr in own:
        streams = [other for other in cdrs if other.direction is Direction.STREAM]
        if cdr.charge_micros is not None and not any(_is_open(stream) for stream in streams):
            charges[cdr.client_request_id] = cdr.charge_micros + sum(stream.charge_micros or 0 for stream in streams)
    is_told = bool(dial_label) and call.onward is not None
    dialled = [cdr for cdr in cdrs if cdr.direction is Direction.TRANSFER and not cdr.client_request_id]
    if any(cdr.charge_micros is None for cdr in dialled):
        return charges
    is_given_up = is_told and call.onward is not None and call.onward.given_at is None and is_over(call)
    if dialled or is_given_up:
        label = dial_label if is_told else fallback_label(call)
        charges[label] = sum(cdr.charge_micros or 0 for cdr in dialled)
    return charges


def fallback_label(call: Call) -> str:
    """Of whom the carrier dials by itself in this session."""
    return label_of(call.business_id, f"fallback/{call.session_id}")


_PLACED = ("callee", "transfer")


def _is_open(stream: Cdr) -> bool:
    """Whether it may still come to something. One whose length is known and that has no charge is not in the price list."""
    return stream.charge_micros is None and stream.talk_s is None


def detail_of(cdr: Cdr) -> dict[str, str | int]:
    """The event about one settled record: ids, so that who wants more asks for it."""
    return {
        "version": 1,
        "business": cdr.business_id,
        "call": cdr.call_id,
        "session": cdr.session_id,
        "leg": cdr.leg,
        "cdr_version": cdr.version,
        "state": cdr.state.value,
        "idempotency_key": f"{cdr.session_id}/{cdr.leg}/{cdr.version}",
    }
