"""Boards of seats in DynamoDB: one item per bridge worker, so that no item is written more often than one worker is given calls.

    pk SEATS#<release>   sk <bridge>   seats, open_until, told_at, version, w<window>: tickets of that window

A taken seat is one conditional write. A beat reads the board and writes the difference, fenced by the version, which only beats move.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pokea.adapters.dynamo_items import Key, Value, instant
from pokea.adapters.dynamo_table import Change, ConditionFailed, DynamoTable
from pokea.errors import Unavailable
from pokea.seats import Board, Ticket, Told, rebased, window_of

_TRIES = 3  # of a beat: nobody else writes its version but a beat of the same worker that comes late
_KEPT = timedelta(hours=1)


class DynamoSeats:
    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def boards(self, release: str) -> tuple[Board, ...]:
        """Of all workers, also of those that are gone, as they were a moment ago: only where to look, for `take` is what decides."""
        return tuple(_board(item) for item in self._table.query(_partition(release), "", is_exact=False))

    def take(self, board: Board, now: datetime, *, forced: bool = False) -> tuple[Ticket, int] | None:
        """The ticket, and the seats left after it. None if there was none any more. `forced`: taken though there be none."""
        ticket = Ticket(board.release, board.bridge, window_of(now))
        condition = "attribute_exists(pk)" if forced else "#left > :none AND #until > :now"
        try:
            changed = self._table.change(
                Change(
                    _key(board.release, board.bridge),
                    {"seats": -1, _window(ticket.window): 1},
                    {},
                    condition=condition,
                    names={} if forced else {"left": "seats", "until": "open_until"},
                    values={} if forced else {"none": {"N": "0"}, "now": {"S": instant(now)}},
                )
            )
        except ConditionFailed:
            return None
        return ticket, int(changed["seats"]["N"])

    def give_back(self, ticket: Ticket) -> None:
        try:
            self._table.change(
                Change(
                    _key(ticket.release, ticket.bridge),
                    {"seats": 1, _window(ticket.window): -1},
                    {},
                    condition="attribute_exists(#window)",
                    names={"window": _window(ticket.window)},
                )
            )
        except ConditionFailed:
            return  # the window is over: the seat has come back by itself

    def tell(self, told: Told, now: datetime) -> None:
        """A beat. Raises Unavailable and Indeterminate; the next one makes up for it."""
        key = _key(told.release, told.bridge)
        for _ in range(_TRIES):
            item = self._table.get(key)
            before = _board(item) if item is not None else None
            change = rebased(before, told, now)
            if change is None:
                return
            version = before.version if before is not None else 0
            try:
                self._table.change(
                    Change(
                        key,
                        {"seats": change.add},
                        {
                            "open_until": {"S": instant(change.until)},
                            "told_at": {"S": instant(change.told_at)},
                            "version": {"N": str(version + 1)},
                            "expires_at": {"N": str(int((now + _KEPT).timestamp()))},
                        },
                        [_window(window) for window in change.over],
                        "#version = :version" if version else "attribute_not_exists(#version)",
                        {"version": "version"},
                        {"version": {"N": str(version)}} if version else {},
                    )
                )
            except ConditionFailed:
                continue
            return
        raise Unavailable("seats_contended", "the board changed too often while it was being read", retry_after_s=1.0)


def _partition(release: str) -> str:
    return f"SEATS#{release}"


def _key(release: str, bridge: str) -> Key:
    return _partition(release), bridge


def _window(window: int) -> str:
    return f"w{window}"


def _board(item: Mapping[str, Value]) -> Board:
    return Board(
        release=item["pk"]["S"].removeprefix("SEATS#"),
        bridge=item["sk"]["S"],
        left=int(item["seats"]["N"]),
        until=datetime.fromisoformat(item["open_until"]["S"]),
        told_at=datetime.fromisoformat(item["told_at"]["S"]),
        taken={int(name[1:]): int(value["N"]) for name, value in item.items() if name[0] == "w" and name[1:].isdigit()},
        version=int(item["version"]["N"]),
    )
