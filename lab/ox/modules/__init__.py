"""The modules of the HTTP API, one file each."""

from __future__ import annotations

from lab.ox.modules import (
    attachment,
    calendar,
    capabilities,
    chronos,
    config,
    contacts,
    folders,
    freebusy,
    group,
    image,
    infostore,
    jslob,
    login,
    mail,
    mailfilter,
    multiple,
    quota,
    reminder,
    resource,
    snippet,
    sync,
    tasks,
    user,
)
from lab.ox.web.dispatch import Module

MODULES: dict[str, Module] = {
    module.name: module
    for module in (
        attachment.MODULE,
        calendar.MODULE,
        capabilities.MODULE,
        chronos.MODULE,
        config.MODULE,
        contacts.MODULE,
        folders.MODULE,
        freebusy.MODULE,
        group.MODULE,
        image.MODULE,
        infostore.MODULE,
        jslob.MODULE,
        login.MODULE,
        mail.MODULE,
        mailfilter.MODULE,
        multiple.MODULE,
        quota.MODULE,
        reminder.MODULE,
        resource.MODULE,
        snippet.MODULE,
        sync.MODULE,
        tasks.MODULE,
        user.MODULE,
    )
}
