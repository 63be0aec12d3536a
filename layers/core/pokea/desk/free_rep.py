"""Whether one of a campaign's people is free for the lead on the line. In a call of no campaign nobody is counted.

The people are those that the campaign had when the call was placed. Every hand-off of such a call takes one, whatever the lead came to.
"""

from __future__ import annotations

from datetime import timedelta

from pokea.campaigns.reps import CAMPAIGN_REPS, Held, Reps, handed_back, held, is_one_free, nobody_held
from pokea.desk.visit import Visit
from pokea.records import Stored
from pokea.transfer import JOIN_S, Handoff


def may_be_put_through(visit: Visit) -> bool:
    """A look that promises nothing: only `hold` keeps somebody."""
    briefed = visit.desk.briefed()
    if briefed is None:
        return True
    record = _record(visit, briefed.campaign_id)
    over = handed_back(visit.store, record, visit.now)
    return is_one_free(record, visit.caller.session_id, briefed.reps, over, visit.now)


def has_people(visit: Visit) -> bool:
    """Whether the campaign puts anybody through at all."""
    briefed = visit.desk.briefed()
    return briefed is None or briefed.reps > 0


def hold(visit: Visit, handoff: Handoff) -> tuple[Stored[Reps], ...] | None:
    """What is to be written together with `handoff`, so that nobody else gets the same person; None: nobody is free."""
    briefed = visit.desk.briefed()
    if briefed is None:
        return ()
    record = _record(visit, briefed.campaign_id)
    until = handoff.answer_until + timedelta(seconds=JOIN_S) + visit.desk.longest_talk
    wanted = Held(handoff.session_id, handoff.handoff_id, until)
    taken = held(record, wanted, briefed.reps, handed_back(visit.store, record, visit.now), visit.now)
    return None if taken is None else (CAMPAIGN_REPS.of(taken),)


def _record(visit: Visit, campaign_id: str) -> Reps:
    stored = visit.store.record(CAMPAIGN_REPS, visit.caller.business_id, campaign_id)
    return stored or nobody_held(visit.caller.business_id, campaign_id, visit.now)
