"""The carrier's prepaid wallet: what is known of it, and whether calls that nobody asked for wait.

At the carrier an empty wallet stops calls that we place, and only those: callers still get through. So a low one makes calls wait that
can wait, and an empty one is not even asked. What was read too long ago is not known: it stops nothing, and somebody is told of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pokea.clock import as_utc
from pokea.ids import BusinessId
from pokea.privacy import Pii
from pokea.records import Kind

ACCOUNT = BusinessId("~carrier")  # one wallet pays for all businesses; no business can be called so
WALLET_KEY = "wallet"
FUNDS = "wallet.insufficient_funds"  # the carrier's refusal of a call (402)
READ_EVERY = timedelta(minutes=5)  # as template.yaml says
MAX_AGE = 3 * READ_EVERY  # two readings may fail
OWN_MINUTES = 60  # of talk that must be left whatever threshold is set at the carrier; see `functions/wallet`
RESTORED_PERCENT = 120  # of the threshold: a balance that moves about it does not alarm with every reading

LOW_EVENT = "WalletLow"
RESTORED_EVENT = "WalletRestored"


class Standing(StrEnum):
    OK = "ok"
    LOW = "low"
    EMPTY = "empty"
    UNKNOWN = "unknown"


SHORT = frozenset({Standing.LOW, Standing.EMPTY})


@dataclass(frozen=True, slots=True)
class Balance:
    """What the carrier says. Micro-units; `threshold_micros`: below which it calls the balance low, None if it does not say."""

    micros: int
    currency: str
    threshold_micros: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What is known. `standing`: at the latest news, whose age `standing_at` minds; `told`: what others were last told.

    `threshold_micros`: the higher one of the carrier's and ours. `refused_at`: when the carrier refused a call for want of money.
    """

    business_id: BusinessId = ACCOUNT
    standing: Standing = Standing.UNKNOWN
    told: Standing = Standing.OK
    balance_micros: int | None = None
    threshold_micros: int = 0
    currency: str = ""
    read_at: datetime | None = None
    refused_at: datetime | None = None
    version: int = 0


WALLET: Kind[Wallet] = Kind(
    "wallet",
    Wallet,
    key=lambda wallet: WALLET_KEY,
    privacy={
        "business_id": Pii.ID,
        "standing": Pii.NONE,
        "told": Pii.NONE,
        "balance_micros": Pii.MONEY,
        "threshold_micros": Pii.MONEY,
        "currency": Pii.NONE,
        "read_at": Pii.NONE,
        "refused_at": Pii.NONE,
        "version": Pii.NONE,
    },
)


def read(wallet: Wallet, balance: Balance, own_micros: int, now: datetime) -> Wallet:
    """After a reading. `own_micros`: our own threshold, 0 for none."""
    threshold = max(balance.threshold_micros or 0, own_micros)
    return replace(
        wallet,
        standing=_standing_of(wallet.standing in SHORT, balance.micros, threshold),
        balance_micros=balance.micros,
        threshold_micros=threshold,
        currency=balance.currency,
        read_at=as_utc(now),
    )


def refused(wallet: Wallet, now: datetime) -> Wallet:
    """The carrier would not place a call: whatever was read before, the wallet is empty now."""
    return replace(wallet, standing=Standing.EMPTY, refused_at=as_utc(now))


def standing_at(wallet: Wallet | None, now: datetime) -> Standing:
    news = [at for at in (wallet.read_at, wallet.refused_at) if at is not None] if wallet is not None else []
    if wallet is None or not news or as_utc(now) - max(news) > MAX_AGE:
        return Standing.UNKNOWN
    return wallet.standing


def may_ring_unasked(standing: Standing) -> bool:
    """Whether a call may be placed that can wait: announcements, campaigns."""
    return standing not in SHORT


def may_ring(standing: Standing) -> bool:
    """Whether the carrier is asked at all for a call that somebody wants now."""
    return standing is not Standing.EMPTY


def to_tell(wallet: Wallet) -> str:
    """The event that is due, once for each crossing downwards and for the way back; "" for none."""
    if wallet.standing is Standing.OK and wallet.told in SHORT:
        return RESTORED_EVENT
    worse = {(Standing.OK, Standing.LOW), (Standing.OK, Standing.EMPTY), (Standing.LOW, Standing.EMPTY)}
    return LOW_EVENT if (wallet.told, wallet.standing) in worse else ""


def told(wallet: Wallet, event: str) -> Wallet:
    """`event` has been told, and what it said is `wallet.standing`."""
    return replace(wallet, told=wallet.standing) if event else wallet


def _standing_of(was_short: bool, micros: int, threshold: int) -> Standing:
    if micros <= 0:
        return Standing.EMPTY
    enough = threshold * RESTORED_PERCENT // 100 if was_short else threshold
    return Standing.OK if micros >= enough else Standing.LOW
