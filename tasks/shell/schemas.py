"""Runs on an application node with the libraries of the installed package, before there are any settings of ours.

``schemas ETC`` prints ``[[name, context], …]`` as JSON: all schemas of Open-Xchange, each with one of its contexts,
found in the configuration database with the address and password of ``configdb.properties`` in ``ETC``.
"""

import json
import pathlib
import sys

from app.store.errors import DatabaseSettingsError
from app.store.opening import open_databases
from app.usm.errors import StoreUnavailable

try:
    found = open_databases(None, pathlib.Path(sys.argv[1])).schemas()
except (DatabaseSettingsError, StoreUnavailable) as error:
    sys.exit(str(error))
print(json.dumps([[schema.name, schema.context_id] for schema in found]))
