"""Sorting and cutting lists as the parameters of a call ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from lab.ox.columns.table import ColumnDef, ColumnTable
from lab.ox.errors import fault
from lab.ox.web.call import Call, number

T = TypeVar("T")


def sort_column(call: Call, table: ColumnTable) -> tuple[ColumnDef, bool] | None:
    """The column to sort by and whether downwards. ``sort`` and ``order`` come together."""
    sort, order = call.params.get("sort"), call.params.get("order")
    if not sort:
        return None
    if not order:
        raise fault("SVL-0002", "order")
    if order.lower() not in ("asc", "desc"):
        raise fault("SVL-0010", "order", order)
    return table.number(sort), order.lower() == "desc"


def ordered(items: Iterable[T], key: Callable[[T], Any], descending: bool) -> list[T]:
    """Sorted by a value that may be missing or of any simple kind; missing ones last."""
    present = [item for item in items if key(item) is not None]
    missing = [item for item in items if key(item) is None]
    return [*sorted(present, key=lambda item: _comparable(key(item)), reverse=descending), *missing]


def cut(call: Call, items: Sequence[T]) -> Sequence[T]:
    """The window that the limits name: ``left_hand_limit``/``right_hand_limit``, or ``limit=n``/``limit=from,to``;
    the right end is exclusive."""
    limit = call.params.get("limit")
    if limit:
        parts = [number(part, "limit") for part in limit.split(",")]
        left, right = (0, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
        return items[max(left, 0) : max(right, 0)]
    if "left_hand_limit" in call.params or "right_hand_limit" in call.params:
        left = call.integer("left_hand_limit", 0)
        right = call.integer("right_hand_limit", len(items))
        return items[max(left, 0) : max(right, 0)]
    return items


def _comparable(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value.casefold())
    return (2, str(value).casefold())
