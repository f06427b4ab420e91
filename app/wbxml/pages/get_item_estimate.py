"""Code page 6, GetItemEstimate (MS-ASWBXML 2.1.2.1.7)."""

from app.wbxml.code_page import CodePage

PAGE = CodePage(
    number=6,
    name="GetItemEstimate",
    tags=(
        (0x05, "GetItemEstimate"),
        (0x07, "Collections"),
        (0x08, "Collection"),
        (0x09, "Class"),
        (0x0A, "CollectionId"),
        (0x0C, "Estimate"),
        (0x0D, "Response"),
        (0x0E, "Status"),
    ),
    legacy=(
        (0x06, "Version"),
        (0x0B, "DateTime"),
    ),
)
