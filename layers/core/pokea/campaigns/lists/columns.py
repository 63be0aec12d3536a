"""Which column of a list is what. Names are compared without case, blanks and punctuation: "Consent source" is `consent_source`.

A further column becomes a field for the agent, under a name that is safe everywhere: "Amount due (KES)" is `amount_due_kes`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pokea.campaigns.lists.rows import BadList

PHONE, NAME, TIMEZONE, LANGUAGE = "phone", "name", "timezone", "language"
CONSENT_SOURCE, CONSENT_WORDING, CONSENT_AT = CONSENT = ("consent_source", "consent_wording", "consent_at")
KNOWN = (PHONE, NAME, TIMEZONE, *CONSENT, LANGUAGE)
PROBLEM = "problem"  # what a file of rejected rows has more than the list; it is read back without it
MAX_FIELDS = 40
MAX_FIELD_NAME_CHARS = 32
_SAYABLE_TITLES = 20  # of a file, in an error


@dataclass(frozen=True, slots=True)
class Columns:
    """`known`: places of the documented columns that the list has. `fields`: places of the further ones by their safe names."""

    titles: tuple[str, ...]
    known: Mapping[str, int]
    fields: Mapping[str, int]

    def title_of(self, column: str) -> str:
        """As the list's own header says it; the documented name for a column that it lacks."""
        place = self.known.get(column, self.fields.get(column))
        return column if place is None else self.titles[place]

    @property
    def missing_consent(self) -> tuple[str, ...]:
        return tuple(column for column in CONSENT if column not in self.known)


def columns_of(titles: Sequence[str], mapping: Mapping[str, str], wanted: Sequence[str] | None, source: str) -> Columns:
    """`mapping`: titles by column, where the list calls one otherwise. `wanted`: the fields to keep; None: all. Raises BadList."""
    places: dict[str, int] = {}
    for column in (*KNOWN, *(name for name in mapping if name not in KNOWN)):
        title = mapping.get(column, column)
        found = [place for place, name in enumerate(titles) if _folded(name) == _folded(title)]
        if len(found) > 1:
            raise BadList(source, f"has {len(found)} columns called {title!r}: rename all but one")
        if not found and column in mapping:
            raise BadList(source, f"has no column {title!r}, which the campaign takes for {column}; {_listed(titles)}")
        if found:
            places[column] = found[0]
    if PHONE not in places:
        raise BadList(
            source, f'has no column {PHONE!r}: say which one it is, [columns] {PHONE} = "…"; {_listed(titles)}'
        )
    if twice := [column for column, place in places.items() if list(places.values()).count(place) > 1]:
        raise BadList(source, f"has one column for both {twice[0]} and {twice[1]}")
    known = {column: place for column, place in places.items() if column in KNOWN}
    named = {column: place for column, place in places.items() if column not in KNOWN}
    return Columns(tuple(titles), known, _fields(titles, known, named, wanted, source))


def _fields(
    titles: Sequence[str],
    known: Mapping[str, int],
    named: Mapping[str, int],
    wanted: Sequence[str] | None,
    source: str,
) -> Mapping[str, int]:
    fields = dict(named)
    taken = {*known.values(), *named.values()}
    for place, title in enumerate(titles):
        if place not in taken and _folded(title) != PROBLEM:
            fields[_unused(safe_name(title, place), fields)] = place
    if wanted is not None:
        if lacking := [name for name in wanted if name not in fields]:
            raise BadList(source, f"has no column for the field {lacking[0]!r}; {_listed(list(fields))}")
        return {name: fields[name] for name in wanted}
    if len(fields) > MAX_FIELDS:
        raise BadList(
            source, f"has more than {MAX_FIELDS} further columns: name those that the agent needs, fields = […]"
        )
    return fields


def safe_name(title: str, place: int) -> str:
    """`title` as lower-case letters, digits and underscores, beginning with a letter; "column_3" where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    if name and not name[0].isalpha():
        name = f"column_{name}"
    return name[:MAX_FIELD_NAME_CHARS].rstrip("_") or f"column_{place + 1}"


def _unused(name: str, taken: Mapping[str, int]) -> str:
    """A name that is not taken and that no documented column has, so that nobody takes one for the other."""
    number, found = 1, name
    while found in taken or found in KNOWN:
        number += 1
        suffix = f"_{number}"
        found = name[: MAX_FIELD_NAME_CHARS - len(suffix)] + suffix
    return found


def _folded(title: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", title).casefold() if letter.isalnum())


def _listed(titles: Sequence[str]) -> str:
    shown = ", ".join(title or "(no name)" for title in titles[:_SAYABLE_TITLES])
    return f"it has: {shown}" + (", …" if len(titles) > _SAYABLE_TITLES else "")
