"""A model made of three services: turns the caller's speech into words, words into an answer, the answer into speech, in sentences.

    caller's turn ──► Transcribe ──► history ──► Complete ──► sentence ──► Speak ──► ModelAudio
                                        ▲           │
                                        └─ AnswerTool ◄── ToolAsked

Sans-IO: commands of the session, results of the services and the time go in; `orders` for the shell and `events` for the session collect.
A reply is everything that answers one thing that was asked, over several completions where tools are called. It is void once the caller
has the floor (StopModel), once they said something before a sound of it was heard, and when the session has it say something else; its
requests are then aborted, and what still comes of them is ignored by number.

While the caller speaks, or it is not known yet what they said, a reply that has not sounded is prepared but held back: words make it void,
noise lets it go on. A murmur ("mm") over a reply that sounds is no turn, unless the session stops the reply for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from bridge.core.backchannels import Said, judge
from bridge.core.cascade_ear import CallerTurns
from bridge.core.cascade_frames import (
    Abort,
    CascadeLimits,
    CascadeOrder,
    Complete,
    CompletionDone,
    Delta,
    Lose,
    Speak,
    SpeechChunk,
    SpeechDone,
    Stage,
    StageEvent,
    StageFailed,
    TokensUsed,
    ToolCall,
    ToolDelta,
    Transcribe,
    Transcribed,
)
from bridge.core.cascade_history import History, Sentence
from bridge.core.cascade_reply import Completion, arguments_of
from bridge.core.cascade_speech import SpeechQueue
from bridge.core.cascade_text import understood
from bridge.core.cascade_usage import given, used
from bridge.core.frames import (
    AnswerTool,
    BeginCallerTurn,
    Buffer,
    CallerTranscribed,
    EndCallerTurn,
    GenerationComplete,
    LegCommand,
    Loss,
    ModelEvent,
    ModelSetup,
    SayToModel,
    StopModel,
    TellModel,
    ToolAsked,
    TurnComplete,
    UsageUnknown,
)

_OVERLOADED_PAUSE_MS = 300
_ROUNDS_AT_MOST = 8  # completions in one reply; the last one gets no tools, so that it must say something
_NOT_JSON = {"status": "error", "message": "The arguments were not one JSON object. Call the tool again."}


class Cascade:
    """One connection's conversation. `key` goes into the ids of tool calls that the model left without one. `models`: what the services
    beside the language model are called where they are billed."""

    def __init__(
        self,
        setup: ModelSetup,
        key: str,
        speech_hz: int,
        limits: CascadeLimits | None = None,
        models: Mapping[Stage, str] | None = None,
    ) -> None:
        self._setup = setup
        self._models = models or {}
        self._key = key
        self._limits = limits or CascadeLimits()
        self._history = History(setup.instructions, self._limits.turns_kept)
        self._caller = CallerTurns(setup.input_hz, self._limits)
        self._speech = SpeechQueue(speech_hz, self._limits.sentences_ahead)
        self._transcription: Transcribe | None = None
        self._transcription_retries = 0
        self._completion: Completion | None = None
        self._is_replying = False
        self._rounds = 0
        self._held_asks: list[ToolAsked] = []
        self._tool_call_ids: set[str] = set()
        self._requests = 0
        self._items = 0
        self._lost = False
        self.orders: list[CascadeOrder] = []
        self.events: list[ModelEvent] = []
        self._commands: dict[type[Any], Callable[[Any, float], None]] = {
            BeginCallerTurn: lambda _, now: self._caller.begin(),
            EndCallerTurn: lambda _, now: self._caller.end(),
            StopModel: self._on_stop,
            SayToModel: self._on_say,
            TellModel: lambda command, now: self._history.note(command.text),
            AnswerTool: self._on_answer,
        }
        self._results: dict[type[Any], Callable[[Any, float], None]] = {
            Transcribed: self._on_transcribed,
            Delta: self._on_delta,
            ToolDelta: self._on_tool_delta,
            TokensUsed: self._on_tokens,
            CompletionDone: self._on_completion_done,
            SpeechChunk: lambda event, now: self._speech.chunk(event.request, event.pcm),
            SpeechDone: lambda event, now: self._speech.done(event.request),
            StageFailed: self._on_failed,
        }

    # --- in -----------------------------------------------------------------------------------------------------------------

    def audio(self, frame: Buffer) -> None:
        """Caller audio at the setup's rate."""
        self._caller.hear(frame)

    def obey(self, command: LegCommand, now_ms: float) -> None:
        if not self._lost:
            self._commands[type(command)](command, now_ms)
            self._settle(now_ms)

    def result(self, event: StageEvent, now_ms: float) -> None:
        if not self._lost:
            self._results[type(event)](event, now_ms)
            self._settle(now_ms)

    def time_passed(self, now_ms: float) -> None:
        if not self._lost:
            self._settle(now_ms)

    @property
    def wake_ms(self) -> float:
        """When `time_passed` has something to do, if nothing else comes before."""
        return inf if self._lost else self._speech.wake_ms

    # --- what the session says ----------------------------------------------------------------------------------------------

    def _on_stop(self, command: StopModel, now_ms: float) -> None:
        """Words that made the session stop us are known already, and are answered now; others are awaited."""
        self._void(now_ms)
        self._history.cut(command.heard)

    def _on_say(self, command: SayToModel, now_ms: float) -> None:
        self._drop_reply(now_ms)
        self._history.asked(command.text)

    def _on_answer(self, command: AnswerTool, now_ms: float) -> None:
        if not self._history.answered(command.tool_call_id, command.payload):
            # Asked for by a connection before this one.
            result = json.dumps(dict(command.payload), ensure_ascii=False)
            self._history.asked(f"[Result of the tool {command.name}: {result}]")

    # --- what the services say ----------------------------------------------------------------------------------------------

    def _on_transcribed(self, event: Transcribed, now_ms: float) -> None:
        if self._transcription is None or event.request != self._transcription.request:
            return
        self._transcription = None
        self._hear_words(understood(event.text), now_ms)

    def _hear_words(self, words: str, now_ms: float) -> None:
        if not words:
            if not self._is_replying and not self._history.owes_answer:
                self.events.append(TurnComplete(asked=False))
            return
        self.events.append(CallerTranscribed(words, finished=True))
        is_playing = self._speech.has_sounded and self._speech.is_playing(now_ms)
        murmurs = is_playing and judge(words) is Said.BACKCHANNEL
        if not murmurs:
            self._drop_reply(now_ms)
        self._history.asked(words, aside=murmurs)

    def _on_delta(self, event: Delta, now_ms: float) -> None:
        completion = self._completion
        if completion is None or event.request != completion.request:
            return
        for sentence in completion.words(event.text):
            self._say(completion, sentence)
        if completion.is_endless:
            self.orders.append(Abort((completion.request,)))
            self._unpaid(completion)
            self._finish(completion)

    def _on_tool_delta(self, event: ToolDelta, now_ms: float) -> None:
        if self._completion is not None and event.request == self._completion.request:
            self._completion.tool_piece(event)

    def _on_tokens(self, event: TokensUsed, now_ms: float) -> None:
        if self._completion is not None and event.request == self._completion.request:
            self._completion.is_counted = True
        self.events.append(used(event))

    def _unpaid(self, completion: Completion) -> None:
        """It is over, or broken off; what it cost comes at the end of its stream, if at all."""
        if not completion.is_counted:
            self.events.append(UsageUnknown())

    def _on_completion_done(self, event: CompletionDone, now_ms: float) -> None:
        if self._completion is not None and event.request == self._completion.request:
            self._unpaid(self._completion)
            self._finish(self._completion)

    def _finish(self, completion: Completion) -> None:
        for sentence in completion.last_words():
            self._say(completion, sentence)
        calls = completion.tool_calls(self._tool_call_ids, f"call-{self._key}")
        completion.said.tool_calls = calls
        for call in calls:
            self._ask(call)
        self._completion = None

    def _say(self, completion: Completion, text: str) -> None:
        if text.strip():
            self._items += 1
            sentence = Sentence(f"s{self._items}", text)
            completion.said.sentences.append(sentence)
            self._speech.add(sentence)

    def _ask(self, call: ToolCall) -> None:
        arguments = arguments_of(call)
        if arguments is None:
            self._history.answered(call.tool_call_id, _NOT_JSON)
        else:
            self._held_asks.append(ToolAsked(call.tool_call_id, call.name, arguments))

    def _on_failed(self, event: StageFailed, now_ms: float) -> None:
        """Once more, if nothing of the result was used and it can help; else the leg is lost."""
        after_ms = _OVERLOADED_PAUSE_MS if event.loss is Loss.OVERLOADED else 0
        again = event.loss in (Loss.NETWORK, Loss.OVERLOADED, Loss.EXPIRED)
        transcription, completion = self._transcription, self._completion
        if transcription is not None and transcription.request == event.request:
            again = again and self._transcription_retries < self._limits.retries[Stage.TRANSCRIPTION]
            if again:
                self._transcription_retries += 1
                self._transcribe(transcription.pcm, after_ms)
        elif completion is not None and completion.request == event.request:
            again = again and not completion.is_used and completion.retries < self._limits.retries[Stage.COMPLETION]
            if again:
                completion.again(self._number())
                self._order_completion(completion, after_ms)
        elif self._speech.knows(event.request):
            retries = self._limits.retries[Stage.SPEECH] if again else 0
            order = self._speech.again(event.request, self._number, retries, after_ms)
            again = order is not None
            self._give([order] if order is not None else [])
        else:
            return  # of something void
        if not again:
            self._lost = True
            self.orders.append(Lose(event.code, event.reason, event.loss))

    # --- what follows -------------------------------------------------------------------------------------------------------

    @property
    def _listens(self) -> bool:
        """The caller speaks, or what they said is not known yet."""
        return self._caller.is_speaking or self._transcription is not None

    def _settle(self, now_ms: float) -> None:
        """Start everything that may start now."""
        if self._lost:
            return
        if self._transcription is None and (pcm := self._caller.take()) is not None:
            if pcm:
                self._transcription_retries = 0
                self._transcribe(pcm, 0)
            else:
                self._hear_words("", now_ms)
        self._give(self._speech.start(now_ms, self._number))
        if not self._listens or self._speech.has_sounded:
            self.events += self._held_asks
            self._held_asks.clear()
            self.events += self._speech.hand_on(now_ms)
            self._give(self._speech.start(now_ms, self._number))
        if self._completion is None and not self._listens:
            self._go_on(now_ms)

    def _go_on(self, now_ms: float) -> None:
        """Nothing is being asked of the language model, and nobody speaks."""
        history = self._history
        if history.waits:
            return
        if history.owes_answer:
            self._complete()
        elif self._is_replying and self._speech.is_idle:
            self._is_replying = False
            self.events.append(TurnComplete())

    def _transcribe(self, pcm: bytes, after_ms: int) -> None:
        language = self._setup.language.partition("-")[0].lower()
        self._transcription = Transcribe(
            self._number(), pcm, self._setup.input_hz, self._history.last_words, language, after_ms
        )
        self._give([self._transcription])

    def _give(self, orders: Iterable[Transcribe | Speak]) -> None:
        """Have them carried out. What a service is given, it bills."""
        for order in orders:
            self.orders.append(order)
            self.events.append(given(order, self._models))

    def _complete(self) -> None:
        if not self._is_replying:
            self._is_replying, self._rounds = True, 0
            self._speech.has_sounded = False
        self._rounds += 1
        self._completion = Completion(self._number(), self._history.begin(), self._limits)
        self._order_completion(self._completion, 0)

    def _order_completion(self, completion: Completion, after_ms: int) -> None:
        tools = self._setup.tools if self._rounds < _ROUNDS_AT_MOST else ()
        self.orders.append(Complete(completion.request, self._history.messages(), tools, after_ms))

    def _drop_reply(self, now_ms: float) -> None:
        """Something else is to be answered now. What was handed on of the reply stays said."""
        if self._speech.is_mid_sentence:
            self.events.append(GenerationComplete(broken=True))
        self._void(now_ms)
        self._history.cut(())

    def _void(self, now_ms: float) -> None:
        """Nothing more of the reply leaves. Tools that were asked stay asked: what they did is done."""
        requests = self._speech.stop(now_ms)
        if self._completion is not None:
            requests = (*requests, self._completion.request)
            self._unpaid(self._completion)
            self._completion = None
        never_asked = {ask.tool_call_id for ask in self._held_asks}
        self._history.withdraw(never_asked)
        self._held_asks.clear()
        self._is_replying = False
        if requests:
            self.orders.append(Abort(requests))

    def _number(self) -> int:
        self._requests += 1
        return self._requests
