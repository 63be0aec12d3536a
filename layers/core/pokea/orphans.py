"""Calls whose bridge has died. A bridge keeps a lease, which names its calls; once it has lapsed, somebody else ends them.

A bridge that cannot reach the control plane looks like a dead one. So a lapse is believed at once only of a task that ECS says has
stopped; and soon where another bridge vouches for the control plane, because its own beats have never ceased since before the lapse.
Where nobody does, it may be us who are down: silence alone is believed of a bridge that ECS does not watch, after some minutes, and of
one that ECS watches when no call of it can be alive any more.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pokea.calls import Call, is_over
from pokea.ids import BusinessId, SessionId
from pokea.privacy import Pii
from pokea.records import Kind
from pokea.sautikit.callbacks import CallbackTask, callback_orphaned
from pokea.sautikit.closings import Closing, closing_of_silence

FLEET = BusinessId("~bridges")  # bridges serve all businesses; no business can be called so
STANDINGS = tuple(
    f"standing-{n:x}" for n in range(16)
)  # of all leases that may still be of use; one would be a hot partition
LIFE = timedelta(seconds=30)  # three beats
# Past the lapse. Of a short outage that one bridge slept through between two beats, another one may have missed three.
VOUCHED = timedelta(seconds=20)
SURE = timedelta(minutes=3)  # without a task, whose end ECS would tell
NO_CALL_LASTS = timedelta(hours=1)  # the longest call that the bridge's own limits allow
_KEPT = timedelta(hours=2)  # stored for so long after it lapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One bridge worker's. `since`: its beats have not ceased since then. `task`: the ARN of its ECS task, "" elsewhere. `gone`: it
    has been believed dead and has not beaten since. `over`: it left in good order, or its calls have been ended."""

    bridge: str
    since: datetime
    until: datetime
    task: str = ""
    calls: tuple[SessionId, ...] = ()
    gone: bool = False
    over: bool = False
    business_id: BusinessId = FLEET
    version: int = 0


def standing(bridge: str) -> str:
    """Which of STANDINGS finds this bridge's lease."""
    return STANDINGS[zlib.crc32(bridge.encode()) % len(STANDINGS)]


LEASE: Kind[Lease] = Kind(
    "lease",
    Lease,
    key=lambda lease: lease.bridge,
    lookups=lambda lease: () if lease.over else (standing(lease.bridge),),
    privacy={
        "bridge": Pii.ID,
        "since": Pii.NONE,
        "until": Pii.NONE,
        "task": Pii.ID,
        "calls": Pii.ID,
        "gone": Pii.NONE,
        "over": Pii.NONE,
        "business_id": Pii.ID,
        "version": Pii.NONE,
    },
    kept_until=lambda lease: lease.until + _KEPT,
)


def renewed(before: Lease | None, beat: Lease) -> Lease:
    """`before` after a beat, whose `since` is its own time. One that was late says nothing that a later one has not said better."""
    if before is None:
        return beat
    if beat.until < before.until and not beat.over:
        return before
    has_ceased = before.over or before.until < beat.since
    since = beat.since if has_ceased else before.since
    return replace(beat, since=since, version=before.version)


def is_dead(lease: Lease, fleet: Iterable[Lease], stopped: Collection[str], now: datetime) -> bool:
    """Whether `lease` tells of a bridge that is gone. `stopped`: tasks that ECS has seen end."""
    if lease.over:
        return False
    if lease.gone or (lease.task and lease.task in stopped):
        return True
    if now < lease.until:
        return False
    vouched = any(other.since <= lease.until and now < other.until for other in fleet if not other.over)
    silence = NO_CALL_LASTS if lease.task else SURE
    return now - lease.until >= (VOUCHED if vouched else silence)


@dataclass(frozen=True, slots=True)
class Orphan:
    """What a call needs whose bridge is gone. `hang_up`: by the carrier; `closing`: in place of the bridge's own."""

    hang_up: bool
    closing: Closing | None
    callback: CallbackTask | None


def orphaned(call: Call, done: Iterable[str], kept_until: datetime, *, continues: bool, now: datetime) -> Orphan:
    """For a call that no bridge has closed. `done`: what its tools had answered, a line each.

    A caller who has hung up on the silence is owed a call as well. Where the carrier goes on after a stream, a leg that stands is on its
    way to what is behind the stream, and nobody who talks to a person is cut off: hooks tell when that call is over.
    """
    callback = callback_orphaned(call, done, now, kept_until)
    if is_over(call):
        return Orphan(False, closing_of_silence(call, now, kept_until), callback)
    if continues:
        return Orphan(False, None, callback)
    return Orphan(True, closing_of_silence(call, now, kept_until), callback)
