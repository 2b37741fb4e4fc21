"""The instrument that makes a certificate: everything it needs is handed in, nothing here knows a transaction.

The steps are apart because each may be the last one before a crash: whatever was done is done again, to the same bytes
before the signature, and only the first `issued` counts. `python -m services.certificates.issuing FONTS KEYS ORIGIN` is
the press room's process (`pressroom.py`): it alone loads the compiler, the signer and the private keys.
"""

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.certificates.document import credential
from services.certificates.document.render import Press
from services.certificates.domain.certificate import Made
from services.certificates.order import Files, Order, Step, read_input
from services.certificates.pressroom import Job, Outcome
from services.certificates.signing import ALONE, BadKey, Means, Signer, edition, load_credential_key, publish
from shared.annex import serve
from shared.settings import SigningSettings
from verifier import log
from verifier.verdict import Wrong

PROOF_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Instrument:
    """Fonts, compiler and keys, prepared once."""

    press: Press
    signer: Signer
    key: Ed25519PrivateKey

    @classmethod
    def load(cls, fonts: Path, keys: Path, means: Means = ALONE) -> "Instrument":
        """Prepare. Raises FileNotFoundError for fonts or keys that are not there, BadKey, DeviceAway."""
        return cls(Press(fonts), Signer.load(keys, means), load_credential_key(keys))

    def make(self, order: Order, stored: bytes, copies: Mapping[str, bytes]) -> Files:
        """Render and sign from the stored input.

        `copies` are its photos by the originals' hashes. Raises MissingPhoto for one that is not among them, ValueError
        for a proof that does not hold, NoStamp, DeviceAway.
        """
        given = read_input(stored)
        began = time_ns()
        written = credential.issue(given, [cited(order)], self.key)
        unsigned = self.press.render(given, copies, written)
        rendered = time_ns()
        pdf = self.signer.sign(unsigned, at=given.issued_at)
        steps = (Step("certificate render", began, rendered), Step("certificate sign", rendered, time_ns()))
        made = Made(
            input_sha256=hashlib.sha256(stored).hexdigest(),
            pdf_sha256=hashlib.sha256(pdf).hexdigest(),
            json_sha256=hashlib.sha256(written).hexdigest(),
            key=self.signer.fingerprint,
            log_index=order.log_index,
        )
        return Files(pdf, written, made, steps)


def cited(order: Order) -> credential.Cited:
    """Return the entry a certificate stands on, with its proof. Raises ValueError when the proof does not hold.

    What does not verify is never signed, whoever sent it.
    """
    text = "\n".join([PROOF_HEADER, f"index {order.log_index}", *order.path, "", order.checkpoint])
    try:
        log.check_inclusion(log.parse(text), hashlib.sha256(order.body + order.salt).digest())
    except Wrong as wrong:
        raise ValueError(f"the log proof of {order.number} does not hold: {wrong.en}") from wrong
    return credential.Cited(order.body, order.salt, text)


def work(fonts: Path, keys: Path, origin: str) -> Callable[[bytes], bytes]:
    """Return what does one job after the other, with the instrument that the first one loads.

    Keys that are missing are made then, and their public halves published under the log's `origin`. The instrument is
    loaded anew when a key's file was exchanged, or when the device that holds a key went away.
    """
    instrument: Instrument | None = None
    loaded: object = None

    def do(asked: bytes) -> bytes:
        nonlocal instrument, loaded
        job = Job.model_validate_json(asked)
        try:
            if instrument is None or loaded != edition(keys):
                instrument, means = None, Means.of(SigningSettings())
                publish(keys, origin, datetime.now(UTC), means)
                if job.document is not None:  # needs no fonts
                    return _signed(job.document, job.issuer, load_credential_key(keys)).model_dump_json().encode()
                loaded = edition(keys)
                instrument = Instrument.load(fonts, keys, means)
        except (OSError, BadKey) as failure:
            instrument = None
            return Outcome(not_ready=str(failure)).model_dump_json().encode()
        try:
            outcome = _outcome(instrument, job)
        except OSError as gone:
            instrument, outcome = None, Outcome(unmakeable=str(gone))
        return outcome.model_dump_json().encode()

    return do


def _signed(document: Mapping[str, Any], issuer: str, key: Ed25519PrivateKey) -> Outcome:
    return Outcome(document=credential.sign(document, issuer, key))


def _outcome(instrument: Instrument, job: Job) -> Outcome:
    """Do a job. Raises OSError for what is of the instrument and not of this certificate."""
    try:
        if job.document is not None:
            return _signed(job.document, job.issuer, instrument.key)
        if job.order is None:
            return Outcome()
        return Outcome(files=instrument.make(job.order, job.stored, job.copies))
    except OSError:
        raise
    except Exception as failure:  # noqa: BLE001 - of this certificate: no photo, no proof, an odd document
        return Outcome(unmakeable=str(failure) or repr(failure))


if __name__ == "__main__":
    serve(work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
