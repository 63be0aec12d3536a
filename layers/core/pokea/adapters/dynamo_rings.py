"""Counts of who rings how often, in DynamoDB.

pk RINGS#<business>#<number digest, "hidden" or "all">   sk a window of time    all, m<minute>: counts; session: whose task it is
"""

from __future__ import annotations

from datetime import datetime

from pokea.adapters.dynamo_items import Key, keyed
from pokea.adapters.dynamo_table import Change, ConditionFailed, DynamoTable, Put
from pokea.ids import BusinessId, SessionId
from pokea.rings import Count


class DynamoRings:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def count(self, count: Count) -> bool:
        """One more. False, and nothing is counted, where one of the figures is reached. A write whose reply was lost may count twice."""
        names = {f"c{number}": name for number, name in enumerate(count.most)}
        free = [f"(attribute_not_exists(#{short}) OR #{short} < :{short})" for short in names]
        try:
            self._table.change(
                Change(
                    _key(count.business_id, count.who, count.when),
                    dict.fromkeys(count.most, 1),
                    {"expires_at": {"N": str(int(count.expires.timestamp()))}},
                    condition=" AND ".join(free),
                    names=names,
                    values={short: {"N": str(count.most[name])} for short, name in names.items()},
                )
            )
        except ConditionFailed:
            return False
        return True

    def claim(
        self, business_id: BusinessId, who: str, what: str, session_id: SessionId, expires: datetime
    ) -> SessionId:
        """The call that `what` of this caller belongs to: the first that claims it."""
        item = keyed({"session": {"S": session_id}}, _key(business_id, who, what), expires=expires)
        try:
            self._table.put(Put(item, 0, "claim"))
        except ConditionFailed as failed:
            owner = failed.items[0].get("session")
            return session_id if owner is None else SessionId(owner["S"])
        return session_id


def _key(business_id: BusinessId, who: str, when: str) -> Key:
    return f"RINGS#{business_id}#{who}", when
