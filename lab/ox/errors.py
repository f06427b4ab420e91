"""Error codes of the HTTP API: code → (category, text), and the exception that carries one.

Codes marked ``# unverified`` have no public source for their number; clients should look at the category.
"""

from __future__ import annotations

from typing import Any

# Category name → number that older clients know; a category without a number has no ``category`` key.
CATEGORIES = {
    "USER_INPUT": 1,
    "CONFIGURATION": 2,
    "PERMISSION_DENIED": 3,
    "TRY_AGAIN": 4,
    "SERVICE_DOWN": 5,
    "CONNECTIVITY": 6,
    "ERROR": 8,
    "CONFLICT": 9,
    "CAPACITY": 11,
    "TRUNCATED": 12,
    "WARNING": 13,
}

ERRORS: dict[str, tuple[str, str]] = {
    # requests
    "SVL-0001": ("ERROR", "Unknown action: {0}"),
    "SVL-0002": ("ERROR", "The request lacks the parameter {0}"),
    "SVL-0003": ("ERROR", "The image to upload is missing"),
    "SVL-0007": ("ERROR", "Unknown module: {0}"),
    "SVL-0009": ("ERROR", "Bad JSON: {0}"),
    "SVL-0010": ("ERROR", "Bad value of parameter {0}: {1}"),
    "SVL-0011": ("ERROR", "Unexpected error: {0}"),
    "SVL-0016": ("PERMISSION_DENIED", "No permission for module {0}"),
    "SVL-0021": ("ERROR", "Unknown action {0} in module {1}"),
    "SVL-0022": ("USER_INPUT", "The file {0} of type {1} is no image"),
    "SVL-0023": ("ERROR", "The request has no body"),
    "SVL-0030": ("ERROR", "The parameter {0} is not allowed in the URI"),
    # sessions
    "SES-0002": ("ERROR", "The server holds its maximum of {0} sessions"),
    "SES-0007": ("USER_INPUT", "User {0} in context {1} has the maximum of {2} sessions"),
    "SES-0008": ("ERROR", "The login id {0} is in use already"),
    "SES-0201": ("ERROR", "The parameter session is missing"),
    "SES-0203": ("TRY_AGAIN", "The session {0} has expired; log in again"),
    "SES-0204": ("TRY_AGAIN", "Context {0} is locked"),
    "SES-0206": ("TRY_AGAIN", "The secret of session {0} is missing or wrong"),
    # login
    "LGI-0001": ("PERMISSION_DENIED", "The account {0} is locked"),
    "LGI-0006": ("USER_INPUT", "The user name or password is wrong"),
    "LGI-0013": ("PERMISSION_DENIED", "The user {0} in context {1} is not active"),
    "LGI-0021": ("USER_INPUT", "The client identifier equals the User-Agent"),
    "CTX-0007": ("TRY_AGAIN", "Context {0} is being updated"),  # unverified
    "UPD-0002": ("ERROR", "Update task {0} failed: {1}"),  # unverified
    "DBP-0001": ("SERVICE_DOWN", "The database cannot be reached"),  # unverified
    # folders
    "FLD-0003": ("PERMISSION_DENIED", "Folder {0} is not visible to user {1} in context {2}"),
    "FLD-0008": ("ERROR", "Folder {0} was not found in tree {1}"),
    "FLD-1012": ("ERROR", "Folders of module {0} are not allowed below {1}"),
    "FLD-1013": ("PERMISSION_DENIED", "Folder {0} may not be moved to {1}"),
    "FLD-1014": ("USER_INPUT", "A folder named {0} exists below {1}"),
    "FLD-1018": ("ERROR", "Unknown content type: {0}"),
    "FLD-1022": ("CONFLICT", "Folder {0} has been changed in the meantime"),
    "FLD-1026": ("PERMISSION_DENIED", "Folder {0} cannot be deleted"),
    "FLD-1027": ("PERMISSION_DENIED", "Folder {0} cannot be changed"),
    "FLD-1029": ("PERMISSION_DENIED", "No sub-folders may be made in folder {0}"),
    "FLD-1033": ("USER_INPUT", "{0} is a reserved folder name"),
    # contacts
    "CON-0100": ("USER_INPUT", "{0} is no e-mail address"),
    "CON-0101": ("USER_INPUT", "The image is neither JPG, GIF, BMP nor PNG"),
    "CON-0103": ("ERROR", "Folder {0} holds no contacts"),
    "CON-0104": ("PERMISSION_DENIED", "No right to read in folder {0}"),
    "CON-0112": ("PERMISSION_DENIED", "No right to create in folder {0}"),
    "CON-0119": ("CONFLICT", "Contact {0} has been changed in the meantime"),
    "CON-0122": ("USER_INPUT", "The contact {0} holds no changes"),
    "CON-0125": ("ERROR", "Contact {0} was not found"),
    "CON-0154": ("TRUNCATED", "Too long: {0}"),
    "CON-0158": ("USER_INPUT", "The image is broken"),
    "CON-0165": ("USER_INPUT", "A private contact cannot go to a public folder"),
    "CON-0168": ("ERROR", "Bad character in field {0}"),
    "CON-0169": ("PERMISSION_DENIED", "No right to delete in folder {0}"),
    "CON-0170": ("USER_INPUT", "The image of {0} bytes is above the limit of {1} bytes"),
    "CON-0174": ("ERROR", "Contact {0} is not in folder {1}"),
    "CON-0176": ("PERMISSION_DENIED", "No right to change contact {0} in folder {1}"),
    "CON-0177": ("USER_INPUT", "A member of a distribution list needs an e-mail address"),
    "CON-0260": ("PERMISSION_DENIED", "Contacts of users cannot be deleted"),
    "CON-1000": ("USER_INPUT", "A search needs at least {0} characters"),
    # users
    "USR-0010": ("ERROR", "User {0} was not found in context {1}"),
    # mail
    "IMAP-1002": ("USER_INPUT", "Mail folder {0} was not found"),
    "IMAP-1004": ("USER_INPUT", "Mail folder {0} exists"),
    "MSG-0012": ("USER_INPUT", "The message is empty"),  # unverified
    "MSG-0014": ("USER_INPUT", "The message names no recipient"),  # unverified
    "MSG-0015": ("ERROR", "Mail folder {0} cannot be changed"),  # unverified
    "MSG-0032": ("USER_INPUT", "Mail {0} was not found in folder {1}"),
    "MSG-0034": ("ERROR", "Attachment {0} was not found in mail {1}"),  # unverified
    "MSG-0056": ("USER_INPUT", "{0} is none of the addresses of the user"),
    "MSG-0111": ("USER_INPUT", "{0} is no flag that a user may set"),  # unverified
    "MSG-1013": ("USER_INPUT", "The message could not be sent to these recipients: {0} ({1})"),
}


class OXError(Exception):
    """An application error: answered with HTTP 200 and an envelope."""

    def __init__(
        self,
        code: str,
        category: str,
        text: str,
        params: tuple[Any, ...] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.categories = (category,)
        self.text = text
        self.params = params
        self.extra = extra or {}


class HttpError(Exception):
    """A failure answered by the HTTP status alone."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def fault(code: str, *params: Any, **extra: Any) -> OXError:
    """The error of a code, its text filled in. ``extra``: further keys of the envelope (``truncated`` …)."""
    category, text = ERRORS[code]
    return OXError(code, category, text.format(*params), params, extra)
