"""What a town writes to an applicant: its own words with places for facts, or ours where it has none."""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from shared.refused import Invalid

What = Literal["received", "granted", "waiting", "not-eligible", "late"]
WHATS: tuple[What, ...] = get_args(What)
SUBJECT_MAX, BODY_MAX = 100, 4000
PLACES = ("団体", "代表", "受付番号", "照会コード", "公募", "希望", "台数", "窓口", "リンク")
_PLACE = re.compile(r"\{([^{}]*)\}")


class Words(NamedTuple):
    """Subject and text, with places in braces."""

    subject: str
    body: str


_HEAD = "{団体}\n{代表} 様\n\n"
_FOOT = """

いまの順番と割り当ては、次のページで確かめられます。この応募だけのリンクです。ほかの人に見せないでください。
{リンク}

お問い合わせ　{窓口}
"""
OURS: Mapping[What, Words] = {
    "received": Words(
        "応募を受け付けました（{受付番号}）",
        _HEAD
        + """「{公募}」への応募を受け付けました。

　受付番号　　{受付番号}
　照会コード　{照会コード}
　希望の台数　{希望}台

締め切りまでは、次のページで応募を直せます。取り下げることもできます。"""
        + _FOOT,
    ),
    "granted": Words(
        "パソコン{台数}台をお譲りします（{受付番号}）",
        _HEAD
        + """「{公募}」で、{台数}台をお譲りすることになりました。

　受付番号　　　　{受付番号}
　希望の台数　　　{希望}台
　お譲りする台数　{台数}台

お渡しの日時は、担当から電話で連絡します。受け取れなくなったときは、早めに取り下げてください。次の方に回ります。"""
        + _FOOT,
    ),
    "waiting": Words(
        "空きをお待ちいただいています（{受付番号}）",
        _HEAD
        + """「{公募}」の割り当てをしました。希望の台数は{希望}台でしたが、いまお譲りできる機器がありません。

取り下げや追加の募集があると、待っている順に回ります。そのときはまたお知らせします。"""
        + _FOOT,
    ),
    "not-eligible": Words(
        "応募の条件について（{受付番号}）",
        _HEAD
        + """「{公募}」への応募（{受付番号}）は、公募の条件に合わないため、列に入れられませんでした。

わからないことは窓口にお尋ねください。"""
        + _FOOT,
    ),
    "late": Words(
        "応募の期間について（{受付番号}）",
        _HEAD
        + """「{公募}」への応募（{受付番号}）は、応募の期間の外に届いたため、列に入れられませんでした。

次の公募をお待ちください。わからないことは窓口にお尋ねください。

お問い合わせ　{窓口}
""",
    ),
}


def checked(words: Words) -> Words:
    """Return words a town gave. Raises Invalid for an empty or long one, and for a place that is none."""
    if not (words.subject.strip() and words.body.strip()):
        raise Invalid("empty-words", "件名と本文を入れてください。", "Give a subject and a text.", field="body")
    if len(words.subject) > SUBJECT_MAX or len(words.body) > BODY_MAX:
        raise Invalid(
            "long-words",
            f"件名は{SUBJECT_MAX}字、本文は{BODY_MAX}字までにしてください。",
            f"The subject may have {SUBJECT_MAX} characters, the text {BODY_MAX}.",
            field="body",
        )
    for place in _PLACE.findall(words.subject + words.body):
        if place not in PLACES:
            raise Invalid(
                "unknown-place",
                f"{{{place}}} は使えません。使えるのは {'、'.join(f'{{{one}}}' for one in PLACES)} です。",
                f"{{{place}}} is no place for a fact. There are {', '.join(f'{{{one}}}' for one in PLACES)}.",
                field="body",
            )
    return words


def filled(words: Words, facts: Mapping[str, str]) -> Words:
    """Return words with their facts; what is written in a fact is never a place."""
    return Words(*(_PLACE.sub(lambda match: facts.get(match[1], match[0]), text) for text in words))
