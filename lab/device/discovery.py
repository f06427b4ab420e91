"""Autodiscover as a phone asks it: from an address of mail to the server (MS-OXDISCO; the newer form is JSON)."""

from __future__ import annotations

from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from lab.device.errors import AuthenticationFailed, BadAnswer, ServerUnavailable
from lab.device.transport import Bearer

PATH = "/autodiscover/autodiscover"
REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006"
ANSWER = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
TIMEOUT = 30.0


def discover(url: str, address: str, password: str, token: str = "", verify: bool | str = True) -> str:
    """The address of ActiveSync that the server at ``url`` (its path does not matter) names for an address of mail: the
    short question first, then the long one with the password."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}{PATH}"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = verify
        return _short(session, base, address) or _long(session, base, address, password, token)


def _short(session: requests.Session, base: str, address: str) -> str:
    """Without a password; ``""`` where the server does not know this form."""
    params = {"Email": address, "Protocol": "ActiveSync"}
    answer = _asked(session, "GET", f"{base}.json", params=params)
    if answer.status_code != 200:
        return ""
    try:
        return str(answer.json()["Url"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswer(f"{base}.json: no Url in the answer") from error


def _long(session: requests.Session, base: str, address: str, password: str, token: str) -> str:
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{REQUEST}"><Request>'
        f"<EMailAddress>{escape(address)}</EMailAddress>"
        f"<AcceptableResponseSchema>{ANSWER}</AcceptableResponseSchema></Request></Autodiscover>"
    )
    auth: AuthBase = Bearer(token) if token else HTTPBasicAuth(address.encode(), password.encode())
    headers = {"Content-Type": "text/xml"}
    answer = _asked(session, "POST", f"{base}.xml", data=body.encode(), headers=headers, auth=auth)
    if answer.status_code == 401:
        raise AuthenticationFailed("Autodiscover: the server refused the login or the password (HTTP 401)")
    if answer.status_code != 200:
        raise BadAnswer(f"Autodiscover: unexpected HTTP status {answer.status_code}", answer.status_code)
    try:
        found = ElementTree.fromstring(answer.content).findtext(f".//{{{ANSWER}}}Server/{{{ANSWER}}}Url")
    except ElementTree.ParseError as error:
        raise BadAnswer(f"{base}.xml: no XML in the answer") from error
    if not found:
        raise BadAnswer(f"{base}.xml: no server in the answer")
    return found


def _asked(session: requests.Session, method: str, url: str, **more: object) -> requests.Response:
    try:
        return session.request(method, url, timeout=TIMEOUT, **more)  # type: ignore[arg-type]
    except requests.exceptions.RequestException as error:
        raise ServerUnavailable(f"{url} cannot be reached: {type(error).__name__}") from error
