"""What donations' pages call things: msgids and the kinds of their marks."""

from shared.web.i18n import msgid as _

USE_WORDS = {
    "circulars": _("回覧文書・総会資料"),
    "accounts": _("会計処理・帳簿記帳"),
    "procedures": _("高齢者等の行政手続き支援"),
    "training": _("研修・講習会"),
    "stock": _("在庫・販売・顧客管理"),
    "meetings": _("オンライン面談"),
    "publishing": _("広報・文芸誌・ホームページ"),
    "other": _("その他の使い道"),
}
DIFFICULTY_WORDS = {
    "no-network": _("置き場所にインターネットがない"),
    "network-cost": _("インターネットを整え、保つ費用"),
    "operation": _("操作がわからない"),
    "trouble": _("故障・不具合"),
    "shelter": _("避難所になったときの使い方"),
}
WORDS = {
    "channel": {"web": _("ネット"), "paper": _("紙・Fax"), "portal": _("e申請")},
    "reason": {"late": _("締切の後"), "early": _("開始の前"), "not-eligible": _("条件に合わない")},
    "kind": {"notebook": _("ノートタイプ"), "desktop": _("デスクトップタイプ")},
    "use": USE_WORDS,
    "difficulty": DIFFICULTY_WORDS,
    "state": {
        "ahead": _("受付の前"),
        "open": _("受付中"),
        "over": _("受付終了"),
        "closed": _("締め切り済み"),
        "settled": _("割り当て済み"),
    },
}
SAID = (_("公募の締め切り"),)  # by the rules, which know no language: marked here for the catalogue
CHIPS = {"ahead": "wait", "open": "on", "over": "plain", "closed": "plain", "settled": "done"}
