"""People of a list that come over the API: the same names, the same checks and the same refusals as in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.lists import cells
from pokea.campaigns.lists.cells import Unusable
from pokea.campaigns.lists.numbers import NumberReader
from pokea.campaigns.ports import contact_id_of
from pokea.profile import Profile

_TIMES = ("begins", "ends")


class ListReader:
    """Of one campaign's list; a reader may be used for any number of rows. They may be rung from `now` on, as far as the list goes."""

    def __init__(self, campaign: Campaign, profile: Profile, now: datetime) -> None:
        home = profile.country if profile.country in campaign.countries else min(campaign.countries)
        self._campaign, self._now = campaign, now
        self._numbers = NumberReader(home, campaign.countries)
        self._tz = ZoneInfo(profile.zone)
        self._languages = (profile.language, *(one for one in profile.languages if one != profile.language))

    def contact(
        self, *, phone: str, name: str, timezone: str, language: str, consent: Sequence[str], fields: Mapping[str, str]
    ) -> Contact:
        """`consent`: its source, wording and time. Raises Unusable."""
        campaign = self._campaign
        number = self._numbers.read(phone)
        unknown = sorted(set(fields) - set(campaign.fields))
        if unknown:
            raise Unusable("field_unknown", unknown[0][:64], "is no field of this campaign: name it in fields = […]")
        source, wording, at = consent
        return Contact(
            business_id=campaign.business_id,
            campaign_id=campaign.campaign_id,
            contact_id=contact_id_of(campaign.business_id, number),
            number=number,
            name=cells.name_of(name),
            language=cells.language_of(language, self._languages) or self._languages[0],
            zone=cells.zone_of(timezone),
            consent=cells.consent_of(source, wording, at, self._tz),
            state=ContactState.WAITING,
            due_at=self._now,
            fields=cells.fields_of(fields),
        )


def with_times(tables: Mapping[str, object]) -> dict[str, object]:
    """The tables of a campaign that came as JSON, which has no times: those of its keys that are times, read. What is none stays, and is
    refused where the tables are checked."""
    read: dict[str, object] = {**tables}
    for key in _TIMES:
        if isinstance(text := tables.get(key), str):
            read[key] = _read(datetime.fromisoformat, text)
    windows = tables.get("windows")
    if isinstance(windows, dict) and isinstance(days := windows.get("closed_days"), list):
        read["windows"] = {
            **windows,
            "closed_days": [_read(date.fromisoformat, day) if isinstance(day, str) else day for day in days],
        }
    return read


def _read(parse: Callable[[str], object], text: str) -> object:
    try:
        return parse(text)
    except ValueError:
        return text
