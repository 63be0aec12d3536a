"""Detail records on the local AWS: the contract with its races, and two reconcilers of one call at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.adapters.dynamo_table import DynamoTable
from pokea.billing import reconcile
from pokea.billing.cdr import Statement
from pokea.ids import SessionId
from pokea.ports import CdrStore
from tests.contract.booking_store_contract import at_once, fresh
from tests.contract.cdr_store_contract import CdrStoreContract
from tests.support.told_calls import NOW, Told, content, drafted


class TestDynamoCdrs(CdrStoreContract):
    contenders = 12

    @pytest.fixture
    def cdrs(self, core_table: DynamoTable) -> CdrStore:
        return DynamoCdrs(core_table)


def ended(session: SessionId) -> tuple[Told, list[Statement]]:
    told = Told(session=session).begun()
    for tell in (told.completed, told.closed, told.bridge_closed, told.carrier_said):
        tell()
    return told, list(told.cdrs.statements(session))


@pytest.mark.parametrize("rounds", [3])
def test_reconcilers_of_one_call_at_once_write_each_version_once(core_table: DynamoTable, rounds: int) -> None:
    """Each has heard one word more than the one before; whoever loses decides again on what stands."""
    store = DynamoCdrs(core_table)
    for _ in range(rounds):
        session = SessionId(fresh("HD_"))
        told, words = ended(session)

        def look(number: int, told: Told = told, words: list[Statement] = words, session: SessionId = session) -> None:
            for word in words[: number + 1]:
                store.keep(word)

            def decide(_: object) -> object:
                return drafted(replace(told.account, statements=store.statements(session)), NOW)

            reconcile.settle(store, session, decide, NOW)  # type: ignore[arg-type]

        at_once(len(words) + 3, look)
        look(len(words))
        told.round()
        assert [content(cdr) for cdr in store.cdrs(session)] == [content(cdr) for cdr in told.latest.values()]
        for cdr in store.cdrs(session):
            versions = store.versions(session, cdr.leg)
            assert [one.version for one in versions] == list(range(1, cdr.version + 1))
            assert versions[-1] == cdr
