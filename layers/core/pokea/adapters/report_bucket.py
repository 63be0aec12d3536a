"""Billing reports in their S3 bucket, and links to them that hold for minutes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pokea.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_S = 900  # long enough to be opened, too short to be passed around


class ReportBucket:
    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Over what was there before. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(
                Bucket=self._name, Key=key, Body=body, ContentType=content_type, CacheControl="private, no-store"
            )
        except (BotoCoreError, ClientError) as problem:
            raise Unavailable("bucket_unavailable", f"the report was not stored ({type(problem).__name__})") from None

    def made_at(self, key: str) -> datetime | None:
        """When the report there was stored; None where there is none. Raises Unavailable.

        The list is asked, not the object: a right that is missing is then an error, and never reads as a report that is."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            listed = self._client.list_objects_v2(Bucket=self._name, Prefix=key, MaxKeys=1)
        except (BotoCoreError, ClientError) as problem:
            text = f"the report could not be looked for ({type(problem).__name__})"
            raise Unavailable("bucket_unavailable", text) from None
        found = [one for one in listed.get("Contents", []) if one["Key"] == key]
        return found[0]["LastModified"].astimezone(UTC) if found else None

    def link(self, key: str) -> str:
        """A URL that shows the report to whoever has it, for LINK_S. Made without asking anybody."""
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._name, "Key": key}, ExpiresIn=LINK_S
        )
