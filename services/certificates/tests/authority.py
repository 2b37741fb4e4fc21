"""A time-stamp authority on loopback (RFC 3161 over HTTP), with certificates of its own and bad moods."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PRIVATE = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
CONFIGURATION = """[ tsa ]
default_tsa = ours
[ ours ]
serial = {folder}/serial
signer_digest = sha256
digests = sha256
default_policy = 1.2.3.4.1
ordering = yes
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Pair:
    """A key and its certificate."""

    key: rsa.RSAPrivateKey  # pyhanko's sample authority knows RSA only
    certificate: x509.Certificate

    @classmethod
    def new(
        cls, name: str, *, by: "Pair | None" = None, until: datetime | None = None, stamping: bool = True
    ) -> "Pair":
        """Make a root, or an authority's certificate signed by one."""
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        began = datetime.now(UTC) - timedelta(days=9000)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.certificate.subject if by else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(until or datetime.now(UTC) + timedelta(days=9000))
            .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        )
        if by and stamping:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return cls(key, builder.sign((by or cls(key, None)).key, hashes.SHA256()))  # type: ignore[arg-type]  # its own

    @property
    def own(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.certificate.public_bytes(DER))

    @property
    def fingerprint(self) -> str:
        return sha256(self.certificate.public_bytes(DER)).hexdigest()

    def stamper(self, at: datetime | None, *others: "Pair") -> Any:
        store: Any = SimpleCertificateStore
        certificates = store()
        certificates.register_multiple([one.own for one in others])
        private = keys.PrivateKeyInfo.load(self.key.private_bytes(DER, *PRIVATE))
        return DummyTimeStamper(self.own, private, certificates, fixed_dt=at or datetime.now(UTC))


@dataclass
class TimeStampAuthority:
    """The server: `answer` says what it does with a question; `asked` are the questions it was sent."""

    root: Pair
    pair: Pair
    url: str = ""
    answer: Callable[[tsp.TimeStampReq], bytes] | None = None
    kind: str = "application/timestamp-reply"
    silent: bool = False
    asked: list[bytes] = field(default_factory=list)
    closing: Event = field(default_factory=Event)

    def stamp(
        self,
        question: tsp.TimeStampReq,
        *,
        by: Pair | None = None,
        at: datetime | None = None,
        **changed: Any,
    ) -> bytes:
        """Answer a question, or one that was not asked."""
        asked = tsp.TimeStampReq.load(question.dump())
        for name, value in changed.items():
            asked[name] = value
        return bytes((by or self.pair).stamper(at, self.root).request_tsa_response(asked).dump())

    @contextmanager
    def running(self) -> "Iterator[TimeStampAuthority]":
        """Listen on a free port of loopback."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                asked = self.rfile.read(int(self.headers["content-length"]))
                authority.asked.append(asked)
                if authority.silent:
                    authority.closing.wait()
                    return
                question = tsp.TimeStampReq.load(asked)
                content = (authority.answer or authority.stamp)(question)
                self.send_response(200)
                self.send_header("content-type", authority.kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Keep the tests' output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/tsa"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            server.shutdown()
            thread.join()
            server.server_close()


def openssl_answers(pair: Pair, folder: Path) -> Callable[[tsp.TimeStampReq], bytes]:
    """Return an authority's answers as OpenSSL gives them: one that we did not write."""
    (folder / "key.pem").write_bytes(pair.key.private_bytes(PEM, *PRIVATE))
    (folder / "tsa.pem").write_bytes(pair.certificate.public_bytes(PEM))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.conf").write_text(CONFIGURATION.format(folder=folder))

    def answer(question: tsp.TimeStampReq) -> bytes:
        (folder / "question.tsq").write_bytes(question.dump())
        given = {"config": "tsa.conf", "queryfile": "question.tsq", "signer": "tsa.pem", "inkey": "key.pem"}
        named = [part for name, file in given.items() for part in (f"-{name}", str(folder / file))]
        command = ["openssl", "ts", "-reply", *named, "-out", str(folder / "answer.tsr")]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # our own files
        return (folder / "answer.tsr").read_bytes()

    return answer


def waited(work: Callable[[], object]) -> float:
    """Return how long something took, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
