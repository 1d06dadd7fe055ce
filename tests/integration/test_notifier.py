"""Messages reach a real web server and a real mail server, or fail in a sentence without secrets."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from pipelines.adapters.notifier import Doors
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

    def do_POST(self) -> None:
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
    ],
)
def test_an_address_inside_is_refused_unless_it_is_meant(url: str, hosts: str) -> None:
    with pytest.raises(TemporaryError, match="is not a public address; if it is meant"):
        doors(url, hosts=hosts).tell("Redeye", "temp moved")


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
