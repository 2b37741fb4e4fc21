"""A simulated fleet as files: what a town and a centre would bring, every one of them marked."""

import json
from datetime import datetime
from pathlib import Path

from meguru.replay.inputs import inventory
from meguru.simulator.fleet import fleet
from meguru.simulator.reports import reports
from shared.simulated import MARK

README = f"""{MARK} このフォルダーは模擬（シミュレーション）です。実在の機器・町・消去ではありません。
番号が MGRSIM で始まる報告は、名前に {MARK} のある契約のほかでは証拠になりません。

SIMULATED. No drive, town or erasure in this folder is real. A report whose numbers begin with MGRSIM is no evidence in
any engagement whose title does not carry {MARK}.

count {{count}}, seed {{seed}}: the same numbers make the same files again.
"""


def write(folder: Path, count: int, seed: int, started: datetime) -> int:
    """Write inventory, reports and truth into a folder; return the number of reports. Raises FileExistsError."""
    if folder.exists():
        raise FileExistsError(
            f"{folder} はもうあります。新しい名前のフォルダーを指定してください。 {folder} exists: name a new folder."
        )
    folder.mkdir(parents=True)
    (folder / "reports").mkdir()
    (folder / "README.txt").write_text(README.format(count=count, seed=seed), encoding="utf-8")
    drives = list(fleet(count, seed))
    (folder / "模擬_物品台帳.csv").write_bytes(inventory([drive.listed for drive in drives]))
    told = [
        {
            "asset_number": drive.machine.asset_number,
            "serial": drive.machine.drive_serial,
            "listed_serial": drive.listed.drive_serial,
            "kind": drive.machine.drive,
            "tool": drive.tool,
            "fault": drive.fault,
            "proved": drive.proved,
        }
        for drive in drives
    ]
    truth = {"simulated": True, "count": count, "seed": seed, "drives": told}
    (folder / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    written = 0
    for name, content in reports(drives, started):
        (folder / "reports" / name).write_bytes(content)
        written += 1
    return written
