"""What a call used of each of its models: the sum over turns, whichever connection they were on, because each turn bills the context again.

Each engine's turns count under its own name and model. A turn is silent when it is complete, or its connection is let go in the middle of
it, and no report of it has come. A report may come before the turn's end, with it, or after it: what comes before the model has begun
anything new is the last turn's. One turn may have several reports, for each time that the model went on after a tool.

What cannot be known: what a turn cost that was let go before the model had made a sound.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from bridge.core.engines import Engine
from bridge.core.frames import Event, ModelAudio, ServiceUsed, ToolAsked, TurnComplete, UsageReported, UsageUnknown
from pokea.billing.usage import Meter, ModelUsage


class _Turn(Enum):
    """The running turn."""

    EMPTY = auto()  # the model has done nothing in it
    UNREPORTED = auto()
    REPORTED = auto()


@dataclass(slots=True)
class _Sum:
    meters: Counter[Meter] = field(default_factory=Counter)
    turns: int = 0
    silent_turns: int = 0


class UsageMeter:
    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sum] = {}
        self._engine = self._model = ""
        self._turn = _Turn.EMPTY
        self._is_owed = False  # a turn is complete, and its report may still come

    def connected(self, engine: Engine) -> None:
        """What comes from now on is of this one, and nothing more comes of the connection before it."""
        self._settle()
        self._engine, self._model = engine.name, _billed_as(engine.model)
        self._sum(self._model)

    def saw(self, event: Event) -> None:
        """Everything that happens in the call passes here, of whatever kind it is."""
        if isinstance(event, ModelAudio | ToolAsked):
            self.acted()
        elif isinstance(event, TurnComplete):
            self.turn_over(asked=event.asked)
        elif isinstance(event, UsageReported):
            self.reported(event)
        elif isinstance(event, UsageUnknown):
            self.unknown()
        elif isinstance(event, ServiceUsed):
            self.used(event)

    def acted(self) -> None:
        """The model speaks or asks for a tool."""
        if self._turn is _Turn.EMPTY:
            self._give_up()
            self._turn = _Turn.UNREPORTED

    def goes_on(self) -> None:
        """A tool has answered: what the model does now is billed by itself."""
        if self._turn is _Turn.REPORTED:
            self._turn = _Turn.EMPTY

    def turn_over(self, *, asked: bool = True) -> None:
        if self._turn is not _Turn.REPORTED and (asked or self._turn is _Turn.UNREPORTED):
            self._give_up()
            self._is_owed = True
        self._turn = _Turn.EMPTY

    def reported(self, report: UsageReported) -> None:
        """One that counts nothing says nothing."""
        if not report.meters:
            self.unknown()
            return
        self._arrived()
        known = self._sum(self._model)
        known.turns += 1
        known.meters.update(report.meters)

    def unknown(self) -> None:
        """There will be no report."""
        self._arrived()
        self._sum(self._model).silent_turns += 1

    def used(self, service: ServiceUsed) -> None:
        self._sum(_billed_as(service.model)).meters.update(service.meters)

    def usages(self) -> tuple[ModelUsage, ...]:
        """Of the call, which is over. In the order of their first mention."""
        self._settle()
        return tuple(
            ModelUsage(engine, model, dict(known.meters), known.turns, known.silent_turns)
            for (engine, model), known in self._sums.items()
        )

    def _arrived(self) -> None:
        if self._is_owed and self._turn is _Turn.EMPTY:
            self._is_owed = False
        else:
            self._turn = _Turn.REPORTED

    def _give_up(self) -> None:
        """The report of the turn before does not come any more."""
        if self._is_owed:
            self._is_owed = False
            self._sum(self._model).silent_turns += 1

    def _settle(self) -> None:
        """Nothing more comes of this connection."""
        self._give_up()
        if self._turn is _Turn.UNREPORTED:
            self._sum(self._model).silent_turns += 1
        self._turn = _Turn.EMPTY

    def _sum(self, model: str) -> _Sum:
        return self._sums.setdefault((self._engine, model), _Sum())


def _billed_as(model: str) -> str:
    """`models/x` and `projects/…/models/x` are x to a price list."""
    return model.rpartition("/")[2] if model.startswith(("models/", "projects/")) else model
