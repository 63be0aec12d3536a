"""Which calls the demo makes: which scenarios, on which engines, lines and carriers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from local.demo.areas import area_of
from local.demo.booking import AREA as BOOKING
from local.demo.booking import BACKCHANNEL, BOOK
from local.demo.businesses import Copy
from local.demo.losses import kill_scenario, replaced_scenario
from local.demo.scenario import Area, Plot, Scenario
from local.engines import KILL_STATES, NAMES, Leg

CARRIERS = ("documented", "observed")
TRACKS = ("inbound", "mixed", "stereo")
STANDARD_ENGINE = "gemini"
CALL_S = 45
# Of those that take longer or shorter than that, on an idle machine.
LASTS_S = {
    ("booking", "handoff-dial"): 30,
    ("booking", "move"): 55,
    ("booking", "swahili"): 75,
    ("booking", "taken"): 60,
    ("dispatch", "delivery"): 55,
    ("dispatch", "handoff-no-answer"): 70,
    ("dispatch", "refused"): 65,
    ("dispatch", "reschedule"): 70,
    ("dispatch", "swahili"): 90,
    ("dispatch", "track"): 25,
    ("leads", "cold"): 60,
    ("leads", "handoff"): 85,
    ("leads", "opt-out"): 30,
    ("leads", "warm"): 105,
    ("receptionist", "handoff-closed"): 65,
    ("receptionist", "unknown"): 65,
    ("support", "refused"): 90,
    ("support", "ticket"): 85,
}
WIDE_HZ, NARROW_HZ = 16_000, 8_000

# Which engine takes over from one that is gone for good, and in which state that one dies.
SUCCESSORS = {
    "gemini": ("openai", "tool_asked"),
    "openai": ("cascade", "speaking"),
    "openai-compatible": ("cascade", "tool_answered"),
    "cascade": ("gemini", "understanding"),
}


@dataclass(frozen=True)
class Ground:
    """What a call runs on. track: inbound, or both tracks as one mixed channel or as two (stereo)."""

    carrier: str
    track: str = "inbound"
    rate_hz: int = WIDE_HZ


@dataclass(frozen=True)
class Strand:
    """A plot on a ground: scenarios that share a caller and a copy of a business, one after another. index: the copy's."""

    area: Area
    plot: Plot
    ground: Ground
    wish: Any
    index: int
    drawn: bool = False

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        return self.plot.scenarios

    @property
    def copy(self) -> Copy:
        track = "inbound_track" if self.ground.track == "inbound" else "both_tracks"
        plot = self.plot
        mode = plot.mode if any(scenario.human for scenario in plot.scenarios) else ""
        line = (self.index, track, self.ground.rate_hz, self.area.agent, plot.language)
        return Copy(*line, plot.people, mode, self.ground.carrier)


@dataclass(frozen=True)
class Shift:
    """The calls of one desk. staggered: each is dialled once the one before is answered, so that their order is known."""

    name: str
    legs: tuple[Leg, ...]
    strands: tuple[Strand, ...]
    staggered: bool = False
    continues: bool = False  # its carrier goes on after a stream, and the business has found that out

    @property
    def engine(self) -> str:
        """As reports name it: the engine that answers, and the one that is to take over from it."""
        return ">".join(leg.name for leg in self.legs)

    @property
    def deaths(self) -> tuple[str, ...]:
        """The states in which its calls lose their engine, in the order of the calls."""
        return tuple(state for leg in self.legs for state in leg.kill)


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line. only: names of scenarios; empty: all of them. samples: a little of everything."""

    agents: tuple[str, ...] = ("booking",)
    engines: tuple[str, ...] = ("gemini",)
    carriers: tuple[str, ...] = CARRIERS
    tracks: tuple[str, ...] = ("inbound",)
    real: bool = False
    kill: bool = False
    samples: bool = False
    only: tuple[str, ...] = ()
    seed: int = 0


def shifts(wanted: Wanted, today: date) -> list[Shift]:
    """The desks to open, and the calls of each."""
    return _Planner(wanted, today).shifts()


def _only(shift: Shift, names: Sequence[str]) -> Shift:
    """The named scenarios, and those that must come before them on the same diary."""
    if not names:
        return shift
    kept = tuple(strand for strand in (_until_last(strand, names) for strand in shift.strands) if strand.scenarios)
    legs = shift.legs
    if shift.staggered:  # the engine's deaths follow the calls that are left
        first, *others = legs
        deaths = tuple(scenario.death for strand in kept for scenario in strand.scenarios)
        legs = (replace(first, kill=deaths), *others)
    return replace(shift, legs=legs, strands=kept)


def _until_last(strand: Strand, names: Sequence[str]) -> Strand:
    last = max((place for place, scenario in enumerate(strand.scenarios, 1) if scenario.name in names), default=0)
    return replace(strand, plot=replace(strand.plot, scenarios=strand.scenarios[:last]))


class _Planner:
    """Plans one run. Every strand gets a copy of its business of its own, and so a caller's number."""

    def __init__(self, wanted: Wanted, today: date) -> None:
        self._wanted, self._today = wanted, today
        self._next_index = 0

    def shifts(self) -> list[Shift]:
        wanted = self._wanted
        planned: list[Shift] = []
        for engine in wanted.engines:
            planned += self._dying(engine) if wanted.kill else self._working(engine)
        if wanted.samples and "booking" in wanted.agents:
            planned += self._samples()
        return [shift for shift in (_only(shift, wanted.only) for shift in planned) if shift.strands]

    def _strand(self, area: Area, plot: Plot, ground: Ground, rng: random.Random | None = None) -> Strand:
        index = self._next_index
        self._next_index += 1
        number = Copy(index).caller_number
        wish = area.fixed(self._today, number) if rng is None else area.drawn(self._today, number, rng)
        return Strand(area, plot, ground, wish, index, drawn=rng is not None)

    def _working(self, engine: str) -> list[Shift]:
        wanted = self._wanted
        strands = [
            strand
            for area in map(area_of, wanted.agents)
            for carrier in wanted.carriers
            for strand in self._strands(area, carrier)
        ]
        if engine == "gemini" and not wanted.real:
            # Its stand-in understands something of every murmur, and words are an answer.
            strands = [strand for strand in strands if BACKCHANNEL not in strand.scenarios]
        if engine == "openai" and "inbound" in wanted.tracks and "booking" in wanted.agents:
            narrow = Ground(wanted.carriers[0], rate_hz=NARROW_HZ)
            strands.append(self._strand(BOOKING, Plot((BOOK,), people="as_written"), narrow))
        strands.sort(key=length_s, reverse=True)  # the longest first, so that none is left over at the end
        legs = (Leg(engine, wanted.real),)
        going_on = tuple(strand for strand in strands if strand.plot.continues and engine == STANDARD_ENGINE)
        return [
            Shift(engine, legs, tuple(strand for strand in strands if not strand.plot.continues)),
            *([Shift(f"{engine}-continues", legs, going_on, continues=True)] if going_on else []),
        ]

    def _strands(self, area: Area, carrier: str) -> Iterator[Strand]:
        wanted = self._wanted
        rng = _dice(wanted.seed, carrier if area.agent == "booking" else f"{area.agent} {carrier}")
        for track in wanted.tracks if area.agent == "booking" else ("inbound",):
            ground = Ground(carrier, track)
            for plot in _here(area.plots, wanted, carrier):
                yield self._strand(area, plot, ground)
            for plot in _here(area.drawn_plots, wanted, carrier) if track == "inbound" else ():
                yield self._strand(area, plot, ground, rng)

    def _dying(self, engine: str) -> Iterator[Shift]:
        """One call for each state in which an engine can be lost, and one that another kind of engine finishes."""
        wanted = self._wanted
        rng = _dice(wanted.seed, f"kill {engine}")
        states = tuple(state for _ in wanted.carriers for state in KILL_STATES)
        strands = tuple(
            self._strand(BOOKING, Plot((kill_scenario(state),)), Ground(carrier), rng)
            for carrier in wanted.carriers
            for state in KILL_STATES
        )
        yield Shift(f"{engine}-dies", (Leg(engine, kill=states),), strands, staggered=True)
        for carrier in wanted.carriers:
            yield self._replaced(engine, carrier, rng)

    def _replaced(self, engine: str, carrier: str, rng: random.Random) -> Shift:
        successor, state = SUCCESSORS[engine]
        legs = (Leg(engine, kill=(state,), down_after=1), Leg(successor))
        strand = self._strand(BOOKING, Plot((replaced_scenario(state),)), Ground(carrier), rng)
        return Shift(f"{engine}-replaced-{carrier}", legs, (strand,), staggered=True)

    def _samples(self) -> list[Shift]:
        """A little of everything beside the main shift: one call on each other engine, one death, one replacement, both tracks."""
        wanted = self._wanted
        rng = _dice(wanted.seed, "samples")
        others = [name for name in NAMES if name not in wanted.engines]
        carriers = [wanted.carriers[index % len(wanted.carriers)] for index in range(len(NAMES) + 1)]
        planned = [
            Shift(name, (Leg(name),), (self._strand(BOOKING, Plot((BOOK,)), Ground(carrier, track), rng),))
            for name, carrier, track in zip(others, carriers, ("stereo", "inbound", "inbound", "inbound"), strict=False)
        ]
        if "openai" in others:
            murmur = self._strand(BOOKING, Plot((BACKCHANNEL,)), Ground(carriers[0]))
            at = others.index("openai")
            planned[at] = replace(planned[at], strands=(*planned[at].strands, murmur))
        return [*planned, self._replaced(others[0], carriers[-1], rng)] if others else planned


def length_s(strand: Strand) -> int:
    """About how long it takes."""
    return sum(LASTS_S.get((strand.area.agent, scenario.name), CALL_S) for scenario in strand.scenarios)


def _here(plots: Sequence[Plot], wanted: Wanted, carrier: str) -> list[Plot]:
    """Those for this carrier. Where every agent is played, each plays only what shows something new."""
    fitting = [plot for plot in plots if not plot.only_on or carrier in plot.only_on]
    if wanted.real or wanted.engines[:1] != (STANDARD_ENGINE,):
        fitting = [plot for plot in fitting if not plot.continues]  # what the carrier does depends on no engine
    if wanted.samples and len(wanted.agents) > 1 and carrier != wanted.carriers[0]:
        return [plot for plot in fitting if not plot.once]
    return fitting


def _dice(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed} {purpose}")  # not for secrets: the same seed must draw the same calls


def scenario_names(agents: Sequence[str], *, kill: bool) -> tuple[str, ...]:
    """What `--scenario` may name."""
    if kill:
        return (*(f"kill-{state}" for state in KILL_STATES), "replaced")
    plots = (plot for agent in agents for plot in area_of(agent).plots)
    return tuple(dict.fromkeys(scenario.name for plot in plots for scenario in plot.scenarios))
