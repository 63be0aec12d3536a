"""On a schedule: reads the carrier's wallet, keeps what it holds and tells others when it runs low. Returns how it stands."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from functions.wallet.keeper import WalletKeeper
from functions.wallet.wiring import build

Handler = Callable[[Any, Any], dict[str, str]]


@cache
def keeper() -> WalletKeeper:
    return build(os.environ)


def make_handler(provide: Callable[[], WalletKeeper]) -> Handler:
    """The Lambda handler around the keeper that `provide` gives."""

    def handler(event: Any, context: Any) -> dict[str, str]:
        return {"standing": provide().run().value}

    return handler


def warm() -> None:
    """Build everything the first run would otherwise wait for. Raises BadSettings and BadProfile."""
    keeper()


handler = make_handler(keeper)

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
