"""What differs between the generations of the server, as a table.

``6`` is 6.20/6.22 (two daemons, AJP era), ``7`` is App Suite 7.x before 7.10.1, ``8`` is 8.x.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of the server.

    ``single_delete``: contact and task ``delete`` take one object instead of an array.
    ``precise_session_errors``: a wrong secret is SES-0206 and not SES-0203.
    ``ajp``: the connector speaks AJP too (the stand-in's speaks HTTP always).
    ``flag_sets``: mails take ``set_flags`` and ``clear_flags`` in one call.
    ``user_flags``: mails take keywords of the user's own (``set_user_flags``).
    ``four_byte_text``: the database stores characters beyond the basic multilingual plane.
    """

    number: int
    version: str
    etc: str
    prefixes: tuple[str, ...]
    credentials_in_url: bool
    login_random: bool
    login_identity: bool
    capabilities: bool
    examine: bool
    flag_sets: bool
    user_flags: bool
    single_delete: bool
    text_ids: bool
    precise_session_errors: bool
    four_byte_text: bool
    ajp: bool
    update_on_pending_tasks: bool


GENERATIONS = {
    6: Generation(
        number=6,
        version="6.22.14-Rev20",
        etc="etc/groupware",
        prefixes=("/ajax/",),
        credentials_in_url=True,
        login_random=True,
        login_identity=False,
        capabilities=False,
        examine=False,
        flag_sets=False,
        user_flags=False,
        single_delete=True,
        text_ids=False,
        precise_session_errors=True,
        four_byte_text=False,
        ajp=True,
        update_on_pending_tasks=False,
    ),
    7: Generation(
        number=7,
        version="7.8.4-Rev38",
        etc="etc",
        prefixes=("/ajax/", "/appsuite/api/"),
        credentials_in_url=False,
        login_random=False,
        login_identity=True,
        capabilities=True,
        examine=True,
        flag_sets=True,
        user_flags=False,
        single_delete=False,
        text_ids=False,
        precise_session_errors=True,
        four_byte_text=False,
        ajp=False,
        update_on_pending_tasks=True,
    ),
    8: Generation(
        number=8,
        version="8.20.410",
        etc="etc",
        prefixes=("/ajax/", "/appsuite/api/"),
        credentials_in_url=False,
        login_random=False,
        login_identity=True,
        capabilities=True,
        examine=True,
        flag_sets=True,
        user_flags=True,
        single_delete=False,
        text_ids=True,
        precise_session_errors=False,
        four_byte_text=True,
        ajp=False,
        update_on_pending_tasks=True,
    ),
}
