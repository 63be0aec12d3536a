"""Summaries by a model: google-genai's `generate_content` with a schema for its answer. Whatever goes wrong is one error, and rules take
its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pokea.adapters.deadline import Deadline
from pokea.call_record import CallRecord
from pokea.call_summary import INSTRUCTION, Summary, material, of_model, schema_for
from pokea.errors import Unavailable
from pokea.sautikit.closings import Closing

if TYPE_CHECKING:
    from google.genai import Client

TIMEOUT_MS = 15_000
MAX_TOKENS = 2_000


class ModelSummaries:
    """`base_url`: another address than Google's; empty for theirs."""

    def __init__(self, api_key: str, model: str, base_url: str = "", timeout_ms: int = TIMEOUT_MS) -> None:
        from google import genai
        from google.genai import types

        options = types.HttpOptions(timeout=timeout_ms, base_url=base_url or None)
        self._client: Client = genai.Client(api_key=api_key, http_options=options)
        self._model = model
        self._deadline = Deadline(timeout_ms / 1_000)

    def summary(self, record: CallRecord, closing: Closing, limit_s: float) -> Summary:
        """Raises Unavailable."""
        if not closing.transcript:
            raise Unavailable("nothing_said", "there is nothing to sum up")
        answer = self._deadline.run(
            lambda: self._ask(record, closing), limit_s
        )  # the SDK bounds each read, not their sum
        found = of_model(record.agent, answer, self._model)
        if found is None:
            raise Unavailable("bad_summary", "the model's answer is no summary")
        return found

    def _ask(self, record: CallRecord, closing: Closing) -> object:
        import httpx2  # what the SDK's own transport raises
        from google.genai import types
        from google.genai.errors import APIError

        config = types.GenerateContentConfig(
            system_instruction=INSTRUCTION,
            response_mime_type="application/json",
            response_json_schema=schema_for(record.agent),
            max_output_tokens=MAX_TOKENS,
        )
        try:
            reply = self._client.models.generate_content(
                model=self._model, contents=material(record, closing), config=config
            )
            return json.loads(reply.text or "")
        except (APIError, httpx2.HTTPError, ValueError) as problem:
            raise Unavailable("summary_failed", f"the model gave no summary ({type(problem).__name__})") from None
