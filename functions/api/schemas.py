"""Requests and responses of the businesses' own API."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pokea.adapters.api_answers import described

MAX_IDEMPOTENCY_KEY_CHARS = 200


class NewCall(BaseModel):
    """A call to be placed. `from` is one of the business's own lines; without it, its only one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    to: Annotated[str, Field(description="Number to ring, E.164", examples=["+254700000001"], max_length=20)]
    from_number: Annotated[str | None, Field(alias="from", description="Own number to show, E.164", max_length=20)] = (
        None
    )
    agent: Annotated[str | None, Field(description="Agent that speaks; default: the line's", max_length=32)] = None
    context: Annotated[
        dict[str, str | int | float | bool],
        Field(description="What the agent should know: an order number, a name", max_length=50),
    ] = {}


class CallAccepted(BaseModel):
    """`status`: ringing, or unknown when the carrier did not answer in time: the call may ring, ask again with the same key."""

    request_id: str
    session_id: str | None
    call_id: str | None
    status: str


ERRORS = described(400, 401, 403, 409, 503)
