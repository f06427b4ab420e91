"""An inventory to copy to ``inventory/production.py`` and to fill in; the copy is not part of the project.

A host may be in several groups: a small installation has one host that is ``web`` and ``ox`` at once. Further keys of a
host's data are those of pyinfra (``ssh_hostname``, ``ssh_user``, ``ssh_key``, …) and of ``group_data/all.py``.
Settings of all these hosts belong in ``group_data/production.py``.
"""

# Web servers: Apache forwards what phones ask for to the application nodes.
web = ["web.example.org"]

# Application nodes: hosts of the Open-Xchange groupware. ``address`` is where the web servers reach them.
ox = [
    ("ox1.example.org", {"address": "192.0.2.21"}),
    ("ox2.example.org", {"address": "192.0.2.22"}),
]

# Database servers of Open-Xchange. Nothing is installed there; the group is for reports.
db = ["db.example.org"]

production = web + ox + db
