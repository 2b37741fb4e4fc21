"""What the environment says. Every name is MEGURU_<FIELD>; `meguru doctor` prints them."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Service = Literal["erasure", "tracking", "certificates", "refurb", "donations"]
SERVICES: tuple[Service, ...] = ("tracking", "erasure", "certificates", "refurb", "donations")

MAIL_SETTINGS = tuple(
    f"MEGURU_{name}"
    for name in (
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_TLS",
        "SMTP_USER",
        "SMTP_PASSWORD",
        "SMTP_AUTHORITIES",
        "MAIL_FROM",
        "MAIL_RETURN",
    )
)


class BusSettings(BaseSettings):
    """Where the bus is, and who connects: all that declaring the streams needs."""

    model_config = SettingsConfigDict(env_prefix="MEGURU_", frozen=True, extra="ignore")

    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: SecretStr = SecretStr("")


class SigningSettings(BaseSettings):
    """What signs beside the key files: all that the press room's process reads of the environment."""

    model_config = SettingsConfigDict(env_prefix="MEGURU_", frozen=True, extra="ignore")

    tsa: str = ""  # a time-stamp authority (RFC 3161); empty: the signature's time is our own statement
    tsa_certificate_sha256: str = ""  # of its certificates, in hex, separated by commas
    pkcs11_module: str = ""  # the library of a device that holds the PDF key; empty: a file holds it
    pkcs11_token: str = ""
    pkcs11_pin: SecretStr = SecretStr("")
    pkcs11_label: str = ""


SIGNING_SETTINGS = tuple(f"MEGURU_{name.upper()}" for name in SigningSettings.model_fields)


class Settings(BusSettings, SigningSettings):
    """One service's settings. A password that a process does not need is not set there (worker, api, migration)."""

    service: Service
    role: Literal["api", "worker", "all"] = "all"  # api: no bus, no loops; all: one process a service, on one machine
    database_host: str = "127.0.0.1"
    database_port: int = 5432
    database_name: str = ""
    owner_password: SecretStr = SecretStr("")
    app_password: SecretStr = SecretStr("")
    consumer_password: SecretStr = SecretStr("")
    blobs: str = "file:///var/lib/meguru/blobs"
    keys: Path = Path("/var/lib/meguru/keys")
    jwks: Path = Path("/var/lib/meguru/keys/jwks.json")
    origin: str = "https://localhost"
    otlp: str = ""  # empty: no traces leave
    fonts: Path = Path("shared/web/static/vendor/fonts")
    log_origin: str = "meguru.example/log"
    kept_head: str = "file:///var/lib/meguru/head"  # apart from the database: a folder or an object store, by URL
    development_login: bool = False
    smtp_host: str = ""  # empty: letters wait, and their page says so
    smtp_port: int = 587
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"  # tls: from the start, mostly on port 465
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_authorities: str = ""  # PEM of a mail server whose certificate the machine does not trust by itself
    mail_from: str = ""
    mail_return: str = ""  # where bounces go, each letter's to an address of its own: bounces+…@; empty: mail_from
    trace_flush_ms: int = 500

    @property
    def database(self) -> str:
        """The database's name: the service's own unless said otherwise."""
        return self.database_name or self.service


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment once a process."""
    return Settings()
