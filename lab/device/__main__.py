"""``python -m lab device [WORD] URL LOGIN PASSWORD``: be a new phone, do what one asks, and tell what happens.

Ends with 0 when all went well, with 1 and one line of why when it did not.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable

import requests
from urllib3.exceptions import InsecureRequestWarning

from lab.device.discovery import discover
from lab.device.errors import PhoneError
from lab.device.phone import Phone
from lab.device.story import look_for, resolve_names, set_up, wait_for_news
from lab.device.subcommands import SUBCOMMANDS
from lab.device.trace import Tracing

ABOUT = """\
An ActiveSync phone. Without a word it introduces itself, synchronises, and tells. With one it does that, as a phone
that keeps nothing from one call to the next. What a word takes: python -m lab device WORD --help
"""
EXAMPLES = """\
examples (the server may be that of `make serve`):
  python -m lab device http://127.0.0.1:8010/ anton@example.org secret
  python -m lab device --version 2.5 --ping 60 http://127.0.0.1:8010/ anton@example.org secret
  python -m lab device --discover https://autodiscover.example.org/ anton@example.org secret
  python -m lab device --token eyJhbGciOi... https://eas.example.org/ anton@example.org
  python -m lab device folder-sync http://127.0.0.1:8010/ anton@example.org secret
  python -m lab device sync http://127.0.0.1:8010/ anton@example.org secret Inbox --body 2
  python -m lab device send-mail http://127.0.0.1:8010/ anton@example.org secret berta@example.org Hello 'How are you?'
  python -m lab device search --help
"""

STORY = "story"
VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")


def main(arguments: list[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] not in ([], ["-h"], ["--help"]) and words[0] not in (STORY, *SUBCOMMANDS):
        words.insert(0, STORY)
    options = _parser().parse_args(words)
    if options.insecure:
        warnings.simplefilter("ignore", InsecureRequestWarning)
    try:
        phone = _phone(options)
        if options.word == STORY:
            _tell_story(phone, options)
        else:
            SUBCOMMANDS[options.word].carry_out(phone, options, _say)
    except (PhoneError, KeyError, ValueError, OSError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f"{type(error).__name__}: {message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if phone.anomalies:
        print(f"the server sent {len(phone.anomalies)} things that it should not have:", file=sys.stderr)
        for anomaly in phone.anomalies:
            print(f"    {anomaly}", file=sys.stderr)
        return 1
    return 0


def _phone(options: argparse.Namespace) -> Phone:
    url = options.url
    if options.discover:
        url = discover(url, options.login, options.password, options.token, not options.insecure)
        _say(f"Autodiscover leads to {url}")
    return Phone(
        url,
        options.login,
        options.password,
        device_id=options.device_id,
        version=options.version,
        query=options.query,
        timeout=options.timeout,
        session=_traced(not options.insecure) if options.trace else None,
        verify=not options.insecure,
        token=options.token,
        compress=options.gzip,
    )


def _traced(verify: bool) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = verify
    for scheme in ("http://", "https://"):
        session.mount(scheme, Tracing(lambda line: print(line, file=sys.stderr, flush=True)))
    return session


def _tell_story(phone: Phone, options: argparse.Namespace) -> None:
    set_up(phone, _say)
    if options.search:
        look_for(phone, options.search, _say)
    if options.resolve:
        resolve_names(phone, options.resolve, _say)
    if options.ping:
        wait_for_news(phone, options.ping, _say)


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab device",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD", title="words")
    story = _word(
        words.add_parser, STORY, "introduce itself, fetch folders, contacts and mail (without a word)"
    )
    _add_server(story, password={"nargs": "?", "default": ""})
    story.add_argument("--search", metavar="WORDS", help="look for mail, people and documents afterwards")
    story.add_argument("--resolve", metavar="NAME", action="append", help="who is meant, and busy today")
    story.add_argument("--ping", type=int, metavar="SECONDS", help="at the end wait that long for changes")
    for name, subcommand in SUBCOMMANDS.items():
        one = _word(words.add_parser, name, subcommand.text)
        _add_server(one, password={})
        subcommand.add_to(one)
    return parser


def _word(add: Callable[..., argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    return add(name, help=text, description=text[0].upper() + text[1:] + ".")


def _add_server(parser: argparse.ArgumentParser, password: dict[str, str]) -> None:
    """Which server, as whom, and how."""
    parser.add_argument("url", help="the server, such as https://mail.example.org/")
    parser.add_argument("login")
    parser.add_argument("password", help="with --token it does not count", **password)  # type: ignore[arg-type]
    about = parser.add_argument_group("how to speak to the server")
    about.add_argument("--version", choices=VERSIONS, default="16.1", help="protocol version (16.1)")
    about.add_argument(
        "--query", choices=("plain", "base64"), default="plain", help="form of the query string (plain)"
    )
    about.add_argument("--device-id", default="lab0000000000000000000000000001")
    about.add_argument("--token", default="", help="OAuth access token in place of the password")
    about.add_argument("--gzip", action="store_true", help="send requests compressed")
    about.add_argument(
        "--discover",
        action="store_true",
        help="URL is any address of the domain; ask it for the server first",
    )
    about.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="patience an answer (60)"
    )
    about.add_argument("--insecure", action="store_true", help="accept any certificate")
    about.add_argument("--trace", action="store_true", help="show all requests and answers")


if __name__ == "__main__":
    sys.exit(main())
