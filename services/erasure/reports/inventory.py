"""What inventories say of a drive: who it is and where it sat, never what was done to it."""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import Encryption, MediumKind, Outcome, Technique
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import SERIAL_MAX, WORDS_MAX, host_of, model_of, serial_of, visible

DRIVES_MAX = 512  # in one file; a big erasure station has 100 bays


def identity(
    words: str,
    *,
    serial: str = "",
    model: str = "",
    device: str = "",
    host_serial: str = "",
    kind: MediumKind = MediumKind.UNKNOWN,
    security_enabled: bool | None = None,
    encryption: Encryption = Encryption.UNKNOWN,
    errors: tuple[str, ...] = (),
) -> Finding:
    """Make a finding that speaks of no erasure. Raises Unreadable when the serial is longer than any device's."""
    return Finding(
        technique=Technique.NONE,
        outcome=Outcome.NONE,
        words=visible(words, WORDS_MAX),
        serial=serial_of(serial),
        model=model_of(model),
        device=visible(device.removeprefix("/dev/"), SERIAL_MAX),
        host_serial=host_of(host_serial),
        kind=kind,
        security_enabled=security_enabled,
        encryption=encryption,
        errors=errors,
    )


def inventory(tool: str, source: str, findings: list[Finding], *, version: str = "") -> Report:
    """Make the report of an inventory. Raises Unreadable when it names nothing, or more drives than any machine has."""
    if not findings:
        raise Unreadable(f"{tool} の出力にドライブがありません。対象を付けて取り直してください。")
    if len(findings) > DRIVES_MAX:
        raise Unreadable(
            f"ドライブ数が上限（{DRIVES_MAX}）を超えています。パソコンごとにファイルを分けて登録してください。"
        )
    return Report(tool=tool, tool_version=visible(version, 40), source=source, findings=tuple(findings))
