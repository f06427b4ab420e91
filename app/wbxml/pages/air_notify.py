"""Code page 3, AirNotify (MS-ASWBXML 2.1.2.1.4).

No longer in use; older codecs still know its tags.
"""

from app.wbxml.code_page import CodePage

PAGE = CodePage(
    number=3,
    name="AirNotify",
    tags=(),
    legacy=(
        (0x05, "Notify"),
        (0x06, "Notification"),
        (0x07, "Version"),
        (0x08, "LifeTime"),
        (0x09, "DeviceInfo"),
        (0x0A, "Enable"),
        (0x0B, "Folder"),
        (0x0C, "ServerId"),
        (0x0D, "DeviceAddress"),
        (0x0E, "ValidCarrierProfiles"),
        (0x0F, "CarrierProfile"),
        (0x10, "Status"),
        (0x11, "Responses"),
        (0x12, "Devices"),
        (0x13, "Device"),
        (0x14, "Id"),
        (0x15, "Expiry"),
        (0x16, "NotifyGUID"),
    ),
)
