"""What the environment says: every name begins with MEGURU_, secrets do not print, a process needs only its own."""

import os
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from shared.database import url
from shared.settings import SERVICES, Settings, settings


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("MEGURU_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_a_process_must_say_which_service_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="service"):
        settings()
    monkeypatch.setenv("MEGURU_SERVICE", "accounting")
    with pytest.raises(ValidationError, match="service"):
        settings()


@pytest.mark.parametrize("service", SERVICES)
def test_the_environment_is_read_once_and_the_database_is_the_service_s_own(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setenv("MEGURU_SERVICE", service)
    known = settings()
    assert (known.service, known.database, known.role) == (service, service, "all")
    monkeypatch.setenv("MEGURU_DATABASE_NAME", "elsewhere")
    assert settings() is known
    settings.cache_clear()
    assert settings().database == "elsewhere"


def test_no_secret_is_printed_and_each_role_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEGURU_SERVICE", "refurb")
    for role in ("OWNER", "APP", "CONSUMER"):
        monkeypatch.setenv(f"MEGURU_{role}_PASSWORD", f"secret-{role}")
    monkeypatch.setenv("MEGURU_NATS_PASSWORD", "secret-bus")
    known = settings()
    assert "secret" not in repr(known)
    for role in ("owner", "app", "consumer"):
        address = url(known, role)  # type: ignore[arg-type]  # the three roles
        assert (address.username, address.password) == (f"refurb_{role}", f"secret-{role.upper()}")
        assert "secret" not in str(address)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings(service="tracking"), "origin", "https://else.example")  # noqa: B010 - a type checker forbids the plain way too


def test_the_development_door_is_shut_unless_asked_for() -> None:
    assert Settings(service="tracking").development_login is False
    assert Settings(service="tracking").otlp == ""
