"""Web pages: what people see of this server in a browser.

==================  =================================================================================================
:mod:`~.site`       a Falcon application of pages: guarded, with errors as pages
:mod:`~.browser`    who sits there: cookies, language, proof that a form came from a page of ours
:mod:`~.guard`      what holds for every request and every answer
:mod:`~.frame`      templates and files that browsers keep
:mod:`~.languages`  English and German
==================  =================================================================================================

Rules

* Pages are made on the server and work without JavaScript; nothing is loaded from elsewhere.
* ``GET`` changes nothing. A form is answered by a redirect (303), or shown again with what is wrong in it.
* Texts are English in the source, ``_("...")`` in templates and :func:`~.languages.said` in Python; ``locale/de*.po``
  has the German ones. A test fails for a text without translation.
* What pages need of the rest is handed in by :mod:`app.main`; what the standard's words are for the devices, the pages
  call phones.
"""
