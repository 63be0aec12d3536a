"""`pokea doctor` against a set-up on real sockets: sound, and with one thing broken at a time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from local.carrier import Fault
from local.carrier.party import QuietParty
from local.cli import deployed
from local.cli.doctor import command
from local.cli.doctor.carrier import proofs_in
from local.cli.doctor.place import Asked, examined
from local.cli.up import _harmless
from pokea.doctor.findings import CHECKS, Standing
from pokea.errors import RejectedInput
from tests.integration.doctor_world import World, world
from tests.support.control_plane import LINE, PATH_SECRET, SIGNING_SECRET, TOKEN_KEY
from tests.support.store import RunningAws

SECRETS = (PATH_SECRET, SIGNING_SECRET, TOKEN_KEY, "key-of-the-carrier")


@pytest.fixture
async def sound(local_aws: RunningAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with world(local_aws, tmp_path, monkeypatch) as built:
        yield built


def misspell(world: World) -> None:
    world.settings["POKEA_BRIGDE_URL"] = "wss://media.example"


def lose_the_price_list(world: World) -> None:
    text = world.profile.read_text()
    assert "[billing]" not in text
    world.profile.write_text(text + '\n[billing]\ndeck = "no-such-deck"\n')


def route_elsewhere(world: World) -> None:
    number = world.simulator.numbers.by_e164(LINE.number)
    assert number is not None
    number.voice_url = "https://old.example/voice/an-older-path-secret"


def draw_another_secret_and_deploy_nothing(world: World) -> None:
    world.settings["POKEA_WEBHOOK_PATH_SECRET"] = "another-path-secret-altogether"
    number = world.simulator.numbers.by_e164(LINE.number)
    assert number is not None
    number.voice_url = number.voice_url.replace(PATH_SECRET, "another-path-secret-altogether")
    number.events_url = number.events_url.replace(PATH_SECRET, "another-path-secret-altogether")


def set_the_clock_wrong(world: World) -> None:
    world.simulator.clock_ahead_s = 900.0


def revoke_the_models_key(world: World) -> None:
    world.model.refuse_status = 401


def fill_the_bridge(world: World) -> None:
    world.bridge.health.max_calls = 0


def empty_the_wallet(world: World) -> None:
    world.simulator.wallet.balance_minor = 0


def name_another_table(world: World) -> None:
    world.settings["POKEA_CDRS_TABLE"] = "a-table-of-another-stack"


def lose_a_clip(world: World) -> None:
    next((world.folder / "rendered").glob("*.wav")).unlink()


BROKEN: list[tuple[Callable[[World], None], str]] = [
    (misspell, "settings.unknown"),
    (lose_the_price_list, "profiles.deck"),
    (route_elsewhere, "numbers.elsewhere"),
    (draw_another_secret_and_deploy_nothing, "webhook.secret_refused"),
    (set_the_clock_wrong, "clock.wrong"),
    (revoke_the_models_key, "model.key_refused"),
    (fill_the_bridge, "bridge.full"),
    (empty_the_wallet, "wallet.empty"),
    (name_another_table, "aws.missing"),
    (lose_a_clip, "clips.missing"),
]


async def test_a_sound_set_up_has_no_trouble_and_one_broken_thing_has_exactly_one(sound: World) -> None:
    findings = await sound.findings()
    assert [finding for finding in findings if finding.standing in (Standing.PROBLEM, Standing.WARNING)] == []
    assert {finding.check for finding in findings if finding.standing is Standing.OK} == CHECKS.keys()
    assert [finding.check for finding in findings if finding.standing is Standing.UNKNOWN] == ["webhook"], (
        "no logs here"
    )


@pytest.mark.parametrize(("breakage", "code"), BROKEN, ids=[code for _, code in BROKEN])
async def test_one_broken_thing_makes_exactly_its_check_speak(
    sound: World, breakage: Callable[[World], None], code: str
) -> None:
    breakage(sound)
    findings = await sound.findings()
    spoken = [finding for finding in findings if finding.standing in (Standing.PROBLEM, Standing.WARNING)]
    assert [finding.code for finding in spoken] == [code]
    shown = command._text(sound.place, findings) + command._json(sound.place, findings)
    assert not [secret for secret in SECRETS if secret in shown]


async def test_what_cannot_be_reached_is_named_and_what_hangs_on_it_is_unknown(sound: World) -> None:
    sound.settings |= {
        "SAUTIKIT_API_KEY": "revoked-key-of-the-carrier",
        "POKEA_PUBLIC_URL": "http://127.0.0.1:9",
        "POKEA_BRIDGE_URL": "ws://127.0.0.1:9",
        "POKEA_GEMINI_URL": "ws://127.0.0.1:9",
    }
    findings = await sound.findings("numbers", "wallet", "webhook", "bridge", "model", "clock")
    codes = {finding.code for finding in findings if finding.standing is Standing.PROBLEM}
    assert codes == {"numbers.key_refused", "webhook.unreachable", "bridge.unreachable", "model.unreachable"}
    assert [finding.standing for finding in findings if finding.check == "wallet"] == [Standing.UNKNOWN]


async def test_a_carrier_in_trouble_is_unknown_and_no_problem_of_ours(sound: World) -> None:
    sound.simulator.fail(Fault(status=500, method="GET", path="/v1/numbers", times=9))
    sound.simulator.fail(Fault(status=500, method="GET", path="/v1/wallet", times=9))
    findings = await sound.findings("numbers", "wallet")
    assert [finding.standing for finding in findings] == [Standing.UNKNOWN, Standing.UNKNOWN]


async def test_a_hook_that_anybody_may_post_is_found(sound: World) -> None:
    sound.front.plane.voice = lambda event, context: {  # type: ignore[assignment]
        "statusCode": 200,
        "headers": {"Content-Type": "application/xml"},
        "body": "<Response/>",
    }
    assert await sound.troubles("webhook") == {"webhook.open"}


@pytest.mark.parametrize(
    ("signed_with", "code", "says"),
    [
        (SIGNING_SECRET, "", "POKEA_WEBHOOK_AUTH=path or signature or signature+path"),
        ("whsec_somebody_elses_secret", "webhook.unsigned", "refused for their signature"),
    ],
)
async def test_live_hooks_tell_what_they_prove_themselves_by(
    sound: World, signed_with: str, code: str, says: str
) -> None:
    number = sound.simulator.numbers.by_e164(LINE.number)
    assert number is not None
    number.signing_secret = signed_with
    call = await sound.simulator.dial("+254722000111", LINE.number, QuietParty(stays_s=0.2))
    await call.ended(10)
    sound.hook_logs = sound.folder / "gateway.log"
    await sound.findings("webhook")  # its own probes are nobody's hooks
    sound.hook_logs.write_text("starting\n" + sound.front.plane.logged.getvalue())
    findings = await sound.findings("webhook")
    assert findings[-1].code == code
    assert says in findings[-1].says


def test_only_the_latest_hooks_of_calls_count() -> None:
    answered = {"message": "hook answered", "session_id": "HD_1", "proof": "path+signature"}
    refused = {"message": "hook refused", "code": "hook_signature", "sender": "carrier"}
    probe, scanner = {**answered, "session_id": None}, {**refused, "sender": "other"}
    lines = [json.dumps(line) for line in (refused, probe, scanner, *[answered] * 20)]
    assert proofs_in([*lines, '"hook '])["path+signature"] == 20
    assert proofs_in(lines[:3])["hook_signature"] == 1


async def test_the_command_reads_the_running_stack_and_ends_with_1_where_there_is_a_problem(
    sound: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    secret = ("_KEY", "_SECRET")
    told = {name: value for name, value in sound.settings.items() if not name.endswith(secret)}
    store = {"endpoint": sound.door.endpoint, "region": sound.door.region}
    profiles = {"POKEA_PROFILES_DIR": str(sound.folder / "profiles")}
    (state / "stack.json").write_text(json.dumps({"settings": {**told, **profiles}, "store": store}))
    (state / "secrets.json").write_text(
        json.dumps(
            {
                "webhook_path_secret": PATH_SECRET,
                "token_key": TOKEN_KEY,
                "carrier_api_key": "key-of-the-carrier",
                "webhook_signing_secret": SIGNING_SECRET,
            }
        )
    )
    run = lambda *only, strict=False: asyncio.to_thread(command.run_doctor, Asked(state), only, True, strict)
    assert await run("settings", "numbers", "wallet") == 0
    assert {one["check"] for one in json.loads(capsys.readouterr().out)["findings"]} == {
        "settings",
        "numbers",
        "wallet",
    }
    assert (await run("webhook"), await run("webhook", strict=True)) == (0, 1)
    capsys.readouterr()
    empty_the_wallet(sound)
    assert await run("wallet") == 1
    assert "top it up" in capsys.readouterr().out
    with pytest.raises(RejectedInput, match="--only wallets"):
        await run("wallets")


def test_with_nothing_to_look_at_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RejectedInput, match="pokea up"):
        examined(Asked(tmp_path), {"HOME": "/nowhere"})


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ({}, "aws.no_region"),
        ({"AWS_REGION": "eu-west-1"}, "aws.refused"),
        ({"AWS_REGION": "eu-west-1", "AWS_PROFILE": "no-such-profile"}, "aws.refused"),
    ],
)
def test_a_shell_without_an_account_is_told_what_it_lacks(
    account: dict[str, str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nothing = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "HOME": str(tmp_path)}
    for name, value in {**nothing, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **account}.items():
        monkeypatch.setenv(name, value)
    deployed.client.cache_clear()
    place = examined(Asked(tmp_path), {"POKEA_CORE_TABLE": "core", **account})
    (finding,) = command.examine(place, ("aws",))
    assert finding.code == code
    deployed.client.cache_clear()


def test_a_shell_that_knows_little_is_told_what_is_not_known_and_nothing_else(tmp_path: Path) -> None:
    place = examined(Asked(tmp_path), {"POKEA_RELEASE": "current"})
    findings = command.examine(place, tuple(name for name in CHECKS if name != "numbers"))
    assert {finding.standing for finding in findings if finding.check not in ("settings", "profiles")} == {
        Standing.UNKNOWN
    }


async def test_hooks_without_tls_are_one_trouble_and_not_two(sound: World) -> None:
    sound.settings["POKEA_PUBLIC_URL"] = "http://api.localhost.example"
    number = sound.simulator.numbers.by_e164(LINE.number)
    assert number is not None
    number.voice_url = f"http://api.localhost.example/voice/{PATH_SECRET}"
    number.events_url = f"http://api.localhost.example/call-events/{PATH_SECRET}"
    assert await sound.troubles("numbers") == set()


def test_no_secret_is_written_down_for_the_doctor() -> None:
    settings = {"POKEA_BRIDGE_URL": "ws://127.0.0.1:1", "GEMINI_API_KEY": "offline", "HOME": "/nowhere"}
    kept = dict.fromkeys(
        ("POKEA_TOKEN_KEY", "POKEA_WEBHOOK_PATH_SECRET", "SAUTIKIT_API_KEY", "OPENAI_API_KEY"), "a-secret"
    )
    assert _harmless({**settings, **kept}) == {"POKEA_BRIDGE_URL": "ws://127.0.0.1:1", "GEMINI_API_KEY": "offline"}
