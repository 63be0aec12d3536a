"""What a profile may say about support and about a business's own systems, and the one line that tells what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pokea import agents
from pokea.accounts import Factor
from pokea.backends import Auth, Unit
from pokea.lines import PACKAGED
from pokea.profile import BadProfile, load_profile

EXAMPLE = (PACKAGED / "kasi.toml").read_text(encoding="utf-8")
PAGE = (Path(__file__).resolve().parents[3] / "docs/backends.md").read_text(encoding="utf-8")
BACKENDS = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
assert BACKENDS is not None
BACKEND = (
    '[backend.accounts]\nbase_url = "https://api.example.com"\n[backend.accounts.paths]\nfind = "/a/{reference}"\n'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_verifies_by_reference_and_by_number(tmp_path: Path) -> None:
    rules = load_profile(written(tmp_path, EXAMPLE)).support
    assert rules is not None
    assert (rules.factors, rules.factors_by_number) == ((Factor.PIN,), (Factor.NAME, Factor.PIN))
    assert all(step.say.keys() == {"en", "sw"} for fix in rules.fixes.values() for step in fix.steps)


def test_the_documented_example_of_backends_is_sound(tmp_path: Path) -> None:
    assert BACKENDS is not None
    profile = load_profile(written(tmp_path, EXAMPLE + "\n" + BACKENDS[1]))
    accounts, shipments = profile.backends["accounts"], profile.backends["shipments"]
    assert (accounts.auth, accounts.money, shipments.header) == (Auth.BEARER, Unit.MINOR, "X-Api-Key")
    assert agents.get("support").problem(profile) is None


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('factors = ["pin"]', 'factors = ["name"]', "support.factors"),
        ('factors = ["pin"]', "factors = []", "support.factors"),
        ('factors = ["pin"]', 'factors = ["shoe size"]', "support.factors"),
        ('factors_by_number = ["name", "pin"]', 'factors_by_number = ["pin"]', "support.factors_by_number"),
        ('factors_by_number = ["name", "pin"]', 'factors_by_number = ["pin", "pin"]', "support.factors_by_number"),
        ("pin_digits = 4", "pin_digits = 3", "support.pin_digits"),
        ('key = "slow"', 'key = "down"', "support.fixes"),
        ("Is it faster now?", "Call us.", "support.fixes.0.steps.0.say.en"),
        ('sw = ["taa nyekundu", "taa imekuwa nyekundu"]', "", "support.fixes.red_light.names.sw"),
    ],
)
def test_what_is_wrong_with_support_is_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(BadProfile) as problem:
        load_profile(written(tmp_path, EXAMPLE.replace(old, new, 1)))
    assert problem.value.key == key


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("https://api.example.com", "ftp://api.example.com", "backend.accounts.base_url"),
        ("https://api.example.com", "https://api.example.com/?x=1", "backend.accounts.base_url"),
        ("https://api.example.com", "https://user:pw@api.example.com", "backend.accounts.base_url"),
        ('"/a/{reference}"', '"/a/{reference}/{password}"', "backend.accounts.paths.find"),
        ('"/a/{reference}"', '"a/{reference}"', "backend.accounts.paths.find"),
        ('"/a/{reference}"', '"/../{reference}"', "backend.accounts.paths.find"),
        ("find =", "steal =", "backend.accounts.paths"),
        ("find =", "orders =", "backend.accounts.paths.find"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "bearer"', "backend.accounts.secret"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "bearer"\nsecret = "POKEA_TOKEN_KEY"', "backend.accounts.secret"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "bearer"\nsecret = "AWS_SECRET_ACCESS_KEY"', "backend.accounts.secret"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "bearer"\nsecret = "BACKEND_LULU_KEY"', "backend.accounts.secret"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "bearer"\nsecret = "BACKEND_KASIX"', "backend.accounts.secret"),
        ("[backend.accounts]", '[backend.accounts]\nsecret = "BACKEND_KASI_X"', "backend.accounts.secret"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "header"\nsecret = "BACKEND_KASI_X"', "backend.accounts.header"),
        ("[backend.accounts]", '[backend.accounts]\nauth = "header"\nsecret = "BACKEND_KASI_X"\nheader="Host"', "backend.accounts.header"),
        ("[backend.accounts]", '[backend.accounts]\ncurrency = "XYZ"', "backend.accounts.currency"),
        ("[backend.accounts]", "[backend.accounts]\ntimeout_ms = 60000", "backend.accounts.timeout_ms"),
        ("backend.accounts", "backend.weather", "backend.weather"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_backend_is_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(BadProfile) as problem:
        load_profile(written(tmp_path, EXAMPLE + "\n" + BACKEND.replace(old, new)))
    assert problem.value.key == key


@pytest.mark.parametrize(
    ("business_id", "secret", "is_own"),
    [
        ("kasi-net", "BACKEND_KASI__NET_KEY", True),
        ("kasi-net", "BACKEND_KASI_NET_KEY", False),
        ("kasi", "BACKEND_KASI_NET_KEY", True),
        ("kasi", "BACKEND_KASI__NET_KEY", False),
    ],
)
def test_no_business_can_name_the_key_of_one_whose_id_begins_alike(
    tmp_path: Path, business_id: str, secret: str, is_own: bool
) -> None:
    text = EXAMPLE.replace('id = "kasi"', f'id = "{business_id}"', 1)
    auth = f'[backend.accounts]\nauth = "bearer"\nsecret = "{secret}"'
    path = written(tmp_path, text + "\n" + BACKEND.replace("[backend.accounts]", auth, 1))
    if is_own:
        assert load_profile(path).business_id == business_id
    else:
        with pytest.raises(BadProfile, match="key of this business"):
            load_profile(path)


def test_a_pin_without_anybody_to_check_it_is_named(tmp_path: Path) -> None:
    problem = agents.get("support").problem(load_profile(written(tmp_path, EXAMPLE + "\n" + BACKEND)))
    assert problem is not None
    assert problem.startswith("backend.accounts.paths.verify: ")


def test_an_escalation_to_nobody_is_named(tmp_path: Path) -> None:
    text = EXAMPLE.replace('escalate_to = "technician"', 'escalate_to = "plumber"')
    assert "plumber" in str(agents.get("support").problem(load_profile(written(tmp_path, text))))
