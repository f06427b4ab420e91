"""Tables and procedures of an earlier USM product (our beta, or the vendor's): saved, verified, dropped, brought back.

    found = places([databases])                    # each schema once
    save(found, folder, tell)                      # dumped, and the dump restored into a scratch schema and compared
    drop(found, folder, reset_version, tell)       # only what a verified dump in the folder holds, in the guide's order
    restore(found, folder, tell)                   # back again; what is in the way is saved first

Rules:

* Nothing is dropped that is not in a verified dump *as it is now*: rows are counted, and checksums compared, under a
  lock.
* MariaDB commits every change of a table by itself. So each step asks what is there, and a call after one that was
  killed goes on where that one ended; nothing depends on how far it came.
* ``manifest.json`` in the folder is what counts. It is replaced as a whole, after the files that it speaks of lie on
  the disk.
* One process works in a folder at a time (a lock of the file system), and one on a schema, on whichever node (the named
  lock of the migrations, so that nothing of ours makes tables meanwhile).
* Whatever lies in a scratch schema (``usm_verify_…``) is a copy: it may be removed at any moment.
"""

from __future__ import annotations

from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY, OURS, Kind
from app.store.legacy.places import Place, places
from app.store.legacy.schema import Found, look, rows
from app.store.legacy.work import drop, restore, save, verify

__all__ = [
    "LEGACY",
    "OURS",
    "Found",
    "Kind",
    "LegacyError",
    "Place",
    "drop",
    "look",
    "places",
    "restore",
    "rows",
    "save",
    "verify",
]
