"""Messages to people: by e-mail, and by a webhook that takes Slack's JSON."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pipelines.core.errors import ConfigError, RedeyeError, TemporaryError

SECONDS = 10  # for each door; a night does not wait for a chat
WEBHOOK, SMTP, HOSTS = "REDEYE_ALERT_WEBHOOK", "REDEYE_SMTP_URL", "REDEYE_ALERT_HOSTS"
# IPv6 networks whose addresses end with the IPv4 address that they stand for.
LAST_32_BITS = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)


class Doors:
    """E-mail and webhook, as far as the environment names them.

    REDEYE_ALERT_WEBHOOK is an address that takes `{"text": …}`. REDEYE_SMTP_URL is such as
    `smtp://user:password@mail.example.com:587/?from=redeye@example.com&to=ops@example.com,ada@example.com`
    (or `smtps://`). Hosts that are not public must be named in REDEYE_ALERT_HOSTS: an address in a
    setting shall not reach what only this machine can. Raises ConfigError for what is no such address.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._inside = {name.strip() for name in environ.get(HOSTS, "").split(",") if name.strip()}
        self._doors: dict[str, Callable[[str, str], None]] = {}
        if environ.get(SMTP):
            self._smtp = _address(SMTP, environ[SMTP], ("smtp", "smtps"))
            self._from, self._to = _mailboxes(self._smtp)
            self._doors["e-mail"] = self._mail
        if environ.get(WEBHOOK):
            self._url = environ[WEBHOOK]
            self._webhook = _address(WEBHOOK, self._url, ("https", "http"))
            self._doors["webhook"] = self._post

    def tell(self, title: str, text: str) -> str:
        """By which doors the message left; empty when there is none.

        Raises TemporaryError when it left by none of them, without a password or a webhook's path.
        """
        left, failed = [], []
        for name, door in self._doors.items():
            try:
                door(title, text)
                left.append(name)
            except RedeyeError as error:
                failed.append(str(error))
        if failed and not left:
            raise TemporaryError("; ".join(failed))
        return " and ".join(left)

    def _post(self, title: str, text: str) -> None:
        import httpx

        where = f"webhook at {self._webhook.hostname}"
        address = self._public_address(self._webhook, WEBHOOK)
        try:
            with httpx.Client(
                proxy=self._proxy(), trust_env=False, verify=ssl.create_default_context()
            ) as client:
                answer = client.post(
                    httpx.URL(self._url).copy_with(host=address),
                    json={"text": f"*{title}*\n{text}"},
                    # The certificate and the server are the host's, whichever address was looked up.
                    headers={"Host": self._webhook.netloc.rpartition("@")[2]},
                    extensions={"sni_hostname": self._webhook.hostname},
                    timeout=SECONDS,
                    follow_redirects=False,
                )
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            cause = error.__cause__ or error
            raise TemporaryError(f"{where}: {type(cause).__name__}") from None
        if not answer.is_success:
            raise TemporaryError(f"{where}: answered {answer.status_code}")

    def _proxy(self) -> str | None:
        """The proxy that the environment names for the webhook; none for a host inside."""
        host = self._webhook.hostname or ""
        if host in self._inside or urllib.request.proxy_bypass(host):
            return None
        return urllib.request.getproxies().get(self._webhook.scheme)

    def _mail(self, title: str, text: str) -> None:
        where = f"e-mail by {self._smtp.hostname}"
        address = self._public_address(self._smtp, SMTP)
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = title, self._from, ", ".join(self._to)
        mail.set_content(text)
        try:
            with self._connect(address) as server:
                if self._smtp.username:
                    server.login(unquote(self._smtp.username), unquote(self._smtp.password or ""))
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            raise TemporaryError(f"{where}: answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError(f"{where}: {type(error).__name__}") from None

    def _connect(self, address: str) -> smtplib.SMTP:
        host, port = self._smtp.hostname or "", self._smtp.port or 0
        context = ssl.create_default_context()
        if self._smtp.scheme == "smtps":
            return _SecureMailAt(address, host, port or 465, timeout=SECONDS, context=context)
        server = _MailAt(address, host, port or 587, timeout=SECONDS)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
        elif self._smtp.username:
            server.close()
            raise TemporaryError(
                f"e-mail by {host}: offers no encryption, so the password was not sent"
            )
        return server

    def _public_address(self, url: SplitResult, variable: str) -> str:
        """The address to connect to. The name is looked up once, so that what was checked is what is used.

        Raises ConfigError when an address is not public and nobody said that it is meant.
        """
        host = url.hostname or ""
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise TemporaryError(f"{variable}: the host {host} is not found") from None
        addresses = [_unwrap(str(entry[4][0]).partition("%")[0]) for entry in found]
        public = all(one.is_global and not one.is_multicast for one in addresses)
        # The link-local range is where clouds keep the machine's own credentials.
        if any(one.is_link_local for one in addresses) or not (public or host in self._inside):
            raise ConfigError(
                f"{variable}: {host} is not a public address; if it is meant, name it in {HOSTS}"
            )
        return str(found[0][4][0])


class _MailAt(smtplib.SMTP):
    """SMTP to an address that was looked up already; the certificate is checked for the host."""

    def __init__(self, address: str, *args: Any, **kwargs: Any) -> None:
        self._address = address
        super().__init__(*args, **kwargs)

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(self._address, port, timeout)  # type: ignore[misc]
        return made


class _SecureMailAt(_MailAt, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


def _unwrap(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that a packet to this one ends at: of the forms that carry an IPv4 address, that one.

    Mapped (RFC 4291), compatible (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052, 8215), 6to4 (RFC 3056),
    Teredo (RFC 4380).
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in LAST_32_BITS) and int(address) >> 32:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) >> 32 == 0 and int(address) > 1:
        return ipaddress.IPv4Address(int(address))
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else address


def _address(variable: str, url: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        found = urlsplit(url)
        usable = found.scheme in schemes and found.hostname and (found.port or 1) > 0
    except ValueError:
        usable = None
    if not usable:
        raise ConfigError(
            f"{variable}: is no address that begins with {' or '.join(schemes)}://; correct it"
        )
    return found


def _mailboxes(url: SplitResult) -> tuple[str, list[str]]:
    fields = parse_qs(url.query)
    senders, receivers = fields.get("from", []), ",".join(fields.get("to", [])).split(",")
    boxes = [box.strip() for box in (*senders, *receivers)]
    if len(senders) != 1 or not all("@" in box and box.isprintable() for box in boxes):
        raise ConfigError(
            f"{SMTP}: says not from whom to whom; end it with ?from=redeye@…&to=somebody@…"
        )
    return boxes[0], boxes[1:]
