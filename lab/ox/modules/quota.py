"""``/quota``: how much room there is and how much is used (http-api section 11.5). Bytes; -1 is no limit."""

from __future__ import annotations

import sqlalchemy as sa

from lab.ox.database import groupware
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module

_MAIL_QUOTA = 1 << 30
_UNLIMITED = -1


def mail(call: Call) -> Result:
    """The mailbox."""
    table = groupware.mail
    with call.read() as connection:
        used = connection.execute(
            sa.select(sa.func.sum(table.c.size)).where(table.c.cid == call.cid, table.c.user == call.user.id)
        ).scalar()
    return Answer({"quota": _MAIL_QUOTA, "use": int(used or 0)})


def filestore(call: Call) -> Result:
    """The files of the context: what is attached to objects."""
    table = groupware.attachment
    with call.read() as connection:
        used = connection.execute(
            sa.select(sa.func.sum(table.c.file_size)).where(table.c.cid == call.cid)
        ).scalar()
    return Answer({"quota": _UNLIMITED, "use": int(used or 0)})


MODULE = Module("quota", {"mail": Action(mail), "filestore": Action(filestore)})
