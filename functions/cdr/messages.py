"""What stands on the queue of detail records: a call to look at, or a day to look through. Bodies are JSON of at most 64 KB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from pokea.errors import RejectedInput

MAX_BODY_BYTES = 65_536
CallName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}$")]
BusinessName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    version: Literal[1]


class Ask(_Message):
    """Look at this call. `said`: the bridge's own word, kept as it came. `attempt`: see `pokea.billing.cdr_asking`. `again`: ask the
    carrier even if everything is final."""

    call: CallName
    business: BusinessName
    said: dict[str, object] | None = None
    attempt: Annotated[int, Field(ge=-1_000, le=1_000)] = 0
    again: bool = False

    @field_validator("said")
    @classmethod
    def _is_an_event(cls, said: dict[str, object] | None) -> dict[str, object] | None:
        if said is not None and (said.get("event") not in ("opened", "closed") or not _is_index(said.get("index"))):
            raise ValueError("not an event of a bridge")
        return said

    @property
    def is_opening(self) -> bool:
        """A bridge tells that it has taken the call: the carrier has nothing to say yet."""
        return self.said is not None and self.said.get("event") == "opened"

    @property
    def index(self) -> int:
        index = (self.said or {}).get("index", 0)
        return index if isinstance(index, int) else 0


class DayAsk(_Message):
    """Look through one UTC day: `ours` is what we hold of a business, `carrier` a page of the carrier's list, of one business or of all.
    `whole`: every call of ours, not only what is not final. `after` (a place in the order of ours), `cursor`, `page` (how many there were)
    and `rows` (what the last one named) say where an earlier message had to stop."""

    sweep: date
    source: Literal["ours", "carrier"]
    business: BusinessName | Literal[""] = ""
    cursor: Annotated[str, Field(max_length=2_000)] = ""
    page: Annotated[int, Field(ge=0)] = 0
    rows: Annotated[str, Field(max_length=64)] = ""
    after: Annotated[str, Field(max_length=200)] = ""
    whole: bool = False
    attempt: Annotated[int, Field(ge=0, le=100)] = 0


_EITHER: TypeAdapter[Ask | DayAsk] = TypeAdapter(Ask | DayAsk)


def parse(body: str) -> Ask | DayAsk:
    """Raises RejectedInput, which never quotes the message."""
    if len(body) > MAX_BODY_BYTES or len(body.encode("utf-8", "replace")) > MAX_BODY_BYTES:
        raise RejectedInput("bad_message", "the message is too long")
    try:
        return _EITHER.validate_json(body)
    except (ValidationError, RecursionError):
        raise RejectedInput("bad_message", "the message names neither a call nor a day") from None


def body_of(message: Ask | DayAsk) -> Mapping[str, object]:
    """The message as it is sent: what has its usual value is left out."""
    return {"version": 1, **message.model_dump(mode="json", exclude_defaults=True)}


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
