"""A simulated telephone carrier: numbers, hooks, voice documents, REST, wallet, and a switch that plays and records real audio.

It stands where the real carrier stands, at the network edge, and shares no code with the product: a shared codec hides a shared mistake.
"""

from local.carrier.behaviour import BEHAVIOURS, DOCUMENTED, OBSERVED, Behaviour, Quirks
from local.carrier.billing import BillingFault
from local.carrier.booked import BookedCall, BookedDial
from local.carrier.call import Call
from local.carrier.carrier import Carrier, CarrierError
from local.carrier.faults import Fault
from local.carrier.hooks import Hook
from local.carrier.ledger import Cdr, Tariff
from local.carrier.machines import AnsweringMachine, Fax, Mute
from local.carrier.party import Party, QuietParty
from local.carrier.records import Settling
from local.carrier.script import DialLeg

__all__ = [
    "BEHAVIOURS",
    "DOCUMENTED",
    "OBSERVED",
    "AnsweringMachine",
    "Behaviour",
    "BillingFault",
    "BookedCall",
    "BookedDial",
    "Call",
    "Carrier",
    "CarrierError",
    "Cdr",
    "DialLeg",
    "Fault",
    "Fax",
    "Hook",
    "Mute",
    "Party",
    "QuietParty",
    "Quirks",
    "Settling",
    "Tariff",
]
