"""Mail, calendars and cards from the test data of well-kept libraries; see ``archives.py``."""
