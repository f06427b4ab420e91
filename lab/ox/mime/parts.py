"""A mail as the API shows it: ``attachments`` (the body first), ``nested_msgs``.

Part ids count as in IMAP: ``1``, ``2``, ``1.2``; the parts of a nested message below its own id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

from lab.ox.mime import headers, html

_NESTING = 12


@dataclass(slots=True)
class Leaf:
    """One part that holds data. ``alternative``: one of several forms of the same text."""

    id: str
    part: Message
    content_type: str
    alternative: bool = False

    @property
    def data(self) -> bytes:
        """The part's decoded bytes."""
        if self.content_type == "message/rfc822":
            return _as_bytes(nested_message(self.part))
        payload = self.part.get_payload(decode=True)
        return payload if isinstance(payload, bytes) else b""

    @property
    def text(self) -> str:
        """The part's text in Unicode."""
        charset = self.part.get_param("charset")
        if isinstance(charset, tuple):
            charset = charset[2]
        return headers.decode_bytes(self.data, charset if isinstance(charset, str) else None)

    @property
    def filename(self) -> str | None:
        """The file name, decoded."""
        try:
            raw = self.part.get_filename()
        except (LookupError, ValueError, TypeError):
            raw = None
        return (
            headers.decode_words(headers.guess_bytes(raw.encode("utf-8", "surrogateescape"))) if raw else None
        )

    @property
    def cid(self) -> str | None:
        """The Content-Id with its angle brackets."""
        raw = headers.raw_header(self.part, "Content-Id")
        return raw.strip() if raw else None

    @property
    def is_attachment(self) -> bool:
        """Whether the part is marked as an attachment or has a file name."""
        return self.part.get_content_disposition() == "attachment" or self.filename is not None


@dataclass(slots=True)
class Parsed:
    """What a mail consists of."""

    plain: Leaf | None = None
    html: Leaf | None = None
    others: list[Leaf] = field(default_factory=list)
    nested: list[Leaf] = field(default_factory=list)


def parse(raw: bytes) -> Message:
    """A message object of any bytes; defects are tolerated."""
    return BytesParser(policy=compat32).parsebytes(raw)


def nested_message(part: Message) -> Message:
    """The message inside a ``message/rfc822`` part; an empty one when there is none."""
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0]
    return Message(policy=compat32)


def _as_bytes(message: Message) -> bytes:
    # Lines as they travel, header fields folded as they were.
    policy = compat32.clone(linesep="\r\n", max_line_length=0)
    try:
        return message.as_bytes(policy=policy)
    except UnicodeError:
        # A part with wrong bytes for its charset has been read with replacement characters.
        return message.as_string(policy=policy).encode("utf-8", "replace")


def leaves(message: Message, prefix: str = "") -> list[Leaf]:
    """All parts that hold data, in order, each with its id."""
    if not message.is_multipart() or message.get_content_maintype() == "message":
        return [Leaf(prefix or "1", message, _content_type(message))]
    return _walk(message, prefix, 0)


def take_apart(message: Message, prefix: str = "") -> Parsed:
    """Sort the parts into body, attachments and nested messages."""
    parsed = Parsed()
    for leaf in leaves(message, prefix):
        if leaf.content_type == "message/rfc822":
            parsed.nested.append(leaf)
        elif leaf.is_attachment or leaf.content_type not in ("text/plain", "text/html"):
            parsed.others.append(leaf)
        elif (
            leaf.content_type == "text/plain"
            and parsed.plain is None
            and (leaf.alternative or not parsed.html)
        ):
            parsed.plain = leaf
        elif (
            leaf.content_type == "text/html"
            and parsed.html is None
            and (leaf.alternative or not parsed.plain)
        ):
            parsed.html = leaf
        else:
            parsed.others.append(leaf)
    return parsed


def find(message: Message, part_id: str, cid: str | None = None) -> Leaf | None:
    """The part of an id, or of a Content-Id; also inside nested messages."""
    for leaf in leaves(message):
        if (part_id and leaf.id == part_id) or (cid and (leaf.cid or "").strip("<>") == cid.strip("<>")):
            return leaf
        if leaf.content_type == "message/rfc822" and part_id.startswith(leaf.id + "."):
            return _find_nested(leaf, part_id)
    return None


def shown(
    message: Message, view: str, cid_url: str = "", max_size: int = 0, prefix: str = ""
) -> dict[str, Any]:
    """``attachments`` and ``nested_msgs`` of a message in one of the views."""
    parsed = take_apart(message, prefix)
    attachments = _bodies(parsed, view, cid_url, max_size)
    attachments += [_attachment(leaf) for leaf in parsed.others]
    nested = [_nested(leaf, view, cid_url, max_size) for leaf in parsed.nested]
    return {"attachments": attachments, "nested_msgs": nested}


def has_attachment(message: Message) -> bool:
    """Whether a mail has attachments, guessed from its content type alone, as the list does."""
    return message.get_content_type() == "multipart/mixed"


def _walk(message: Message, prefix: str, depth: int) -> list[Leaf]:
    found: list[Leaf] = []
    alternative = message.get_content_subtype() == "alternative"
    children = message.get_payload()
    for number, child in enumerate(children if isinstance(children, list) else [], 1):
        if not isinstance(child, Message):
            continue
        child_id = f"{prefix}.{number}" if prefix else str(number)
        if child.get_content_maintype() == "multipart" and child.is_multipart() and depth < _NESTING:
            below = _walk(child, child_id, depth + 1)
            for leaf in below:
                leaf.alternative = leaf.alternative or alternative
            found += below
        else:
            found.append(Leaf(child_id, child, _content_type(child), alternative))
    return found


def _content_type(part: Message) -> str:
    kind = part.get_content_type()
    if kind == "message/rfc822" and not part.is_multipart():
        return "application/octet-stream"
    # A multipart whose boundary never comes is all text.
    return "text/plain" if kind.startswith("multipart/") else kind


def _find_nested(leaf: Leaf, part_id: str) -> Leaf | None:
    for inner in leaves(nested_message(leaf.part), leaf.id):
        if inner.id == part_id:
            return inner
        if inner.content_type == "message/rfc822" and part_id.startswith(inner.id + "."):
            return _find_nested(inner, part_id)
    return None


def _bodies(parsed: Parsed, view: str, cid_url: str, max_size: int) -> list[dict[str, Any]]:
    plain, rich = parsed.plain, parsed.html
    if view == "raw":
        shown_bodies = [
            _body(leaf, leaf.content_type, leaf.text, "inline" if number == 0 else "alternative", max_size)
            for number, leaf in enumerate(leaf for leaf in (plain, rich) if leaf)
        ]
        return shown_bodies
    if view.startswith("text"):
        if plain:
            return [_body(plain, "text/plain", plain.text, "inline", max_size)]
        return [_body(rich, "text/plain", html.to_text(rich.text), "inline", max_size)] if rich else []
    if rich:
        content = html.filtered(rich.text, images=view != "noimg", cid_url=cid_url)
        return [_body(rich, "text/html", content, "inline", max_size)]
    return [_body(plain, "text/html", html.from_text(plain.text), "inline", max_size)] if plain else []


def _body(leaf: Leaf, content_type: str, content: str, disp: str, max_size: int) -> dict[str, Any]:
    shown_body = {
        "id": leaf.id,
        "content_type": content_type,
        "content": content,
        "size": len(leaf.data),
        "disp": disp,
    }
    if 0 < max_size < len(content):
        shown_body |= {"content": content[:max_size], "truncated": True}
    return shown_body


def _attachment(leaf: Leaf) -> dict[str, Any]:
    inline = leaf.part.get_content_disposition() == "inline" or (leaf.cid and not leaf.is_attachment)
    entry: dict[str, Any] = {
        "id": leaf.id,
        "content_type": leaf.content_type,
        "size": len(leaf.data),
        "disp": "inline" if inline else "attachment",
        "content": None,
    }
    if leaf.filename:
        entry["filename"] = leaf.filename
    if leaf.cid:
        entry["cid"] = leaf.cid
    return entry


def _nested(leaf: Leaf, view: str, cid_url: str, max_size: int) -> dict[str, Any]:
    message = nested_message(leaf.part)
    return {
        "id": leaf.id,
        "subject": headers.text_header(message, "Subject"),
        "from": headers.addresses(message, "From"),
        "to": headers.addresses(message, "To"),
        "cc": headers.addresses(message, "Cc"),
        "bcc": headers.addresses(message, "Bcc"),
        "sent_date": headers.moment(message, "Date"),
        "size": len(leaf.data),
        "disp": "attachment",
        **shown(message, view, cid_url, max_size, leaf.id),
    }
