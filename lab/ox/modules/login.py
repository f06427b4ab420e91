"""``/login``: logging in and out (http-api section 1.6)."""

from __future__ import annotations

from lab.ox.errors import HttpError, OXError, fault
from lab.ox.storage import users
from lab.ox.web.call import Answer, Bare, Call, Empty, Result
from lab.ox.web.dispatch import Action, Module
from lab.ox.web.sessions import Session, public_cookie, secret_cookie

_CREDENTIALS = ("name", "password")
LOCKED = "standin.locked"
EXPIRED = "standin.expired"


def login(call: Call) -> Result:
    """Log in. Credentials come in the form; in the URL only where the generation still took them."""
    values = dict(call.form)
    in_url = [name for name in _CREDENTIALS if name in call.params]
    if in_url and not call.generation.credentials_in_url:
        raise fault("SVL-0030", in_url[0])
    values = {**call.params, **values}
    for name in _CREDENTIALS:
        if not values.get(name):
            raise fault("SVL-0002", name)
    client = values.get("client", "default")
    if call.generation.number > 6 and client == call.client.user_agent:
        raise fault("LGI-0021")
    cid, user = _authenticate(call, values["name"], values["password"])
    session = Session(
        cid=cid,
        user_id=user.id,
        login=values["name"],
        client=client,
        user_agent=call.client.user_agent,
        address=call.client.address,
        auth_id=values.get("authId", "") if call.generation.number > 6 else "",
    )
    call.groupware.sessions.add(session)
    return Bare(_answer(call, session, user), _cookies(call, session))


def logout(call: Call) -> Result:
    """End a session; without one HTTP 400, with an unknown one or a wrong secret 403."""
    session_id = call.params.get("session")
    if not session_id:
        raise HttpError(400, "The request lacks the parameter session")
    sessions = call.groupware.sessions
    try:
        session = sessions.check(session_id, call.client.user_agent, call.client.cookies, call.client.address)
    except OXError as error:
        raise HttpError(403, error.text) from error
    sessions.remove(session.id)
    return Empty(
        200, [secret_cookie(call.client.user_agent, session.client), public_cookie(call.client.user_agent)]
    )


def store(call: Call) -> Result:
    """Keep the session in cookies: nothing to do."""
    return Answer("1")


def _authenticate(call: Call, name: str, password: str) -> tuple[int, users.User]:
    platform = call.groupware.platform
    found = platform.resolve(name)
    if found is None:
        raise fault("LGI-0006")
    cid, enabled, names = found
    with platform.read(cid) as connection:
        user_id = users.find_user_id(connection, cid, names)
        if user_id is None or not users.check_password(connection, cid, user_id, password):
            raise fault("LGI-0006")
        user = users.load_user(connection, cid, user_id)
    if user is None:
        raise fault("LGI-0006")
    if user.attributes.get(LOCKED):
        raise fault("LGI-0001", name)
    if user.attributes.get(EXPIRED):
        raise fault("LGI-0011")
    if not enabled:
        raise fault("SES-0204", cid)
    if not user.mail_enabled:
        raise fault("LGI-0013", user.id, cid)
    call.groupware.updater.ensure(platform.schema(cid), cid)
    return cid, user


def _answer(call: Call, session: Session, user: users.User) -> dict[str, object]:
    answer: dict[str, object] = {"session": session.id}
    if call.generation.login_random:
        answer["random"] = session.random
    if call.generation.login_identity:
        answer |= {
            "user": session.login,
            "user_id": user.id,
            "context_id": session.cid,
            "locale": user.language,
        }
    return answer


def _cookies(call: Call, session: Session) -> dict[str, str]:
    cookies = {secret_cookie(call.client.user_agent, session.client): session.secret}
    # The mobility clients never use it.
    if not session.is_mobility:
        cookies[public_cookie(call.client.user_agent)] = session.public
    return cookies


MODULE = Module(
    "login",
    {
        "login": Action(login, in_multiple=False),
        "logout": Action(logout, in_multiple=False),
        "store": Action(store, in_multiple=False),
    },
    session=False,
)
