"""Rate decks: a carrier's price list as data. docs/rate-decks.md describes the file.

Amounts are whole micro-units of the deck's currency. A row says where its figure comes from (`source`) and, where that is not certain,
why (`doubt`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from pokea.billing.call_leg import Direction
from pokea.errors import CallError, Misuse
from pokea.money import MICROS, MINOR_DIGITS, divided
from pokea.toml_tables import TomlTable, read_tables

PACKAGED_DECKS = Path(__file__).parent / "decks"  # the decks that ship with the package
MAX_DECK_BYTES = 32 * 1024 * 1024  # about 250,000 rows
MAX_ROW_S = 86_400  # the longest step, minimum or free time of a row
EVER = datetime.min.replace(tzinfo=UTC)
_DECK_KEYS = frozenset({"id", "currency", "source", "minor_rounding", "row"})
_ROW_KEYS = frozenset(
    {
        "direction",
        "prefix",
        "per_minute",
        "connect_fee",
        "rounding",
        "pulse",
        "minimum_s",
        "free_s",
        "from",
        "to",
        "source",
        "doubt",
    }
)
_DECK_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PREFIX = re.compile(r"\+?([1-9][0-9]{0,14})|")
_NAMES = {"1/1": "per_second", "60/60": "per_started_minute"}
_PULSE = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")


class BadDeck(CallError):
    """A rate deck that cannot be used. The message is one line that names the file and the key."""

    http_status = 400

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}: {key}" if key else source
        super().__init__("bad_deck", f"{where}: {problem}", facts={"source": source, "key": key})


@dataclass(frozen=True, slots=True)
class Pulse:
    """The charging step: the first one is `first_s` seconds, every later one `next_s`."""

    first_s: int
    next_s: int
    name: str = field(init=False, compare=False, repr=False)  # of the rule: "per_second", "30/6"

    def __post_init__(self) -> None:
        if not (0 < self.first_s <= MAX_ROW_S and 0 < self.next_s <= MAX_ROW_S):
            raise Misuse("bad_pulse", f"a step is 1 to {MAX_ROW_S} seconds")
        steps = f"{self.first_s}/{self.next_s}"
        object.__setattr__(self, "name", _NAMES.get(steps, steps))

    def up_to(self, seconds: int) -> int:
        """`seconds` rounded up to whole steps. 0 stays 0: no step has begun."""
        if seconds <= 0:
            return 0
        rest = max(seconds - self.first_s, 0)
        return self.first_s + -(-rest // self.next_s) * self.next_s


PER_SECOND = Pulse(1, 1)
PER_STARTED_MINUTE = Pulse(60, 60)
ROUNDINGS: Mapping[str, Pulse] = {pulse.name: pulse for pulse in (PER_SECOND, PER_STARTED_MINUTE)}


class MinorRounding(StrEnum):
    """What becomes of fractions of a minor unit (a cent) on the carrier's bill. UNSTATED: the price list does not say."""

    UNSTATED = "unstated"
    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """One price. `number` is its place in the file, from 1. It holds from `valid_from` up to, and without, `valid_to` (UTC)."""

    number: int
    direction: Direction
    prefix: str  # "+2547", or "" for any number and for none
    per_minute_micros: int
    pulse: Pulse
    connect_fee_micros: int = 0
    minimum_s: int = 0
    free_s: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    source: str = ""
    doubt: str = ""

    def __post_init__(self) -> None:
        if min(self.per_minute_micros, self.connect_fee_micros, self.minimum_s, self.free_s) < 0:
            raise Misuse("negative_rate", "nothing in a rate row is negative")

    def holds_at(self, moment: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_to is None or moment < self.valid_to
        )

    def describe(self) -> str:
        """Such as "row 2 (outbound +254, 3.00 a minute, per_second, from 2026-06-27T00:00:00Z)"."""
        parts = [
            f"{self.direction} {self.prefix}".rstrip(),
            f"{amount(self.per_minute_micros)} a minute",
            self.pulse.name,
        ]
        if self.connect_fee_micros:
            parts.append(f"connect fee {amount(self.connect_fee_micros)}")
        if self.minimum_s:
            parts.append(f"at least {self.minimum_s} s")
        if self.free_s:
            parts.append(f"first {self.free_s} s free")
        parts += [f"{word} {rfc3339(at)}" for word, at in (("from", self.valid_from), ("to", self.valid_to)) if at]
        return f"row {self.number} ({', '.join(parts)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDeck:
    """A price list in one currency. Two rows of the same direction and prefix never hold at the same instant."""

    deck_id: str
    currency: str
    rows: tuple[RateRow, ...]
    minor_rounding: MinorRounding = MinorRounding.UNSTATED
    minor_micros: int = field(init=False, compare=False, repr=False)  # micro-units in one minor unit

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            raise Misuse("unknown_currency", f"{self.currency!r} is not a currency we know")
        object.__setattr__(self, "minor_micros", MICROS // int(10 ** MINOR_DIGITS[self.currency]))
        if len({row.number for row in self.rows}) != len(self.rows):
            raise Misuse("row_numbers", "each row of a deck has a number of its own")
        if clash := _clash(self.rows):
            raise BadDeck(self.deck_id, f"row {clash[1].number}", f"holds at the same time as row {clash[0].number}")

    def minor_amounts(self, micros: int) -> frozenset[int]:
        """What a bill may show for `micros`, in minor units: one amount, or two where the deck leaves fractions open."""
        unit = self.minor_micros
        match self.minor_rounding:
            case MinorRounding.HALF_UP:
                return frozenset({divided(micros, unit)})
            case MinorRounding.UP:
                return frozenset({-(-micros // unit)})
            case MinorRounding.DOWN:
                return frozenset({micros // unit})
            case MinorRounding.UNSTATED:
                return frozenset({micros // unit, -(-micros // unit)})

    def may_show(self, micros: int, minor: int) -> bool:
        """Whether a bill may show `minor` minor units for `micros`."""
        if self.minor_rounding is MinorRounding.UNSTATED:
            return abs(micros - minor * self.minor_micros) < self.minor_micros
        return minor in self.minor_amounts(micros)


def load_deck(path: Path) -> RateDeck:
    """The deck in the TOML file `path`. Raises BadDeck: one line that names the file and the key."""
    return deck_of(read_tables(path, MAX_DECK_BYTES, BadDeck), path.name)


def packaged_deck(name: str) -> RateDeck:
    """A deck that ships with the package, by its id. Raises BadDeck."""
    if not _DECK_ID.fullmatch(name) or not (file := PACKAGED_DECKS / f"{name}.toml").is_file():
        known = ", ".join(sorted(path.stem for path in PACKAGED_DECKS.glob("*.toml")))
        raise BadDeck(name, "", f"is neither a file nor a deck that ships with Pokea ({known})")
    return load_deck(file)


def deck_of(tables: Mapping[str, object], file: str) -> RateDeck:
    """The deck in the tables of a TOML file, checked. `file` names it in errors."""
    read = _Table(file, "", tables)
    read.only(_DECK_KEYS)
    currency = read.text("currency")
    if currency not in MINOR_DIGITS:
        raise read.bad("currency", f"is not one of {', '.join(sorted(MINOR_DIGITS))}")
    deck_id = read.text("id")
    if not _DECK_ID.fullmatch(deck_id):
        raise read.bad("id", "is not lower-case letters, digits and hyphens")
    rows = read.rows("row")
    source = read.text("source", "")
    rounding = read.one_of("minor_rounding", MinorRounding, MinorRounding.UNSTATED)
    parsed = tuple(_row_of(_Table(file, f"row {number}", row), number, source) for number, row in enumerate(rows, 1))
    if clash := _clash(parsed):
        raise BadDeck(file, f"row {clash[1].number}", f"holds at the same time as row {clash[0].number}")
    return RateDeck(deck_id=deck_id, currency=currency, rows=parsed, minor_rounding=MinorRounding(rounding))


def amount(micros: int) -> str:
    """`micros` as a decimal, exact: 3.00, 0.416667."""
    whole, part = divmod(abs(micros), MICROS)
    digits = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{digits}"


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _row_of(read: _Table, number: int, source: str) -> RateRow:
    read.only(_ROW_KEYS)
    prefix = _PREFIX.fullmatch(read.text("prefix", ""))
    if not prefix:
        raise read.bad("prefix", 'is not the beginning of an E.164 number, such as "+2547"')
    valid_from, valid_to = read.span()
    return RateRow(
        number=number,
        direction=Direction(read.one_of("direction", Direction)),
        prefix=f"+{prefix[1]}" if prefix[1] else "",
        per_minute_micros=read.micros("per_minute"),
        pulse=read.pulse(),
        connect_fee_micros=read.micros("connect_fee", "0"),
        minimum_s=read.seconds("minimum_s"),
        free_s=read.seconds("free_s"),
        valid_from=valid_from,
        valid_to=valid_to,
        source=read.text("source", source),
        doubt=read.text("doubt", ""),
    )


def _clash(rows: Iterable[RateRow]) -> tuple[RateRow, RateRow] | None:
    """Two rows of one direction and prefix of which nobody can say which holds."""
    alike: dict[tuple[Direction, str], list[RateRow]] = defaultdict(list)
    for row in rows:
        alike[row.direction, row.prefix].append(row)
    for group in alike.values():
        group.sort(key=lambda row: row.valid_from or EVER)
        for one, other in pairwise(group):
            if one.valid_to is None or other.valid_from is None or other.valid_from < one.valid_to:
                return one, other
    return None


class _Table(TomlTable):
    """One table of a deck's file; whatever is wrong becomes a BadDeck that names the key."""

    def __init__(self, file: str, where: str, table: object) -> None:
        super().__init__(BadDeck, file, where, table, "row" if where else "deck")

    def one_of(self, key: str, choices: type[StrEnum], default: str | None = None) -> str:
        value = self.text(key, default)
        known = [choice.value for choice in choices]
        if value not in known:
            raise self.bad(key, f"is not one of {', '.join(known)}")
        return value

    def seconds(self, key: str) -> int:
        value = self._table.get(key, 0)
        if type(value) is not int or not 0 <= value <= MAX_ROW_S:
            raise self.bad(key, f"is not a whole number of seconds from 0 to {MAX_ROW_S}")
        return value

    def pulse(self) -> Pulse:
        named = self._table.get("rounding")
        if (named is None) == ("pulse" not in self._table):
            raise self.bad("rounding", "give either rounding or pulse")
        if named is not None:
            if not isinstance(named, str) or named not in ROUNDINGS:
                raise self.bad("rounding", f"is not one of {', '.join(ROUNDINGS)}")
            return ROUNDINGS[named]
        found = _PULSE.fullmatch(self.text("pulse"))
        try:
            if found:
                return Pulse(int(found[1]), int(found[2]))
        except Misuse:
            pass
        raise self.bad("pulse", f'is not first/next in seconds from 1 to {MAX_ROW_S}, such as "60/60" or "30/6"')
