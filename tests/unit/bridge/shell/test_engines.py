"""Which engines may be called: those that are set up, as long as their circuit is closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.core.breaker import FAILURES
from bridge.core.frames import Buffer, LegCommand, Loss, ModelEvent, ModelLost, ModelReady, ModelSetup, OpenModel
from bridge.shell.engines import Engines
from bridge.shell.model_link import ModelLink, OnEvents, OnLost, Tap

SETUP = ModelSetup("m", "v", "")


class Link:
    """A link that does what `outcome` says as soon as it is opened."""

    has_wire = False

    def __init__(self, number: int, on_events: OnEvents, on_lost: OnLost, outcome: ModelEvent | ModelLost) -> None:
        self.number = number
        self.tap: Tap | None = None
        self._on_events, self._on_lost, self._outcome = on_events, on_lost, outcome

    async def open(self, order: OpenModel) -> None:
        if isinstance(self._outcome, ModelLost):
            self._on_lost(self._outcome)
        else:
            self._on_events(self, [self._outcome])

    def send_audio(self, frames: Iterable[Buffer]) -> None: ...

    def obey(self, command: LegCommand) -> None: ...

    def close(self) -> None: ...


class Provider:
    """An engine that is up or down, and what came of asking for it."""

    def __init__(self) -> None:
        self.down = False
        self.why = Loss.NETWORK
        self.opened = 0
        self.events: list[ModelEvent] = []
        self.lost: list[ModelLost] = []
        self.engines = Engines({"gemini": self._make})

    def _make(self, number: int, on_events: OnEvents, on_lost: OnLost) -> ModelLink:
        self.opened += 1
        outcome = ModelLost(number, 0, "no answer", self.why) if self.down else ModelReady(number)
        return Link(number, on_events, on_lost, outcome)

    async def ask(self, engine: str = "gemini") -> None:
        def heard(link: ModelLink, events: Sequence[ModelEvent]) -> None:
            self.events += events

        link = self.engines.link(engine, 1, heard, self.lost.append)
        await link.open(OpenModel(1, SETUP, 1_000, engine))


async def test_an_engine_that_answers_is_used() -> None:
    provider = Provider()
    await provider.ask()
    assert provider.events == [ModelReady(1)]
    assert provider.engines.open_circuits() == []


async def test_an_engine_that_is_not_set_up_is_refused_for_good() -> None:
    provider = Provider()
    await provider.ask("openai")
    assert provider.lost == [ModelLost(1, 0, "not configured", Loss.REFUSED)]


async def test_an_engine_that_is_down_is_not_asked_again_by_every_call() -> None:
    provider = Provider()
    provider.down = True
    for _ in range(100):
        await provider.ask()
    assert FAILURES <= provider.opened <= FAILURES + 2  # and perhaps a probe
    assert provider.lost[-1] == ModelLost(1, 0, "circuit open", Loss.OVERLOADED)
    assert provider.engines.open_circuits() == ["gemini"]


async def test_of_a_key_that_is_not_taken_callers_do_not_wait_for_their_turn_to_be_refused() -> None:
    provider, told = Provider(), []
    provider.engines.on_refused = lambda: told.append("refused")
    provider.down, provider.why = True, Loss.REFUSED
    for _ in range(20):
        await provider.ask()
    assert {lost.loss for lost in provider.lost} == {Loss.REFUSED}
    assert len(told) == provider.opened < 20
    provider.why = Loss.NETWORK
    provider.engines.breakers["gemini"].failed(Loss.NETWORK, 0.0)
    await provider.ask()
    assert provider.lost[-1].loss is not Loss.REFUSED


async def test_a_refused_link_that_was_closed_says_nothing() -> None:
    lost: list[ModelLost] = []
    link = Provider().engines.link("nobody", 1, lambda link, events: None, lost.append)
    link.close()
    await link.open(OpenModel(1, SETUP, 1_000))
    assert lost == []
