"""Traces: all that one user or device asks, is answered and causes, written down for a time (``usmctl trace``).

=============  =====================================================================================================
module         what
=============  =====================================================================================================
``recorder``   which traces are on, looked for in the database every few seconds
``recording``  one request that may be traced: its events, kept until it is known whose they are, and then written
``session``    a session that tells what it is asked and what it answers
``files``      where it is written: one file a trace, an event a line, as JSON
=============  =====================================================================================================

A request that is not traced costs a look at an empty list. While any trace is on, each request notes what happens to it
until its user is known, and forgets it then unless the trace is about him.

What happens at OX is noted by :mod:`app.ox.sight`. Passwords, tokens, cookies and session ids are never written, and
what is personal only if that was asked for: see :mod:`app.eas.disclosure` and :mod:`app.ox.disclosure`.
"""

from app.web.tracing.files import TraceFiles
from app.web.tracing.recorder import Recorder
from app.web.tracing.recording import Recording

__all__ = ["Recorder", "Recording", "TraceFiles"]
