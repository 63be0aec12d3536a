"""Which calls the demo makes: which scenarios, on which engines, lines and carriers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from local.demo.booking import BACKCHANNEL, BOOK, DRAWN_STRANDS, STRANDS, Scenario
from local.demo.losses import kill_scenario, replaced_scenario
from local.demo.wishes import Wish, drawn_wish, fixed_wish
from local.engines import KILL_STATES, NAMES, Leg

CARRIERS = ("documented", "observed")
TRACKS = ("inbound", "mixed", "stereo")
WIDE_HZ, NARROW_HZ = 16_000, 8_000
DRAWN_SERVICES = {"cleaning": "cleaning", "filling": "filling", "check up": "checkup", "whitening": "whitening"}

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
    """Scenarios that share a caller and a diary, one after another."""

    scenarios: tuple[Scenario, ...]
    ground: Ground
    wish: Wish
    drawn: bool = False


@dataclass(frozen=True)
class Shift:
    """The calls of one desk. staggered: each is dialled once the one before is answered, so that their order is known."""

    name: str
    legs: tuple[Leg, ...]
    strands: tuple[Strand, ...]
    staggered: bool = False

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
    """What was asked for on the command line. only: names of scenarios; empty: all of them."""

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
    planned: list[Shift] = []
    for engine in wanted.engines:
        if wanted.kill:
            planned += _dying(wanted, engine, today)
        else:
            planned.append(_working(wanted, engine, today))
    if wanted.samples:
        planned += _samples(wanted, today)
    return [shift for shift in (_only(shift, wanted.only) for shift in planned) if shift.strands]


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
    return replace(strand, scenarios=strand.scenarios[:last])


def _working(wanted: Wanted, engine: str, today: date) -> Shift:
    strands = [strand for carrier in wanted.carriers for strand in _strands(wanted, carrier, today)]
    if engine == "gemini" and not wanted.real:
        # Its stand-in understands something of every murmur, and words are an answer.
        strands = [strand for strand in strands if BACKCHANNEL not in strand.scenarios]
    if engine == "openai" and "inbound" in wanted.tracks:
        strands.append(Strand((BOOK,), Ground(wanted.carriers[0], rate_hz=NARROW_HZ), fixed_wish(today)))
    strands.sort(key=lambda strand: -len(strand.scenarios))
    return Shift(engine, (Leg(engine, wanted.real),), tuple(strands))


def _strands(wanted: Wanted, carrier: str, today: date) -> Iterator[Strand]:
    rng = _dice(wanted.seed, carrier)
    for track in wanted.tracks:
        ground = Ground(carrier, track)
        for scenarios in STRANDS:
            yield Strand(scenarios, ground, fixed_wish(today))
        for scenarios in DRAWN_STRANDS if track == "inbound" else ():
            yield Strand(scenarios, ground, drawn_wish(today, rng, DRAWN_SERVICES), drawn=True)


def _dying(wanted: Wanted, engine: str, today: date) -> Iterator[Shift]:
    """One call for each state in which an engine can be lost, and one that another kind of engine finishes."""
    rng = _dice(wanted.seed, f"kill {engine}")
    states = tuple(state for _ in wanted.carriers for state in KILL_STATES)
    strands = tuple(
        Strand((kill_scenario(state),), Ground(carrier), drawn_wish(today, rng, DRAWN_SERVICES), drawn=True)
        for carrier in wanted.carriers
        for state in KILL_STATES
    )
    yield Shift(f"{engine}-dies", (Leg(engine, kill=states),), strands, staggered=True)
    for carrier in wanted.carriers:
        yield _replaced(engine, carrier, drawn_wish(today, rng, DRAWN_SERVICES))


def _replaced(engine: str, carrier: str, wish: Wish) -> Shift:
    successor, state = SUCCESSORS[engine]
    legs = (Leg(engine, kill=(state,), down_after=1), Leg(successor))
    strand = Strand((replaced_scenario(state),), Ground(carrier), wish, drawn=True)
    return Shift(f"{engine}-replaced-{carrier}", legs, (strand,), staggered=True)


def _samples(wanted: Wanted, today: date) -> list[Shift]:
    """A little of everything beside the main shift: one call on each other engine, one death, one replacement, both tracks."""
    rng = _dice(wanted.seed, "samples")

    def wish() -> Wish:
        return drawn_wish(today, rng, DRAWN_SERVICES)

    others = [name for name in NAMES if name not in wanted.engines]
    carriers = [wanted.carriers[index % len(wanted.carriers)] for index in range(len(NAMES) + 1)]
    planned = [
        Shift(name, (Leg(name),), (Strand((BOOK,), Ground(carrier, track), wish(), drawn=True),))
        for name, carrier, track in zip(others, carriers, ("stereo", "inbound", "inbound", "inbound"), strict=False)
    ]
    if "openai" in others:
        murmur = Strand((BACKCHANNEL,), Ground(carriers[0]), fixed_wish(today))
        at = others.index("openai")
        planned[at] = replace(planned[at], strands=(*planned[at].strands, murmur))
    return [*planned, _replaced(others[0], carriers[-1], wish())] if others else planned


def _dice(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed} {purpose}")  # not for secrets: the same seed must draw the same calls


def scenario_names(*, kill: bool) -> tuple[str, ...]:
    """What `--scenario` may name."""
    if kill:
        return (*(f"kill-{state}" for state in KILL_STATES), "replaced")
    return tuple(scenario.name for scenarios in STRANDS for scenario in scenarios)
