"""Exceptions that nobody foresaw, as the log shows them: what, where and why, and not a word of what they say.

The message of an exception may hold anything: a subject that is no number, a parameter with a password, the address of
a session. So only its type is told, with the places in our code that led there; numbers of the operating system say no
more than themselves.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Final

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def told(error: BaseException) -> str:
    """An exception with all that led to it, in the order of Python's own traceback, without the lines of code."""
    return "".join(_told(error, set())).rstrip("\n")


def named(error: BaseException) -> str:
    """The type of an exception, and its number if it is one of the operating system."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    number = getattr(error, "errno", None)
    return f"{name} (errno {number})" if isinstance(error, OSError) and number is not None else name


def hear_threads(report: Callable[[str, BaseException], None]) -> None:
    """Tell ``report`` of exceptions that end a thread, in place of printing them; with the thread's name."""

    def ended(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            report(arguments.thread.name if arguments.thread else "-", arguments.exc_value)

    threading.excepthook = ended


def _told(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    cause, context = error.__cause__, error.__context__
    if cause is not None and id(cause) not in seen:
        yield from _told(cause, seen)
        yield _CAUSE
    elif context is not None and not error.__suppress_context__ and id(context) not in seen:
        yield from _told(context, seen)
        yield _CONTEXT
    yield "Traceback (most recent call last):\n"
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}\n'
    yield f"{named(error)}: what it says is not logged\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _told(each, seen)
