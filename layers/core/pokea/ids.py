"""Names for the identifiers that travel through the house, so that no two can be mixed up unnoticed."""

from __future__ import annotations

from typing import NewType

BusinessId = NewType("BusinessId", str)  # our key of one business: "whitedent"
SessionId = NewType("SessionId", str)  # the switch's id of one call: "HD_" + 12 hex, present on every webhook
SESSION_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}"  # what the control plane takes for one
CallId = NewType("CallId", str)  # the carrier's REST uuid of the same call, learned later or never
AppointmentId = NewType("AppointmentId", str)
Nonce = NewType("Nonce", str)  # names one proposal of one call
ToolCallId = NewType("ToolCallId", str)  # the model's id of one function call
IntentKey = NewType("IntentKey", str)  # names one wish: same key = same effect, at most once
