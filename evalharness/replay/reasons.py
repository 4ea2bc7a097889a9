"""The codes that say why a request was changed or not replayed, one sentence each; `docs/replay.md` lists them."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class _Reason(StrEnum):
    """A code that carries its sentence."""

    says: str

    def __new__(cls, code: str, says: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.says = says
        return member


class ChangeReason(_Reason):
    """Why the replayed request differs from the captured one; stored on every pair."""

    MODEL = "model", "The candidate's model is asked."
    WIRE = "wire_changed", "The candidate speaks another protocol; texts, tools and their order are the same."
    NOT_STREAMED = "not_streamed", "A replay is read whole; streaming does not change what a model answers."
    USER_ID = "user_id", "Names of users and free metadata are not sent again."
    STORAGE = "not_stored", "The provider is told not to keep the replay."
    SERVICE_TIER = "service_tier", "A replay takes ordinary capacity, never the one reserved for production."
    CACHE = "cache", "Cache keys and markers of production are not touched by another vendor or key space."
    BOOKKEEPING = "bookkeeping", "The field only changes what is reported beside the answer."
    NO_EFFECT = "no_effect", "The value is the default, or does nothing without the field it belongs to."
    STATE_ID = "state_id", "Ids of stored items mean nothing outside the conversation that made them."
    SPEED_HINT = "speed_hint", "A predicted output changes speed and price, not the answer."
    EFFORT = "effort_set", "The tier's effort is sent, since the defaults of neighbouring models differ."
    EFFORT_UNKNOWN = "effort_unsupported", "The candidate has no such effort; it works at its default."
    THINKING = "thinking_mapped", "Thinking is asked for in the way that the candidate knows."
    THINKING_HISTORY = "thinking_stripped", "Thinking in the history is bound to the model that wrote it."
    SAMPLING = "sampling_changed", "The candidate rejects this sampling parameter, or lacks it."
    SEED = "seed_dropped", "A seed means nothing on another model."
    LIMIT_NAME = "limit_mapped", "The limit of output tokens has another name there."
    LIMIT_ADDED = "limit_added", "The protocol demands a limit of output tokens and the request had none."
    LIMIT_LOWERED = "limit_lowered", "The candidate cannot write as many tokens as the request allowed."
    SYSTEM_MOVED = "system_moved", "Leading system messages stand where the candidate's protocol has them."
    TOOL_ERROR_FLAG = "tool_error_flag", "The protocol cannot mark a tool's result as an error; its text says so."
    IMAGE_DETAIL = "image_detail", "The other vendor has no level of detail for images."
    SCHEMA_NAME = "schema_name", "A schema has a name there and none here, or the other way round."


class RefusalReason(_Reason):
    """Why a request is not replayed; counted and shown per route."""

    EGRESS = "egress", "The task type's content must not go to this vendor."
    MALFORMED = "malformed", "The body is no valid request of its protocol, or cannot be written as UTF-8 JSON."
    UNKNOWN_FIELD = "unknown_field", "A field or block that this version does not know; it may change the answer."
    BETA = "beta", "Beta features are bound to a version of the vendor's API."
    STATEFUL = "stateful", "The request rests on state that the vendor keeps (earlier response, container, prompt id)."
    REASONING_STATE = "reasoning_state", "Reasoning items are bound to the model and account that made them."
    THINKING_BOUND = "thinking_bound", "Thinking inside an open tool turn cannot be left out, nor given to another model."
    SERVER_TOOL = "server_tool", "A tool that the vendor defines or runs acts on the world, or is bound to a model."
    CUSTOM_TOOL = "custom_tool", "Free-form and legacy tools have no counterpart on other models."
    FORCED_TOOL = "forced_tool_choice", "The candidate rejects being forced to call a tool."
    TOOL_HISTORY = "tool_history", "Tool calls and results in the history do not belong together, or cannot be carried."
    PREFILL = "prefill", "The answer's beginning is given, which the candidate or its protocol does not accept."
    SYSTEM_POSITION = "system_position", "A system message stands in the middle of the conversation."
    PARTICIPANT_NAME = "participant_name", "Named participants have no counterpart in the other protocol."
    MEDIA_URL = "media_url", "The provider would fetch an address whose content may have changed."
    FILE_ID = "file_id", "Uploaded files exist only in the account that holds them."
    DOCUMENT = "document", "Documents and citations are read differently by other vendors."
    AUDIO = "audio", "Audio in or out is not replayed."
    MANY_ANSWERS = "many_answers", "Several answers to one request make no pair."
    LOGPROBS = "logprobs", "Token probabilities or biases are bound to one tokenizer."
    JSON_MODE = "json_mode", "JSON mode without a schema has no counterpart in the other protocol."
    SCHEMA = "schema_unsupported", "The other vendor's structured output does not know all of this JSON schema."
    VERBOSITY = "verbosity", "The wanted verbosity cannot be asked of the candidate."
    STOP = "stop_unsupported", "The candidate does not take these stop sequences."
    THINKING = "thinking_unsupported", "The candidate cannot think, or stop thinking, as the request asks."
    EFFORT = "effort_unsupported", "The tier names an effort that its model does not have."
    RESIDENCY = "data_residency", "The request is bound to a region that the candidate's vendor is not known to keep."
