import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.certificates import bindery, keys
from services.certificates.pressroom import PressRoom
from services.certificates.signing import CREDENTIAL_KEY, PDF_CERTIFICATE, PDF_KEY, publish
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import ENGAGEMENT, Machine
from services.tracking.log.note import NoteSigner
from shared.ids import uuid7
from shared.refused import Refused
from shared.settings import settings
from shared.testing import NOW, TOWN
from verifier.bundle import verify_bundle
from verifier.keys import Keys
from verifier.verdict import Verdict

AT = datetime(2026, 11, 24, tzinfo=UTC)
ORIGIN = "meguru.example/log"


def test_keys_are_made_once_and_a_rotated_one_is_added_to_the_old_ones(tmp_path: Path) -> None:
    publish(tmp_path, ORIGIN, AT)
    first = keys.published(tmp_path)
    publish(tmp_path, ORIGIN, AT)
    assert keys.published(tmp_path) == first
    for name in (PDF_KEY, PDF_CERTIFICATE, CREDENTIAL_KEY):
        (tmp_path / name).unlink()
    publish(tmp_path, ORIGIN, AT)
    assert keys.published(tmp_path).startswith(first)
    (tmp_path / keys.LOG).write_text(f"{NoteSigner.new(ORIGIN).vkey}\n")
    known = Keys.parse(keys.trusted(tmp_path))
    assert (len(known.logs), len(known.credentials), len(known.certificates)) == (1, 2, 2)


def test_before_the_first_start_a_sentence_says_what_to_wait_for(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="台帳の公開鍵"):
        keys.trusted(tmp_path)
    with pytest.raises(Refused, match="証明書の公開鍵"):
        keys.published(tmp_path)


# ── the log's key changes: certificates from before, in and after the overlap, carried elsewhere as one bundle ─────


async def issued(house: House) -> str:
    """Issue a destruction certificate whose proof ends in the log's newest head."""
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    await house.issue()
    return machine.number()


@pytest.fixture(scope="module")
async def numbers(house: House) -> dict[str, str]:
    """One certificate from each time; the keys are published as tracking publishes them."""
    public, old, new = settings().keys / keys.LOG, house.log.signer, NoteSigner.new(house.log.signer.name)
    made = {"before": await issued(house)}
    public.write_text(f"{old.vkey}\n{new.vkey} # since 2027-01-05T00:00:00Z\n")
    house.log.signer, house.log.beside = new, old
    made["overlap"] = await issued(house)
    public.write_text(f"{old.vkey} until={len(house.log.leaves)}\n{new.vkey} # since 2027-01-05T00:00:00Z\n")
    house.log.beside = None
    made["after"] = await issued(house)
    house.log.signer = old  # a thief, or a sequencer that was not told
    made["forged"] = await issued(house)
    return made


@pytest.fixture(scope="module")
async def bundle(house: House, web: Web, numbers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert len(numbers) == 4
    asked = uuid7()
    url = f"/api/certificates/bundles?town={TOWN}"
    await web.post(url, {"request": str(asked), "engagement": str(ENGAGEMENT)})
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    try:
        assert await bindery.make_open(house.made.consumer, room, NOW) == 1
    finally:
        await room.close()
    path = tmp_path_factory.mktemp("carried") / "bundle.zip"
    content = (await web.get(f"/certificates/bundles/{asked}.zip?town={TOWN}")).content
    await asyncio.to_thread(path.write_bytes, content)
    return path


async def true(bundle: Path, numbers: dict[str, str], known: Keys) -> dict[str, bool]:
    """Return which certificates of the bundle are true, by the time they are from: page and JSON agree."""
    answers = await asyncio.to_thread(lambda: dict(verify_bundle(bundle, known)))
    found = {}
    for time, number in numbers.items():
        both = {answers[name] for name in answers if f"{number}." in name}
        assert len(both) == 2
        verdicts = [one for one in both if isinstance(one, Verdict)]
        assert {check.name for one in verdicts for check in one.checks if check.status == "failed"} <= {"log"}
        (found[time],) = {one.ok for one in verdicts}
    return found


@sample.needs_fonts
async def test_every_true_one_verifies_with_the_list_of_today_and_the_forged_one_does_not(
    bundle: Path, numbers: dict[str, str]
) -> None:
    known = Keys.parse(keys.trusted(settings().keys))
    assert await true(bundle, numbers, known) == {"before": True, "overlap": True, "after": True, "forged": False}


@sample.needs_fonts
async def test_who_has_not_got_the_new_key_yet_follows_until_the_overlap_ends(
    bundle: Path, numbers: dict[str, str]
) -> None:
    text = keys.trusted(settings().keys)
    lines = [line for line in text.splitlines() if "# since 2027" not in line]
    known = Keys.parse("\n".join(line.partition(" until=")[0] for line in lines))
    assert (await true(bundle, numbers, known))["after"] is False
    assert (await true(bundle, numbers, known))["overlap"] is True


@sample.needs_fonts
async def test_when_the_old_key_turns_out_to_be_stolen_the_overlap_s_certificates_stand(
    bundle: Path, numbers: dict[str, str]
) -> None:
    text = keys.trusted(settings().keys).replace(" until=", " revoked=2020-01-01T00:00:00Z until=")
    assert await true(bundle, numbers, Keys.parse(text)) == {
        "before": False,
        "overlap": True,
        "after": True,
        "forged": False,
    }
