"""`[calendar]`: the diary as a feed, and other calendars that keep it busy."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pokea.calendars import CalendarRules
from pokea.tables.base import Key, Table


def _https(url: str) -> str:
    if not url.startswith("https://") or not url.isascii() or " " in url:
        raise ValueError("must be an https URL")
    return url


Url = Annotated[str, Field(max_length=2_048), AfterValidator(_https)]


class CalendarTable(Table):
    feed: bool = False
    names: bool = False
    generation: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    busy: Annotated[list[Url], Field(max_length=10)] = []
    busy_of: dict[Key, Annotated[list[Url], Field(max_length=10)]] = {}

    def check(self, practitioners: list[str]) -> None:
        """Raises ValueError that begins with the key it means."""
        for key in self.busy_of:
            if key not in practitioners:
                raise ValueError(f"calendar.busy_of.{key}: is not a practitioner")

    def rules(self) -> CalendarRules:
        busy_of = {key: tuple(urls) for key, urls in self.busy_of.items()}
        return CalendarRules(
            feed=self.feed, names=self.names, generation=self.generation, busy=tuple(self.busy), busy_of=busy_of
        )
