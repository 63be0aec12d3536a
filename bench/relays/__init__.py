"""Plain relays between a phone's socket and a realtime model: what the bridge is measured against. None of them is part of the product."""
