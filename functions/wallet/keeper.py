"""Reads the wallet once, keeps the reading, and tells the bus when a threshold was crossed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pokea.adapters.observability import Log
from pokea.billing.wallet import SHORT, Balance, Standing, Wallet, read, to_tell, told
from pokea.billing.wallet_book import WalletBook
from pokea.clock import Clock
from pokea.errors import CallError

Emit = Callable[[str, Mapping[str, str | int]], None]


class Purse(Protocol):
    def wallet(self) -> Balance: ...


class WalletKeeper:
    """`own_micros`: our own threshold in a currency."""

    def __init__(
        self,
        *,
        carrier: Callable[[], Purse],
        book: WalletBook,
        own_micros: Callable[[str], int],
        emit: Emit,
        clock: Clock,
        log: Log,
    ) -> None:
        self._carrier = carrier
        self._book = book
        self._own_micros = own_micros
        self._emit = emit
        self._clock = clock
        self._log = log

    def run(self) -> Standing:
        """How the wallet stands. A reading that fails leaves the last one, which ages. Raises what store and bus raise: the event is due
        again with the next run then."""
        try:
            balance = self._carrier().wallet()
        except CallError as problem:
            self._log.warning("wallet not read", code=problem.code)
            self._log.count("WalletNotRead")
            return self._book.standing()
        now = self._clock.now()
        own = self._own_micros(balance.currency)
        wallet = self._book.change(lambda before: read(before, balance, own, now))
        self._count(wallet.standing)
        event = to_tell(wallet)
        if event:
            self._emit(event, _detail(wallet))
            self._book.change(lambda before: told(before, event) if before.standing is wallet.standing else before)
        self._log.info("wallet read", state=wallet.standing.value, reason=event)
        return wallet.standing

    def _count(self, standing: Standing) -> None:
        """With every reading, so that an alarm lasts as long as the trouble."""
        if standing in SHORT:
            self._log.count("WalletLow")
        if standing is Standing.EMPTY:
            self._log.count("WalletEmpty")


def _detail(wallet: Wallet) -> dict[str, str | int]:
    return {
        "version": 1,
        "standing": wallet.standing.value,
        "balance_micros": wallet.balance_micros or 0,  # it has just been read
        "threshold_micros": wallet.threshold_micros,
        "currency": wallet.currency,
    }
