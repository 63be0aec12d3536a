"""Where a telephone may be, as far as its number says: its country, and every zone whose clock its owner may live by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from pokea.phone_numbers import E164

MAX_ZONE_CHARS = 64
# Zone files that are no place, and copies of the zone tree whose clocks count leap seconds.
_NO_PLACES = ("Factory", "localtime", "posixrules")
_COPIES = ("posix/", "right/")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`region`: ISO alpha-2, "" for a number that no national plan has (or that belongs to no country). `zones`: IANA names, none where
    nobody knows."""

    region: str
    zones: tuple[str, ...]


NOWHERE = Whereabouts("", ())


@lru_cache(
    maxsize=16_384
)  # whoever is planned is asked about again when they are dialled, and when their call has ended
def whereabouts(number: E164) -> Whereabouts:
    """A number that is bound to no place, toll-free or mobile in a country of many zones, may be in any of them."""
    # Imported here because its tables take longer to load than the rest of the layer.
    import phonenumbers
    from phonenumbers import timezone

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return NOWHERE
    # A country that has its calling code to itself claims every number of it, also those that it never gave out.
    if not phonenumbers.is_valid_number(parsed):
        return NOWHERE
    zones = timezone.time_zones_for_number(parsed)
    known = () if timezone.UNKNOWN_TIMEZONE in zones else tuple(zones)
    return Whereabouts(phonenumbers.region_code_for_number(parsed) or "", known)


@lru_cache(maxsize=1_024)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone with this IANA name; None where there is none."""
    if not name or len(name) > MAX_ZONE_CHARS or name in _NO_PLACES or name.startswith(_COPIES):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, no name at all, a folder of zones
        return None
