"""Rules of a country by which people may be rung at this hour: the demo must not depend on when it is run, and the law does."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

from pokea.campaigns.country_policy import FOLDER, PACKAGED_POLICIES
from pokea.campaigns.holiday_dates import holidays_of
from pokea.errors import Misuse

COUNTRY = "ke"
ROUND_THE_CLOCK = '["00:00-24:00"]'
_CALENDARS = ("KE", "IS", "JP", "BR", "CA")  # somewhere there is no holiday
_CATEGORIES = ("public",)
_DAY = re.compile(r"(?m)^((?:mon|tues|wednes|thurs|fri|satur|sun)day) = .*$")


def write_rules(folder: Path, now: datetime) -> None:
    """Into the folder of rules beside the profiles in `folder`: the packaged ones of the demo's country, without hours and holidays."""
    packaged = (PACKAGED_POLICIES / f"{COUNTRY}.toml").read_text(encoding="utf-8")
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / f"{COUNTRY}.toml").write_text(at_any_hour(packaged, now), encoding="utf-8")


def at_any_hour(pack: str, now: datetime) -> str:
    """A pack's text; what it returns takes its place. Consent, caps and notices stay as they are. Raises Misuse for one that looks
    otherwise, and on a day without a calendar to go by."""
    pack, named = re.subn(r'(?m)^id = "(.*)"$', rf'id = "{COUNTRY}-demo"\nreplaces = "\1"', pack, count=1)
    pack, days = _DAY.subn(rf"\1 = {ROUND_THE_CLOCK}", pack)
    pack, calendars = re.subn(r"(?m)^calendar = .*$", f'calendar = "{_ordinary(now)}"', pack, count=1)
    pack, kinds = re.subn(r"(?m)^categories = .*$", f'categories = ["{_CATEGORIES[0]}"]', pack, count=1)
    if (named, days, calendars, kinds) != (1, 7, 1, 1):
        raise Misuse("other_rules", f"the packaged rules of {COUNTRY} look otherwise than the demo expects")
    return pack


def _ordinary(now: datetime) -> str:
    """A calendar by which neither yesterday nor today nor tomorrow is a holiday."""
    days = [(now + timedelta(days=number)).date() for number in (-1, 0, 1)]
    for name in _CALENDARS:
        if not any(holidays_of(name, _CATEGORIES, 1, day) for day in days):
            return name
    named = ", ".join(_CALENDARS)
    raise Misuse("holiday_everywhere", f"around {days[1]} all of {named} have a holiday: add a calendar without one")
