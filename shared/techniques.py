"""What each technique of a sanitization is called, in Japanese and English: one wording on pages and certificates.

The codes are the readers' own, `services/erasure/domain/technique.py`; `unknown` is said by each place itself.
"""

WORDS: dict[str, tuple[str, str]] = {
    "nvme-sanitize-block": ("NVMe サニタイズ（ブロック消去）", "NVMe sanitize, block erase"),
    "nvme-sanitize-crypto": ("NVMe サニタイズ（暗号消去）", "NVMe sanitize, crypto erase"),
    "nvme-sanitize-overwrite": ("NVMe サニタイズ（上書き）", "NVMe sanitize, overwrite"),
    "nvme-format": ("NVMe フォーマット（消去方式の記載なし）", "NVMe format, secure erase not stated"),
    "nvme-format-ses1": ("NVMe フォーマット（ユーザーデータ消去）", "NVMe format, user data erase"),
    "nvme-format-ses2": ("NVMe フォーマット（暗号消去）", "NVMe format, cryptographic erase"),
    "ata-sanitize": ("ATA サニタイズ（方式の記載なし）", "ATA sanitize, operation not stated"),
    "ata-sanitize-block": ("ATA サニタイズ（ブロック消去）", "ATA sanitize, block erase"),
    "ata-sanitize-crypto": ("ATA サニタイズ（暗号消去）", "ATA sanitize, crypto scramble"),
    "ata-sanitize-overwrite": ("ATA サニタイズ（上書き）", "ATA sanitize, overwrite"),
    "ata-security-erase": ("ATA セキュアイレース", "ATA security erase"),
    "ata-security-erase-enhanced": ("ATA 拡張セキュアイレース", "ATA enhanced security erase"),
    "factory-reset": ("端末の初期化（出荷時状態・Powerwash・遠隔ワイプ）", "factory reset of the device"),
    "overwrite": ("全領域の上書き", "overwrite of all addressable sectors"),
    "discard": ("領域の解放（discard）", "discard"),
    "read-only": ("読み取り検査", "reading only"),
    "none": ("なし", "none"),
}
