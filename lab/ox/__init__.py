"""A stand-in for the Open-Xchange server: HTTP API, admin tools, update tasks, data.

It is a program in its own right and shares no code with the application, so that each can catch the other's
mistakes. It is a stand-in and says so; the real server is Java and cannot be shipped here.

``python -m lab.ox init|serve|admin|install``.
"""
