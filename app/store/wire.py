"""The rows of an answer of MariaDB, taken apart without ceremony.

PyMySQL makes an object of each packet and calls eight functions for each value, which took a quarter of a request
without news. Here a row is cut up in one loop. Everything else stays PyMySQL's: connecting, sending, errors, and what
the descriptions of columns mean. As it knows PyMySQL from the inside, ``requirements.lock`` says of which version, and
``tests/store/test_wire.py`` compares the two over everything that a column may hold.

An answer is: a packet with the number of columns, one packet each that describes them, an end, one packet a row, an
end. A packet begins with its length (3 bytes) and its number, a value with its length (1 byte, or a mark and more).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from pymysql import err
from pymysql.connections import MAX_PACKET_LEN, TEXT_TYPES
from pymysql.constants import COMMAND, CR, FIELD_TYPE
from pymysql.converters import through
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

_ERROR: Final = 0xFF
_END: Final = 0xFE
_NULL: Final = 0xFB
_SIZES: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""Mark → how many bytes the length has that follows."""
_LONGEST_END: Final = 8
"""Bytes of the longest packet that is an end; a row that begins with the same byte is longer."""
_BINARY: Final = 63
"""The "character set" of bytes."""

Inside = Any
"""A connection of PyMySQL with what is not public of it."""

Convert = Callable[[bytes], Any] | None

_KIND: Final = 13
"""How many bytes at the end of a column's description tell the kind of its values, and nothing of its name."""
_converts: dict[tuple[str, bytes], Convert] = {}
"""What becomes of the values of a column, by the connection's encoding and those bytes."""


def rows(connection: Inside, sql: str) -> list[tuple[Any, ...]]:
    """All rows of one statement. Raises what PyMySQL raises; the connection must not be used again then."""
    connection._execute_command(COMMAND.COM_QUERY, sql.encode(connection.encoding, "surrogateescape"))
    connection._result = None
    first = connection._read_packet()
    if first.is_ok_packet():
        return []
    columns = first.read_length_encoded_integer()
    packets = _packets(connection)
    converts = [_convert(connection, next(packets)) for _ in range(columns)]
    next(packets)
    found = []
    for packet in packets:
        if packet[0] == _END and len(packet) <= _LONGEST_END:
            break
        found.append(_row(packet, converts))
    return found


def _packets(connection: Inside) -> Iterator[bytes]:
    """The packets of an answer after its first."""
    read = connection._rfile.read
    number = connection._next_seq_id
    while True:
        whole = b""
        while True:
            try:
                header = read(4)
                size, came = header[0] | header[1] << 8 | header[2] << 16, header[3]
                part = read(size)
            except (OSError, IndexError) as error:
                raise _lost(connection, f"the connection was lost ({error})") from error
            except BaseException:
                connection._force_close()
                raise
            if len(part) < size:
                raise _lost(connection, "the connection was lost")
            if came != number:
                raise _lost(connection, f"packet {came} came in place of {number}")
            connection._next_seq_id = number = (number + 1) % 256
            whole = whole + part if whole else part
            if size < MAX_PACKET_LEN:
                break
        if whole[0] == _ERROR:
            MysqlPacket(whole, connection.encoding).raise_for_error()
        yield whole


def _lost(connection: Inside, why: str) -> Exception:
    connection._force_close()
    return err.OperationalError(CR.CR_SERVER_LOST, why)


def _row(packet: bytes, converts: list[Convert]) -> tuple[Any, ...]:
    row: list[Any] = []
    at = 0
    for convert in converts:
        size = packet[at]
        at += 1
        if size >= _NULL:
            if size == _NULL:
                row.append(None)
                continue
            start = at
            at += _SIZES[size]
            size = int.from_bytes(packet[start:at], "little")
        end = at + size
        value = packet[at:end]
        row.append(value if convert is None else convert(value))
        at = end
    return tuple(row)


def _convert(connection: Inside, described: bytes) -> Convert:
    """What PyMySQL makes of the values of a column, ``None`` for bytes as they are."""
    key = connection.encoding, described[-_KIND:]
    if key not in _converts:
        _converts[key] = _converter(connection, FieldDescriptorPacket(described, connection.encoding))
    return _converts[key]


def _converter(connection: Inside, field: Any) -> Convert:
    kind = field.type_code
    is_binary = kind in TEXT_TYPES and kind != FIELD_TYPE.JSON and field.charsetnr == _BINARY
    is_text = kind in TEXT_TYPES or kind == FIELD_TYPE.JSON
    convert = connection.decoders.get(kind)
    if convert is through:
        convert = None
    if is_binary or convert is int:
        return cast(Convert, convert)
    encoding = connection.encoding if is_text else "ascii"
    if convert is None:
        return lambda value: value.decode(encoding)
    return lambda value: cast(Any, convert)(value.decode(encoding))
