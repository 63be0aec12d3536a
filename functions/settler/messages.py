"""What stands on the queue of campaigns' calls: a call to look at, or the bus's word that a detail record of one is final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pokea.errors import RejectedInput
from pokea.ids import BusinessId, SessionId

MAX_BODY_CHARS = 16_384
CallName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}$")]
BusinessName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


@dataclass(frozen=True, slots=True)
class Look:
    """`attempt`: how often the call was looked at too early. `is_news`: the call may be none of ours."""

    session_id: SessionId
    business_id: BusinessId
    attempt: int = 0
    is_news: bool = False


class _Ask(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    version: Literal[1]
    call: CallName
    business: BusinessName
    attempt: Annotated[int, Field(ge=0, le=1_000)] = 0

    def look(self) -> Look:
        return Look(SessionId(self.call), BusinessId(self.business), self.attempt)


class _Detail(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    session: CallName
    business: BusinessName


class _News(BaseModel):
    """An event of the bus; whatever else it says is not read."""

    model_config = ConfigDict(strict=True, frozen=True)
    kind: Literal["CdrFinal"] = Field(alias="detail-type")
    detail: _Detail

    def look(self) -> Look:
        return Look(SessionId(self.detail.session), BusinessId(self.detail.business), is_news=True)


_EITHER: TypeAdapter[_Ask | _News] = TypeAdapter(_Ask | _News)


def parse(body: str) -> Look:
    """Raises RejectedInput, which never quotes the message."""
    if len(body) > MAX_BODY_CHARS:
        raise RejectedInput("bad_message", "the message is too long")
    try:
        return _EITHER.validate_json(body).look()
    except (ValidationError, RecursionError):
        raise RejectedInput("bad_message", "the message does not name a call") from None


def body_of(look: Look) -> dict[str, Any]:
    """The message that asks for another look."""
    return {"version": 1, "call": look.session_id, "business": look.business_id, "attempt": look.attempt + 1}
