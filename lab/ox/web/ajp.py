"""AJP 1.3, as far as Apache's mod_proxy_ajp speaks it: packets to requests, answers to packets.

A packet from the web server is ``12 34``, two bytes of length, payload; one to it is ``AB``, length, payload. A request
is one packet of headers; its body follows in packets of its own, the first unasked if the length of the body is known,
each further one after it was asked for. An answer is headers, any number of pieces of the body, and an end that says
whether the connection can be used again. Between requests the web server may ask whether anybody is there (CPing).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

MAGIC = b"\x12\x34"
# What the first byte of the payload says.
FORWARD_REQUEST, CPING = 0x02, 0x0A
_SEND_BODY_CHUNK, _SEND_HEADERS, _END_RESPONSE, _GET_BODY_CHUNK, _CPONG = 0x03, 0x04, 0x05, 0x06, 0x09
_PACKET = 8192
# A packet less its magic, its length and the length of the piece itself.
PIECE = _PACKET - 6
_OUTGOING_PIECE = PIECE - 2
_NO_TEXT = 0xFFFF
_END_OF_ATTRIBUTES, _QUERY, _ATTRIBUTE, _KEY_SIZE = 0xFF, 0x05, 0x0A, 0x0B
_METHODS = (
    "",
    *(
        "OPTIONS",
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "TRACE",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
    ),
    *("LOCK", "UNLOCK", "ACL", "REPORT", "VERSION-CONTROL", "CHECKIN", "CHECKOUT", "UNCHECKOUT", "SEARCH"),
    *("MKWORKSPACE", "UPDATE", "LABEL", "MERGE", "BASELINE-CONTROL", "MKACTIVITY"),
)
_CODED_HEADER = 0xA0
_HEADERS = (
    "",
    *("accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "connection"),
    *("content-type", "content-length", "cookie", "cookie2", "host", "pragma", "referer", "user-agent"),
)


class Stream(Protocol):
    """What comes from the web server. ``read`` waits for so many bytes; fewer mean that it has ended."""

    def read(self, count: int, /) -> bytes: ...


class AjpError(Exception):
    """The other side does not speak AJP, or ended in the middle of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request. ``path`` is still quoted; names of headers are lower case."""

    method: str
    protocol: str
    path: str
    query: str
    remote_address: str
    server_name: str
    is_secure: bool
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The value of a header; empty if it is missing."""
        return next((value for key, value in self.headers if key == name), "")


class _Payload:
    """A payload, read from its beginning. Raises ``AjpError`` when it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise AjpError("a packet ends too early")
        self._at += count
        return found

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def text(self, length: int | None = None) -> str:
        length = self.number() if length is None else length
        if length == _NO_TEXT:
            return ""
        found = self.take(length).decode("latin-1")
        self.take(1)
        return found

    def header_name(self) -> str:
        high = self.byte()
        low = self.byte()
        if high == _CODED_HEADER:
            if not 0 < low < len(_HEADERS):
                raise AjpError(f"unknown header {low}")
            return _HEADERS[low]
        return self.text(high << 8 | low).lower()


def parse_request(payload: bytes) -> Request:
    """The request in the payload of a FORWARD_REQUEST. Raises ``AjpError``."""
    packet = _Payload(payload)
    if packet.byte() != FORWARD_REQUEST:
        raise AjpError("no request")
    code = packet.byte()
    if not 0 < code < len(_METHODS):
        raise AjpError(f"unknown method {code}")
    protocol, path, remote_address, _remote_host, server_name = (packet.text() for _ in range(5))
    packet.number()  # the port of the server
    is_secure = bool(packet.byte())
    headers = tuple((packet.header_name(), packet.text()) for _ in range(packet.number()))
    query = _read_attributes(packet).get(_QUERY, "")
    return Request(_METHODS[code], protocol, path, query, remote_address, server_name, is_secure, headers)


def _read_attributes(packet: _Payload) -> dict[int, str]:
    found: dict[int, str] = {}
    while (code := packet.byte()) != _END_OF_ATTRIBUTES:
        if code == _KEY_SIZE:
            packet.number()
        elif code == _ATTRIBUTE:
            packet.text()
            packet.text()
        else:
            found[code] = packet.text()
    return found


def read_packet(stream: Stream) -> bytes:
    """The payload of the next packet. Raises ``EOFError`` where there is none, ``AjpError``."""
    head = stream.read(4)
    if not head:
        raise EOFError
    if len(head) < 4 or head[:2] != MAGIC:
        raise AjpError("this is no packet of AJP")
    length = int.from_bytes(head[2:], "big")
    payload = stream.read(length)
    if len(payload) < length:
        raise AjpError("a packet ends too early")
    return payload


def read_body(request: Request, stream: Stream, send: Callable[[bytes], None]) -> bytes:
    """All of a request's body, asked for piece by piece. Raises ``AjpError``, ``EOFError``."""
    length = request.header("content-length")
    if not length.isdigit():
        is_chunked = "chunked" in request.header("transfer-encoding").lower()
        return _read_pieces(stream, send, None) if is_chunked else b""
    wanted = int(length)
    if not wanted:
        return b""
    first = _piece(read_packet(stream))
    return first + (_read_pieces(stream, send, wanted - len(first)) if first else b"")


def _read_pieces(stream: Stream, send: Callable[[bytes], None], wanted: int | None) -> bytes:
    """Pieces until so many bytes have come, or an empty one."""
    pieces: list[bytes] = []
    while wanted is None or wanted > 0:
        send(_packet(struct.pack(">BH", _GET_BODY_CHUNK, PIECE if wanted is None else min(wanted, PIECE))))
        piece = _piece(read_packet(stream))
        if not piece:
            break
        pieces.append(piece)
        wanted = None if wanted is None else wanted - len(piece)
    return b"".join(pieces)


def _piece(payload: bytes) -> bytes:
    if not payload:
        return b""
    packet = _Payload(payload)
    return packet.take(packet.number())


def pong() -> bytes:
    """The answer to a CPing."""
    return _packet(bytes([_CPONG]))


def answer_head(status: int, reason: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """The packet with status and headers."""
    fields = list(headers)
    payload = struct.pack(">BH", _SEND_HEADERS, status) + _text(reason) + struct.pack(">H", len(fields))
    return _packet(payload + b"".join(_text(name) + _text(value) for name, value in fields))


def answer_body(data: bytes) -> bytes:
    """A part of the body as packets; none for no bytes."""
    pieces = (data[at : at + _OUTGOING_PIECE] for at in range(0, len(data), _OUTGOING_PIECE))
    return b"".join(
        _packet(struct.pack(">BH", _SEND_BODY_CHUNK, len(piece)) + piece + b"\0") for piece in pieces
    )


def answer_end() -> bytes:
    """The packet that ends an answer; the connection can be used again."""
    return _packet(bytes([_END_RESPONSE, True]))


def _packet(payload: bytes) -> bytes:
    if len(payload) > _PACKET - 4:
        raise AjpError(f"{len(payload)} bytes do not fit into a packet")
    return b"AB" + struct.pack(">H", len(payload)) + payload


def _text(value: str) -> bytes:
    raw = value.encode("latin-1")
    return struct.pack(">H", len(raw)) + raw + b"\0"
