"""Where the carrier's own pages disagree about a path or a field, both spellings are kept here as data.

`LIVE` is what a working integration sends today; `DOCUMENTED` is what the guides print. `POKEA_CARRIER_DIALECT` chooses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`{id}` in a path stands for the call's, number's or inventory entry's id."""

    place_call: str
    get_call: str = "/v1/calls/{id}"
    list_calls: str = "/v1/calls"
    hang_up: str = "/v1/calls/{id}/hangup"
    list_numbers: str = "/v1/numbers"
    wallet: str = "/v1/wallet"
    claim_number: str
    route_number: str
    route_method: str
    to_is_array: bool
    callback_field: str
    label_field: str
    claim_field: str | None  # None: the id stands in the path alone
    route_voice_field: str
    route_events_field: str | None


LIVE = Dialect(
    place_call="/v1/calls",
    claim_number="/v1/numbers/available/claim",
    route_number="/v1/numbers/{id}/routing",
    route_method="PUT",
    to_is_array=True,
    callback_field="voice_callback_url",
    label_field="client_request_id",
    claim_field="inventory_id",
    route_voice_field="voice_callback_url",
    route_events_field="events_url",
)

DOCUMENTED = Dialect(
    place_call="/v1/calls/originate",
    wallet="/v1/wallet/balance",
    claim_number="/v1/numbers/{id}/claim",
    route_number="/v1/numbers/{id}",
    route_method="PATCH",
    to_is_array=False,
    callback_field="webhook_url",
    label_field="clientRequestId",
    claim_field=None,
    route_voice_field="routing_url",
    route_events_field=None,
)

DIALECTS = {"live": LIVE, "documented": DOCUMENTED}
