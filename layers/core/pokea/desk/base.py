"""What an agent is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pokea.accounts import AccountBook
from pokea.campaigns.briefing import Briefed
from pokea.identity import Caller
from pokea.ports import Store
from pokea.profile import Profile
from pokea.shipments import ShipmentBook
from pokea.toolkit import Json, ToolCall, ToolResult, ToolSpec
from pokea.transfer import Exchange

__all__ = ["Agent", "Caller", "Desk", "Opening"]


def _no_campaign() -> Briefed | None:
    return None


@dataclass(frozen=True, slots=True)
class Desk:
    """What an agent works with for one business. `new_id` gives a fresh unguessable id (letters and digits) at every call.

    accounts, shipments: the business's own systems where its profile names one, else our store. exchange: rings people.
    briefed: of which campaign the call is; asked only where it matters, because it is a look at the call's own row. longest_talk: how
    long a caller may talk to a person at most.
    """

    profile: Profile
    store: Store
    new_id: Callable[[], str]
    accounts: AccountBook
    shipments: ShipmentBook
    exchange: Exchange
    briefed: Callable[[], Briefed | None] = _no_campaign
    longest_talk: timedelta = timedelta(hours=9)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a call begins about which something is known beforehand.

    greeting: takes the place of the usual one and ends in a question; one that names nothing of its own may have a clip. first: a `then`
    for the answer to it, None where the agent's rules tell. language: which the call is held in; "" for the business's own. about: what
    the model is told of the person, behind everything else.
    """

    greeting: str
    first: Json | None
    language: str = ""
    about: str = ""


class Agent(Protocol):
    @property
    def name(self) -> str: ...

    def tools(self, profile: Profile) -> tuple[ToolSpec, ...]:
        """What a model may call, declared for this business."""

    def instructions(self, profile: Profile, now: datetime, language: str, a_number_known: bool) -> str:
        """The system prompt of a real model. Holds no secret and no personal data."""

    def greeting(self, profile: Profile, language: str) -> str:
        """The first words of a call: who this is, that it is an AI, and the recording notice if the business records."""

    def opening(self, caller: Caller, desk: Desk, context: Mapping[str, object], now: datetime) -> Opening | None:
        """For a call that we placed, with the `context` it was placed with; None: it begins as any other. May note what it is about."""

    def calling(self, profile: Profile, language: str) -> str:
        """The greeting of a call that a campaign places: who calls, that it is an AI, about what, how to stop it. "": this agent has
        none, so no campaign can name it."""

    def voicemail(self, profile: Profile, language: str) -> str:
        """What is left on an answering machine where a campaign wants that: who called, that it is an AI, how to reach the business.
        Anybody may hear it, so it names nobody."""

    def phrases(self, profile: Profile, language: str) -> dict[str, str]:
        """Fixed lines by key, see `pokea.desk.agent.PHRASES`."""

    def problem(self, profile: Profile) -> str | None:
        """What a profile lacks for this agent to work, as "key: problem"; None if nothing."""

    def run(self, call: ToolCall, caller: Caller, desk: Desk, now: datetime) -> ToolResult:
        """Do what a model asks for, as far as the rules allow. A domain "no" is a payload with status and words, never an error.

        Unknown tools and malformed arguments come back as {"status": "refused", "code": …}. Raises Unavailable and Indeterminate
        from the store.
        """
