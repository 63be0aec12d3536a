"""What stands in the queue of calls to be placed: ids, never a number or a name."""

from __future__ import annotations

from collections.abc import Mapping

from pokea.campaigns.contact import Contact


def claim_of(contact: Contact) -> Mapping[str, object]:
    """One claim. `contact_version` is that of the claim itself: whoever finds another one is too late."""
    return {
        "version": 1,
        "business": contact.business_id,
        "campaign": contact.campaign_id,
        "contact": contact.contact_id,
        "contact_version": contact.version,
    }
