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
    "LGI-0011": ("PERMISSION_DENIED", "The password has expired"),
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
    "FLD-0019": ("USER_INPUT", "Folder {0} would have no administrator"),  # unverified
    "FLD-0074": ("PERMISSION_DENIED", "No right to share folders"),  # unverified
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
    "CON-0169": ("PERMISSION_DENIED", "No right to delete contact {0} in folder {1}"),
    "CON-0170": ("USER_INPUT", "The image of {0} bytes is above the limit of {1} bytes"),
    "CON-0174": ("ERROR", "Contact {0} is not in folder {1}"),
    "CON-0176": ("PERMISSION_DENIED", "No right to change contact {0} in folder {1}"),
    "CON-0177": ("USER_INPUT", "A member of a distribution list needs an e-mail address"),
    "CON-0260": ("PERMISSION_DENIED", "Contacts of users cannot be deleted"),
    "CON-1000": ("USER_INPUT", "A search needs at least {0} characters"),
    # calendar up to generation 7; OX-0001 is made in lab.ox.calendar.faults
    "APP-0008": ("USER_INPUT", "An external participant lacks a mail address"),
    "APP-0013": ("PERMISSION_DENIED", "No right to appointments in folder {0}"),
    "APP-0020": ("USER_INPUT", "The end is before the start"),
    "APP-0021": ("USER_INPUT", "Unsupported label {0}"),
    "APP-0022": ("USER_INPUT", "Private appointments belong into private folders"),
    "APP-0023": ("USER_INPUT", "A private appointment has no participants besides its owner"),
    "APP-0025": ("USER_INPUT", "Unsupported value of shown_as: {0}"),
    "APP-0026": ("USER_INPUT", "The start is missing"),
    "APP-0027": ("USER_INPUT", "The end is missing"),
    "APP-0028": ("USER_INPUT", "The title is missing"),
    "APP-0037": ("PERMISSION_DENIED", "No right to read appointments in folder {0}"),
    "APP-0054": ("USER_INPUT", "Folder {0} is no calendar"),
    "APP-0055": ("USER_INPUT", "The interval is missing or wrong"),
    "APP-0056": ("USER_INPUT", "The days are missing or wrong: {0}"),
    "APP-0058": ("PERMISSION_DENIED", "No right to change this appointment in folder {0}"),
    "APP-0059": ("PERMISSION_DENIED", "The appointment is not in folder {0}"),
    "APP-0063": ("PERMISSION_DENIED", "No right to create appointments in folder {0}"),
    "APP-0066": ("USER_INPUT", "An occurrence of a series cannot move to another folder"),
    "APP-0071": ("USER_INPUT", "Bad character in field {0}"),
    "APP-0072": ("TRUNCATED", "Too long: {0}"),
    "APP-0074": ("USER_INPUT", "The series has no occurrence {0}"),
    "APP-0075": ("USER_INPUT", "The series has no occurrence on the day {0}"),
    "APP-0076": ("PERMISSION_DENIED", "The owner must stay a participant"),
    "APP-0083": ("USER_INPUT", "The position of an exception cannot change"),
    "APP-0086": ("USER_INPUT", "The series ends before it begins"),
    "APP-0087": ("USER_INPUT", "The series lacks an interval"),
    "APP-0089": ("USER_INPUT", "The series lacks a weekday"),
    "APP-0090": ("USER_INPUT", "The series lacks a day in the month"),
    "APP-0091": ("USER_INPUT", "The series lacks a month"),
    "APP-0092": ("USER_INPUT", "Unsupported type of recurrence: {0}"),
    "APP-0093": ("USER_INPUT", "A series cannot move to another folder"),
    "APP-0094": ("USER_INPUT", "A search needs at least {0} characters"),
    "APP-0095": ("USER_INPUT", "A series has an end or a number of occurrences"),
    "APP-0096": ("USER_INPUT", "What is no series has no recurrence: {0}"),
    "APP-0099": ("USER_INPUT", "An exception cannot become a series"),
    "APP-0100": ("USER_INPUT", "An appointment with the UID {0} exists"),
    "APP-0103": ("USER_INPUT", "{0} does not take part"),
    # calendar from generation 8 on
    "CAL-4030": ("PERMISSION_DENIED", "No right to read in folder {0}"),
    "CAL-4031": ("PERMISSION_DENIED", "No right to write in folder {0}"),
    "CAL-4032": ("PERMISSION_DENIED", "No right to delete in folder {0}"),
    "CAL-4033": ("PERMISSION_DENIED", "The part of {0} must not change"),
    "CAL-4034": ("USER_INPUT", "{0} is no calendar user"),
    "CAL-4035": ("PERMISSION_DENIED", "This must not change: {0}"),
    "CAL-4038": ("PERMISSION_DENIED", "Only the organizer may do that in folder {0}"),
    "CAL-4040": ("USER_INPUT", "Event {0} was not found"),
    "CAL-4041": ("USER_INPUT", "The event is not in folder {0}"),
    "CAL-4042": ("USER_INPUT", "The series has no occurrence {0}"),
    "CAL-4043": ("USER_INPUT", "{0} does not take part"),
    "CAL-4047": ("USER_INPUT", "Attachment {0} was not found"),
    "CAL-4060": ("USER_INPUT", "Folder {0} is no calendar"),
    "CAL-4061": ("USER_INPUT", "{0} is no id of a recurrence"),
    "CAL-4090": ("CONFLICT", "An event with the UID {0} exists"),
    "CAL-4120": ("CONFLICT", "Event {0} has been changed in the meantime"),
    "CAL-4121": ("CONFLICT", "The sequence of event {0} is older than what is known"),
    "CAL-4220": ("USER_INPUT", "A mandatory field is missing"),
    "CAL-4221": ("USER_INPUT", "The end is before the start"),
    "CAL-4222": ("USER_INPUT", "Events in public folders are public"),
    "CAL-4223": ("USER_INPUT", "Unsupported recurrence rule: {0}"),
    "CAL-4224": ("USER_INPUT", "A series cannot move to another folder"),
    "CAL-4225": ("USER_INPUT", "An occurrence of a series cannot move to another folder"),
    "CAL-4227": ("USER_INPUT", "Bad character in field {0}"),
    "CAL-5070": ("TRUNCATED", "Too long: {0}"),
    # tasks
    "TSK-0006": ("ERROR", "Folder {0} holds no tasks"),
    "TSK-0007": ("CONFLICT", "Task {0} has been changed in the meantime"),
    "TSK-0014": ("PERMISSION_DENIED", "No right to delete task {0} in folder {1}"),
    "TSK-0019": ("ERROR", "Task {0} was not found in context {1}"),
    "TSK-0023": ("PERMISSION_DENIED", "No right to read in folder {0}"),
    "TSK-0025": ("PERMISSION_DENIED", "No right to create in folder {0}"),
    "TSK-0026": ("PERMISSION_DENIED", "No right to delegate tasks"),
    "TSK-0027": ("ERROR", "The folder of the new task is missing"),
    "TSK-0028": ("USER_INPUT", "A private task cannot be delegated"),
    "TSK-0030": ("USER_INPUT", "{0} is no percentage between 0 and 100"),
    "TSK-0031": ("USER_INPUT", "A task that has not been started is done by 0 percent and not by {0}"),
    "TSK-0033": ("PERMISSION_DENIED", "No right to change task {0} in folder {1}"),
    "TSK-0036": ("USER_INPUT", "Bad value of {0} in the recurrence: {1}"),
    "TSK-0037": ("USER_INPUT", "The recurrence lacks {0}"),
    "TSK-0038": ("USER_INPUT", "A task that is done is done by 100 percent and not by {0}"),
    "TSK-0039": ("USER_INPUT", "{0} is no status of a task"),  # unverified
    "TSK-0040": ("USER_INPUT", "The task begins at {0}, after its end at {1}"),
    "TSK-0041": ("TRUNCATED", "Too long: {0}"),
    "TSK-0046": ("PERMISSION_DENIED", "Folder {0} is not visible"),
    "TSK-0048": ("ERROR", "Task {0} is not in folder {1}"),
    "TSK-0049": ("ERROR", "User {0} takes no part in task {1}"),  # unverified
    "TSK-0053": ("USER_INPUT", "The UID of a task cannot change"),
    "TSK-0055": ("USER_INPUT", "{0} holds something else than digits: {1}"),
    "TSK-0057": ("USER_INPUT", "{0} is no priority: 1, 2 or 3"),
    "TSK-0058": ("ERROR", "Bad character in field {0}"),
    # attachments of objects
    "ATT-0405": ("ERROR", "Attachment {0} was not found"),  # unverified
    "ATT-0417": ("USER_INPUT", "Module {0} takes no attachments"),  # unverified
    "ATT-0412": ("PERMISSION_DENIED", "No right to change the attachments of {0}"),  # unverified
    "ATT-0413": ("PERMISSION_DENIED", "No right to read the attachments of {0}"),  # unverified
    "ATT-0422": ("USER_INPUT", "The file of {0} bytes is above the limit of {1} bytes"),  # unverified
    # documents
    "IFO-0300": ("USER_INPUT", "Document {0} was not found"),  # unverified
    "IFO-0400": ("PERMISSION_DENIED", "No right to read in folder {0}"),  # unverified
    "IFO-0402": ("PERMISSION_DENIED", "No right to create in folder {0}"),  # unverified
    "IFO-0403": ("PERMISSION_DENIED", "No right to change document {0} in folder {1}"),  # unverified
    "IFO-0404": ("PERMISSION_DENIED", "No right to delete document {0} in folder {1}"),  # unverified
    "IFO-0700": ("USER_INPUT", "A document named {0} exists in folder {1}"),  # unverified
    "IFO-1302": ("CONFLICT", "Document {0} has been changed in the meantime"),  # unverified
    "IFO-1700": ("USER_INPUT", "Folder {0} holds no documents"),  # unverified
    # signatures, settings, mail filter
    "SNIPPET-0003": ("ERROR", "Snippet {0} was not found"),  # unverified
    "MAIL_FILTER-0004": ("ERROR", "Rule {0} was not found"),  # unverified
    "MAIL_FILTER-0012": ("USER_INPUT", "The rule is not valid: {0}"),  # unverified
    # reminders
    "REM-0009": ("ERROR", "Reminder {0} was not found"),  # unverified
    # groups, resources
    "GRP-0005": ("ERROR", "Group {0} was not found in context {1}"),  # unverified
    "GRP-0009": ("PERMISSION_DENIED", "Groups may not be changed in context {0}"),
    "GRP-0010": ("CONFLICT", "Group {0} has been changed in the meantime"),
    "GRP-0013": ("USER_INPUT", "A group named {0} exists"),  # unverified
    "RES-0004": ("USER_INPUT", "A resource named {0} exists"),  # unverified
    "RES-0005": ("USER_INPUT", "A resource with the address {0} exists"),  # unverified
    "RES-0008": ("PERMISSION_DENIED", "Resources may not be changed in context {0}"),  # unverified
    "RES-0009": ("CONFLICT", "Resource {0} has been changed in the meantime"),  # unverified
    "RES-0012": ("ERROR", "Resource {0} was not found in context {1}"),  # unverified
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
    "MSG-1012": ("USER_INPUT", "The message is too large: {0}"),
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
