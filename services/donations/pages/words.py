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
    "channel": {
        "web": _("ウェブ"),
        "paper": _("郵送・紙"),
        "counter": _("窓口"),
        "fax": _("Fax"),
        "portal": _("電子申請"),
    },
    "reason": {
        "late": _("締切の後"),
        "early": _("開始の前"),
        "not-eligible": _("条件に合わない"),
        "withdrawn": _("取り下げ"),
        "returned": _("返却"),
    },
    "rule": {"first-come": _("先着順"), "lottery": _("抽選"), "review": _("審査")},
    "rule_says": {
        "first-come": _("条件に合う方の中で、受付の早い順です"),
        "lottery": _("条件に合う方の中から抽選します。抽選の種は締め切りの後に公開台帳から決まり、だれにも選べません"),
        "review": _("条件に合う方の応募に、職員が観点ごとに点を付け、別の職員が確かめます"),
    },
    "order_says": {
        "first-come": _("どの方法でも、役場に届いた時刻の順に並びます。"),
        "lottery": _("どの方法でも、抽選では同じに扱います。"),
        "review": _("どの方法でも、審査では同じに扱います。"),
    },
    "rule_did": {
        "first-come": _("役場に届いた時刻の早い順に、条件に合う方へ割り当てました。"),
        "lottery": _("締め切りの記録が公開台帳に載ってから決まった種で抽選し、条件に合う方へ割り当てました。"),
        "review": _("職員2人が確かめた点の高い順に、条件に合う方へ割り当てました。同じ点なら届いた順です。"),
    },
    "erasure": {"request": _("本人の求め"), "retention": _("保存期間が過ぎた")},
    "return": {
        "unused": _("使わなくなった"),
        "broken": _("壊れた"),
        "closed": _("団体がなくなった"),
        "other": _("そのほか"),
    },
    "cleared": {
        "erased": _("データを消去した（記録あり）"),
        "replaced": _("記憶媒体を取り替えた"),
    },
    "letter": {
        "received": _("受付のお知らせ"),
        "granted": _("お譲りのお知らせ"),
        "waiting": _("空き待ちのお知らせ"),
        "not-eligible": _("条件に合わないお知らせ"),
        "late": _("応募期間外のお知らせ"),
    },
    "post": {
        "waiting": _("送信待ち"),
        "sending": _("送信中"),
        "sent": _("送信済み"),
        "refused": _("相手のサーバーに断られた"),
        "unclear": _("届いたか不明"),
        "given-up": _("送れなかった"),
        "withdrawn": _("送る必要がなくなった"),
        "returned": _("届かず戻ってきた"),
    },
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
