"""The compact form in which ActiveSync sends XML: bytes to tree and back (MS-ASWBXML). Knows nobody else."""

from app.wbxml.decoder import decode
from app.wbxml.element import Block, Element, Pieces
from app.wbxml.encoder import encode, encode_in_pieces
from app.wbxml.errors import WbxmlError

__all__ = ["Block", "Element", "Pieces", "WbxmlError", "decode", "encode", "encode_in_pieces"]
