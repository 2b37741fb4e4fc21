"""Why a grade is what it is: codes with parameters, each with one sentence in Japanese and one in English."""

from dataclasses import dataclass
from string import Formatter

from shared import techniques

SENTENCES: dict[str, tuple[str, str]] = {
    # what carries the level
    "technique-reaches": (
        "{kind}に対する「{technique}」が完了しており、{level}に相当します。",
        "“{technique}” completed on a medium of kind {kind}, which counts as {level}.",
    ),
    "verified": ("実行結果は確認済みです（{verification}）。", "Completion was verified ({verification})."),
    "fresh": (
        "この作業で実施されたことが、時刻と前後の記録から示されています。",
        "Times and records show that it was done in this job.",
    ),
    # what lowers it
    "enhanced-erase-on-flash": (
        "フラッシュ媒体の拡張セキュアイレースは、予備領域の消去を証明しないため Clear までです。",
        "Enhanced secure erase on flash does not prove that spare cells are erased: Clear at most.",
    ),
    "host-overwrite": (
        "ホストからの上書きは予備領域・代替セクタに届かないため Clear までです。",
        "Overwriting from the host does not reach spare areas or reallocated sectors: Clear at most.",
    ),
    "overwrite-on-flash": (
        "フラッシュ媒体への上書き型サニタイズは Clear までとします。",
        "Sanitize by overwriting on flash counts as Clear at most.",
    ),
    "reset-of-device": (
        "端末の初期化は、基板上のフラッシュの予備領域の消去を証明しないため Clear までです。",
        "Resetting the device does not prove that spare cells of the flash on its board are erased: Clear at most.",
    ),
    "crypto-not-offered": (
        "媒体は暗号消去の機能がないと述べています。鍵の変更で消えるのは、暗号化して書かれたデータだけです。",
        "The drive says that it has no cryptographic erase; changing a key destroys only what it enciphered.",
    ),
    "hidden-areas": (
        "HPA／DCO の隠し領域が残っているため Purge とは認めません。",
        "Hidden areas (HPA/DCO) are still in place, which blocks Purge.",
    ),
    "technique-not-stated": (
        "どのサニタイズ方式かが記録にありません。",
        "The record does not say which sanitize operation it was.",
    ),
    "not-applicable": (
        "「{technique}」はこの種類の媒体（{kind}）の根拠として認められていません。",
        "“{technique}” is not accepted evidence for this kind of medium ({kind}).",
    ),
    "kind-unknown": (
        "媒体の種類が不明なため、低い方の水準で評価しました。",
        "The kind of medium is unknown, so the lower level was taken.",
    ),
    # what prevents it
    "unverified": (
        "完了を確かめた記録がありません。道具の申告にとどまります。",
        "Nothing shows that completion was checked: it is a claim of the tool.",
    ),
    "claimed": (
        "命令が受け付けられたことしか示されていません。受付は完了ではありません。",
        "Only acceptance of the command is shown; acceptance is not completion.",
    ),
    "failed": ("消去は失敗しました: {words}", "The erasure failed: {words}"),
    "incomplete": (
        "消去が最後まで行われたことが示されていません: {words}",
        "It is not shown that the erasure came to its end: {words}",
    ),
    "in-progress": (
        "記録の時点ではまだ実行中です: {words}",
        "It was still running when this was recorded: {words}",
    ),
    "never": (
        "媒体は、完了したサニタイズがないと報告しています。",
        "The drive reports that no sanitize has completed on it.",
    ),
    "no-erasure": (
        "この文書は消去について何も述べていません（機器情報など）。",
        "This document says nothing about an erasure (an inventory, a capability).",
    ),
    "read-only": (
        "読み取り検査だけで、書き込みは行われていません。",
        "The medium was only read; nothing was written.",
    ),
    "no-serial": (
        "記録に製造番号がなく、どの媒体か特定できません。",
        "The record names no serial number, so it cannot be tied to a medium.",
    ),
    "not-fresh": (
        "「前回のサニタイズ完了」は過去の作業からも残ります。実施前・実施・実施後の記録がそろっていません。",
        "“Last sanitize completed” survives from earlier jobs; state before, job and state after are not all shown.",
    ),
    "before-already-completed": (
        "実施前から「完了」の状態で、今回の実施と見分けられません。",
        "The state was already “completed” before the job, so this job cannot be told from an earlier one.",
    ),
    "contradicting": (
        "記録の内容が互いに、または登録や契約と矛盾しています。",
        "What the record says contradicts itself, or what is registered.",
    ),
    "attested": (
        "人の申告です（{words}）。記録として残しますが、証拠にはなりません。",
        "This is a person's statement ({words}): it is kept, and proves nothing.",
    ),
    "reader-unconfirmed": (
        "この報告（{tool}）の読み取りは、実物の報告で確かめられていません。原本と見比べてください。",
        "The reader of such reports ({tool}) is not confirmed on a real one: compare it with the original.",
    ),
    "several-runs": (
        "この媒体の実施記録が {count} 件あります。最後のもので評価しました。",
        "There are {count} runs of this medium: the last one was judged.",
    ),
    "simulated": (
        "この報告は模擬（シミュレーション）です。模擬ではない契約では証拠になりません。",
        "This report is simulated. It is no evidence in an engagement that is not a simulation.",
    ),
    "order-claimed": (
        "実施前の記録が先に取られたことは、渡した人の申告です（記録に時刻がありません）。",
        "That the state before was taken first is a claim of whoever gave the files: it has no time.",
    ),
    "undated-texts": (
        "画面の文字には時刻がなく、どちらが先かも示されません。作業記録（session）か JSON で取り直してください。",
        "What a terminal showed has no time, and nothing shows which came first: record a session, or JSON.",
    ),
    "before-is-later": (
        "「実施前」の記録が、今回の実施より後のものです: {words}",
        "What was given as the state before is later than this job: {words}",
    ),
    # contradictions
    "unseen-letters": (
        "{what}に目に見えない文字が含まれています: 「{said}」。道具の出力を取り直してください。",
        "The {what} holds letters that nobody can see: “{said}”. Take the tool's output again.",
    ),
    "named-once": (
        "製造番号が記録の一か所にしかなく、書き換えられていても気づけません。",
        "The serial number stands in one place only, so that a change of it would not show.",
    ),
    "times-said-once": (
        "作業記録の時刻が一か所にしかなく、書き換えられていても気づけません（経過秒 elapsed がありません）。",
        "A time of the session stands in one place only, so that a change would not show: it has no “elapsed” seconds.",
    ),
    "documents-out-of-order": (
        "作業記録の文書が「識別・実施前 → 命令 → 実施後」の順に並んでいません: {words}",
        "The documents do not stand in the order identify, before → command → after: {words}",
    ),
    "runs-differ": (
        "同じ媒体に結果の違う記録があり、どれが最後か示されていません。実施ごとの記録を分けて確かめてください: {words}",
        "Runs of the same medium ended differently, and nothing shows which was the last. Look at each: {words}",
    ),
    "text-behind": (
        "記録の終わりの後に、この媒体のことかもしれない行があります。実施ごとに分けて登録してください: {words}",
        "Behind the end of the log stands something unread that may speak of this medium. File each run alone: {words}",
    ),
    "seal-broken": (
        "報告自身の改ざん検査が不合格です。道具から報告を取り直してください: {words}",
        "The report's own check for tampering failed. Take the report from the tool again: {words}",
    ),
    "only-simulated": (
        "試しに動かした、または模擬の実施だと記録にあります。何も消えていません: {words}",
        "The record says that the job was simulated or only tried out, which erases nothing: {words}",
    ),
    "kind-differs": (
        "登録された媒体の種類（{registered}）と記録（{reported}）が一致しません。",
        "The registered kind of medium ({registered}) and the record ({reported}) differ.",
    ),
    "identity-differs": (
        "{what}が一致しません: 「{one}」と「{other}」",
        "The {what} differs: “{one}” and “{other}”",
    ),
    "status-differs": (
        "状態の番号と文が一致しません: {words}",
        "The number of the status and its text differ: {words}",
    ),
    "device-differs": (
        "文書の機器名が一致しません: {one} と {other}",
        "The documents name different devices: {one} and {other}",
    ),
    "technique-differs": (
        "実行した命令（{one}）と結果の方式（{other}）が一致しません。",
        "The command given ({one}) and the operation reported ({other}) differ.",
    ),
    "progress-differs": (
        "完了とされていますが進捗が終端ではありません（{words}）。",
        "It is said to be complete, but progress is not at its end ({words}).",
    ),
    "passes-differ": (
        "指定した回数（{wanted}）と終えた回数（{done}）が一致しません。",
        "Passes asked for ({wanted}) and passes done ({done}) differ.",
    ),
    "written-since": (
        "サニタイズ後に書き込みがあったと媒体が報告しています。",
        "The drive reports that data has been written since the sanitize.",
    ),
    "state-not-idle": (
        "完了とされていますが、媒体は待機状態ではありません: {words}",
        "It is said to be complete, but the drive is not idle: {words}",
    ),
    "times-out-of-order": (
        "時刻の順序や所要時間が合いません: {words}",
        "The times are out of order or do not add up: {words}",
    ),
    "done-after-received": (
        "作業の時刻（{said}）が報告の受取（{received}）より後です。機器の時計を合わせて消去し直し、その報告を登録してください。",
        "It was done ({said}) after the report came ({received}): set the machine's clock, erase again and file that.",
    ),
    "done-before-engagement": (
        "作業の時刻（{said}）が契約の開始日（{opened}）より前で、今回の証拠になりません。機器の時計を合わせて消去し直し、その報告を登録してください。",
        (
            "It was done ({said}) before the engagement began ({opened}), so it proves nothing of this job: "
            "set the machine's clock, erase again and file that."
        ),
    ),
    "done-before-recheck": (
        "作業の時刻（{said}）が、データの見つかった再確認（{found}）より前です。もう一度消去し、その報告を登録してください。",
        "It was done ({said}) before the re-check that found data ({found}): erase again and file that.",
    ),
    "done-before-registration": (
        "作業の時刻（{said}）が機器の登録（{registered}）より前です。登録までの間に媒体が使われていないことを確かめてください。",
        "It was done ({said}) before the device was registered ({registered}): make sure it was not used in between.",
    ),
    "table-damaged": (
        "結果の表が欠けているか、重複しています: {words}",
        "The result table is incomplete or doubled: {words}",
    ),
    "errors-and-success": (
        "成功とされていますが、エラーが記録されています: {words}",
        "It is said to have succeeded, but errors are recorded: {words}",
    ),
    "size-differs": (
        "書き込んだ量（{done}）が媒体の容量（{size}）と一致しません。",
        "The amount written ({done}) and the size of the medium ({size}) differ.",
    ),
    "partition-only": (
        "媒体全体ではなく区画（{words}）だけが対象です。",
        "Only a partition ({words}) was treated, not the whole medium.",
    ),
    "said-twice": (
        "同じ項目が二度現れます: {words}",
        "The same field appears twice: {words}",
    ),
    "said-once": (
        "この出力は状態をひとつの数字でしか示さず、書き換えに気づけません。JSON（-o json）で記録してください。",
        "This output gives the state as one digit only, so that a change would not show: record JSON (-o json).",
    ),
    # validation, and what would raise the grade
    "validate-key-conditions": (
        "暗号消去は、平文が保存されたことがなく鍵の写しもないことを組織として確認してください。",
        "Crypto erase: confirm that plaintext was never stored and that no copy of the key exists.",
    ),
    "validate-key-copies": (
        "媒体は常に暗号化していると述べています。鍵の写し（預託）がないことを組織として確認してください。",
        "The drive says that it always enciphers: confirm that no copy of its key is kept (escrow).",
    ),
    "validate-hidden-areas": (
        "HPA／DCO の有無が記録にありません。ないことを確認してください（hdparm -N を作業記録に加える）。",
        "Whether hidden areas (HPA/DCO) exist is not recorded: confirm that none do (add hdparm -N to the session).",
    ),
    "capture-session": (
        "媒体の識別情報と、実施前・命令・実施後の記録をひとつの作業記録にまとめてください。",
        "Capture identity, state before, command and state after in one session document.",
    ),
    "capture-progress": (
        "実行中の状態も記録すると、今回の実施であることを示せます。",
        "Capture the state while it is running as well: that shows it was this job.",
    ),
    "verify-it": (
        "読み戻し検証を有効にしてやり直すか、破壊してください。",
        "Repeat it with verification switched on, or destroy the medium.",
    ),
    "sanitize-instead": (
        "Purge が必要な場合は、ドライブ自身の SANITIZE（ブロック消去・暗号消去等）を使ってください。",
        "Where Purge is required, use the drive's own SANITIZE (block erase, crypto erase, …).",
    ),
    "remove-hidden-areas": (
        "HPA／DCO を解除してから消去し直してください。",
        "Remove HPA/DCO and erase again.",
    ),
    "show-serial": (
        "製造番号が出る設定でやり直すか、ラベルと識別情報を添えてください。",
        "Repeat it with the serial number shown, or add the identity of the drive.",
    ),
    "repeat-or-destroy": (
        "消去をやり直すか、承認を得て破壊してください。",
        "Erase again, or destroy it with approval.",
    ),
    "state-kind": (
        "媒体の種類（HDD・SSD・NVMe・基板実装）を登録してください。",
        "Register the kind of medium (HDD, SSD, NVMe, soldered).",
    ),
    "destroy-board": (
        "基板に実装された記憶は取り外せません。より高い水準が要るときは、基板ごと（端末ごと）破壊してください。",
        "Storage soldered to the board cannot be taken out: where more is needed, destroy the board with it.",
    ),
}


# What fills a blank of these names is a code of `technique.py` or `shared.levels`; any other blank is taken as it is.
_CODED = ("kind", "technique", "one", "other", "level", "verification")
_WORDS: dict[str, tuple[str, str]] = {
    "hdd": ("HDD（磁気ディスク）", "HDD"),
    "ssd": ("SSD（フラッシュ）", "SSD"),
    "nvme": ("NVMe（フラッシュ）", "NVMe"),
    "soldered": ("基板に実装された記憶（eMMC・UFS など）", "soldered flash (eMMC, UFS)"),
    "unknown": ("種類が分からない媒体", "unknown"),
    "clear": ("Clear（消去）", "Clear"),
    "purge": ("Purge（除去）", "Purge"),
    **techniques.WORDS,
    "last-pass": ("最後の回の書き込みを読み戻して照合", "the last pass was read back"),
    "all-passes": ("すべての回の書き込みを読み戻して照合", "every pass was read back"),
    "tool-status": ("道具の申告", "the tool says so"),
    "device-status": ("ドライブ自身の申告", "the drive itself says so"),
}


_BLANKS = {  # found once: reasons are made many thousand times a second
    code: frozenset(name for sentence in said for _, name, _, _ in Formatter().parse(sentence) if name)
    for code, said in SENTENCES.items()
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the argument: a code of `SENTENCES` with what fills its blanks."""

    code: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def ja(self) -> str:
        """The sentence in Japanese."""
        return self._said(0)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return self._said(1)

    def _said(self, language: int) -> str:
        blanks = {
            name: _WORDS[value][language] if name in _CODED and value in _WORDS else value
            for name, value in self.parameters
        }
        return SENTENCES[self.code][language].format_map(blanks)


def because(code: str, **parameters: object) -> Reason:
    """Make a reason; raises KeyError for a code without sentences or a blank left open, so that tests find it."""
    if left_open := _BLANKS[code] - parameters.keys():
        raise KeyError(min(left_open))
    return Reason(code, tuple([(name, str(value)) for name, value in parameters.items()]))
