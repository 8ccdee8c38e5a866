"""Settings of all services: read once from the environment, checked as a whole, explained on request."""

from refbus.settings.fields import ExplainedSetting, SettingField, setting, setting_per_country
from refbus.settings.parsers import read_secret_file
from refbus.settings.reader import explain, from_environment
from refbus.settings.services import (
    ALL_SETTINGS,
    AuditorSettings,
    CommonSettings,
    GateSettings,
    GatewaySettings,
    LogForm,
    NodeSettings,
    OpsSettings,
    Profile,
    ServingSettings,
)

__all__ = [
    "ALL_SETTINGS",
    "AuditorSettings",
    "CommonSettings",
    "ExplainedSetting",
    "GateSettings",
    "GatewaySettings",
    "LogForm",
    "NodeSettings",
    "OpsSettings",
    "Profile",
    "ServingSettings",
    "SettingField",
    "explain",
    "from_environment",
    "read_secret_file",
    "setting",
    "setting_per_country",
]
