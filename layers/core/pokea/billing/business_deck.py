"""The price list of one business: a deck that ships with the package, or a file of the business's own."""

from __future__ import annotations

from pathlib import Path

from pokea.billing.rate_deck import RateDeck, load_deck, packaged_deck
from pokea.profile import Profile

FOLDER = "decks"  # beside the profiles and not among them: every *.toml there is read as a profile


def deck_for(profile: Profile, folder: Path) -> RateDeck:
    """The deck that `profile.billing.deck` names; `folder` is that of the profiles. Reads a file. Raises BadDeck.

    `<folder>/decks/<name>.toml` comes first, so a business can put its own prices in the place of published ones.
    """
    name = profile.billing.deck
    own = folder / FOLDER / f"{name}.toml"
    return load_deck(own) if own.is_file() else packaged_deck(name)
