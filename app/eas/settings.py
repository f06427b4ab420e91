"""What an administrator may choose about ActiveSync, with its defaults.

All keys begin with ``com.openexchange.usm.eas.`` and stand in ``eas.properties``:

====================================  ==========================  ==========================================
key                                   field                       meaning
====================================  ==========================  ==========================================
ping.max_heartbeat                    max_heartbeat               longest wait of Ping and Sync, in seconds;
                                                                  must stay below the proxy's timeout
ping.min_heartbeat                    min_heartbeat               shortest wait, in seconds
ping.max_folders                      max_ping_folders            folders that one Ping may watch
sync.max_collections                  max_collections             collections in one Sync
sync.default_window_size              default_window              changes in an answer when the device
                                                                  names no WindowSize
sync.max_window_size                  max_window                  changes in an answer at most (1-512)
provisioning                          provisioning                ``required``: a device must take the policy
                                                                  first; ``optional``: only one that asks for it
                                                                  gets it; ``off``: there is none
provisioning.allow_non_provisionable  allow_non_provisionable     serve devices that apply the policy in part,
                                                                  or are managed by somebody else
provisioning.exempt                   exempt                      rules (:mod:`app.eas.admission_rules`): devices that
                                                                  are never asked to take the policy
provisioning.refresh_hours            refresh_hours               hours after which a device takes the policy anew;
                                                                  0: only when it changed
devices.default, .allow, .quarantine  device_rules                which devices may synchronise
and .block
devices.restless                      restless                    rules: those that call themselves a new device again
                                                                  and again
devices.max, .max_twins, .expire_days device_limits               how many devices of a user are remembered
throttle.seconds, .requests,          throttle                    when a device is asked to pause
.repeats and .parallel
policy.<Setting>                      policy[<Setting>]           one setting of the policy, by its name in
                                                                  MS-ASPROV 2.2.2; see :mod:`app.eas.policy`
====================================  ==========================  ==========================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.eas import throttle
from app.eas.admission_rules import DeviceRules, Rule
from app.usm import devices


class Provisioning(StrEnum):
    """Whether devices must take the policy."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class EasSettings:
    """The choices of the administrator. ``policy``: names as in :data:`app.eas.policy.RULES`, values as text."""

    max_heartbeat: int = 1770
    min_heartbeat: int = 60
    max_ping_folders: int = 300
    max_collections: int = 300
    default_window: int = 100
    max_window: int = 512
    provisioning: Provisioning = Provisioning.REQUIRED
    allow_non_provisionable: bool = True
    policy: Mapping[str, str] = field(default_factory=dict)
    exempt: tuple[Rule, ...] = ()
    refresh_hours: int = 0
    device_rules: DeviceRules = field(default_factory=DeviceRules)
    restless: tuple[Rule, ...] = ()
    device_limits: devices.Limits = field(default_factory=devices.Limits)
    throttle: throttle.Limits = field(default_factory=throttle.Limits)

    def __post_init__(self) -> None:
        """Refuses what cannot work: ``ValueError`` names field and value."""
        if not 1 <= self.min_heartbeat <= self.max_heartbeat:
            raise ValueError(
                f"min_heartbeat {self.min_heartbeat} must lie between 1 and max_heartbeat {self.max_heartbeat}"
            )
        for name in ("max_ping_folders", "max_collections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} must be at least 1")
        for name in ("default_window", "max_window"):
            if not 1 <= getattr(self, name) <= 512:
                raise ValueError(f"{name} {getattr(self, name)} must lie between 1 and 512")
