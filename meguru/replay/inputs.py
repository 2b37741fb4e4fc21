"""The files the replay writes first and leaves to be looked at: what people would have brought."""

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw, ImageFont

from meguru.replay import tool_reports
from meguru.replay.pilot import CATEGORY_NAMES, GROUPS, LATE, SEED, Group, Machine

TOKYO = ZoneInfo("Asia/Tokyo")
HEADS = (
    "物品番号",
    "種別",
    "メーカー",
    "型名",
    "製造番号",
    "使用課",
    "ネットワーク",
    "機密性",
    "リース会社",
    "リース条項",
    "媒体種別",
    "媒体メーカー",
    "媒体型名",
    "媒体製造番号",
    "媒体容量GB",
)
PAPER_HEADS = ("受付日時", "区分", "団体名", "代表者", "住所", "電話", "希望台数", "使いみち")
PHOTO_SIZE = (1280, 960)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the files are."""

    folder: Path

    @property
    def inventory(self) -> Path:
        """The town's own list, CP932 with Japanese headers."""
        return self.folder / "物品台帳.csv"

    @property
    def spoilt_inventory(self) -> Path:
        """The same list with a row that somebody mistyped."""
        return self.folder / "物品台帳_誤記あり.csv"

    def report(self, machine: Machine) -> Path:
        """Return where the tool's report of one drive is."""
        return self.folder / "reports" / f"{machine.asset_number}_{machine.drive_serial}.json"

    @property
    def stray_report(self) -> Path:
        """A report whose serial matches nothing."""
        return self.folder / "reports" / "stray_TS9K0AFFFFFF.json"

    def photo(self, machine: Machine, role: str) -> Path:
        """One evidence photo."""
        return self.folder / "photos" / f"{machine.asset_number}_{role}.jpg"

    def paper(self, round_: int) -> Path:
        """Return where the clerk's note of the applications on paper is."""
        return self.folder / f"申込書_第{round_}回.csv"

    def portal(self, round_: int) -> Path:
        """Return where the export of the prefecture's portal is."""
        return self.folder / f"電子申請_第{round_}回.csv"


def inventory(machines: Sequence[Machine]) -> bytes:
    """Return a town's list as its office writes it: CP932 with Japanese heads."""
    return _csv(HEADS, [_row(machine) for machine in machines], "cp932")


def write(folder: Path, machines: list[Machine], failing: set[str], now: datetime) -> Inputs:
    """Write the inventory, the tool reports and the photos. `failing` names the asset numbers whose erasure fails."""
    inputs = Inputs(folder)
    for sub in ("reports", "photos"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    rows = [_row(machine) for machine in machines]
    inputs.inventory.write_bytes(_csv(HEADS, rows, "cp932"))
    spoilt = [*rows]
    spoilt[11] = [*spoilt[11][:6], "庁内のどこか", *spoilt[11][7:]]
    inputs.spoilt_inventory.write_bytes(_csv(HEADS, spoilt, "cp932"))
    began = now - tool_reports.LASTS  # they end as the replay begins, and registering follows at once
    for machine in machines:
        failed = machine.asset_number in failing
        inputs.report(machine).write_bytes(tool_reports.session(machine, began, fails=failed))
        for role in ("before", "after"):
            inputs.photo(machine, role).write_bytes(photo(machine, role, now))
    stray = Machine("-", "desktop", "", "", "", "", "hdd", "東野精機", "TH-500S", "TS9K0AFFFFFF", 500)
    inputs.stray_report.write_bytes(tool_reports.session(stray, began))
    return inputs


def write_applications(inputs: Inputs, round_: int, opened: datetime, everybody: Sequence[Group] = GROUPS) -> None:
    """Write the paper list and the portal's export of one round, with their own clocks."""
    groups = [group for group in everybody if group.round == round_]
    paper = [group for group in groups if group.channel == "paper"]
    portal = [group for group in groups if group.channel == "portal"]
    inputs.paper(round_).write_bytes(
        _csv(PAPER_HEADS, [_applied(g, opened, nth) for nth, g in enumerate(paper)], "cp932")
    )
    rows = [[f"Y{round_}-{nth:03d}", *_applied(g, opened, nth)] for nth, g in enumerate(portal)]
    inputs.portal(round_).write_bytes(_csv(("申請番号", *PAPER_HEADS), rows, "utf-8-sig"))


def read_paper(path: Path) -> list[dict[str, str]]:
    """Return what the clerk noted of the applications on paper."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="cp932"), newline="")))


def write_late_fax(inputs: Inputs, arrived: datetime) -> Path:
    """Write the note of the fax that came after the call had closed."""
    path = inputs.folder / "申込書_締切後のFAX.csv"
    path.write_bytes(_csv(PAPER_HEADS, [_applied(LATE, arrived, 0)], "cp932"))
    return path


def _applied(group: Group, opened: datetime, nth: int) -> list[str]:
    at = opened + timedelta(seconds=nth % 2)  # the portal's clock and the desk's have no finer grain
    return [
        at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M:%S"),
        CATEGORY_NAMES[group.category],
        group.name,
        "代表 太郎",
        "山形県最上郡最上町大字向町1",
        "0233-43-0000",
        str(group.units),
        "回覧文書の作成",
    ]


def _row(machine: Machine) -> list[str]:
    return [
        machine.asset_number,
        "ノート" if machine.kind == "notebook" else "デスクトップ",
        machine.maker,
        machine.model,
        machine.serial,
        machine.department,
        "個人番号利用事務系",
        "3",
        "",
        "",
        {"hdd": "HDD", "ssd": "SSD", "nvme": "NVMe"}[machine.drive],
        machine.drive_maker,
        machine.drive_model,
        machine.drive_serial,
        str(machine.capacity_gb),
    ]


def _csv(heads: tuple[str, ...], rows: list[list[str]], encoding: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def photo(machine: Machine, role: str, taken: datetime) -> bytes:
    """Return a JPEG with EXIF as a phone would: a drawing of the drive before, of its pieces after."""
    box = (120, 120, 760, 330) if role == "before" else (620, 700, 1240, 910)
    return _taken(role, box, (machine.asset_number, f"{machine.drive_model}", f"S/N {machine.drive_serial}"), taken)


def seal_photo(seal: str, taken: datetime) -> bytes:
    """Return a JPEG of a seal with its number."""
    return _taken("before", (320, 300, 960, 510), ("MEGURU SEAL", "", seal), taken)


def _taken(role: str, box: tuple[int, int, int, int], lines: Sequence[str], taken: datetime) -> bytes:
    image = _scene(role).copy()
    pen = ImageDraw.Draw(image)
    pen.rectangle(box, fill=(245, 245, 240), outline=(40, 40, 40), width=3)
    for nth, line in enumerate(lines):
        pen.text((box[0] + 20, box[1] + 15 + 62 * nth), line, fill=(20, 20, 20), font=_face())
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "MEGURU", "replay camera"
    details = exif.get_ifd(0x8769)
    details[0x9003] = taken.astimezone(TOKYO).strftime("%Y:%m:%d %H:%M:%S")
    details[0x9011] = "+09:00"
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, exif=exif)
    return out.getvalue()


@lru_cache(maxsize=1)
def _face() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=44)


@lru_cache(maxsize=2)
def _scene(role: str) -> Image.Image:
    draw = random.Random(f"{SEED}{role}")  # noqa: S311 - a drawing
    image = Image.new("RGB", PHOTO_SIZE, (52, 66, 58) if role == "before" else (38, 40, 44))
    pen = ImageDraw.Draw(image)
    if role == "before":
        pen.rounded_rectangle((330, 90, 950, 870), 28, fill=(168, 172, 178), outline=(90, 94, 100), width=6)
        pen.ellipse((450, 380, 830, 760), outline=(130, 134, 140), width=8)
        for x, y in ((370, 130), (910, 130), (370, 830), (910, 830)):
            pen.ellipse((x - 16, y - 16, x + 16, y + 16), fill=(110, 112, 118))
    else:
        for _ in range(420):
            across, down, size = draw.gauss(560, 190), draw.gauss(440, 130), draw.uniform(8, 34)
            shade = draw.randrange(110, 215)
            corners = [(across + draw.uniform(-size, size), down + draw.uniform(-size, size)) for _ in range(5)]
            pen.polygon(corners, fill=(shade, shade, min(255, shade + draw.randrange(12))))
    return image
