"""Messages to people: by e-mail, and by a webhook that takes Slack's JSON."""

from __future__ import annotations

import ipaddress
import json
import smtplib
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pipelines.core.errors import ConfigError, RedeyeError, TemporaryError

SECONDS = 10  # for each door; a night does not wait for a chat
WEBHOOK, SMTP, HOSTS = "REDEYE_ALERT_WEBHOOK", "REDEYE_SMTP_URL", "REDEYE_ALERT_HOSTS"


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
        where = f"webhook at {self._webhook.hostname}"
        self._refuse_inside(self._webhook, WEBHOOK)
        body = json.dumps({"text": f"*{title}*\n{text}"}).encode()
        request = urllib.request.Request(  # noqa: S310  https or http, see _address
            self._url, body, {"Content-Type": "application/json"}
        )
        proxies = {} if self._webhook.hostname in self._inside else urllib.request.getproxies()
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler(proxies))
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            raise TemporaryError(f"{where}: answered {error.code}") from None
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            raise TemporaryError(f"{where}: {type(cause).__name__}") from None

    def _mail(self, title: str, text: str) -> None:
        where = f"e-mail by {self._smtp.hostname}"
        self._refuse_inside(self._smtp, SMTP)
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = title, self._from, ", ".join(self._to)
        mail.set_content(text)
        try:
            with self._connect() as server:
                if self._smtp.username:
                    server.login(unquote(self._smtp.username), unquote(self._smtp.password or ""))
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            raise TemporaryError(f"{where}: answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError(f"{where}: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._smtp.hostname or "", self._smtp.port or 0
        context = ssl.create_default_context()
        if self._smtp.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port or 465, timeout=SECONDS, context=context)
        server = smtplib.SMTP(host, port or 587, timeout=SECONDS)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
        elif self._smtp.username:
            server.close()
            raise TemporaryError(
                f"e-mail by {host}: offers no encryption, so the password was not sent"
            )
        return server

    def _refuse_inside(self, url: SplitResult, variable: str) -> None:
        """Raise ConfigError when the host is not public and nobody said that it is meant."""
        host = url.hostname or ""
        try:
            found = socket.getaddrinfo(host, None)
        except OSError:
            raise TemporaryError(f"{variable}: the host {host} is not found") from None
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        public = all(address.is_global for address in addresses)
        # The link-local range is where clouds keep the machine's own credentials.
        if any(address.is_link_local for address in addresses) or not (
            public or host in self._inside
        ):
            raise ConfigError(
                f"{variable}: {host} is not a public address; if it is meant, name it in {HOSTS}"
            )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Where an address leads is for the one who set it to say."""

    def redirect_request(self, *_: object) -> None:
        return None


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
