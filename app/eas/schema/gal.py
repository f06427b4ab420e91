"""People of the directory as Search and Find tell of them (MS-ASCMD 2.2.3, namespace GAL).

FirstName is always there, be it empty: Nokia's Mail for Exchange shows nobody without it (quirk 21). An alias is what
stands before the ``@`` of an address, as there are no other short names that a device could use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.eas.schema import table
from app.eas.schema.table import TEXT, Row
from app.eas.schema.text import line
from app.eas.versions import NEWEST
from app.usm.queries import Person
from app.wbxml.element import Element

PAGE: Final = "Gal"

ROWS: Final[Sequence[Row]] = (
    Row("Gal:Phone", "business_phone", TEXT),
    Row("Gal:Office", "office", TEXT),
    Row("Gal:Title", "job_title", TEXT),
    Row("Gal:Company", "company", TEXT),
    Row("Gal:Alias", "alias", TEXT),
)
NAMES: Final[Sequence[Row]] = (
    Row("Gal:LastName", "last_name", TEXT),
    Row("Gal:HomePhone", "home_phone", TEXT),
    Row("Gal:MobilePhone", "mobile_phone", TEXT),
)


def render(person: Person) -> list[Element]:
    """All that is told of somebody but the picture."""
    fields = {**person.fields, "alias": person.mail.partition("@")[0]}
    mail = line(person.mail)
    return [
        Element("Gal:DisplayName", line(person.name)),
        *table.write(ROWS, fields, NEWEST),
        Element("Gal:FirstName", line(str(person.fields.get("first_name", "")))),
        *table.write(NAMES, fields, NEWEST),
        *([Element("Gal:EmailAddress", mail)] if mail else ()),
    ]
