"""A lot's certificate: credential, page and signature, beside what typst alone takes for the same pages."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.certificates.document import credential
from services.certificates.document.inputs import LotInput, LotLine
from services.certificates.document.render import STANDARDS, TEMPLATES, Press
from services.certificates.filling.lot import canonical_list
from services.certificates.signing import Signer, load_credential_key, make_keys
from shared.ids import new_label, uuid7
from shared.stack.stack import FONTS

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
TIMES = 3


def lots(sizes: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    """Return, by number of lines, the seconds of a whole certificate and those of typst alone: the best of a few."""
    folder = Path(tempfile.mkdtemp(prefix="meguru-bench-keys-"))
    make_keys(folder, subject="bench", organisation="bench", at=AT)
    signer, key, press = Signer.load(folder), load_credential_key(folder), Press(FONTS)
    press.render(told(3), {}, b"{}")  # the first page loads the fonts
    found = {}
    for lines in sizes:
        fresh = [told(lines) for _ in range(2 * TIMES)]  # nothing is set twice: typst remembers what it has set
        pages = [press.data(given, {}, credential.issue(given, [], key)) for given in fresh[TIMES:]]

        def whole(given: LotInput) -> None:
            written = credential.issue(given, [], key)
            signer.sign(press.render(given, {}, written), at=AT)

        def bare(data: dict[str, str]) -> None:
            press.compiler.compile(
                TEMPLATES / "lot.typ",
                format="pdf",
                pdf_standards=STANDARDS,
                sys_inputs=data,
                timestamp=int(AT.timestamp()),
            )

        found[lines] = (
            min(_seconds(whole, given) for given in fresh[:TIMES]),
            min(_seconds(bare, data) for data in pages),
        )
    return found


def told(count: int) -> LotInput:
    """Return a list of so many certificates, each with a label and fingerprints of its own."""
    lines = tuple(
        LotLine(
            label=new_label(),
            kind="destruction",
            number=f"D-{new_label()}",
            issued_at=AT,
            pdf_sha256=hashlib.sha256(uuid7().bytes).hexdigest(),
            json_sha256=hashlib.sha256(uuid7().bytes).hexdigest(),
        )
        for _ in range(count)
    )
    return LotInput(
        number="L-7K3D-9Q2M-X",
        issued_at=AT,
        addressee="最上町長",
        issuer="見本センター",
        verify_url="https://localhost/verify",
        engagement=str(uuid7()),
        label="7K3D9Q2MX",
        as_of=AT,
        list_sha256=hashlib.sha256(canonical_list(lines)).hexdigest(),
        lines=lines,
    )


def _seconds(work: Callable[[Any], None], given: Any) -> float:
    started = time.perf_counter()
    work(given)
    return time.perf_counter() - started
