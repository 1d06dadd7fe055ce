from __future__ import annotations

import pytest

from pipelines.core.errors import DataError
from pipelines.core.text import mask, secrets_in_url

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql+psycopg://ada:{SECRET}@db/x",
        f"postgresql+psycopg://ada:{SECRET}@x@db/x: no answer",
        f"http://ada:{SECRET}/slash@mlflow:5000",
        f"https://{SECRET}@git.example.com/x",
        f"postgresql://db/x?password={SECRET}",
        f"postgresql://db/x?user=ada&sslpassword={SECRET}&sslmode=require",
        f"connection failed: host=db password='{SECRET}' dbname=x",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"https://b.s3.example.com/k?X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}",
        f"api_key: {SECRET}",
    ],
)
def test_a_secret_is_masked_wherever_it_stands(text: str) -> None:
    assert SECRET not in mask(text)
    assert "***" in mask(text)
    assert SECRET not in str(DataError(f"somewhere: {text}; do something"))


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////root/var/redeye.db",
        "postgresql+psycopg://ada@db:5432/x?sslmode=require",
        "models:/flights-late@champion",
        "s3://bucket/a@b",
        "http://127.0.0.1:5000/#/models",
        "password authentication failed for user ada",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert mask(text) == text


def test_the_host_stays_readable() -> None:
    assert mask(f"postgresql://ada:{SECRET}@db:5432/x?a=b") == "postgresql://ada:***@db:5432/x?a=b"


def test_secrets_of_a_url_are_found_as_written_and_decoded() -> None:
    url = "postgresql://ada:a%40b@db/x?sslpassword=c%20d&user=ada"

    assert secrets_in_url(url) == ["a%40b", "a@b", "c d"]


def test_what_is_no_url_has_no_secrets() -> None:
    assert secrets_in_url("http://[::1") == []
