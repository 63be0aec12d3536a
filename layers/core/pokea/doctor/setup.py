"""Settings, profiles, AWS and clips: what a deployment is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pokea.doctor.findings import Finding, fine, found, unseen

Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSeen:
    """`given`: names that are set. `known`: names that exist. `malformed`: one line for each value that cannot be read. `missing`: name →
    who needs it. `weak`: secret → (its length, what it needs). `unread`: why (some of) it could not be looked at."""

    given: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    malformed: tuple[str, ...] = ()
    missing: Mapping[str, str] | None = None
    weak: Mapping[str, tuple[int, int]] | None = None
    unread: str = ""


def check_settings(seen: SettingsSeen) -> Findings:
    unknown = [name for name in seen.given if name.startswith("POKEA_") and name not in seen.known]
    troubles = [found("settings.unknown", name=name, hint=_hint(name, seen.known)) for name in unknown]
    troubles += [found("settings.malformed", problem=problem) for problem in seen.malformed]
    troubles += [found("settings.missing", name=name, who=who) for name, who in (seen.missing or {}).items()]
    troubles += [
        found("settings.weak", name=name, count=count, least=least)
        for name, (count, least) in (seen.weak or {}).items()
    ]
    if seen.unread:
        troubles.append(unseen("settings", seen.unread))
    return tuple(troubles) or (fine("settings", f"{len(seen.given)} settings, each known and well-formed"),)


def _hint(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f" (meant: {close[0]}?)" if close else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessSeen:
    """One profile. `deck_problem`: why its price list cannot be used, "" if it can."""

    business: str
    agent: str
    deck_problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesSeen:
    """`problems`: one line for each file that cannot be used."""

    folder: str
    problems: tuple[str, ...] = ()
    businesses: tuple[BusinessSeen, ...] = ()
    agents: tuple[str, ...] = ()
    unread: str = ""


def check_profiles(seen: ProfilesSeen) -> Findings:
    if seen.unread:
        return (unseen("profiles", seen.unread),)
    troubles = [found("profiles.unusable", problem=problem) for problem in seen.problems]
    agents = ", ".join(seen.agents)
    troubles += [
        found("profiles.agent", business=one.business, agent=one.agent, agents=agents)
        for one in seen.businesses
        if one.agent not in seen.agents
    ]
    troubles += [
        found("profiles.deck", business=one.business, problem=one.deck_problem)
        for one in seen.businesses
        if one.deck_problem
    ]
    return tuple(troubles) or (fine("profiles", f"{len(seen.businesses)} profiles in {seen.folder}"),)


@dataclass(frozen=True, slots=True)
class Part:
    """Something in AWS that a setting names. `there`: its region as its name tells, "" if that does not tell."""

    what: str
    name: str
    setting: str
    exists: bool | None  # None: could not be looked at, for the reason in `why`
    there: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSeen:
    """`refusal`: why nothing could be asked; `refused`: that it was our credentials. Without a region nothing is asked either."""

    region: str = ""
    refusal: str = ""
    refused: bool = False
    parts: tuple[Part, ...] = ()
    unread: str = ""


def check_aws(seen: AwsSeen) -> Findings:
    if seen.unread:
        return (unseen("aws", seen.unread),)
    if not seen.region:
        return (found("aws.no_region"),)
    if seen.refusal:
        return (found("aws.refused", problem=seen.refusal) if seen.refused else unseen("aws", seen.refusal),)
    if not seen.parts:
        return (unseen("aws", "no setting names a table, a queue or a function"),)
    troubles = tuple(finding for part in seen.parts if (finding := _part(part, seen.region)) is not None)
    return troubles or (fine("aws", f"{len(seen.parts)} tables, queues and functions are there in {seen.region}"),)


def _part(part: Part, region: str) -> Finding | None:
    if part.there and part.there != region:
        return found("aws.other_region", what=part.what, name=part.name, there=part.there, here=region)
    if part.exists is None:
        return unseen("aws", f"{part.what} {part.name}: {part.why}")
    if not part.exists:
        return found("aws.missing", what=part.what, name=part.name, region=region, setting=part.setting)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipsSeen:
    folder: str = ""
    total: int = 0
    missing: int = 0
    unread: str = ""


def check_clips(seen: ClipsSeen) -> Findings:
    if seen.unread:
        return (unseen("clips", seen.unread),)
    if not seen.folder:
        return (found("clips.unset"),)
    if seen.missing:
        return (found("clips.missing", count=seen.missing, total=seen.total, folder=seen.folder),)
    return (fine("clips", f"{seen.total} greetings and prompts in {seen.folder}"),)
