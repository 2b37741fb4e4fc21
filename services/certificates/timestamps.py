"""Time stamps of an authority outside (RFC 3161): who says when a PDF was signed, beside ourselves.

What does not answer, or answers anything but our question, is no stamp: the certificate waits and is tried again
(docs/adr/0023). The only module of a service that asks somebody over HTTP; it runs in the press room's process.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

from asn1crypto import cms, core, tsp
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import set_tsp_headers
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator.context import ValidationContext

WAIT_MAX_S = 5.0  # for the whole exchange
TOKEN_SIZE_MAX = 12 * 1024  # bytes; with three certificates of a chain a token has some 6 KB
CLOCK_SLACK = timedelta(minutes=5)  # as the verifier's: an older stamp would contradict the time of issue
GRANTED = ("granted", "granted_with_mods")  # RFC 3161 §2.4.2
REPLY = "application/timestamp-reply"
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, SigningError, SignatureValidationError)


class NoStamp(ValueError):
    """The authority gave no stamp that counts. Its text says why and what happens next."""

    def __init__(self, ja: str, en: str) -> None:
        super().__init__(
            f"時刻認証局のタイムスタンプが得られず、まだ発行できません: {ja}。自動で試し直します。"
            f"続くときは MEGURU_TSA を確かめてください。 Not issued yet, for want of a time stamp: {en}. "
            "It is tried again by itself; if this stays, check MEGURU_TSA."
        )


@dataclass(frozen=True, slots=True)
class Authority:
    """Where stamps are asked for, and the SHA-256 of the certificates that may have signed them, in hex."""

    url: str
    certificates: frozenset[str]


class Stamper(TimeStamper):
    """Asks the authority for one signature that says it was made at `at`; only what verifies is handed on."""

    def __init__(self, authority: Authority, at: datetime) -> None:
        super().__init__(include_nonce=True)  # type: ignore[no-untyped-call]  # half typed wheel
        self.authority, self.at = authority, at

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """Return a token over the digest. Raises NoStamp."""
        nonce, request = self.request_cms(message_digest, md_algorithm)  # type: ignore[no-untyped-call]  # the same
        answer = await _ask(self.authority.url, request.dump())
        try:
            token = _token(answer)
            await _check(token, self.authority, request["message_imprint"], nonce, self.at)
        except MALFORMED as wrong:
            if isinstance(wrong, NoStamp):
                raise
            raise NoStamp(f"答えが読めません（{wrong}）", f"the answer cannot be read ({wrong})") from wrong
        return token


class Reply(core.Sequence):  # type: ignore[misc]  # untyped wheel
    """`TimeStampResp` with its token optional, as RFC 3161 §2.4.2 has it: asn1crypto's cannot read a refusal."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


async def _ask(url: str, request: bytes) -> bytes:
    import httpx

    headers: dict[str, str] = set_tsp_headers({})
    try:
        async with (
            asyncio.timeout(WAIT_MAX_S),
            httpx.AsyncClient(timeout=WAIT_MAX_S) as client,
            client.stream("POST", url, content=request, headers=headers) as answer,
        ):
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if answer.status_code != httpx.codes.OK or kind != REPLY:
                said = f"HTTP {answer.status_code} {kind}"
                raise NoStamp(f"認証局の答えは {said} でした", f"the authority answered {said}")
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > TOKEN_SIZE_MAX:
                    raise NoStamp("答えが大きすぎます", f"the answer has more than {TOKEN_SIZE_MAX} bytes")
            return content
    except TimeoutError as late:
        raise NoStamp(f"{WAIT_MAX_S:.0f} 秒以内に答えがありません", f"no answer within {WAIT_MAX_S:.0f} s") from late
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as away:
        told = str(away) or type(away).__name__
        raise NoStamp(f"認証局につながりません（{told}）", f"the authority is not reached ({told})") from away


def _token(answer: bytes) -> Any:
    response = Reply.load(answer, strict=True)
    status = response["status"]
    if status["status"].native not in GRANTED:
        told = "; ".join(status["status_string"].native or ()) or status["status"].native
        raise NoStamp(f"認証局に断られました（{told}）", f"the authority refused ({told})")
    return response["time_stamp_token"]


async def _check(token: Any, authority: Authority, imprint: Any, nonce: int, at: datetime) -> None:
    """Check a token against its question (RFC 3161 §2.4.2) and its signer against our setting. Raises NoStamp."""
    info = token["content"]["encap_content_info"]["content"].parsed
    digest: Callable[[str], bytes] = lambda _: imprint["hashed_message"].native  # noqa: E731 - pyhanko asks for a function
    named = [
        one.chosen
        for one in token["content"]["certificates"]
        if sha256(one.chosen.dump()).hexdigest() in authority.certificates
    ]
    ours = ValidationContext(trust_roots=named, allow_fetching=False)  # our setting says whom to trust, not a chain
    status = await validate_tst_signed_data(token["content"], ours, digest)
    certificate, stamped_at = status["signing_cert"], info["gen_time"].native
    usage = certificate.extended_key_usage_value
    now = datetime.now(UTC)
    for holds, ja, en in (
        (status["valid"] and status["intact"], "署名が合いません", "its signature does not fit"),
        (info["message_imprint"].dump() == imprint.dump(), "別のデータへの印です", "it is of other data"),
        (info["nonce"].native == nonce, "別の問いへの答えです", "it answers another question (nonce)"),
        (
            sha256(certificate.dump()).hexdigest() in authority.certificates,
            "MEGURU_TSA_CERTIFICATE_SHA256 にない証明書の署名です",
            "it is signed by a certificate that MEGURU_TSA_CERTIFICATE_SHA256 does not name",
        ),
        (
            usage is not None and usage.native == ["time_stamping"],
            "時刻認証用の証明書ではありません",
            "its certificate is not for time stamping alone (RFC 3161 §2.3)",
        ),
        (
            certificate.not_valid_before <= stamped_at <= certificate.not_valid_after,
            "認証局の証明書の期限が切れています",
            "the authority's certificate is not valid at that time",
        ),
        (
            at - CLOCK_SLACK <= stamped_at <= now + CLOCK_SLACK,
            f"時刻 {stamped_at:%Y-%m-%d %H:%M:%SZ} がこの機械の時計と合いません",
            f"its time {stamped_at:%Y-%m-%d %H:%M:%SZ} is not that of this machine's clock",
        ),
    ):
        if not holds:
            raise NoStamp(f"タイムスタンプが正しくありません（{ja}）", f"the stamp is wrong: {en}")
