"""A device that a server knows: how it introduces itself, obeys the policy, and sends commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import requests

from app.wbxml import Element, WbxmlError, decode, encode
from lab.device import documents, wiping
from lab.device.answers import number
from lab.device.errors import AccessRefused, AnswerLost, BadAnswer, CommandFailed, ServerUnavailable, Wiped
from lab.device.query import Identity
from lab.device.transport import NEEDS_PROVISION, HttpAnswer, QueryForm, Transport

OK = 1
NO_POLICY = 2
SERVER_BUSY = 111
PROVISION_AGAIN = (NEEDS_PROVISION, 142, 143, 144)
REFUSED = (125, 126, 129, 130, 131, 177)
COMMON_STATUSES = 101

OnAnswer = Callable[[str, str, bytes], None]


class Device:
    """One device of one user.

    ``url`` is the server, with or without ``/Microsoft-Server-ActiveSync``; ``query`` the form of the query string;
    ``timeout`` in seconds; ``verify`` as in requests; ``on_answer`` is called with command, protocol version and
    body of every answer with HTTP status 200, before the phone looks at it; ``token`` and ``compress`` as
    :class:`lab.device.transport.Transport` says. ``anomalies`` lists in sentences what
    the server should not have sent.
    """

    def __init__(
        self,
        url: str,
        login: str,
        password: str,
        *,
        device_id: str = "lab0000000000000000000000000001",
        device_type: str = "SmartPhone",
        version: str = "16.1",
        user_agent: str = "Lab-Phone/1.0",
        query: QueryForm = "plain",
        timeout: float = 60.0,
        session: requests.Session | None = None,
        verify: bool | str = True,
        on_answer: OnAnswer | None = None,
        token: str = "",
        compress: bool = False,
    ) -> None:
        self.login = login
        self.version = version
        self.device_id = device_id
        self.on_answer = on_answer
        self.anomalies: list[str] = []
        self.policy: dict[str, str] = {}
        self.about = {
            "Model": "Lab phone",
            "FriendlyName": f"Phone of {login}",
            "OS": "LabOS 1.0",
            "OSLanguage": "en",
            "UserAgent": user_agent,
        }
        self.transport = Transport(
            url,
            Identity(login, device_id, device_type, version),
            password,
            user_agent=user_agent,
            query=query,
            timeout=timeout,
            session=session,
            verify=verify,
            token=token,
            compress=compress,
        )
        self.fails_to_wipe = False
        """Whether the phone says that it could not carry out an order to wipe."""
        self._lose_next = False
        self._is_provisioning = False

    @property
    def policy_key(self) -> int:
        return self.transport.policy_key

    @property
    def cookies(self) -> dict[str, str]:
        return self.transport.cookies

    def close(self) -> None:
        """Give up the connections to the server; the next command opens new ones."""
        self.transport.close()

    def lose_next_answer(self) -> None:
        """The next command reaches the server, but its answer is lost: ``AnswerLost``, and nothing is taken over."""
        self._lose_next = True

    def takes_answer(self) -> bool:
        """Whether the answer that came arrives; one that was to be lost is lost now."""
        taken, self._lose_next = not self._lose_next, False
        return taken

    def command(
        self,
        name: str,
        request: Element | None,
        *,
        parameters: Mapping[str, str] | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> Element | None:
        """Send a command (``None``: without a body) and return the answer's tree, ``None`` for an empty one.

        When the server asks for it the phone provisions and sends again, once. A status from 101 up raises
        ``AccessRefused``, ``ServerUnavailable`` or ``CommandFailed``; the commands' own statuses are left to the
        caller. With ``check=False`` any status is returned and nothing is sent again. An order to wipe is carried out
        and acknowledged, and raises ``Wiped``.
        """
        body = b"" if request is None else encode(request)
        answer, status = self._exchange(name, body, parameters, timeout)
        if not check:
            if status == NEEDS_PROVISION:
                raise BadAnswer(f"{name}: the server wants the device to provision (HTTP 449)", status)
            return answer
        if status == wiping.ORDERED and name != "Provision":
            self._provision(wiping.question())
        if status in PROVISION_AGAIN and not self._is_provisioning:
            self.provision()
            answer, status = self._exchange(name, body, parameters, timeout)
        _check_common(name, status)
        return answer

    def raw(
        self,
        body: bytes = b"",
        *,
        command: str = "Sync",
        method: str = "POST",
        query: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        with_credentials: bool = True,
        timeout: float | None = None,
    ) -> HttpAnswer:
        """Send any bytes and return what comes, unjudged.

        ``query`` replaces the query string; ``headers`` are added to the usual ones, ``None`` takes one away.
        """
        usual_query, usual_headers = self.transport.addressed(command, {})
        return self.transport.raw(
            method,
            usual_query if query is None else query,
            body,
            {**usual_headers, "Content-Type": "application/vnd.ms-sync.wbxml", **(headers or {})},
            with_credentials=with_credentials,
            timeout=timeout,
        )

    def _exchange(
        self, name: str, body: bytes, parameters: Mapping[str, str] | None, timeout: float | None
    ) -> tuple[Element | None, int]:
        answer = self.transport.command(name, body, parameters=parameters, timeout=timeout)
        if answer.status == NEEDS_PROVISION:
            return None, NEEDS_PROVISION
        if self.on_answer is not None:
            self.on_answer(name, self.version, answer.body)
        if not self.takes_answer():
            raise AnswerLost(f"{name} was answered, and the answer thrown away")
        if answer.is_empty:
            return None, OK
        try:
            tree = decode(answer.body)
        except WbxmlError as error:
            raise BadAnswer(f"{name} was answered with what is not WBXML: {error}") from error
        page = tree.name.partition(":")[0]
        return tree, number(tree, f"{page}:Status", OK)

    def options(self) -> tuple[list[str], list[str]]:
        """The protocol versions and the commands that the server offers."""
        answer = self.transport.options()
        return answer.listed("MS-ASProtocolVersions"), answer.listed("MS-ASProtocolCommands")

    def provision(self) -> dict[str, str]:
        """Ask for the policy and put it in force, in two phases (MS-ASPROV 3.1.5.1): setting -> value.

        A server that has no policy for this user leaves the phone without a key, which is right.
        """
        self._is_provisioning = True
        try:
            self._agree_on_policy()
        finally:
            self._is_provisioning = False
        return self.policy

    def _agree_on_policy(self) -> None:
        self.transport.policy_key = 0
        offered = self._provision(documents.ask_for_policy(self.version, self.about))
        if number(offered, "Provision:Status") == NO_POLICY:
            self.policy = {}
        else:
            settings = offered.find("Provision:Data")
            document = settings.find("Provision:EASProvisionDoc") if settings is not None else None
            self.policy = {child.name.partition(":")[2]: child.text for child in document or ()}
            self.transport.policy_key = number(offered, "Provision:PolicyKey")
            confirmed = self._provision(documents.acknowledge_policy(self.version, self.transport.policy_key))
            self.transport.policy_key = number(confirmed, "Provision:PolicyKey")
        with_policy = self.version in documents.DEVICE_INFORMATION_IN_PROVISION
        if not with_policy and self.version not in documents.NO_SETTINGS:
            self.settings_device_information()

    def _provision(self, request: Element) -> Element:
        """One phase; its ``Policy``."""
        answer = self.answered("Provision", request)
        expect("Provision", number(answer, "Provision:Status"))
        order = wiping.ordered(answer)
        if order is not None:
            self._wipe(order)
        described = answer.find("Settings:DeviceInformation")
        if described is not None:
            expect("Provision", number(described, "Settings:Status"))
        policies = answer.find("Provision:Policies")
        policy = policies.find("Provision:Policy") if policies else None
        if policy is None:
            raise BadAnswer("Provision was answered without a policy")
        expect("Provision", number(policy, "Provision:Status"), OK, NO_POLICY)
        return policy

    def _wipe(self, order: str) -> None:
        """Carry out an order to wipe, tell the server, and give up."""
        status = wiping.FAILED if self.fails_to_wipe else wiping.DONE
        answer = self.answered("Provision", wiping.acknowledgement(order, status))
        expect("Provision", number(answer, "Provision:Status"), status)
        if status == wiping.DONE:
            self.transport.policy_key = 0
            self.policy = {}
        raise Wiped(wiping.ORDERS[order], done=status == wiping.DONE)

    def settings_device_information(self) -> None:
        """Tell the server what device this is (MS-ASCMD 2.2.1.18)."""
        request = documents.settings(documents.device_information(self.about))
        answer = self.answered("Settings", request)
        expect("Settings", number(answer, "Settings:Status"))
        described = answer.find("Settings:DeviceInformation")
        if described is None:
            raise BadAnswer("Settings was answered without DeviceInformation")
        expect("Settings", number(described, "Settings:Status"))

    def answered(self, name: str, request: Element) -> Element:
        answer = self.command(name, request)
        if answer is None:
            raise BadAnswer(f"{name} was answered with nothing")
        return answer


def expect(command: str, status: int, *allowed: int) -> None:
    """Raise ``CommandFailed`` unless ``status`` is one of ``allowed``, or 1 where none is named."""
    if status not in (allowed or (OK,)):
        raise CommandFailed(command, status)


def _check_common(command: str, status: int) -> None:
    """What the statuses that all commands share mean for a phone (MS-ASCMD 2.2.2)."""
    if status in REFUSED:
        raise AccessRefused(f"{command}: this user or device may not synchronise (status {status})")
    if status == SERVER_BUSY:
        raise ServerUnavailable(f"{command}: the server cannot answer now (status {status})")
    if status >= COMMON_STATUSES:
        raise CommandFailed(command, status)
