"""What an administrator may set about the connection to OX; ``app.config`` fills it from ``usm.properties``."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OxSettings:
    """Times are in seconds, sizes in bytes. ``url`` is ``com.openexchange.usm.ox.url``."""

    url: str
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    """The longest silence of OX while it answers."""
    call_timeout: float = 300.0
    """The longest time for one whole answer, however steadily it drips."""
    connections: int = 50
    """Connections to OX at the same time, over all users of the process."""
    connection_wait: float = 10.0
    """How long a call waits for one of them."""
    answer_bytes: int = 32 * MEBIBYTE
    """The largest JSON answer that is read."""
    message_bytes: int = 32 * MEBIBYTE
    """The largest message that is handed on as MIME."""
    sent_bytes: int = 128 * MEBIBYTE
    """The largest message that is answered or forwarded, and the largest draft; it is kept in a temporary file."""
    attachment_bytes: int = 512 * MEBIBYTE
    """The largest attachment that is handed on; it is kept in a temporary file."""
    picture_bytes: int = 4 * MEBIBYTE
    """The largest picture of a contact that is read."""
    mails_per_call: int = 50
    contacts_per_call: int = 500
    attachments: int = 100
    """At most so many attachments an item: ``com.openexchange.usm.max_attachment_count_per_object``."""
    folder_selection: bool = False
    """Only the folders that the user chose in OX (tree 20): ``com.openexchange.usm.eas.allow_folder_selection``."""
    sessions: int = 20_000
    """At most so many OX sessions are kept by a process."""
    session_idle: float = 2700.0
    """An unused OX session is logged out after this; OX's own short-term life is one hour."""
    session_age: float = 4 * 3600.0
    """Name and password are checked against OX again after this, however busy the session is."""
    rights_age: float = 900.0
    """The rights of a user are asked for again after this."""
    refusal_seconds: float = 300.0
    """How long a wrong password is answered without asking OX."""
    disabled_seconds: float = 30.0
    """How long a user without the right to synchronise is answered without asking OX."""
    refusals: int = 10_000
    """At most so many refusals are remembered by a process."""
    version: str = "1.0.0"
    """What the login names as the version of the client."""

    @property
    def base(self) -> str:
        """The URL with exactly one slash at the end."""
        return self.url.rstrip("/") + "/"
