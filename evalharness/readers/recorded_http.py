"""
Recorded HTTP: one exchange of a cassette (VCR and its kin) or of an archive, as JSON.

    {"request": {"method", "uri" or "url", "headers", "body" or "parsed_body"},
     "response": {"status": {"code"} or int, "headers", "body" or "parsed_body"}}

A body is JSON, text, {"string": text} or {"base64_string": text}; the latter may be compressed as its headers say.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from evalharness.model import Call
from evalharness.readers.bodies import Exchange, call_of
from evalharness.readers.wires import body_of, is_other_work, vendor_of, wire_of_path
from evalharness.wire.fields import mapping, sub, text, tokens
from evalharness.wire.unreadable import NotACall, Unreadable

NAME = "http"
MAX_BODY_BYTES = 64 * 2**20
"""What a compressed body may unpack to."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def detects(record: dict[str, Any]) -> bool:
    """Whether a record is a recorded exchange."""
    request = sub(record, "request")
    return "method" in request and ("uri" in request or "url" in request) and isinstance(record.get("response"), dict)


def read(record: dict[str, Any], at: datetime | None) -> Call:
    """
    The call in an exchange.

    Raises:
        NotACall: The address is no generation's.
        Unreadable: The vendor's protocol is not one of ours, or a body cannot be read.
    """
    request = mapping(record.get("request"), "request")
    response = mapping(record.get("response"), "response")
    address = text(request.get("uri", request.get("url")), "request.uri")
    path = _path(address)
    if request.get("method") != "POST" or is_other_work(path):
        raise NotACall("not_a_generation", "request.uri")
    wire = wire_of_path(path)
    if wire is None:
        raise Unreadable("unsupported_wire", "request.uri")
    sent = body_of(_body(request, "request"))
    if sent is not None and not isinstance(sent, dict):
        raise Unreadable("not_json", "request.body")
    status = response.get("status")
    exchange = Exchange(
        request=sent,
        response=body_of(_body(response, "response")),
        wire=wire,
        status=tokens(status.get("code") if isinstance(status, dict) else status, "response.status"),
    )
    said = {key: value for key, value in record.items() if key not in ("request", "response")}
    said.setdefault("provider", vendor_of(address))
    if "at" not in said and (date := _header(response, "date")):
        said["at"] = date
    return call_of(said, exchange, source=NAME, at=at)


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        raise Unreadable("wrong_type", "request.uri") from None


def _body(message: dict[str, Any], side: str) -> object:
    """A body before it is parsed, unpacked and as text."""
    if message.get("parsed_body") is not None:
        return message["parsed_body"]
    body = message.get("body")
    if not isinstance(body, dict):
        return body
    if isinstance(packed := body.get("base64_string"), str):
        return _unpacked(packed, _header(message, "content-encoding"), f"{side}.body")
    return body.get("string", body)


def _unpacked(packed: str, encoding: str | None, field: str) -> str:
    try:
        raw = base64.b64decode(packed, validate=True)
        if encoding in ("gzip", "deflate"):
            unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
            raw = unpacker.decompress(raw, MAX_BODY_BYTES)
            if not unpacker.eof:
                raise Unreadable("body_cut_or_too_long", field)
        elif encoding not in (None, "identity"):
            raise Unreadable("content_encoding", field, "record bodies unpacked")
        return raw.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        raise Unreadable("content_encoding", field, "record bodies unpacked") from None


def _header(message: dict[str, Any], name: str) -> str | None:
    """A header's first value; its name has any case."""
    for key, value in sub(message, "headers").items():
        if key.lower() == name:
            first = value[0] if isinstance(value, list) and value else value
            return first if isinstance(first, str) else None
    return None
