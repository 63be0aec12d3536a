"""`[billing]` in a profile: which price list, what a day may cost, and what `pokea profile check` says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.cli.profile import run_check
from pokea.billing.business_deck import deck_for
from pokea.billing.rate_deck import BadDeck, packaged_deck
from pokea.billing.rules import DEFAULT_DECK, BillingRules
from pokea.billing.spend import Caps, caps_of
from pokea.lines import PACKAGED, BadProfile
from pokea.money import MICROS
from pokea.profile import load_profile, load_profiles

TEXT = (PACKAGED / "whitedent.toml").read_text(encoding="utf-8")
OWN_DECK = (
    'id = "own"\ncurrency = "KES"\n[[row]]\ndirection = "outbound"\nper_minute = "4.00"\nrounding = "per_second"\n'
)


def profile_with(folder: Path, billing: str) -> Path:
    path = folder / "clinic.toml"
    path.write_text(f"{TEXT}\n[billing]\n{billing}\n", encoding="utf-8")
    return path


def test_without_the_table_the_published_prices_hold_and_nothing_is_capped() -> None:
    rules = load_profile(PACKAGED / "whitedent.toml").billing
    assert rules == BillingRules(DEFAULT_DECK, None, None)
    assert caps_of(rules) == Caps(None, None, stops_bursts=True)


def test_amounts_are_read_exactly(tmp_path: Path) -> None:
    path = profile_with(tmp_path, 'deck = "own"\ndaily_cap = "2000.05"\nunusual_cap = "0.10"')
    rules = load_profile(path).billing
    assert rules == BillingRules("own", 2_000_050_000, 100_000)
    assert caps_of(rules) == Caps(2_000_050_000, 100_000, stops_bursts=False)
    assert caps_of(BillingRules("own", 400 * MICROS)) == Caps(400 * MICROS, 100 * MICROS, stops_bursts=True)


@pytest.mark.parametrize(
    ("billing", "key"),
    [
        ("daily_cap = 2000", "billing.daily_cap"),
        ('daily_cap = "0"', "billing.daily_cap"),
        ('daily_cap = "-5.00"', "billing.daily_cap"),
        ('daily_cap = "1.0000001"', "billing.daily_cap"),
        ('unusual_cap = "lots"', "billing.unusual_cap"),
        ('deck = "../secrets"', "billing.deck"),
        ('deck = ""', "billing.deck"),
        ('currency = "KES"', "billing.currency"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, billing: str, key: str) -> None:
    with pytest.raises(BadProfile) as caught:
        load_profile(profile_with(tmp_path, billing))
    assert caught.value.key == key


def test_a_deck_of_the_business_s_own_stands_beside_the_profiles_and_is_no_profile(tmp_path: Path) -> None:
    path = profile_with(tmp_path, 'deck = "own"')
    with pytest.raises(BadDeck):
        deck_for(load_profile(path), tmp_path)
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks/own.toml").write_text(OWN_DECK)
    assert deck_for(load_profile(path), tmp_path).deck_id == "own"
    assert set(load_profiles(tmp_path)) == {"whitedent"}


def test_a_file_comes_before_a_published_deck_of_the_same_name(tmp_path: Path) -> None:
    profile = load_profile(PACKAGED / "whitedent.toml")
    assert deck_for(profile, PACKAGED) == packaged_deck(DEFAULT_DECK)
    (tmp_path / "decks").mkdir()
    (tmp_path / f"decks/{DEFAULT_DECK}.toml").write_text(OWN_DECK)
    assert deck_for(profile, tmp_path).deck_id == "own"


@pytest.mark.parametrize(
    ("billing", "said"),
    [
        ('deck = "nobody-has-it"', "billing.deck: nobody-has-it: is neither a file nor a deck that ships with Pokea"),
        ('daily_cap = "17.00"', "billing.daily_cap: is less than one call of five minutes costs (KES 17.50)"),
        ('deck = "broken"', "billing.deck: broken.toml"),
        ('deck = "abroad"\ndaily_cap = "50.00"', "billing.daily_cap: abroad has no price for calls within KE"),
    ],
)
def test_profile_check_tells_of_prices_that_cannot_work(
    tmp_path: Path, billing: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks/broken.toml").write_text("id = 3")
    abroad = OWN_DECK.replace('"own"', '"abroad"').replace("per_minute", 'prefix = "+44"\nper_minute')
    (tmp_path / "decks/abroad.toml").write_text(abroad)
    assert run_check([profile_with(tmp_path, billing)], as_json=False) == 2
    assert said in capsys.readouterr().err


def test_profile_check_takes_a_cap_that_lets_calls_through(tmp_path: Path) -> None:
    path = profile_with(tmp_path, 'daily_cap = "17.50"\nunusual_cap = "1.00"')
    assert run_check([path], as_json=True) == 0
