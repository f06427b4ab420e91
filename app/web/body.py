"""The body of a request: with a length or chunked, compressed or not, up to a limit.

A compressed body is expanded piece by piece and given up as soon as it grows beyond the limit for bodies: a few bytes
of gzip could stand for gigabytes.

A large body that is not compressed is kept in a temporary file, which is mapped into memory: a message on its way out
takes no more memory than is read of it at a time.
"""

from __future__ import annotations

import zlib
from mmap import ACCESS_READ, mmap
from tempfile import SpooledTemporaryFile
from typing import Final

import falcon

BLOCK: Final = 16384
"""Bytes that are read at a time: few enough to come in time by the slowest line that is let (:mod:`app.web.pace`)."""
IN_MEMORY: Final = 1024 * 1024
"""Bytes of a body that needs no place on the disk."""
_ANY_WRAPPER: Final = zlib.MAX_WBITS | 32
"""zlib finds out by itself whether gzip (RFC 1952) or zlib (RFC 1950) is around the data."""

CODINGS: Final = frozenset(("gzip", "x-gzip", "deflate"))


class BodyError(Exception):
    """The body cannot be used; ``status`` is the HTTP status that says so."""

    status = 400


class BodyTooLarge(BodyError):
    """More bytes than allowed."""

    status = 413


class BodyTooSlow(BodyError):
    """It does not come, or hardly."""

    status = 408


class BodyUnstored(BodyError):
    """There is no room for it at the moment."""

    status = 503


class BodyCoded(BodyError):
    """The body is coded in a way that is not understood."""

    status = 415


def read(request: falcon.Request, limit: int) -> bytes | mmap:
    """The whole body as it was before it was compressed, ``b""`` where there is none. Raises :class:`BodyError`."""
    coding = (request.get_header("Content-Encoding") or "identity").strip().lower()
    if coding != "identity" and coding not in CODINGS:
        raise BodyCoded(f"Content-Encoding {coding!r} is not accepted")
    body = _whole(request, limit)
    return expanded(bytes(body), limit) if body and coding in CODINGS else body


def expanded(data: bytes, limit: int) -> bytes:
    """What a compressed body stands for. Raises :class:`BodyError`: 413 above ``limit`` bytes."""
    decoder = zlib.decompressobj(_ANY_WRAPPER)
    try:
        body = decoder.decompress(data, limit + 1)
    except zlib.error as error:
        raise BodyError(f"the compressed body is broken: {error}") from error
    if len(body) > limit:
        raise BodyTooLarge(f"{len(data)} compressed bytes stand for more than {limit}")
    if not decoder.eof or decoder.unused_data:
        raise BodyError("the compressed body ends early or goes on after its end")
    return body


def _whole(request: falcon.Request, limit: int) -> bytes | mmap:
    length = _length(request)
    if length is not None and length > limit:
        _discard(request, length, limit)
        raise BodyTooLarge(f"{length} bytes; at most {limit} are taken")
    body = _take(request, limit + 1 if length is None else length)
    if length is None and len(body) > limit:
        _discard(request, limit, limit)
        raise BodyTooLarge(f"more than {limit} bytes")
    if length is not None and len(body) < length:
        raise BodyError(f"{length} bytes announced, {len(body)} sent")
    return body


def _length(request: falcon.Request) -> int | None:
    """``None`` for a chunked body, whose end the server finds. Nothing is taken that somebody on the way could read in
    another way."""
    coding = request.get_header("Transfer-Encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise BodyError(f"Transfer-Encoding {coding!r} is not accepted")
        return None
    try:
        return request.content_length or 0
    except falcon.HTTPError as error:
        raise BodyError("the Content-Length is no number") from error


def _take(request: falcon.Request, most: int) -> bytes | mmap:
    try:
        return _kept(request, most)
    except OSError as error:
        raise BodyUnstored(f"the body cannot be kept: {error}") from error


def _kept(request: falcon.Request, most: int) -> bytes | mmap:
    with SpooledTemporaryFile(IN_MEMORY) as file:
        size = 0
        while size < most:
            block = _block(request, min(most - size, BLOCK))
            if not block:
                break
            file.write(block)
            size += len(block)
        if size > IN_MEMORY:
            file.flush()
            return mmap(file.fileno(), size, access=ACCESS_READ)
        file.seek(0)
        return file.read()


def _discard(request: falcon.Request, length: int, limit: int) -> None:
    """Take a reasonable part of a body that is too large: a client that still sends when the connection closes never
    sees the answer."""
    left = min(length, limit)
    while left > 0:
        block = _block(request, min(left, BLOCK))
        if not block:
            return
        left -= len(block)


def _block(request: falcon.Request, size: int) -> bytes:
    try:
        block: bytes = request.stream.read(size)
    except BodyError:
        raise
    except Exception as error:
        raise BodyError(f"the body cannot be read: {error}") from error
    return block
