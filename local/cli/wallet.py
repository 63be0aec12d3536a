"""`pokea wallet`: what is left at the carrier, and how long that lasts.

Asks the carrier of SAUTIKIT_API_KEY (and SAUTIKIT_API_BASE), else the one of the running local stack.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from local.cli.running import ADDRESS_FILE
from pokea.adapters.sautikit_dialects import dialect_of
from pokea.adapters.sautikit_rest import DEFAULT_BASE, Carrier, CarrierSettings
from pokea.billing.business_deck import deck_for
from pokea.billing.rating import Rater
from pokea.billing.spend_quote import minute_micros
from pokea.billing.wallet import OWN_MINUTES, Balance, Standing, Wallet, read
from pokea.errors import RejectedInput
from pokea.ids import BusinessId
from pokea.lines import PACKAGED
from pokea.money import Money
from pokea.profile import Profile, load_profiles


def run_wallet(state: Path, profiles: Path | None, business: str, as_json: bool) -> int:
    """0 while the balance is good, 1 once it is low or empty. Raises CallError for what a person can mend."""
    address = address_of(state, os.environ)
    if address is None:
        print("pokea: no running stack (`pokea up`), and SAUTIKIT_API_KEY is not set", file=sys.stderr)
        return 2
    carrier = Carrier(address)
    try:
        balance = carrier.wallet()
    finally:
        carrier.close()
    found = story_of(balance, *_price(profiles or PACKAGED, business), datetime.now(UTC))
    print(json.dumps({"carrier": address.base_url, **found}) if as_json else told(found, address.base_url))
    return 0 if found["standing"] == Standing.OK else 1


def address_of(state: Path, environ: Mapping[str, str]) -> CarrierSettings | None:
    """None: neither the environment nor a running stack names a carrier. Raises RejectedInput."""
    dialect = dialect_of(environ)
    if key := environ.get("SAUTIKIT_API_KEY", ""):
        return CarrierSettings(key, environ.get("SAUTIKIT_API_BASE", "") or DEFAULT_BASE, dialect)
    try:
        url = json.loads((state / ADDRESS_FILE).read_text(encoding="utf-8"))["carrier_url"]
        key = json.loads((state / "secrets.json").read_text(encoding="utf-8"))["carrier_api_key"]
    except (OSError, ValueError, KeyError):
        return None
    return CarrierSettings(key, url, dialect)


def _price(folder: Path, business: str) -> tuple[Profile, Rater]:
    known = load_profiles(folder)
    if business and business not in known:
        raise RejectedInput("no_such_business", f"no business {business!r} in {folder}")
    profile = known[BusinessId(business)] if business else next(iter(known.values()))
    return profile, Rater(deck_for(profile, folder))


def story_of(balance: Balance, profile: Profile, rater: Rater, now: datetime) -> dict[str, object]:
    """Amounts in micro-units. None: the price list of the business does not say, or speaks of another currency."""
    minute = minute_micros(rater, profile.line.number, now) if rater.deck.currency == balance.currency else None
    wallet = read(Wallet(), balance, (minute or 0) * OWN_MINUTES, now)
    return {
        "currency": balance.currency,
        "balance_micros": balance.micros,
        "carrier_threshold_micros": balance.threshold_micros,
        "threshold_micros": wallet.threshold_micros,
        "standing": wallet.standing.value,
        "deck": rater.deck.deck_id,
        "minute_micros": minute,
        "minutes_left": max(balance.micros, 0) // minute if minute else None,
    }


def told(found: Mapping[str, object], carrier: str) -> str:
    currency = str(found["currency"])

    def money(name: str) -> str:
        micros = found[name]
        return str(Money(micros, currency)) if isinstance(micros, int) else "not said"

    minutes = found["minutes_left"]
    per_minute = f"{money('minute_micros')} by {found['deck']}, with its stream"
    return "\n".join(
        [
            f"balance    {money('balance_micros')}: {found['standing']}   ({carrier})",
            f"threshold  {money('threshold_micros')} (the carrier's: {money('carrier_threshold_micros')})",
            f"a minute   {per_minute if minutes is not None else 'not said by ' + str(found['deck'])}",
            f"left       {f'{minutes:,} minutes of a placed call' if minutes is not None else 'not known'}",
        ]
    )
