"""The pilot's facts (Mogami town × Sofmap, 2021) and the sample world around them: what the replay starts from.

Counts only go in here, never out: every number that is printed is counted from items.
"""

import random
from dataclasses import dataclass
from typing import Literal

SEED = 63622  # the town's code: the same world every time

TOWN, TOWN_CODE = "town-063622", "063622"
CENTRE = "centre-sofmap-itad"
CARRIER = "carrier-yamabiko"
CONTRACT = "R8-情企-14"
TITLE = "最上町リユースPC地域再利用事業（2021年の実証実験の再現）"

NOTEBOOKS, DESKTOPS, MONITORS = 86, 74, 59
REBORN_NOTEBOOKS, REBORN_DESKTOPS = 16, 32  # refurbished by the centre's count
NOT_DELIVERED = "desktop"  # which kind the one undelivered machine is, is a sample: the papers do not say
CAGES = 8
MATERIALS_KG = {  # of one chassis; the pilot's papers state none
    "ferrous": {"desktop": 4.1, "notebook": 0.4},
    "non-ferrous": {"desktop": 0.6, "notebook": 0.5},
    "plastic": {"desktop": 0.9, "notebook": 0.8},
    "circuit-board": {"desktop": 0.7, "notebook": 0.3},
}
DUST, SCALES = 0.01, 0.003  # shares of what goes in: lost on the way, and by how much two scales differ


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts in the replay. Names are invented."""

    id: str
    party: str
    name: str
    title: str
    roles: tuple[str, ...]


PEOPLE = (
    Person("mogami-admin", TOWN, "髙橋 誠", "総務課長", ("town-admin",)),
    Person("mogami-clerk", TOWN, "阿部 由紀", "情報企画係 主査", ("clerk",)),
    Person("mogami-witness", TOWN, "佐藤 健一", "情報企画係 主事", ("witness",)),
    Person("mogami-approver", TOWN, "𠮷田 久美", "副町長", ("approver",)),
    Person("itad-manager", CENTRE, "小林 由美", "品質担当", ("centre-manager", "worker")),
    Person("itad-worker", CENTRE, "髙﨑 亮", "作業主任", ("worker",)),
    Person("itad-second", CENTRE, "渡邊 直樹", "作業員", ("worker",)),
    Person("itad-refurbisher", CENTRE, "鈴木 彩", "再生担当", ("refurbisher", "worker")),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """One PC of the town with its one drive."""

    asset_number: str
    kind: Literal["notebook", "desktop"]
    maker: str
    model: str
    serial: str
    department: str
    drive: Literal["hdd", "ssd", "nvme"]
    drive_maker: str
    drive_model: str
    drive_serial: str
    capacity_gb: int


_DEPARTMENTS = ("総務課", "町民税務課", "健康福祉課", "農林課", "建設課", "教育文化課", "会計課", "議会事務局")


def machines(notebooks: int = NOTEBOOKS, desktops: int = DESKTOPS) -> list[Machine]:
    """Return the 160 PCs, or as many as are wished; the same ones for the same seed."""
    draw = random.Random(SEED)  # noqa: S311 - a sample world, not a secret
    made: list[Machine] = []
    for nth in range(notebooks + desktops):
        notebook = nth < notebooks
        drive: Literal["hdd", "ssd", "nvme"] = ("nvme", "ssd", "hdd")[nth % 3] if notebook else ("hdd", "ssd")[nth % 2]
        maker, model = {
            "hdd": ("東野精機", "TH-500S"),
            "ssd": ("カワセミ", "KAWASEMI S2 240GB"),
            "nvme": ("カワセミ", "KAWASEMI PM9 256GB"),
        }[drive]
        serial = {"hdd": "TS9K0A", "ssd": "00012E", "nvme": "S64DNX"}[drive] + f"{draw.randrange(16**6):06X}"
        made.append(
            Machine(
                asset_number=f"{'R01' if nth % 2 else 'R02'}-{nth + 1:04d}",
                kind="notebook" if notebook else "desktop",
                maker="ミナト電機",
                model="MN-3200" if notebook else "MD-7100",
                serial=f"{'MN32' if notebook else 'MD71'}K{30000 + nth}",
                department=_DEPARTMENTS[draw.randrange(len(_DEPARTMENTS))],
                drive=drive,
                drive_maker=maker,
                drive_model=model,
                drive_serial="000E12" if nth == 0 else serial,  # a spreadsheet would make 0 × 10¹² of it
                capacity_gb={"hdd": 500, "ssd": 240, "nvme": 256}[drive],
            )
        )
    return made


@dataclass(frozen=True, slots=True)
class Group:
    """A local group that applies. Names are invented; categories and units are the pilot's."""

    round: Literal[1, 2]
    channel: Literal["paper", "portal", "web"]
    category: str
    name: str
    units: int


CATEGORIES: tuple[tuple[str, str, int], ...] = (
    ("hamlet", "集落", 2),
    ("youth", "商工会青年部", 5),
    ("business", "町内の事業者・農業者", 2),
    ("welfare", "社会福祉法人", 2),
    ("other", "その他の団体", 1),
)
CATEGORY_NAMES = {code: name for code, name, _ in CATEGORIES}
GROUPS = (
    Group(1, "paper", "hamlet", "向町一区", 1),
    Group(1, "paper", "hamlet", "向町二区", 1),
    Group(1, "portal", "hamlet", "若宮集落", 1),
    Group(1, "portal", "hamlet", "黒沢集落", 1),
    Group(1, "web", "hamlet", "月楯集落", 1),
    Group(1, "portal", "business", "白川農園", 2),
    Group(1, "web", "business", "小国川養魚", 2),
    Group(1, "paper", "business", "赤倉温泉組合", 2),
    Group(1, "web", "business", "瀬見製材", 2),
    Group(1, "paper", "welfare", "社会福祉法人 もがみの里", 2),
    Group(2, "paper", "hamlet", "大堀集落", 1),
    Group(2, "portal", "hamlet", "満沢集落", 1),
    Group(2, "web", "hamlet", "富沢集落", 2),
    Group(2, "portal", "youth", "商工会青年部", 5),
    Group(2, "paper", "business", "前森ファーム", 1),
    Group(2, "web", "business", "堺田そば", 1),
    Group(2, "portal", "business", "立小路建設", 1),
    Group(2, "web", "business", "法田林業", 1),
    Group(2, "paper", "business", "明神商店", 1),
    Group(2, "web", "other", "最上民話の会", 1),
)
LATE = Group(1, "paper", "hamlet", "志茂集落", 1)
USES = ("回覧文書の作成", "会計・名簿", "オンライン会議", "農作業の記録", "高齢者の見守り連絡", "広報誌の編集")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of the pilot is replayed: all of it, or less with every step and every trouble still in it."""

    notebooks: int = NOTEBOOKS
    desktops: int = DESKTOPS
    monitors: int = MONITORS
    reborn_notebooks: int = REBORN_NOTEBOOKS
    reborn_desktops: int = REBORN_DESKTOPS
    cages: int = CAGES
    short_cage: int = 6  # the one that is received short
    failing: tuple[int, ...] = (23, 101)  # positions in the inventory of the drives whose erasure fails on site
    groups: tuple[Group, ...] = GROUPS

    def asked(self, round_: int) -> int:
        """Return the units that a round's groups apply for, and its call offers."""
        return sum(group.units for group in self.groups if group.round == round_)


WHOLE = Plan()
SMALL = Plan(
    notebooks=9,
    desktops=11,
    monitors=4,
    reborn_notebooks=4,
    reborn_desktops=7,
    cages=3,
    short_cage=2,
    failing=(4, 15),
    groups=tuple(GROUPS[nth] for nth in (0, 2, 4, 8, 10, 11, 15, 19)),
)
