"""Requests and answers as a person reads them: the tree in a line, and all that goes over the wire as it happens."""

from __future__ import annotations

import gzip
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from app.wbxml import Element, WbxmlError, decode

WIDTH = 110
LONGEST = 4000
"""Characters of a body that are shown."""
WBXML = "application/vnd.ms-sync.wbxml"
SECRET = ("authorization", "cookie")


def in_words(element: Element, page: str = "") -> str:
    """``Sync(Collections(Collection(SyncKey='0')))``; a page is named where it begins."""
    mine, _, tag = element.name.partition(":")
    name = tag if mine == page else element.name
    if element.children:
        return f"{name}({', '.join(in_words(child, mine) for child in element)})"
    return name if element.value is None else f"{name}={element.value!r}"


def meaning(content_type: str, body: bytes) -> Iterator[str]:
    """What a body says, line by line; nothing for one that is empty or of a kind that nobody reads."""
    if body and content_type == WBXML:
        try:
            yield in_words(decode(body))
        except WbxmlError as error:
            yield f"no WBXML: {error}"
    elif body and content_type.startswith(("message/", "text/")):
        yield from body.decode("utf-8", "replace").splitlines()


class Tracing(HTTPAdapter):
    """Tells what a phone sends and what it is answered. Who may come in with it is left out."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """Like any other adapter."""
        parts = urlsplit(request.url or "")
        self._say(f"> {request.method} {parts.path}{'?' if parts.query else ''}{parts.query}")
        body = request.body or b""
        self._tell(">", request.headers, body.encode() if isinstance(body, str) else body)
        response = super().send(request, *args, **more)
        self._say(f"< {response.status_code} {response.reason}")
        self._tell("<", response.headers, response.content, unpacked=True)
        return response

    def _tell(self, mark: str, headers: Mapping[str, Any], body: bytes, unpacked: bool = False) -> None:
        for name, value in headers.items():
            if name.lower() not in SECRET:
                shown = value.decode("latin-1") if isinstance(value, bytes) else value
                self._say(f"{mark} {name}: {shown}")
        if not unpacked and headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for line in meaning(headers.get("Content-Type", ""), body):
            for row in textwrap.wrap(line[:LONGEST], WIDTH, break_on_hyphens=False):
                self._say(f"{mark}     {row}")
        if body:
            self._say(f"{mark}     {len(body)} bytes")
