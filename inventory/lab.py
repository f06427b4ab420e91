"""The lab (`make lab-up`): the hosts of its plan; by default an Apache, two nodes of an OX 6, a MariaDB.

Its addresses exist only inside the lab's own network namespace. Outside of it a packet to one of them would leave by
the machine's default route, so this file loads only inside: `make deploy INVENTORY=inventory/lab.py`, or any command
behind `python -m lab exec --`.
"""

import socket

from pyinfra.api.exceptions import PyinfraError

from lab import plan as _plan

_lab = _plan.chosen_lab()

with socket.socket() as _probe:
    try:
        _probe.bind((_plan.CONTROLLER, 0))
    except OSError:
        raise PyinfraError(
            f"this is not the network of the lab {_lab.name} ({_plan.CONTROLLER} is not ours): bring it up with"
            " `make lab-up` and run the command inside, `python -m lab exec -- …`. To deploy to hosts of your own,"
            " write inventory/production.py; inventory/production.example.py shows how"
        ) from None


def _of_role(role, **data):
    """The hosts of one role, by name, each with its address."""
    return [
        (_host.name, {"ssh_hostname": _host.address, "address": _host.address, **data})
        for _host in _lab.plan.of_role(role)
    ]


# A host of the application alone asks the groupware of another; many of them share one machine.
_groupware = f"http://{_lab.plan.of_role('ox')[0].address}:8009/ajax/"

web = _of_role("web")
ox = _of_role("ox") + _of_role("app", ox_url=_groupware, workers=1)
db = _of_role("db")

# Named as the file is, so that group_data/lab.py counts however the inventory is called.
lab = web + ox + db
