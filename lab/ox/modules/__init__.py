"""The modules of the HTTP API, one file each."""

from __future__ import annotations

from lab.ox.modules import capabilities, config, contacts, folders, image, login, mail, multiple, sync, user
from lab.ox.web.dispatch import Module

MODULES: dict[str, Module] = {
    module.name: module
    for module in (
        capabilities.MODULE,
        config.MODULE,
        contacts.MODULE,
        folders.MODULE,
        image.MODULE,
        login.MODULE,
        mail.MODULE,
        multiple.MODULE,
        sync.MODULE,
        user.MODULE,
    )
}
