"""Looks at settings, profiles, AWS and clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.cli.deployed import aws_error, client
from local.cli.doctor.place import Examined
from local.clips import clips_of, missing_clips
from pokea import agents
from pokea.adapters.edge import EDGE_SECRET, MIN_CHARS
from pokea.adapters.setting_names import KNOWN
from pokea.billing.business_deck import deck_for
from pokea.doctor.setup import AwsSeen, BusinessSeen, ClipsSeen, Part, ProfilesSeen, SettingsSeen
from pokea.errors import CallError, Denied, NotFound
from pokea.lines import BadProfile, profile_files
from pokea.profile import Profile, load_profile, load_profiles
from pokea.sautikit.signature import MIN_PATH_SECRET_CHARS, WebhookAuth

TOKEN_KEY_CHARS = 32
# in the template → module and class of its settings
PROCESSES: Mapping[str, str] = {
    "VoiceFunction": "functions.voice.settings.VoiceSettings",
    "StreamStatusFunction": "pokea.adapters.control_settings.HookSettings",
    "ToolsFunction": "functions.tools.settings.ToolsSettings",
    "RecordsFunction": "functions.records.settings.RecordsSettings",
    "ApiFunction": "functions.api.settings.ApiSettings",
    "ProactiveFunction": "functions.proactive.settings.ProactiveSettings",
    "CdrFunction": "functions.cdr.settings.CdrSettings",
    "ReportsFunction": "functions.reports.settings.ReportsSettings",
    "SettlerFunction": "functions.settler.settings.SettlerSettings",
    "WebhooksFunction": "functions.webhooks.settings.WebhooksSettings",
    "WalletFunction": "functions.wallet.settings.WalletSettings",
    "CalendarsFunction": "functions.calendars.settings.CalendarsSettings",
    "CampaignsFunction": "functions.campaigns.settings.CampaignsSettings",
    "DialerFunction": "functions.dialer.settings.DialerSettings",
    "ReaperFunction": "functions.reaper.settings.ReaperSettings",
    "BlueTask": "bridge.settings.BridgeSettings",
    "GreenTask": "bridge.settings.BridgeSettings",
}


def look_at_settings(place: Examined) -> SettingsSeen:
    malformed: dict[str, None] = {}
    missing: dict[str, str] = {}
    for process, path in PROCESSES.items():
        own = place.processes.get(process)
        is_whole = place.is_complete or own is not None
        for item in fields(_class(path)):
            name = item.metadata["name"]
            text = (place.settings if own is None else own).get(name, "").strip()
            if not text:
                if item.default is MISSING and is_whole:
                    missing.setdefault(name, process)
                continue
            try:
                item.metadata["parse"](text)
            except ValueError as problem:
                malformed[f"{name}: {text!r} {problem}"] = None
    if place.is_complete or (place.is_deployed and not place.unread):
        missing |= {name: "every function" for name in _secrets_needed(place) if not place.settings.get(name)}
    return SettingsSeen(
        given=tuple(place.settings),
        known=KNOWN,
        malformed=tuple(malformed),
        missing=missing,
        weak=_weak(place.settings),
        unread=place.unread,
    )


def _class(path: str) -> type[Any]:
    module, _, name = path.rpartition(".")
    found: type[Any] = getattr(import_module(module), name)
    return found


def _secrets_needed(place: Examined) -> list[str]:
    needed = ["POKEA_TOKEN_KEY"]
    if place.auth is not WebhookAuth.SIGNATURE:
        needed.append("POKEA_WEBHOOK_PATH_SECRET")
    if place.auth is not WebhookAuth.PATH:
        needed.append("SAUTIKIT_WEBHOOK_SECRET")
    if place.settings.get("POKEA_EDGE_ONLY") == "on":
        needed.append(EDGE_SECRET)
    return needed


def _weak(settings: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    weak: dict[str, tuple[int, int]] = {}
    least = {
        "POKEA_TOKEN_KEY": TOKEN_KEY_CHARS,
        "POKEA_WEBHOOK_PATH_SECRET": MIN_PATH_SECRET_CHARS,
        EDGE_SECRET: MIN_CHARS,
    }
    for name, at_least in least.items():
        values = [part.strip() for part in settings.get(name, "").split(",") if part.strip()]
        if values and (shortest := min(map(len, values))) < at_least:
            weak[name] = (shortest, at_least)
    return weak


def look_at_profiles(place: Examined) -> ProfilesSeen:
    folder, problems = place.profiles_dir, []
    businesses: list[BusinessSeen] = []
    try:
        files = profile_files(folder)
    except BadProfile as problem:
        return ProfilesSeen(folder=str(folder), problems=(problem.message,))
    for file in files:
        try:
            profile = load_profile(file)
        except BadProfile as problem:
            problems.append(problem.message)
            continue
        businesses.append(
            BusinessSeen(
                business=profile.business_id, agent=profile.line.agent, deck_problem=_deck_problem(profile, folder)
            )
        )
    if not problems:
        try:
            load_profiles(folder)
        except BadProfile as problem:  # an id or a number that two claim
            problems.append(problem.message)
    return ProfilesSeen(
        folder=str(folder), problems=tuple(problems), businesses=tuple(businesses), agents=tuple(agents.NAMES)
    )


def _deck_problem(profile: Profile, folder: Path) -> str:
    try:
        deck_for(profile, folder)
    except CallError as problem:
        return problem.message
    return ""


def usable_profiles(folder: Path) -> Iterable[Profile]:
    """Those that load; the others are the business of `look_at_profiles`."""
    try:
        files = profile_files(folder)
    except BadProfile:
        return
    for file in files:
        try:
            yield load_profile(file)
        except BadProfile:
            continue


def look_at_clips(place: Examined) -> ClipsSeen:
    if place.is_deployed:
        return ClipsSeen(unread="they lie beside the bridge's tasks, which cannot be looked into from here")
    folder = place.settings.get("POKEA_CLIPS_DIR", "")
    if not folder and not place.is_complete:
        return ClipsSeen(unread="POKEA_CLIPS_DIR is not set here; the bridge may have its own")
    if not folder:
        return ClipsSeen()
    profiles = [profile for profile in usable_profiles(place.profiles_dir) if profile.line.agent in agents.NAMES]
    keys = {clip.key for profile in profiles for clip in clips_of(profile)}
    return ClipsSeen(folder=folder, total=len(keys), missing=len(missing_clips(profiles, Path(folder))))


Ask = Callable[[str], object]


def look_at_aws(place: Examined) -> AwsSeen:
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = _named(place.settings)
    if not wanted:
        return AwsSeen(unread="no setting names a table, a queue or a function")
    import boto3

    try:
        region = place.door.region or boto3.session.Session().region_name or ""
        if not region:
            return AwsSeen()
        client("sts", place.door).get_caller_identity()
    except Denied as problem:
        return AwsSeen(region=place.door.region or "?", refusal=problem.message, refused=True)
    except (BotoCoreError, ClientError) as problem:
        error = aws_error(problem)
        return AwsSeen(region=place.door.region or "?", refusal=error.message, refused=isinstance(error, Denied))
    return AwsSeen(region=region, parts=tuple(_part(place, region, *one) for one in wanted))


def _named(settings: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(what it is, its setting, its name)."""
    kinds = {"_TABLE": "table", "_QUEUE_URL": "queue", "_BUCKET": "bucket", "_TOOLS_FUNCTION": "function"}
    return [
        (what, name, value)
        for name, value in sorted(settings.items())
        for end, what in kinds.items()
        if name.startswith("POKEA_") and name.endswith(end) and value
    ]


def _part(place: Examined, region: str, what: str, setting: str, name: str) -> Part:
    from botocore.exceptions import BotoCoreError, ClientError

    there = _region_in(what, name)
    if there and there != region:
        return Part(what, name, setting, None, there)
    try:
        _ask(place, what)(name)
    except (BotoCoreError, ClientError) as problem:
        if isinstance(problem, ClientError) and problem.response.get("Error", {}).get("Code") == "404":
            return Part(what, name, setting, False, there)
        error = aws_error(problem)
        exists = False if isinstance(error, NotFound) else None
        return Part(what, name, setting, exists, there, "" if exists is False else error.message)
    return Part(what, name, setting, True, there)


def _ask(place: Examined, what: str) -> Ask:
    match what:
        case "table":
            return lambda name: client("dynamodb", place.door).describe_table(TableName=name)
        case "queue":
            return lambda name: client("sqs", place.door).get_queue_attributes(
                QueueUrl=name, AttributeNames=["QueueArn"]
            )
        case "bucket":
            return lambda name: client("s3", place.door).head_bucket(Bucket=name)
        case _:  # a dry run is refused exactly where an invocation would be
            return lambda name: client("lambda", place.door).invoke(FunctionName=name, InvocationType="DryRun")


def _region_in(what: str, name: str) -> str:
    if what == "queue":
        host = (urlsplit(name).hostname or "").split(".")
        return host[1] if len(host) > 2 and host[0] == "sqs" and host[2] == "amazonaws" else ""
    return name.split(":")[3] if name.startswith("arn:") and name.count(":") > 4 else ""
