"""The settings: ``usm.properties`` and ``eas.properties``, read once into one frozen value.

Rules of this file:

* every setting is one field of :class:`Settings`: its key, how its text is read, its default and its meaning stand
  together (:mod:`app.config.settings`), and nothing else in the program knows a key;
* keys of the original keep their name, meaning and default; keys of our own live under the same prefixes;
* an unknown key is a warning with its file and line, never a refusal: real files carry other programs' keys;
* a value that cannot be used is an error with file, line, key and value; all errors are reported at once;
* an empty value means the default, as does an absent key;
* the text of the files is what Java writes: Latin-1 with ``\\u`` escapes. The last of two equal keys counts.
"""

from __future__ import annotations

from app.config.loading import ETC_DIRECTORIES, FILES, ConfigError, Loaded, Problem, etc_directory, load
from app.config.readers import ALIAS, SECRET_KEY, Delay, active_sync_url, node_name, redirects, web_address
from app.config.settings import KEYS, POLICY, Settings
from app.config.survey import Origin, Survey, Value, survey

__all__ = [
    "ALIAS",
    "ETC_DIRECTORIES",
    "FILES",
    "KEYS",
    "POLICY",
    "SECRET_KEY",
    "ConfigError",
    "Delay",
    "Loaded",
    "Origin",
    "Problem",
    "Settings",
    "Survey",
    "Value",
    "active_sync_url",
    "etc_directory",
    "load",
    "node_name",
    "redirects",
    "survey",
    "web_address",
]
