"""By which price list a business is charged, and what its models cost. Files are read once per process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import local

from pokea.billing.exchange import ExchangeRates
from pokea.billing.model_prices import PriceList
from pokea.billing.rate_deck import RateDeck
from pokea.billing.reconcile import Pricing
from pokea.ids import BusinessId
from pokea.profile import Profile


@dataclass(frozen=True, slots=True)
class PriceBooks:
    models: PriceList
    exchange: ExchangeRates


class Prices:
    """A `Pricing` remembers what it has rated and belongs to one thread: Lambda has one, a desk several."""

    def __init__(self, deck_of: Callable[[Profile], RateDeck], books: Callable[[], PriceBooks]) -> None:
        self._deck_of = deck_of
        self._books = books
        self._decks: dict[BusinessId, RateDeck] = {}
        self._own = local()

    def of(self, profile: Profile) -> Pricing:
        """Raises BadDeck."""
        deck = self.deck_of(profile)
        made: dict[str, Pricing] = self._own.__dict__.setdefault("made", {})
        found = made.get(deck.deck_id)
        if found is None:
            found = made[deck.deck_id] = Pricing(deck)
        return found

    def deck_of(self, profile: Profile) -> RateDeck:
        """Raises BadDeck."""
        found = self._decks.get(profile.business_id)
        if found is None:
            found = self._decks[profile.business_id] = self._deck_of(profile)
        return found

    @property
    def books(self) -> PriceBooks:
        return self._books()

    def warm(self, profiles: Mapping[BusinessId, Profile]) -> None:
        """Read every file now. Raises BadDeck and BadPrices."""
        self._books()
        for profile in profiles.values():
            self.deck_of(profile)
