"""The administrators' pages, on the listener that Apache never forwards: all devices, and what is decided about them.

==================  =================================================================================================
:mod:`~.logins`     names and passwords of administrators
:mod:`~.sessions`   who is signed in on this node
:mod:`~.desk`       what the pages ask and decide
:mod:`~.office`     what all pages share
:mod:`~.signing`    where one signs in and out
:mod:`~.views`      the pages
:mod:`~.words`      what they say beside their templates
==================  =================================================================================================

Each decision is a line in the log, under the name ``usm.audit``: who, from where, what, about whom.
"""
