"""The words of tracking's pages: one table of msgids for each kind of thing, so that no template decides a word."""

from collections.abc import Mapping

from shared.web.i18n import msgid as _

ITEM_KINDS: Mapping[str, str] = {
    "notebook": _("ノートパソコン"),
    "desktop": _("デスクトップ"),
    "loose-drive": _("記憶媒体"),
}
LOT_KINDS: Mapping[str, str] = {"monitor": _("モニター"), "keyboard": _("キーボード"), "other": _("そのほか")}
MEDIUM_KINDS: Mapping[str, str] = {
    "hdd": "HDD",
    "ssd": "SSD",
    "nvme": "NVMe",
    "soldered": _("基板実装（eMMC・UFS）"),
    "unknown": _("不明"),
}
ZONES: Mapping[str, str] = {
    "mynumber": _("個人番号利用事務系"),
    "lgwan": _("LGWAN接続系"),
    "internet": _("インターネット接続系"),
}
LEVELS: Mapping[str | None, str] = {
    None: _("なし"),
    "clear": _("Clear（消去）"),
    "purge": _("Purge（除去）"),
    "destroy": _("Destroy（破壊）"),
}
ASSURANCES: Mapping[str, str] = {
    "witnessed": _("職員の立会い"),
    "onsite_erase_plus_certificate": _("庁舎での消去と証明書"),
    "both": _("職員の立会いと証明書"),
}
POLICY_SOURCES: Mapping[str, str] = {
    "MIC R2.12": _("総務省ガイドライン 令和2年12月版"),
    "MIC R4.3": _("総務省ガイドライン 令和4年3月版"),
    "MIC R6.10": _("総務省ガイドライン 令和6年10月版"),
    "MIC R7.3": _("総務省ガイドライン 令和7年3月版"),
}
POLICY_GRADES: Mapping[str, str] = {
    "MIC R2.12": _("機密性3・2・1"),
    "MIC R4.3": _("機密性3・2・1"),
    "MIC R6.10": _("自治体機密性3A・3B・3C・2・1"),
    "MIC R7.3": _("自治体機密性3A・3B・3C・2・1"),
}
POLICY_FIELDS: Mapping[str, str] = {
    "zone": _("ネットワーク"),
    "confidentiality": _("機密性"),
    "media_class": _("分類"),
    "on_site": _("役場で求める水準"),
    "at_centre": _("センターで求める水準"),
    "assurance": _("確かめ方"),
}
PLACES: Mapping[str, str] = {
    "town": _("役場（出庫前）"),
    "transit": _("輸送中"),
    "centre": _("ITADセンター"),
    "recycled": _("再資源化済み"),
    "on-its-way": _("町へ納品中（町は未確認）"),
    "taken-over": _("役場（受け取り済み）"),
    "given": _("寄贈先"),
}
STEPS: Mapping[str, str] = {
    "registered": _("登録"),
    "erased": _("データ消去"),
    "shipped-out": _("出庫"),
    "received": _("入庫"),
    "destroyed": _("粉砕"),
    "closed": _("終了"),
    "ssd": _("SSD換装"),
    "os": _("OS導入"),
    "cleaning": _("クリーニング"),
    "support": _("サポート設定"),
    "ready": _("再生完了"),
    "taken-over": _("受け取り"),
    "given": _("寄贈"),
    "recycled": _("再資源化"),
}
ROLES: Mapping[str, str] = {
    "town-admin": _("町の管理者"),
    "clerk": _("町の担当"),
    "witness": _("立会い"),
    "approver": _("承認者"),
    "centre-manager": _("センターの管理者"),
    "worker": _("センターの作業者"),
    "refurbisher": _("再生の担当"),
    "carrier": _("運送"),
    "auditor": _("監査"),
    "platform-operator": _("運用者"),
}
DAYS_KINDS: Mapping[str, str] = {
    "calendar": _("暦日（土日祝も数える）"),
    "business": _("開庁日（土日祝と12月29日〜1月3日を数えない）"),
}
CERTIFICATES: Mapping[str, str] = {
    "erasure": _("消去証明書"),
    "destruction": _("破壊証明書"),
    "tracking": _("追跡証明書"),
}
MATERIALS: Mapping[str, str] = {
    "ferrous": _("鉄"),
    "non-ferrous": _("非鉄金属"),
    "plastic": _("プラスチック"),
    "circuit-board": _("基板"),
    "battery": _("電池"),
    "other": _("そのほか"),
}
OUTCOMES: Mapping[str, str] = {
    "found": _("見つかった"),
    "replaced": _("取り替えた"),
    "lost": _("見つからない（紛失）"),
}
ABOUT: Mapping[str, str] = {
    "receipt": _("入庫の差"),
    "delivery": _("納品の差"),
    "reopened": _("証跡の取り消し"),
    "lot": _("員数の差"),
}
STAGES: Mapping[str, str] = {"speedy": _("速報"), "final": _("確報")}
FATES: Mapping[str, str] = {"recycled": _("再資源化"), "returned": _("返却")}

# What stands on the timeline of a device: the title, and whether it belongs to data or to the second life.
EVENTS: Mapping[str, tuple[str, str]] = {
    "tracking.item-registered.v1": (_("登録"), ""),
    "tracking.requirement-changed.v1": (_("求める基準の変更"), ""),
    "tracking.corrected.v1": (_("登録内容の訂正"), "ask"),
    "tracking.breach-explained.v1": (_("合わないところの説明"), ""),
    "tracking.medium-corrected.v1": (_("記憶媒体の登録内容の訂正"), "ask"),
    "tracking.label-bound.v1": (_("ラベルの付け替え"), ""),
    "erasure.item-placed.v1": (_("消去の作業に載せた"), ""),
    "erasure.item-taken-out.v1": (_("消去が終わらず外した"), "ask"),
    "erasure.medium-erased.v1": (_("データ消去"), ""),
    "erasure.erasure-failed.v1": (_("データ消去できず"), "ask"),
    "erasure.erasure-verified.v1": (_("消去の確認"), ""),
    "tracking.exception-requested.v1": (_("消去できない機器の申し出"), "ask"),
    "tracking.exception-approved.v1": (_("申し出の承認"), ""),
    "tracking.shipped-out.v1": (_("出庫"), ""),
    "tracking.received.v1": (_("入庫"), ""),
    "tracking.sighted.v1": (_("読み取り（所在の確認）"), ""),
    "tracking.loss-reported.v1": (_("紛失の記録"), "ask"),
    "tracking.loss-notified.v1": (_("紛失の報告"), "ask"),
    "tracking.loss-ended.v1": (_("紛失したものが見つかった"), ""),
    "erasure.medium-removed.v1": (_("記憶媒体の取り出し"), ""),
    "erasure.medium-destroyed.v1": (_("粉砕"), ""),
    "tracking.medium-cleared.v1": (_("記憶媒体の処理が完了"), ""),
    "tracking.medium-reopened.v1": (_("証跡の取り消し"), "ask"),
    "certificates.requested.v1": (_("証明書の作成"), ""),
    "certificates.issued.v1": (_("証明書の発行"), ""),
    "certificates.overdue.v1": (_("証明書の期限切れ"), "ask"),
    "certificates.revoked.v1": (_("証明書の取り消し"), "ask"),
    "certificates.validated.v1": (_("町による証明書の確認"), ""),
    "tracking.custody-closed.v1": (_("終了"), "turn"),
    "tracking.reuse-candidate-named.v1": (_("再生の候補"), "life"),
    "tracking.recycling-chosen.v1": (_("再資源化へ"), "life"),
    "refurb.work-started.v1": (_("作業の開始"), "life"),
    "refurb.candidate-accepted.v1": (_("再生の判定"), "life"),
    "refurb.candidate-rejected.v1": (_("再生しない判定"), "life"),
    "refurb.part-replaced.v1": (_("部品の取り替え"), "life"),
    "refurb.step-done.v1": (_("再生の作業"), "life"),
    "refurb.ready.v1": (_("再生完了"), "life"),
    "refurb.delivered-to-town.v1": (_("町へ納品"), "life"),
    "refurb.recycled.v1": (_("再資源化"), "life"),
    "tracking.taken-over.v1": (_("受け取り"), "life"),
    "refurb.support-contacted.v1": (_("サポートの記録"), "life"),
}
