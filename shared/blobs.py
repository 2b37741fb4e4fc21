"""Blobs: photos, reports and PDFs, write-once, addressed by their SHA-256, under the tenant.

A folder on one machine; S3, GCS or Azure by the same URL-addressed API in production (obstore).
"""

import hashlib
import re
from functools import lru_cache
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from shared.refused import Unknown
from shared.settings import settings

BLOB_SIZE_MAX = 15 * 1024 * 1024  # bytes
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Missing(LookupError):
    """No blob of that hash under that tenant."""


class Away(OSError):
    """The store does not answer: the same call may succeed later."""


async def put(tenant: str, content: bytes) -> str:
    """Keep the bytes and return their SHA-256 in hex. Keeping the same bytes again changes nothing.

    Raises ValueError for more than BLOB_SIZE_MAX bytes, Away.
    """
    if len(content) > BLOB_SIZE_MAX:
        raise ValueError(f"a blob may have {BLOB_SIZE_MAX} bytes, this one has {len(content)}")
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        await obstore.put_async(_store(), _path(tenant, sha256), content)
    except BaseError as failure:
        raise Away(str(failure)) from failure
    return sha256


async def get(tenant: str, sha256: str) -> bytes:
    """Return the bytes. Raises Missing when there are none, or when they are not what their name says; Away."""
    try:
        found = await obstore.get_async(_store(), _path(tenant, sha256))
        content = bytes(await found.bytes_async())
    except FileNotFoundError as absent:
        raise Missing(sha256) from absent
    except BaseError as failure:
        raise Away(str(failure)) from failure
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Missing(f"{sha256}: the stored bytes were altered")
    return content


async def holds(tenant: str, sha256: str) -> bool:
    """Tell whether bytes lie under this hash, without reading them. Raises Away."""
    try:
        await obstore.head_async(_store(), _path(tenant, sha256))
    except FileNotFoundError:
        return False
    except BaseError as failure:
        raise Away(str(failure)) from failure
    return True


async def named(tenant: str, sha256: str) -> bytes:
    """Return bytes that an entry names. Raises Unknown with the sentence for the one who looks at them; Away."""
    try:
        return await get(tenant, sha256)
    except Missing as lost:
        raise Unknown(
            "bytes-missing",
            "記録にあるファイルが保管場所で見つからないか、書き換えられています。運用の担当に知らせてください。",
            "The file that the record names is missing or altered in storage. Tell the operator.",
        ) from lost


def _path(tenant: str, sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise Missing(sha256)
    return f"{tenant}/{sha256[:2]}/{sha256}"


@lru_cache(maxsize=1)
def _store() -> Any:  # obstore's stores share no public base class
    url = settings().blobs
    if url.startswith("file://"):
        return LocalStore(prefix=url.removeprefix("file://"), mkdir=True)
    return from_url(url)
