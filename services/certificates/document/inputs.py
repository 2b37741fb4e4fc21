"""What a certificate says, typed and frozen: the whole input of the printed page and of the credential.

The certificates service fills these from its views and keeps their canonical bytes as a blob; an entry commits to the
SHA-256. A field that nobody recorded stays None and is printed as 不明／記録なし: nothing is made up. The fields are
those of NIST SP 800-88 Rev. 2 (certificate of sanitization) and of MIC's guideline (photos, deadline, contract,
witness).
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.certificates.document import jcs

PHOTOS_MAX = 4
TEXT_SIZE_MAX = 500  # characters of one field: hostile text must not fill the page
ROWS_MAX = 40

HEX = r"^[0-9a-f]{64}$"


Text = Annotated[str, Field(min_length=1, max_length=TEXT_SIZE_MAX)]
Sha256 = Annotated[str, Field(pattern=HEX)]
Method = Literal["clear", "purge", "destroy"]
Role = Literal["sanitised", "verified", "validated", "witness", "issued"]
StepName = Literal["registered", "erased", "shipped-out", "received", "destroyed", "closed"]


class Part(BaseModel):
    """A value inside an input: frozen, and strict about names so that a typing error is not a lost field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(Part):
    """Somebody who did, checked, accepted or watched; `signed` names how that person attested it."""

    role: Role
    name: Text | None = None
    title: Text | None = None
    on: date | None = None
    place: Text | None = None
    contact: Text | None = None
    signed: Text | None = None


class Photo(Part):
    """An evidence photo; the hash is of the original as taken, the page shows a copy of it."""

    sha256: Sha256
    copy_sha256: Sha256 | None = None
    role: Literal["before", "after"]
    taken_at: AwareDatetime | None = None


class Reason(Part):
    """Why a grade is what it is, in both languages."""

    code: Text
    ja: Text
    en: Text


class Policy(Part):
    """The rule in force: which guideline, which version of the town's table, which class."""

    source: Text | None = None
    version: Text
    media_class: Literal[1, 2, 3] | None = None
    raised: Text | None = None  # why this job asked for more than the table's row


class LogPlace(Part):
    """Where the cited entry stands in the log and the head that proves it."""

    index: int = Field(ge=0)
    size: int = Field(ge=1)
    root: Sha256


class Replaced(Part):
    """The certificate in whose place this one stands, and why that one was revoked, in both languages."""

    number: Text
    ja: Text
    en: Text


class Certificate(Part):
    """What every kind has."""

    number: Text
    issued_at: AwareDatetime
    due_on: date | None = None
    sample: bool = False  # prints 見本 across the head
    addressee: Text
    issuer: Text
    verify_url: Annotated[str, Field(max_length=300)]
    replaces: Replaced | None = None
    contract: Text | None = None
    people: tuple[Person, ...] = Field(default=(), max_length=ROWS_MAX)
    log: LogPlace | None = None


class ItemCertificate(Certificate):
    """What every kind about one item has."""

    item: str
    label: Text
    manufacturer: Text | None = None
    model: Text | None = None
    serial: Text | None = None
    property_number: Text | None = None
    policy: Policy | None = None


class MediumCertificate(ItemCertificate):
    """What the two certificates of one storage medium share."""

    medium: str
    serial_corrected: Text | None = None  # what the register says since the cited entry, when that differs
    media_type: Text | None = None
    media_source: Text | None = None  # the computer it came from
    confidentiality_before: Text | None = None
    confidentiality_after: Text | None = None
    method: Method
    technique: Text
    tool: Text | None = None
    tool_version: Text | None = None
    treated_at: AwareDatetime  # the cited entry's occurredAt
    place: Text | None = None
    verification_method: Text | None = None
    destination: Text | None = None
    on_site: Text | None = None  # what was done before the medium left the town hall, and its certificate
    assurance: Text | None = None  # 履行確認
    required: Method | None = None
    achieved: Method | None = None
    reasons: tuple[Reason, ...] = Field(default=(), max_length=ROWS_MAX)


class DestructionInput(MediumCertificate):
    """破壊証明書: one medium, destroyed, with photos. `tool` is the cited entry's machine."""

    kind: Literal["destruction"] = "destruction"
    method: Method = "destroy"
    photos: tuple[Photo, ...] = Field(min_length=1, max_length=PHOTOS_MAX)
    photographed_with: Text | None = None
    particle: Text | None = None  # the largest edge of what came out
    security_class: Text | None = None  # DIN 66399 / ISO/IEC 21964, only as somebody stated it
    tray: Text | None = None  # several media in one picture, with their tracking IDs
    video: Text | None = None  # a recording by name, length, place and hash; the file stays where it is


class Report(Part):
    """The tool's own report, kept in its original bytes under this hash, and when it says that the job was done.

    `…_said` are the tool's digits where it states no zone: nobody knows the moment, so none is made of them.
    """

    sha256: Sha256
    filename: Text | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    started_said: Text | None = None
    finished_said: Text | None = None


class ErasureInput(MediumCertificate):
    """消去証明書: one medium, erased, with the tool's report. `method` is the level its entry says was achieved."""

    kind: Literal["erasure"] = "erasure"
    report: Report


class MediumLine(Part):
    """A medium of the item, with the certificate that speaks of it."""

    media_type: Text | None = None
    serial: Text | None = None
    method: Method | None = None
    certificate: Text | None = None


class Step(Part):
    """One step of custody."""

    step: StepName
    occurred_at: AwareDatetime
    place: Text | None = None
    holder: Text | None = None
    evidence: Text | None = None
    log_index: int | None = Field(default=None, ge=0)


class Requirement(Part):
    """One thing the policy asks, and whether it was met."""

    ja: Text
    en: Text
    met: bool


class TrackingInput(ItemCertificate):
    """追跡証明書: one item, from registration to closing."""

    kind: Literal["tracking"] = "tracking"
    item_kind: Text | None = None
    media: tuple[MediumLine, ...] = Field(default=(), max_length=ROWS_MAX)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=ROWS_MAX)
    certificates: tuple[Text, ...] = Field(default=(), max_length=ROWS_MAX)
    requirements: tuple[Requirement, ...] = Field(default=(), max_length=ROWS_MAX)
    afterwards: Text | None = None  # このあとの機器
    seals: tuple[Text, ...] = Field(default=("課長", "係長", "担当"), max_length=5)


class LotLine(Part):
    """A single certificate on a lot's list: what it is about, its number, and the fingerprints of its two files."""

    label: Text
    kind: Literal["destruction", "erasure", "tracking"]
    number: Text
    issued_at: AwareDatetime
    pdf_sha256: Sha256
    json_sha256: Sha256


class LotInput(Certificate):
    """一括証明書: the single certificates of an engagement, or of chosen items, as they stood at a moment."""

    kind: Literal["lot"] = "lot"
    engagement: str
    label: Text  # the list's own
    title: Text | None = None
    as_of: AwareDatetime  # the cited entry's recordedAt
    list_sha256: Sha256  # of `lines` in canonical JSON, as the cited entry says
    lines: tuple[LotLine, ...] = Field(min_length=1)


Input = DestructionInput | ErasureInput | TrackingInput | LotInput


def plain(given: Input) -> dict[str, Any]:
    """Return the input as plain JSON values, without the fields nobody recorded."""
    return given.model_dump(mode="json", exclude_none=True)


def canonical(given: Input) -> bytes:
    """Return the bytes that are kept as the input's blob and whose SHA-256 is recorded."""
    return jcs.canonical(plain(given))
