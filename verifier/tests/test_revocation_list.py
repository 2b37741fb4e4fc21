import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from verifier.__main__ import main
from verifier.keys import Keys
from verifier.revocation_list import Revocations
from verifier.tests import sample
from verifier.verdict import Unreadable
from verifier.verification import verify_bytes

FRESH, LATE = datetime(2021, 10, 12, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
NUMBER = json.loads(sample.JSON)["credentialSubject"]["number"]


def the_list(now: datetime = FRESH) -> Revocations:
    return Revocations.parse(sample.REVOKED, sample.KEYS, now)


@pytest.mark.parametrize("file", [sample.JSON, sample.PDF], ids=["json", "pdf"])
def test_a_revoked_certificate_is_false_with_its_reason_and_its_replacement(file: bytes) -> None:
    verdict = verify_bytes("c", file, sample.KEYS, revocations=the_list(LATE))
    assert verdict.standing
    assert (verdict.standing.state, verdict.standing.replaced_by) == ("revoked", f"{NUMBER}-R2")
    assert "記載の誤り" in verdict.standing.ja
    assert "2021-10-09" in verdict.standing.en
    assert not verdict.ok
    assert all(check.status != "failed" for check in verdict.checks), "nothing was altered"


def test_what_is_not_listed_stands_as_of_the_list() -> None:
    verdict = verify_bytes("c", sample.ERASURE_JSON, sample.KEYS, revocations=the_list())
    assert verdict.standing
    assert verdict.standing.state == "stands"
    assert verdict.ok


def test_a_list_past_its_next_update_or_older_than_the_certificate_says_so() -> None:
    late = verify_bytes("c", sample.ERASURE_JSON, sample.KEYS, revocations=the_list(LATE))
    assert late.standing
    assert (late.standing.state, late.ok) == ("unknown", True)
    assert "2021-10-17" in late.standing.en
    newer = json.loads(sample.ERASURE_JSON) | {"validFrom": "2021-11-01T00:00:00Z"}
    known = Revocations.parse(sample.REVOKED, sample.TRUSTED_LIAR, FRESH)
    told = verify_bytes("c", sample.resigned(newer), sample.TRUSTED_LIAR, revocations=known)
    assert told.standing
    assert "older than the certificate" in told.standing.en


def test_a_list_signed_by_a_key_that_was_revoked_is_none_whatever_day_it_says() -> None:
    lines = [one for one in sample.KEY_TEXT.splitlines() if "/credential+" in one]
    for day in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):
        keys = Keys.parse(sample.KEY_TEXT + "".join(f"{line.split()[0]} revoked={day}\n" for line in lines))
        with pytest.raises(Unreadable, match="revoked"):
            Revocations.parse(sample.REVOKED, keys, FRESH)


def test_a_lot_names_what_was_revoked_of_it_since() -> None:
    document = json.loads(sample.LOT_JSON)
    assert NUMBER in {line["number"] for line in document["credentialSubject"]["lines"]}
    verdict = verify_bytes("l", sample.LOT_PDF, sample.KEYS, revocations=the_list())
    assert verdict.standing
    assert (verdict.standing.state, verdict.ok) == ("outdated", True)
    assert NUMBER in verdict.standing.ja


def test_a_list_that_no_known_key_signed_or_that_was_changed_is_refused() -> None:
    document = json.loads(sample.REVOKED)
    document["credentialSubject"]["revoked"] = []
    for forged in (json.dumps(document).encode(), sample.resigned(document), sample.JSON, b"{}", b"x"):
        with pytest.raises(Unreadable):
            Revocations.parse(forged, sample.KEYS, FRESH)
    shapeless = json.loads(sample.REVOKED)
    shapeless["credentialSubject"]["revoked"] = [{"number": 1}]
    with pytest.raises(Unreadable, match="形"):
        Revocations.parse(sample.resigned(shapeless), sample.TRUSTED_LIAR, FRESH)


def test_the_command_line_exits_with_one_for_what_is_revoked(tmp_path: Path) -> None:
    for name, content in (("c.pdf", sample.PDF), ("e.pdf", sample.ERASURE_PDF), ("r.json", sample.REVOKED)):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "key.txt").write_text(sample.KEY_TEXT, "utf-8")
    known = ["--key", str(tmp_path / "key.txt"), "--revoked", str(tmp_path / "r.json")]
    out = io.StringIO()
    assert main([str(tmp_path / "c.pdf"), *known], out) == 1
    assert "取り消された証明です" in out.getvalue()
    assert f"{NUMBER}-R2" in out.getvalue()
    out = io.StringIO()
    assert main([str(tmp_path / "e.pdf"), *known], out) == 0
    told = out.getvalue()
    first = told.split("\n\n")[0]
    age = (datetime.now(UTC) - Revocations.parse(sample.REVOKED, sample.KEYS, FRESH).issued_at).days
    assert f"{age} 日前のもの" in first, "the frozen list is old by now, and that comes before all else"
    assert f"{age} days old" in first
    assert "いまも有効かは分かりません" in told
    assert "更新の期限" in told
    assert main([str(tmp_path / "e.pdf"), *known[:2], "--revoked", str(tmp_path / "key.txt")], io.StringIO()) == 2
    out = io.StringIO()
    main([str(tmp_path / "c.pdf"), *known, "--json"], out)
    assert json.loads(out.getvalue())[0]["standing"]["state"] == "revoked"


def test_a_fresh_list_warns_of_nothing_and_an_old_one_still_revokes() -> None:
    fresh = Revocations.parse(sample.REVOKED, sample.KEYS, FRESH)
    assert fresh.warning is None
    old = Revocations.parse(sample.REVOKED, sample.KEYS, fresh.next_update + timedelta(days=30))
    assert old.warning
    assert f"{old.age_days} 日前" in old.warning[0]
    assert old.age_days >= 30
    verdict = verify_bytes("c", sample.JSON, sample.KEYS, revocations=old)
    assert verdict.standing
    assert (verdict.standing.state, verdict.ok) == ("revoked", False), "what it names is revoked, however old it is"


def test_a_list_of_another_house_says_nothing_of_a_certificate() -> None:
    both = Keys.parse(sample.KEY_TEXT + sample.vkey("other.example/log/credential", sample.LIAR))
    listed = json.loads(sample.REVOKED)
    cases: list[list[Any]] = [[], listed["credentialSubject"]["revoked"]]
    for rows in cases:  # neither that it stands nor that it is revoked
        listed["credentialSubject"]["revoked"] = rows
        other = Revocations.parse(sample.resigned(listed), both, FRESH)
        verdict = verify_bytes("c", sample.JSON, both, revocations=other)
        assert verdict.standing
        assert verdict.standing.state == "unknown"
        assert "発行元のものではありません" in verdict.standing.ja
