"""A business's rules with the times at which other calendars keep its diaries busy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pokea.busy import BUSY
from pokea.ports import Store
from pokea.profile import Profile


def with_busy_times(profile: Profile, store: Store, now: datetime) -> Profile:
    """`profile` as it is at `now`; one that imports no calendar costs no reading."""
    if not profile.calendar.is_imported:
        return profile
    booking = profile.booking
    read = {
        resource: store.record(BUSY, profile.business_id, resource)
        for resource in (booking.resource, *booking.practitioners)
    }
    busy = {resource: found.at(now) for resource, found in read.items() if found is not None}
    return replace(profile, booking=replace(booking, busy=busy))
