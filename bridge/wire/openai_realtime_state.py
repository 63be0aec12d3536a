"""What one Realtime connection has to remember: which response is running, and how much audio each item has."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

_KEPT = 64


class Responses:
    """One response at a time: a second `response.create` is refused by the service, so wishes for one wait until the first is done.

    The service also starts responses by itself, after each turn of the caller that it detected. Such a response answers everything that
    was in the conversation by then, so it fulfils a wish whose items were acknowledged before.
    """

    def __init__(self) -> None:
        self.active: str | None = None  # its id; "" when a response runs whose id is not known
        self.requested = False  # our response.create is on its way
        self.callers_turn = False  # the caller speaks, and the service will answer by itself
        self._wanted = False
        self._at_once = False
        self._unseen: set[str] = set()  # our items that a response must see and that were not acknowledged yet
        self._void: deque[str] = deque(maxlen=_KEPT)
        self._void_next = False

    @property
    def is_busy(self) -> bool:
        return self.requested or self.active is not None

    def want(self, item_id: str = "", *, at_once: bool = True) -> None:
        """A response is wanted, to `item_id` among others. `at_once`: even while the caller speaks."""
        self._wanted = True
        self._at_once = self._at_once or at_once
        if item_id:
            self._unseen.add(item_id)

    def acknowledged(self, item_id: str) -> None:
        self._unseen.discard(item_id)

    def take(self) -> bool:
        """Whether `response.create` is to be sent now. A True counts as sent."""
        if not self._wanted or self.is_busy or (self.callers_turn and not self._at_once):
            return False
        self.requested, self._wanted, self._at_once = True, False, False
        self._unseen.clear()
        return True

    def created(self, response_id: str) -> None:
        if self._void_next:
            self._void_next = False
            self._void.append(response_id)
        if not self.requested and not self._unseen:
            self._wanted = self._at_once = False  # the service's own response answers it
        self.requested, self.callers_turn = False, False
        self.active = response_id

    def done(self, response_id: str) -> None:
        if self.active is None:
            self.requested = False  # a server that does not announce its responses
        if self.active in (None, "", response_id) or not response_id:
            self.active = None

    def refused_as_second(self, is_ours: bool) -> None:
        """Another response was running, so ours, or the service's own to what the caller said meanwhile, is asked for after that one."""
        self._wanted, self.callers_turn = True, False
        self._unseen.add("")  # the one that runs has not seen it for certain, whatever is acknowledged
        if is_ours:
            self.requested = False
        self.active = self.active or ""

    def turn_ended(self) -> None:
        """The caller stopped. The turn stays theirs until the service's own response begins, which needs the way to be free."""
        self.callers_turn = self.callers_turn and self.active is None

    def refused(self) -> None:
        self.requested = False

    def stop(self) -> str | None:
        """Void the response that runs or is on its way. Its id, "" if it has none yet, None without one."""
        self._at_once = False
        if self.active:
            self._void.append(self.active)
            return self.active
        if self.is_busy:
            self._void_next = self.requested
            return ""
        return None

    def is_void(self, response_id: str) -> bool:
        return bool(response_id) and response_id in self._void


@dataclass(slots=True)
class Item:
    """One message of the agent's. `received_bytes` in the session's output format."""

    received_bytes: int = 0
    is_whole: bool = False  # its audio is all here
    kept_ms: int | None = None  # where it was cut


@dataclass(slots=True)
class Items:
    """The newest items of a connection, by id."""

    bytes_per_ms: float
    _items: OrderedDict[str, Item] = field(default_factory=OrderedDict)

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def of(self, item_id: str) -> Item:
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = Item()
            while len(self._items) > _KEPT:
                self._items.popitem(last=False)
        return item

    def open_items(self) -> list[Item]:
        return [item for item in self._items.values() if item.received_bytes and not item.is_whole]

    def cut(self, item_id: str, heard_ms: int) -> int | None:
        """Where to cut an item of which `heard_ms` were heard; None if there is nothing to cut off.

        Never beyond what was received: an end beyond the item's own is an error.
        """
        item = self._items.get(item_id)
        if item is None:
            return None
        received_ms = int(item.received_bytes / self.bytes_per_ms)
        end_ms = max(0, min(heard_ms, received_ms))
        if (item.is_whole and heard_ms >= received_ms) or (item.kept_ms is not None and item.kept_ms <= end_ms):
            return None
        item.kept_ms = end_ms
        return end_ms
