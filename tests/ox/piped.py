"""An OX that holds no message in memory: it makes a large one while it is read, and puts what it gets into a file."""

from __future__ import annotations

import base64
import io
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from email import message_from_binary_file
from email.policy import default
from hashlib import sha256
from typing import Any, TypeVar

import requests
from urllib3 import HTTPResponse

from tests.ox.canned import CannedOx, error
from tests.ox.canned import Reply as Answer
from tests.ox.test_folders import INBOX as INBOX_ROW
from tests.ox.test_folders import ROOT, row, visible

T = TypeVar("T")

INBOX, DRAFTS = "default0/INBOX", "default0/Drafts"
FILE = 30 * 1024 * 1024
MOST = 4 * 1024 * 1024
"""Bytes that may be in memory, whatever the size of the file."""
LINES = 800

HEAD = (
    b"From: zoe@example.com\r\nTo: anton@example.org\r\nSubject: Frage\r\nMessage-ID: <q@example.com>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nStimmt\xc3\xa4\r\n"
    b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)
TAIL = b"--b--\r\n"


def lines() -> Iterator[bytes]:
    """What stands in some lines of the file, different ones each time."""
    return (number.to_bytes(57, "big") for number in range(FILE // (57 * LINES)))


def original() -> Iterator[bytes]:
    """The message, block by block."""
    yield HEAD
    for line in lines():
        yield (base64.b64encode(line) + b"\r\n") * LINES
    yield TAIL


DIGEST = sha256(b"".join(line * LINES for line in lines())).hexdigest()


class Flow(io.RawIOBase):
    """An answer that is made while it is read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._blocks, b"")
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


class Piped(CannedOx):
    """An OX that keeps no message in memory either. ``taken``: the messages it got, ``mime``: what it has of one."""

    def __init__(self, answers: dict[str, Any], mime: Callable[[], Iterator[bytes]] = original) -> None:
        super().__init__(**answers)
        self.mime = mime
        self.taken: list[Any] = []
        mail = (ROOT, INBOX_ROW, row(DRAFTS, "default0", "Drafts", standard=9))
        self.on("folders?allVisible", visible(mail=mail)).on("config/mail/folder/drafts", {"data": DRAFTS})
        self.on("mail?examine", {"data": {"validity": "1", "next": "9", "total": 1, "unread": 0}})
        self.on("mail?new", {"data": {"folder_id": DRAFTS, "id": "9"}}).on("mail?delete", {"data": []})
        self.on("mail?update", {"data": {}}).on("config", error("SVL-0010"))
        self.on("mail?get", lambda seen: Answer(b"") if "src" in seen.params else error("MSG-0032"))
        self.on("config/modules/mail/addresses", {"data": ["anton@example.org"]})
        self.on("config/mail/folder/sent", {"data": "default0/Sent"})

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        body = request.body
        if body is not None and not isinstance(body, str | bytes):
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the test
            file.writelines(body)
            assert file.tell() == int(request.headers["Content-Length"])
            self.taken.append(file)
            request.body = b""
        response = super().send(request, **more)
        if "src=1" in (request.url or ""):
            raw = HTTPResponse(Flow(self.mime()), status=200, preload_content=False)
            raw._original_response = response.raw._original_response
            response.raw = raw
        return response

    def got(self) -> Any:
        """The one message that went to OX."""
        (file,) = self.taken
        file.seek(0)
        return message_from_binary_file(file, policy=default)


def measured(act: Callable[[], T]) -> T:
    """What it returns; and it held little in memory."""
    tracemalloc.start()
    try:
        made = act()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST
    return made


def files(message: Any) -> list[str]:
    """The digests of what hangs on a message."""
    return [sha256(part.get_content()).hexdigest() for part in message.iter_attachments()]
