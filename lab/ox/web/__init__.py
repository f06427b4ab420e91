"""The HTTP side: requests, sessions, envelopes, the server process."""
