"""What is known of the wallet, in the store, and a telephony that notes when the carrier refuses a call for want of money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pokea.billing.wallet import ACCOUNT, FUNDS, WALLET, WALLET_KEY, Standing, Wallet, refused, standing_at
from pokea.clock import Clock
from pokea.desk.settle import Decision, settle
from pokea.errors import Conflict, Denied, Indeterminate, Unavailable
from pokea.ids import CallId, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Change, Store
from pokea.sautikit.attempts import Placed, Telephony


class Switchboard(Telephony, Protocol):
    def hang_up(self, call: SessionId | CallId) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WalletBook:
    store: Callable[[], Store]
    clock: Clock

    def wallet(self) -> Wallet | None:
        return self.store().record(WALLET, ACCOUNT, WALLET_KEY)

    def standing(self) -> Standing:
        return standing_at(self.wallet(), self.clock.now())

    def change(self, step: Callable[[Wallet], Wallet]) -> Wallet:
        """The wallet after `step`, which is asked again if somebody else wrote first. Raises what the store raises."""

        def decide() -> Decision[Wallet]:
            before = self.wallet() or Wallet()
            after = step(before)
            return Decision(after, None if after == before else Change(records=(WALLET.of(after),)))

        return settle(self.store(), decide)


@dataclass(frozen=True, slots=True)
class WatchedTelephony:
    """The carrier; its 402 marks the wallet empty at once, so that the next call is not asked for."""

    carrier: Switchboard
    book: WalletBook

    def place_call(
        self,
        *,
        from_number: E164,
        to_number: E164,
        voice_callback_url: str,
        client_request_id: str,
        idempotency_key: str,
    ) -> Placed:
        try:
            return self.carrier.place_call(
                from_number=from_number,
                to_number=to_number,
                voice_callback_url=voice_callback_url,
                client_request_id=client_request_id,
                idempotency_key=idempotency_key,
            )
        except Denied as denied:
            if denied.code == FUNDS:
                self._note()
            raise

    def hang_up(self, call: SessionId | CallId) -> None:
        self.carrier.hang_up(call)

    def close(self) -> None:
        self.carrier.close()

    def _note(self) -> None:
        """Failing to note it changes nothing of the refusal; the next one notes it again."""
        now = self.book.clock.now()
        try:
            self.book.change(lambda wallet: refused(wallet, now))
        except (Unavailable, Indeterminate, Conflict):
            return
