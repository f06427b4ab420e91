"""Whether a Redis answers: asked once, by an administrator who looks for a fault."""

from __future__ import annotations

import time

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry


def seconds(url: str, patience: float) -> float:
    """How long it took to connect, log in and get an answer. Raises :class:`ConnectionError` with no word of the
    URL, which holds a password."""
    begun = time.monotonic()
    try:
        with Redis.from_url(
            url,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            retry=Retry(NoBackoff(), 0),
        ) as server:
            server.ping()
    except (RedisError, OSError) as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from None
    return time.monotonic() - begun
