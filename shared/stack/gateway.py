"""The gateway: Caddy as the one TLS origin of the one-machine stack, and where a session becomes a bearer token."""

import os
import sysconfig
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.stack.ports import LOOPBACK, listens
from shared.stack.supervisor import Program
from shared.web import problems

FRONT = "tracking"  # everything that is nobody else's, and the sessions: it knows a cookie by itself
PATHS: Mapping[str, tuple[str, ...]] = {
    "erasure": ("/erasure*", "/api/erasure*"),
    "certificates": ("/certificates*", "/api/certificates*", "/verify*"),
    "refurb": ("/refurb*", "/api/refurb*"),
    "donations": ("/donations*", "/api/donations*", "/calls*"),
    "traces": ("/traces*",),
}
GUARDED = "traces"  # it knows no people: the front desk is asked at the same address whether this reader may see it
COOKIE = "__Host-session"
WITHOUT_COOKIE = f'request_header Cookie "{COOKIE}=[^;]*(; *)?" ""'  # a service sees bearer tokens only
BODY_MAX = "20MiB"
CERTIFICATE_DAYS = 397  # the longest that browsers take
RENEW_BEFORE = timedelta(days=30)
KEEP_ALIVE = "60s"  # below the services' 75: the side that sends closes first
MEMORY_SOFT = "32MiB"  # of the Go heap: it collects harder above this, and never fails
# A service that is being restarted costs its readers a moment, not an error: nothing was sent when no one listened.
RETRY, RETRY_EVERY = "5s", "100ms"
DOWN = (
    "サービスが応答しません。記録は失われません。数秒待って、もう一度開いてください。"
    " The service does not answer. Nothing is lost: wait a few seconds and try again."
)
TOO_LARGE = (
    "送られたデータが大きすぎます。20 MB までに分けるか、小さくして送ってください。"
    " The data sent is too large. Split it into parts of at most 20 MB, or make it smaller."
)
TOO_LARGE_DOCUMENT = problems.Problem(  # where the gateway itself stops a body, with the words of the services
    type="urn:meguru:problem:content-too-large",
    title="Content Too Large",
    status=413,
    detail=TOO_LARGE,
    code="content-too-large",
).model_dump_json(exclude_none=True)


class Gateway:
    """Caddy with its certificates in `folder`; `upstreams` is where each service listens."""

    def __init__(self, folder: Path, logs: Path, port: int, upstreams: Mapping[str, int]) -> None:
        self.folder = folder
        self.logs = logs
        self.port = port
        self._upstreams = upstreams

    @staticmethod
    def authority(folder: Path) -> Path:
        """Return the file of the certificate that clients trust."""
        return folder / "authority.pem"

    def program(self) -> Program:
        """Write certificates and configuration, and return what the supervisor runs."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep_certificates(self.folder)
        path = self.folder / "Caddyfile"
        path.write_text(self.configuration(), encoding="utf-8")
        server = Path(sysconfig.get_path("scripts")) / "caddy"
        return Program(
            name="gateway",
            command=(str(server), "run", "--config", str(path), "--adapter", "caddyfile"),
            ready=self.is_ready,
            folder=self.folder,
            environment={  # Caddy writes its own state under HOME; here that is the data folder
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "HOME": str(self.folder),
                "GOMEMLIMIT": MEMORY_SOFT,
                "XDG_CONFIG_HOME": str(self.folder),
                "XDG_DATA_HOME": str(self.folder),
            },
        )

    async def is_ready(self) -> bool:
        """Tell whether the gateway accepts connections."""
        return await listens(self.port)

    def configuration(self) -> str:
        """Return the Caddyfile."""
        routes = "\n".join(
            _ROUTE.format(
                name=name,
                paths=" ".join(paths),
                without_cookie=WITHOUT_COOKIE,
                guard=_GUARD.format(front=f"{LOOPBACK}:{self._upstreams[FRONT]}") if name == GUARDED else "",
                proxy=self._proxy(name),
            )
            for name, paths in PATHS.items()
            if name in self._upstreams
        )
        return _CADDYFILE.format(
            address=f"https://localhost:{self.port}, https://{LOOPBACK}:{self.port}",
            bind=LOOPBACK,
            folder=self.folder,
            logs=self.logs,
            body_max=BODY_MAX,
            cookie=COOKIE,
            others=" ".join(path for paths in PATHS.values() for path in paths),
            front=f"{LOOPBACK}:{self._upstreams[FRONT]}",
            keep_alive=KEEP_ALIVE,
            routes=routes,
            front_proxy=self._proxy(FRONT),
            retry=RETRY,
            retry_every=RETRY_EVERY,
            down=DOWN,
            too_large=TOO_LARGE,
            too_large_document=TOO_LARGE_DOCUMENT,
        )

    def _proxy(self, name: str) -> str:
        return _PROXY.format(
            upstream=f"{LOOPBACK}:{self._upstreams[name]}",
            keep_alive=KEEP_ALIVE,
            retry=RETRY,
            retry_every=RETRY_EVERY,
        )


_PROXY = """\
\t\t\treverse_proxy {upstream} {{
\t\t\t\tflush_interval -1
\t\t\t\tlb_try_duration {retry}
\t\t\t\tlb_try_interval {retry_every}
\t\t\t\ttransport http {{
\t\t\t\t\tversions 1.1
\t\t\t\t\tkeepalive {keep_alive}
\t\t\t\t}}
\t\t\t}}"""

_ROUTE = """\
\t\t@{name} path {paths}
\t\thandle @{name} {{
\t\t\t{without_cookie}
{guard}{proxy}
\t\t}}"""

# Its refusal (sign in, not your role) is the answer, in the reader's language.
_GUARD = """\
\t\t\tforward_auth {front} {{
\t\t\t\turi {{http.request.uri}}
\t\t\t}}
"""

# For other services a cookie becomes an Authorization header by asking the front desk; the front desk itself is given
# the cookie. Without a live session the request goes on as the public's, so an old cookie never locks anybody out of a
# public page. The token itself is for the gateway alone.
_CADDYFILE = """\
{{
\tadmin off
\tpersist_config off
\tauto_https off
\tskip_install_trust
\tgrace_period 10s
\tlog {{
\t\toutput file {logs}/gateway-server.log {{
\t\t\troll_size 10MiB
\t\t\troll_keep 2
\t\t}}
\t}}
\tservers {{
\t\tprotocols h1 h2
\t}}
}}

{address} {{
\tbind {bind}
\ttls {folder}/origin.pem {folder}/origin.key
\tlog {{
\t\toutput file {logs}/access.log {{
\t\t\troll_size 10MiB
\t\t\troll_keep 2
\t\t}}
\t\tformat filter {{
\t\t\trequest>uri regexp "(?i)^(/t/[^/?]+/|/calls/mine/[^/?]+/)[^/?]+|([?&]key=)[^&]+" "${{1}}${{2}}…"
\t\t\trequest>headers>Referer delete
\t\t}}
\t}}
\trequest_body {{
\t\tmax_size {body_max}
\t}}
\troute {{
\t\trequest_header X-Request-Id {{http.request.uuid}}
\t\theader X-Request-Id {{http.request.uuid}}
\t\trespond /session/token 404
\t\t@session {{
\t\t\theader Cookie *{cookie}=*
\t\t\theader !Authorization
\t\t\tpath {others}
\t\t}}
\t\treverse_proxy @session {front} {{
\t\t\tmethod GET
\t\t\trewrite /session/token
\t\t\tlb_try_duration {retry}
\t\t\tlb_try_interval {retry_every}
\t\t\ttransport http {{
\t\t\t\tversions 1.1
\t\t\t\tkeepalive {keep_alive}
\t\t\t}}
\t\t\t@live {{
\t\t\t\tstatus 2xx
\t\t\t\theader Authorization *
\t\t\t}}
\t\t\thandle_response @live {{
\t\t\t\trequest_header Authorization {{http.reverse_proxy.header.Authorization}}
\t\t\t}}
\t\t\t@none status 2xx 4xx
\t\t\thandle_response @none {{
\t\t\t\trequest_header -Authorization
\t\t\t}}
\t\t}}
{routes}
\t\thandle {{
{front_proxy}
\t\t}}
\t}}
\thandle_errors 502 503 504 {{
\t\theader Content-Type "text/plain; charset=utf-8"
\t\theader Cache-Control no-store
\t\theader Retry-After 5
\t\trespond "{down}"
\t}}
\thandle_errors 413 {{
\t\t@page {{
\t\t\theader Accept *text/html*
\t\t\tnot path /api/*
\t\t}}
\t\theader Cache-Control no-store
\t\thandle @page {{
\t\t\theader Content-Type "text/plain; charset=utf-8"
\t\t\trespond "{too_large}"
\t\t}}
\t\thandle {{
\t\t\theader Content-Type application/problem+json
\t\t\trespond `{too_large_document}`
\t\t}}
\t}}
}}
"""


def keep_certificates(folder: Path) -> None:
    """Make the origin's certificate and its authority unless both are there and last for a while.

    The authority's key signs once and is never stored, so nobody can issue another certificate under it.
    """
    chain = folder / "origin.pem"
    if chain.exists() and (folder / "origin.key").exists() and Gateway.authority(folder).exists():
        ends = x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc
        if ends - datetime.now(UTC) > RENEW_BEFORE:
            return
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Meguru on this machine")])
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    authority = (
        _draft(name, name, authority_key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage), critical=True
        )
        .sign(authority_key, SHA256())
    )
    localhost = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address(LOOPBACK)), x509.IPAddress(ip_address("::1"))]
    origin = (
        _draft(localhost, name, key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage), critical=True
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, SHA256())
    )
    private = folder / "origin.key"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    chain.write_bytes(origin.public_bytes(Encoding.PEM))
    Gateway.authority(folder).write_bytes(authority.public_bytes(Encoding.PEM))


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS) - timedelta(hours=2))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
