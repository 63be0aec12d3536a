"""Every `POKEA_*` setting there is, with one line on what it does. docs/settings.md is generated from this table."""

from __future__ import annotations

SETTINGS: dict[str, str] = {
    # control plane
    "POKEA_CORE_TABLE": "name of the DynamoDB table that holds calls, slots and appointments",
    "POKEA_PROFILES_DIR": "folder of business profiles (*.toml); default: the ones inside the package",
    "POKEA_PUBLIC_URL": "public base URL of the HTTP API: hooks and callbacks are built from it",
    "POKEA_BRIDGE_URL": "public base URL of the media bridge (wss://…): Stream documents point there",
    "POKEA_RELEASE": "generation of the bridge that new calls go to, part of the stream URL",
    "POKEA_WEBHOOK_AUTH": "how carrier hooks prove themselves: path, signature or signature+path",
    "POKEA_WEBHOOK_PATH_SECRET": "secret segment in the hooks' URL, at least 16 characters; a comma separates an old one",
    "POKEA_WEBHOOK_BARE_HEX": "on also accepts a signature without a time, as some of the carrier's pages show it",
    "POKEA_TOKEN_KEY": "key that signs stream tokens and call tokens, at least 32 characters",
    "POKEA_SECRETS_ID": "Secrets Manager secret (JSON) that holds the secrets instead of the environment",
    "POKEA_STREAM_TOKEN_TTL_S": "life of a stream token",
    "POKEA_CARRIER_CONTINUES": "on once a probe has shown that the carrier continues the document after a stream",
    "POKEA_CARRIER_DIALECT": "which of the carrier's contradicting REST spellings to use: live or documented",
    # bridge
    "POKEA_BRIDGE_HOST": "address the bridge listens on",
    "POKEA_BRIDGE_PORT": "port the bridge listens on",
    "POKEA_BRIDGE_WORKERS": "bridge processes; default: usable CPUs",
    "POKEA_MAX_CALLS": "calls one bridge worker admits",
    "POKEA_STREAM_AUTH": "off accepts streams without a token, on loopback only",
    "POKEA_TOOLS_FUNCTION": "name or ARN of the tools Lambda, alias-qualified",
    "POKEA_TOOLS_DEADLINE_MS": "how long a tool call may take",
    "POKEA_GEMINI_URL": "WebSocket URL of the Gemini Live API or of a stand-in",
    "POKEA_GEMINI_MODEL": "model id, without models/",
    "POKEA_GEMINI_CA": "PEM file with the certificate authority of a private model endpoint",
    "POKEA_MODEL_ROTATE_S": "age at which a model connection is replaced by a resumed one",
    "POKEA_PLAYOUT_LEAD_MS": "audio sent to the switch ahead of real time",
    "POKEA_KILL_AUDIO": "on sends killAudio to the switch at a barge-in",
    "POKEA_IDLE_ASK_S": "silence after which the caller is asked the first time",
    "POKEA_IDLE_ASK_AGAIN_S": "silence after which the caller is asked again",
    "POKEA_IDLE_GOODBYE_S": "silence after which the call ends politely",
    "POKEA_MAX_CALL_S": "longest call",
    "POKEA_DRAIN_S": "how long live calls may go on after the bridge was told to stop",
    "POKEA_CLIPS_DIR": "folder of rendered greetings and prompts",
    "POKEA_CALL_RECORDS_DIR": "folder for one JSON-lines record per call, with transcripts: for a desk, not for production",
}

KNOWN = frozenset(SETTINGS)
