"""What a step of a session does not fit: said of a recorded fact, in words for the one who scanned it. Pure."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Remark = Literal[
    "twice",
    "in-another-rack",
    "in-another-session",
    "not-of-engagement",
    "unregistered",
    "rack-began",
    "rack-empty",
    "rack-full",
    "began-before",
    "not-begun",
    "ended-before",
    "not-in-session",
    "not-in-rack",
    "taken-out-before",
    "before-open",
    "after-close",
]


class Words(NamedTuple):
    """A sentence in both languages: what does not fit and what to do."""

    ja: str
    en: str


WORDS: Mapping[Remark, Words] = {
    "twice": Words(
        "この機器は、もうここに載っています。同じ機器を2回読み取っていないか確かめてください。",
        "This machine is here already. Check whether you scanned the same one twice.",
    ),
    "in-another-rack": Words(
        "この機器は、ほかのラックに載っていました。いまのラックに移したことにします。実物を確かめてください。",
        "This machine was in another rack. It now counts in this one. Check where it stands.",
    ),
    "in-another-session": Words(
        "この機器は、ほかの作業にも載っています。どちらで消去したかを確かめてください。",
        "This machine is in another session too. Check in which it was erased.",
    ),
    "not-of-engagement": Words(
        "この機器は、この契約のものではありません。消去してよいか、町の担当に確かめてください。",
        "This machine is not of this engagement. Ask the town's desk whether it may be erased.",
    ),
    "unregistered": Words(
        "この町に登録のない機器です。登録されるまで台数に入りません。ラベルを確かめ、町の担当に登録を頼んでください。",
        "No such machine is registered with this town, so it is not counted yet. Check the label, then ask the "
        "town's desk to register it.",
    ),
    "rack-began": Words(
        "消去の途中のラックに載せました。この機器の消去も始めたかを確かめてください。",
        "It was put into a rack that is being erased. Check whether this machine was started as well.",
    ),
    "rack-full": Words(
        "ラックに載せられる数を超えています。ラックのラベルを取り違えていないか確かめてください。",
        "This is more than a rack holds. Check whether the rack's label was mixed up.",
    ),
    "rack-empty": Words(
        "載せた機器の記録がないラックで、消去を始めました。載っている機器を読み取ってください。",
        "A rack with no machine on record was started. Scan the machines in it.",
    ),
    "began-before": Words(
        "このラックは、もう消去を始めていました。2台の端末で記録していないか確かめてください。",
        "This rack had been started before. Check whether two devices are recording it.",
    ),
    "not-begun": Words(
        "始めた記録のないラックが終わりました。消去の報告がそろっているか確かめてください。",
        "A rack ended without having been started. Check that its erasure reports are there.",
    ),
    "ended-before": Words(
        "このラックは、もう終わっていました。2台の端末で記録していないか確かめてください。",
        "This rack had ended before. Check whether two devices are recording it.",
    ),
    "not-in-session": Words(
        "この作業に載せた記録のない機器を外しました。載せたときの読み取りが別の端末に残っていないか確かめてください。",
        "A machine was taken out that no scan put in. Check whether another device still holds that scan.",
    ),
    "not-in-rack": Words(
        "このラックに載っていない機器です。載っているラックから外したことにします。ラベルを確かめてください。",
        "This machine is not in this rack. It counts as taken out of the rack it is in. Check the label.",
    ),
    "taken-out-before": Words(
        "この機器は、もう外してあります。同じ機器を2回読み取っていないか確かめてください。",
        "This machine was taken out before. Check whether you scanned the same one twice.",
    ),
    "before-open": Words(
        "作業を始める前の時刻です。端末の時計を確かめてください。",
        "This is from before the session was opened. Check the device's clock.",
    ),
    "after-close": Words(
        "作業が終わったあとの時刻です。作業がまだ続いていたかを確かめ、続いていたら新しい作業を始めてください。",
        "This is from after the session was closed. Check whether work went on, and if so open a new session.",
    ),
}


def of(*found: tuple[Remark, bool]) -> tuple[Remark, ...]:
    """Return the remarks that hold."""
    return tuple(one for one, holds in found if holds)
