"""A stand-in for the Open-Xchange server: HTTP API, admin tools, update tasks, data.

It is a program in its own right and shares no code with the application, so that each can catch the other's
mistakes. It is a stand-in and says so; the real server is Java and cannot be shipped here.

``python -m lab.ox init`` makes databases and data, ``serve`` is the groupware daemon (HTTP API), ``admin`` the admin
daemon that the tools of ``lab.ox.admin.tool`` talk to, ``install`` lays down a host's tree. Tests start one with
:class:`lab.ox.process.StandIn` and compute what must be in it with :func:`lab.ox.seed.expected`.

Where the parts are: ``database`` (servers, tables), ``storage`` (data of a context), ``mime`` (mails taken apart and
put together), ``delivery`` and ``vacation`` (what a mail server does), ``calendar`` (appointments behind two modules),
``columns`` (numbered columns as tables), ``web`` (requests, sessions, envelopes), ``modules`` (one file a module of
the API), ``update_tasks``, ``admin``, ``install``, ``seed``, ``control`` (endpoints for tests). A new module of the
API is a file in ``modules`` with its table of actions, and a line in ``modules/__init__``.
"""
