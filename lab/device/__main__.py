"""``python -m lab device URL LOGIN PASSWORD``: be a new phone, and tell what happens.

Ends with 0 when all went well, with 1 and one line of why when it did not.
"""

from __future__ import annotations

import argparse
import sys
import warnings

from urllib3.exceptions import InsecureRequestWarning

from lab.device.discovery import discover
from lab.device.errors import PhoneError
from lab.device.phone import Phone
from lab.device.story import look_for, resolve_names, set_up, wait_for_news

EXAMPLES = """\
examples:
  python -m lab device http://127.0.0.1:8010/ anton@example.org secret
  python -m lab device --version 2.5 --query plain http://127.0.0.1:8010/ anton@example.org secret
  python -m lab device --version 14.1 --query base64 --ping 60 https://eas.example.org/ anton@example.org secret
  python -m lab device --discover https://autodiscover.example.org/ anton@example.org secret
  python -m lab device --token eyJhbGciOi... https://eas.example.org/ anton@example.org
"""

VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.insecure:
        warnings.simplefilter("ignore", InsecureRequestWarning)
    try:
        url = options.url
        if options.discover:
            url = discover(url, options.login, options.password, options.token, not options.insecure)
            _say(f"Autodiscover leads to {url}")
        phone = Phone(
            url,
            options.login,
            options.password,
            device_id=options.device_id,
            version=options.version,
            query=options.query,
            timeout=options.timeout,
            verify=not options.insecure,
            token=options.token,
            compress=options.gzip,
        )
        set_up(phone, _say)
        if options.search:
            look_for(phone, options.search, _say)
        if options.resolve:
            resolve_names(phone, options.resolve, _say)
        if options.ping:
            wait_for_news(phone, options.ping, _say)
    except (PhoneError, KeyError, ValueError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"{type(error).__name__}: {message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if phone.anomalies:
        print(f"the server sent {len(phone.anomalies)} things that it should not have", file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab device",
        description="An ActiveSync phone: introduces itself, syncs, and tells.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", help="the server, such as https://mail.example.org/")
    parser.add_argument("login")
    parser.add_argument("password", nargs="?", default="", help="not needed with --token")
    parser.add_argument("--token", default="", help="OAuth access token in place of the password")
    parser.add_argument("--gzip", action="store_true", help="send requests compressed")
    parser.add_argument(
        "--discover",
        action="store_true",
        help="URL is any address of the domain; ask it for the server first",
    )
    parser.add_argument("--version", choices=VERSIONS, default="16.1", help="protocol version (16.1)")
    parser.add_argument(
        "--query", choices=("plain", "base64"), default="plain", help="form of the query string"
    )
    parser.add_argument("--device-id", default="lab0000000000000000000000000001")
    parser.add_argument("--search", metavar="WORDS", help="look for mail, people and documents afterwards")
    parser.add_argument("--resolve", metavar="NAME", action="append", help="who is meant, and busy today")
    parser.add_argument("--ping", type=int, metavar="SECONDS", help="at the end wait that long for changes")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="patience an answer (60)"
    )
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
