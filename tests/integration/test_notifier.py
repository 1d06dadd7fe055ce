"""Messages reach a real web server and a real mail server, or fail in a sentence without secrets."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pipelines.adapters.notifications import Doors
from pipelines.core.errors import ConfigError, TemporaryError

SECRET = "hunter2"


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index]
    finally:
        server.shutdown()
        server.server_close()


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is told; answers as the path says."""

    heard: ClassVar[list[dict[str, Any]]] = []
    hosts: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("Location", "/elsewhere/200")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to deliver a message (RFC 5321); keeps every line it hears."""

    heard: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.say("220 mail.test")
        body = False
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            self.heard.append(line)
            if body:
                body = line != "."
                if not body:
                    self.say("250 kept")
                continue
            verb = line[:4].upper()
            body = verb == "DATA"
            self.say({"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 fine"))
            if verb == "QUIT":
                return

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.heard.clear()
    Hook.hosts.clear()
    with served(ThreadingHTTPServer(("127.0.0.1", 0), Hook)) as port:
        yield f"http://127.0.0.1:{port}/{SECRET}"


@pytest.fixture
def mail() -> Iterator[str]:
    Mail.heard.clear()
    with served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as port:
        yield f"127.0.0.1:{port}/?from=redeye@example.com&to=ops@example.com,ada@example.com"


def doors(webhook: str = "", smtp: str = "", hosts: str = "127.0.0.1") -> Doors:
    settings = {"WEBHOOK": ("REDEYE_ALERT_WEBHOOK", webhook), "SMTP": ("REDEYE_SMTP_URL", smtp)}
    return Doors({"REDEYE_ALERT_HOSTS": hosts, **dict(settings.values())})


def test_a_webhook_is_told_as_slack_wants_it(hook: str) -> None:
    assert doors(f"{hook}/200").tell("Redeye", "temp moved\n  $ redeye status") == "webhook"

    assert Hook.heard == [{"text": "*Redeye*\ntemp moved\n  $ redeye status"}]


def test_a_mail_arrives_with_all_its_lines_at_everybody(mail: str) -> None:
    assert (
        doors(smtp=f"smtp://{mail}").tell("Redeye, größer", "temp moved\n  $ redeye status")
        == "e-mail"
    )

    assert "rcpt TO:<ops@example.com>" in Mail.heard
    assert "rcpt TO:<ada@example.com>" in Mail.heard
    assert "From: redeye@example.com" in Mail.heard
    assert "  $ redeye status" in Mail.heard


def test_one_way_that_works_is_enough(hook: str, mail: str) -> None:
    both = doors(f"{hook}/500", f"smtp://{mail}")

    assert both.tell("Redeye", "temp moved") == "e-mail"
    assert doors(f"{hook}/200", f"smtp://{mail}").tell("Redeye", "x") == "e-mail and webhook"


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_a_webhook_that_refuses_is_a_sentence_without_its_secret(hook: str, answer: int) -> None:
    with pytest.raises(TemporaryError, match=f"webhook at 127.0.0.1: answered {answer}") as failure:
        doors(f"{hook}/{answer}").tell("Redeye", "temp moved")

    assert SECRET not in str(failure.value)
    assert len(Hook.heard) == 1  # a redirect is not followed


def test_nobody_at_home_is_a_sentence_without_a_secret() -> None:
    mailboxes = "?from=redeye@example.com&to=ops@example.com"
    dead = doors(f"http://127.0.0.1:9/{SECRET}", f"smtp://ada:{SECRET}@127.0.0.1:9/{mailboxes}")

    with pytest.raises(
        TemporaryError, match=r"e-mail by 127.0.0.1: .*; webhook at 127.0.0.1: "
    ) as failure:
        dead.tell("Redeye", "temp moved")

    assert SECRET not in str(failure.value)


def test_a_password_does_not_leave_without_encryption(mail: str) -> None:
    with pytest.raises(TemporaryError, match="no encryption, so the password was not sent"):
        doors(smtp=f"smtp://ada:{SECRET}@{mail}").tell("Redeye", "temp moved")

    assert not [line for line in Mail.heard if "AUTH" in line.upper()]


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://127.0.0.1:9/x", ""),
        ("http://localhost:9/x", "127.0.0.1"),
        ("http://[::1]:9/x", ""),
        ("http://10.0.0.1/x", ""),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        # Forms of IPv6 that end at an IPv4 address inside.
        ("http://[::127.0.0.1]/x", ""),
        ("http://[::ffff:127.0.0.1]/x", ""),
        ("http://[::ffff:0:127.0.0.1]/x", ""),
        ("http://[64:ff9b::127.0.0.1]/x", ""),
        ("http://[64:ff9b::a9fe:a9fe]/x", "64:ff9b::a9fe:a9fe"),
        ("http://[64:ff9b:1::10.0.0.1]/x", ""),
        ("http://[2002:7f00:1::]/x", ""),
        ("http://[2002:a9fe:a9fe::1]/x", "2002:a9fe:a9fe::1"),
        ("http://[2001:0:53aa:64c::80ff:fffe]/x", ""),
        ("http://[ff0e::1]/x", ""),
    ],
)
def test_an_address_inside_is_refused_unless_it_is_meant(url: str, hosts: str) -> None:
    with pytest.raises(TemporaryError, match="is not a public address; if it is meant"):
        doors(url, hosts=hosts).tell("Redeye", "temp moved")


@pytest.mark.parametrize("way", ["webhook", "e-mail"])
def test_a_host_is_looked_up_once_so_that_what_was_checked_is_what_is_used(
    hook: str, mail: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    looked_up, of_the_system = [], socket.getaddrinfo

    def rebinding(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "chat.test":
            return of_the_system(host, *args, **kwargs)
        looked_up.append(host)
        if len(looked_up) > 1:  # the second answer leads somewhere else
            raise OSError("looked up twice")
        return of_the_system("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    webhook = f"{hook}/200".replace("127.0.0.1", "chat.test") if way == "webhook" else ""
    smtp = f"smtp://{mail}".replace("127.0.0.1", "chat.test") if way == "e-mail" else ""

    assert doors(webhook, smtp, hosts="chat.test").tell("Redeye", "temp moved") == way
    assert looked_up == ["chat.test"]


def test_the_webhook_is_asked_by_its_name_and_no_other_proxy(
    hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody there

    doors(f"{hook}/200").tell("Redeye", "temp moved")

    assert Hook.hosts == [hook.split("/")[2]]


def certificate(folder: Path, host: str) -> Path:
    """A key and a certificate for the host, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / f"{host}.pem"
    path.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(("host", "way"), [("chat.test", "webhook"), ("other.test", None)])
def test_the_certificate_is_checked_for_the_host_and_not_for_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, way: str | None
) -> None:
    pem, of_the_system = certificate(tmp_path, "chat.test"), socket.getaddrinfo
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *args, **kw: of_the_system("127.0.0.1", *args, **kw)
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)

    with served(server) as port:
        told = doors(f"https://{host}:{port}/200", hosts=host)
        if way:
            assert told.tell("Redeye", "temp moved") == way
        else:
            with pytest.raises(TemporaryError, match=r"webhook at other\.test: "):
                told.tell("Redeye", "temp moved")


@pytest.mark.parametrize(
    ("webhook", "smtp"),
    [
        ("file:///etc/passwd", ""),
        ("https://", ""),
        ("https://chat.example.com:port/x", ""),
        ("", "mail.example.com"),
        ("", "smtp://mail.example.com"),
        ("", "smtp://mail.example.com/?from=redeye@example.com"),
        ("", "smtp://mail.example.com/?from=a@b.c%0d%0aBcc:x@y.z&to=ops@example.com"),
    ],
)
def test_a_setting_that_is_no_address_is_refused_by_its_name(webhook: str, smtp: str) -> None:
    with pytest.raises(ConfigError, match=r"^REDEYE_(ALERT_WEBHOOK|SMTP_URL): "):
        doors(webhook, smtp)


def test_with_nothing_set_nobody_is_told() -> None:
    assert doors().tell("Redeye", "temp moved") == ""
