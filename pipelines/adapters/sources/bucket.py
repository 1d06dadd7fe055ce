"""Files in an S3 bucket; credentials and endpoint are found as boto3 finds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pipelines.core.errors import ConfigError, TemporaryError

MISSING_KEY = {"NoSuchKey", "404"}
ANSWERS_LATER = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "503", "500"}


class Bucket:
    """Files below a prefix of a bucket."""

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.config import Config

        parts = urlsplit(url)
        if not parts.netloc or "@" in parts.netloc:
            raise ConfigError("the source's URL names no bucket; write it as s3://bucket/prefix")
        self._bucket = parts.netloc
        prefix = parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self.where = f"s3://{self._bucket}/{prefix}".rstrip("/")
        retries = {"max_attempts": 4, "mode": "standard"}
        with self._translated():
            self._client: Any = boto3.Session().client(
                "s3", config=Config(connect_timeout=5, read_timeout=60, retries=retries)
            )

    def get(self, name: str) -> bytes | None:
        """A file's content, or None when there is no such file."""
        from botocore.exceptions import ClientError

        with self._translated():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
                content: bytes = answer["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] in MISSING_KEY:
                    return None
                raise
            return content

    def names(self, folder: str) -> list[str]:
        """The names of the files right below a folder, sorted; none when there is no folder."""
        prefix = f"{self._prefix}{folder}/"
        with self._translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return sorted(key.removeprefix(prefix) for key in keys if key != prefix)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What boto3 raises, as an error of Redeye; messages name codes, never credentials."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            HTTPClientError,
            IncompleteReadError,
        )
        from botocore.exceptions import ConnectionError as NotConnected

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ANSWERS_LATER:
                raise TemporaryError(
                    f"{self.where}: S3 is busy ({code}); try again later"
                ) from error
            told = "there is no such bucket" if code == "NoSuchBucket" else f"S3 refuses ({code})"
            raise ConfigError(
                f"{self.where}: {told}; correct the URL or the AWS_* variables"
            ) from error
        except (HTTPClientError, NotConnected, IncompleteReadError) as error:
            kind = type(error).__name__
            raise TemporaryError(
                f"{self.where}: S3 does not answer ({kind}); try again later"
            ) from error
        except (BotoCoreError, ValueError) as error:
            kind = type(error).__name__
            raise ConfigError(
                f"{self.where}: S3 cannot be asked ({kind}); set the AWS_* variables"
            ) from error
