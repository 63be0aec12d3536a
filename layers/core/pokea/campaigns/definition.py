"""CAMPAIGN.toml: who is called for whom, when and how, and what the columns of the list are called. docs/campaigns.md describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from pokea import agents
from pokea.campaigns.campaign import Campaign, Voicemail
from pokea.errors import CallError
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.tables.base import first_problem
from pokea.tables.campaign import CampaignTable
from pokea.toml_tables import read_tables
from pokea.toolkit import Effect

MAX_CAMPAIGN_BYTES = 256 * 1024


class BadCampaign(CallError):
    """A campaign that cannot be used. The message is one line that names the file and the key."""

    http_status = 400

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}: {key}" if key else source
        super().__init__("bad_campaign", f"{where}: {problem}", facts={"source": source, "key": key})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A campaign as its file has it. `country`: from where numbers without a country code are dialled. `zone`: of times without an
    offset. `languages`: the business's, its first one first. `columns`: titles in the list by our names. `fields`: the further columns to
    keep, None: all of them; once a list is read, its fields stand in the campaign."""

    campaign: Campaign
    country: str
    zone: str
    languages: tuple[str, ...]
    columns: Mapping[str, str]
    fields: tuple[str, ...] | None

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


def load_definition(path: Path, profiles: Mapping[BusinessId, Profile]) -> Definition:
    """The campaign in one file; `profiles`: the businesses that may call. Raises BadCampaign."""
    return definition_of(read_tables(path, MAX_CAMPAIGN_BYTES, BadCampaign), path.name, profiles)


def _first_problem(problem: ValidationError) -> tuple[str, str]:
    key, text = first_problem(problem)
    if problem.errors()[0]["type"] != "extra_forbidden":
        return key, text
    known = [field.alias or name for name, field in CampaignTable.model_fields.items()]
    meant = get_close_matches(key, known, 1)
    return key, "is no key of a campaign" + (f"; did you mean {meant[0]}?" if meant else "")


def definition_of(tables: Mapping[str, object], source: str, profiles: Mapping[BusinessId, Profile]) -> Definition:
    """From the tables of a TOML file, which `source` names in errors. Raises BadCampaign."""
    try:
        checked = CampaignTable.model_validate(tables)
    except ValidationError as problem:
        raise BadCampaign(source, *_first_problem(problem)) from None
    profile = profiles.get(BusinessId(checked.business))
    if profile is None:
        raise BadCampaign(
            source, "business", f"{checked.business!r} is not one of {', '.join(profiles) or 'no profiles'}"
        )
    _check_agent(checked, profile, source)
    countries = tuple(checked.countries or (profile.country,))
    return Definition(
        campaign=_campaign(checked, profile, frozenset(countries)),
        country=countries[0],
        zone=profile.zone,
        languages=(profile.language, *(one for one in profile.languages if one != profile.language)),
        columns=checked.columns,
        fields=None if checked.fields is None else tuple(checked.fields),
    )


def _check_agent(checked: CampaignTable, profile: Profile, source: str) -> None:
    if checked.agent not in agents.NAMES:
        raise BadCampaign(source, "agent", f"{checked.agent!r} is not one of {', '.join(agents.NAMES)}")
    if problem := agents.get(checked.agent).problem(profile):
        raise BadCampaign(source, "agent", f"{profile.business_id} is not ready for {checked.agent}: {problem}")
    if not agents.get(checked.agent).calling(profile, profile.language):
        raise BadCampaign(source, "agent", f"{checked.agent} has no words for why it calls and how to stop it")
    if checked.voicemail == Voicemail.MESSAGE and not _may_stop(agents.get(profile.line.agent), profile):
        raise BadCampaign(
            source,
            "voicemail",
            f"who calls back could not stop the calls: {profile.line.agent} at the line has no optOut",
        )
    if checked.reps and not (profile.leads and profile.leads.transfer):
        raise BadCampaign(
            source, "reps", f"nobody of {profile.business_id} takes over: its profile has no leads.transfer"
        )


def _may_stop(agent: agents.Agent, profile: Profile) -> bool:
    """The message on the machine says that pressing 9 at the line is enough."""
    return any(spec.effect is Effect.PROTECT for spec in agent.tools(profile))


def _campaign(checked: CampaignTable, profile: Profile, countries: frozenset[str]) -> Campaign:
    return Campaign(
        business_id=profile.business_id,
        campaign_id=checked.id,
        name=checked.name,
        agent=checked.agent,
        from_number=E164(checked.from_number) if checked.from_number else profile.line.number,
        countries=countries,
        windows=checked.hours().opening_hours(),
        begins_at=checked.begins,
        ends_at=checked.ends,
        cps=checked.cps,
        channels=checked.channels,
        retries=checked.retry_rules(),
        max_attempts=checked.max_attempts,
        voicemail=Voicemail(checked.voicemail),
        budget_micros=checked.budget_micros(),
        priority=checked.priority,
        reps=checked.reps,
        schedule=checked.schedule,
        webhook=checked.webhook,
        fields=tuple(checked.fields or ()),
    )
