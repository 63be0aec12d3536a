"""Whether a campaign may go on as it does: a breaker against calls that fail one after the other, and a bound on calls so that nobody who
becomes a hot lead finds no person free. The gate asks before each call, the planner before each minute.

    closed ──too many of the last calls failed──► open ──cooling time──► half open: one probe at a time
       ▲                                            ▲                        │ failed: open, for twice as long
       └────────────── so many probes in a row ─────┴────────────────────────┘

A failed call is one that the line or we ourselves broke, or that nobody could find out about; a busy telephone is no failure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from math import comb, sqrt

from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import Disposition
from pokea.ids import BusinessId
from pokea.privacy import Pii
from pokea.records import Kind

FAILURES = "failure_rate"  # the reason of a campaign that the breaker has paused
FAILED = frozenset({Disposition.FAILED, Disposition.BLOCKED, Disposition.UNKNOWN})
WINDOW = timedelta(seconds=120)
LEAST = 5  # calls within the window, before a share of them says anything
SHARE_PERCENT = 50
COOLING = timedelta(minutes=5)
LONGEST_COOLING = timedelta(hours=1)
PROBES = 3  # that do not fail, one after the other, until the campaign goes on as before
REMEMBERED = 100  # calls
KEPT = timedelta(days=35)
CONFIDENCE = 2.33  # standard deviations: the hot rate is higher than what is reckoned with in 1 of 100 cases
RISK = 0.01  # that more calls become hot at once than there are people
UNSURE_BELOW = 30  # settled calls; before so many every call is reckoned hot


@dataclass(frozen=True, slots=True)
class Seen:
    """One attempt that has ended."""

    label: str
    begun_at: datetime
    ended_at: datetime
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`until`: the breaker is open up to then, and half open from then on; None: it is closed. `since`: calls begun earlier tell nothing
    any more. `probes`: of the half open breaker, that did not fail. `trips`: in a row."""

    business_id: BusinessId
    campaign_id: str
    seen: tuple[Seen, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    trips: int = 0
    probes: int = 0
    changed_at: datetime
    version: int = 0


CAMPAIGN_HEALTH: Kind[Health] = Kind(
    "campaign_health",
    Health,
    key=lambda health: health.campaign_id,
    privacy={
        "business_id": Pii.ID,
        "campaign_id": Pii.ID,
        "seen": Pii.ID,
        "since": Pii.NONE,
        "until": Pii.NONE,
        "trips": Pii.NONE,
        "probes": Pii.NONE,
        "changed_at": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda health: health.changed_at + KEPT,
)


def healthy(business_id: BusinessId, campaign_id: str, now: datetime) -> Health:
    """Of a campaign of which nothing has been seen."""
    return Health(business_id=business_id, campaign_id=campaign_id, changed_at=now)


def after_call(health: Health, call: Seen, now: datetime) -> Health:
    """`health` after one more call that has ended; the same object for one that was seen."""
    if any(seen.label == call.label for seen in health.seen):
        return health
    seen = replace(health, seen=(*health.seen, call)[-REMEMBERED:], changed_at=now)
    if health.until is not None:
        return _probed(seen, health.until, call, now) if call.begun_at >= health.until else seen
    return _tripped(seen, now) if _fails_too_often(seen) else seen


def has_tripped(before: Health | None, health: Health) -> bool:
    return health.trips > (before.trips if before is not None else 0)


def room(health: Health | None, in_air: int, now: datetime) -> int | None:
    """How many more calls the breaker lets be placed while `in_air` are under way: None: any number, 0: none for now."""
    if health is None or health.until is None:
        return None
    return 0 if now < health.until else max(0, 1 - in_air)


def may_resume(campaign: Campaign, health: Health | None, now: datetime) -> bool:
    """Whether a campaign that the breaker has paused may be probed now. One that somebody else has paused stays so."""
    is_ours = campaign.state is CampaignState.PAUSED and campaign.reason == FAILURES
    return is_ours and (health is None or health.until is None or now >= health.until)


def paused(campaign: Campaign) -> Campaign | None:
    """`campaign` as the breaker leaves it; None where it does not run anyway."""
    if campaign.state is not CampaignState.RUNNING:
        return None
    return replace(campaign, state=CampaignState.PAUSED, reason=FAILURES)


def reps_free(reps: int, put_through: int) -> int:
    """`put_through`: hot leads of a campaign with `reps` people that they talk to, or are being rung for."""
    return max(0, reps - put_through)


def may_put_through(reps: int, put_through: int) -> bool:
    """Whether one more hot lead can be handed to a person now. The others are called back."""
    return reps_free(reps, put_through) > 0


def in_the_air(campaign: Campaign, put_through: int, hot: int, settled: int) -> int | None:
    """The most calls that may be under way, not counting those that were put through, so that more hot leads than free people are as good
    as ruled out; None where nobody is put through anyway. `hot` of the `settled` calls of this campaign became hot leads."""
    if campaign.reps <= 0:
        return None
    return calls_for(reps_free(campaign.reps, put_through), hot, settled, campaign.channels)


def calls_for(free: int, hot: int, settled: int, most: int) -> int:
    """The largest number of calls, at most `most`, of which more than `free` become hot with a probability of at most `RISK`."""
    if free <= 0:
        return 0
    rate = hot_rate(hot, settled)
    calls = min(free, most)
    while calls < most and _exceeds(calls + 1, free, rate) <= RISK:
        calls += 1
    return calls


def hot_rate(hot: int, settled: int) -> float:
    """What share of the calls to reckon with: the upper end of what `hot` of `settled` leaves open (Wilson). 1 while little is known."""
    if settled < UNSURE_BELOW:
        return 1.0
    share, z2 = min(hot, settled) / settled, CONFIDENCE**2
    middle = share + z2 / (2 * settled)
    spread = CONFIDENCE * sqrt(share * (1 - share) / settled + z2 / (4 * settled**2))
    return min(1.0, (middle + spread) / (1 + z2 / settled))


@lru_cache(maxsize=4_096)
def _exceeds(calls: int, free: int, rate: float) -> float:
    """The probability that more than `free` of `calls` become hot."""
    return 1.0 - sum(comb(calls, hot) * rate**hot * (1.0 - rate) ** (calls - hot) for hot in range(free + 1))


def _fails_too_often(health: Health) -> bool:
    latest = max(seen.ended_at for seen in health.seen)
    recent = [seen for seen in health.seen if seen.ended_at > latest - WINDOW and _counts(health, seen)]
    failed = sum(seen.failed for seen in recent)
    return len(recent) >= LEAST and failed * 100 >= SHARE_PERCENT * len(recent)


def _counts(health: Health, seen: Seen) -> bool:
    return health.since is None or seen.begun_at >= health.since


def _tripped(health: Health, now: datetime) -> Health:
    cooling = min(LONGEST_COOLING, COOLING * 2 ** min(health.trips, 10))
    return replace(health, until=now + cooling, since=now, trips=health.trips + 1, probes=0)


def _probed(health: Health, until: datetime, call: Seen, now: datetime) -> Health:
    if call.failed:
        return _tripped(health, now)
    if health.probes + 1 < PROBES:
        return replace(health, probes=health.probes + 1)
    return replace(health, until=None, since=until, trips=0, probes=0)
