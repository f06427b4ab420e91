"""Tests of the stand-in OX server.

``contract/`` holds the conventions of the HTTP API as an HTTP client sees them: it can be pointed at a real server by
``OX_URL``, ``OX_LOGIN``, ``OX_PASSWORD`` and ``OX_GENERATION`` (6, 7 or 8). It cleans up after itself. The other tests
are about the stand-in itself.
"""
