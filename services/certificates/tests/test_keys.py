from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.certificates import keys
from services.certificates.signing import CREDENTIAL_KEY, PDF_CERTIFICATE, PDF_KEY
from services.tracking.log.note import NoteSigner
from shared.refused import Refused

AT = datetime(2026, 11, 24, tzinfo=UTC)
ORIGIN = "meguru.example/log"


def test_keys_are_made_once_and_a_rotated_one_is_added_to_the_old_ones(tmp_path: Path) -> None:
    keys.prepare(tmp_path, ORIGIN, AT)
    first = keys.published(tmp_path)
    keys.prepare(tmp_path, ORIGIN, AT)
    assert keys.published(tmp_path) == first
    for name in (PDF_KEY, PDF_CERTIFICATE, CREDENTIAL_KEY):
        (tmp_path / name).unlink()
    keys.prepare(tmp_path, ORIGIN, AT)
    assert keys.published(tmp_path).startswith(first)
    (tmp_path / keys.LOG).write_text(f"{NoteSigner.new(ORIGIN).vkey}\n")
    known = keys.trusted(tmp_path)
    assert (len(known.logs), len(known.credentials), len(known.certificates)) == (1, 2, 2)


def test_before_the_first_start_a_sentence_says_what_to_wait_for(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="台帳の公開鍵"):
        keys.trusted(tmp_path)
    with pytest.raises(Refused, match="証明書の公開鍵"):
        keys.published(tmp_path)
