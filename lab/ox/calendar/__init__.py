"""The calendar behind its two faces: the modules ``calendar`` (numbered columns) and ``chronos`` (event objects).

``event`` is what is stored, ``store`` stores it, ``recurrence`` expands series, ``folder_view`` says what a user sees
in a folder, ``attendees`` who takes part, ``planner`` changes appointments for a user by the rules of scheduling,
``conflicts`` finds what is in the way, ``faults`` has the error codes of both faces, ``ical`` and ``itip`` make and
read the messages that calendars exchange.
"""
