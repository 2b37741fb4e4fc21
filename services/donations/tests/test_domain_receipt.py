"""Receipt numbers and passphrases."""

import re

from services.donations.domain.receipt import canonical, hashed, nth, order, passphrase, receipt_number
from shared.ids import ALPHABET, uuid7


def test_receipts_count_on_and_sort_as_they_were_given() -> None:
    receipts = [receipt_number("063622", n) for n in (1, 20, 9_999, 10_000)]
    assert receipts == ["063622-0001", "063622-0020", "063622-9999", "063622-10000"]
    assert sorted(receipts, key=order) == receipts
    assert [nth(receipt) for receipt in receipts] == [1, 20, 9_999, 10_000]


def test_a_passphrase_follows_from_the_secret_and_the_application_and_reads_well() -> None:
    application = uuid7()
    drawn = {passphrase(bytes([n]) * 32, application) for n in range(200)}
    assert len(drawn) == 200
    assert all(re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", one) for one in drawn)
    assert passphrase(b"a" * 32, application) == passphrase(b"a" * 32, application)
    assert passphrase(b"a" * 32, application) != passphrase(b"a" * 32, uuid7())


def test_what_people_type_for_what_they_read_opens_all_the_same() -> None:
    application = uuid7()
    kept = hashed(application, "K1G4-02BD")
    assert kept == hashed(application, " kIg4 o2bd ") == hashed(application, "KLG402BD")
    assert kept == hashed(application, "Ｋ１Ｇ４　０２ｂｄ")
    assert canonical(" kIg4　o2bd ") == "K1G4-02BD"
    assert kept != hashed(application, "K1G4-02BE")
    assert kept != hashed(uuid7(), "K1G4-02BD")
