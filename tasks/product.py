"""What is deployed: this application, a service of its own; or the vendor's OSGi bundles, inside the groupware.

Which of them is data: the setting ``product``, with ``package_file``, ``service_name`` and ``proxy_scheme``. The
guide's steps are the same for both; what differs is in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

APPLICATION = "application"
BUNDLES = "bundles"
BETA = "beta"
"""What :class:`tasks.nodes.Node` calls a package of ours from before the tables had their present form."""


@dataclass(frozen=True, slots=True)
class Product:
    """``has_service``: it is a service of its own, with ``usmctl``, tables that it migrates, and a health page;
    without, the groupware runs it and is restarted when its settings change."""

    name: str
    has_service: bool


PRODUCTS = {
    each.name: each for each in (Product(APPLICATION, has_service=True), Product(BUNDLES, has_service=False))
}


def wanted(data: Any) -> Product:
    """The product that these settings (``host.data``) want deployed. Raises :class:`KeyError` for one that is unknown;
    :func:`tasks.run.begin` has refused it before."""
    return PRODUCTS[data.product]
