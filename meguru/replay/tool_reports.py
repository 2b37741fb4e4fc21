"""Reports as the tools on site would have written them, one session a drive.

A session holds: identify, the state before, the command, the state after.

The replay writes these files first and then acts with them; the texts are in the tools' own shapes (services/erasure/
reports names each source).
"""

import json
from datetime import datetime, timedelta
from typing import Any

from meguru.replay.pilot import Machine

LASTS = timedelta(minutes=3)
_STATUS_IDLE = "\n/dev/sda:\nIssuing SANITIZE_STATUS command\nSanitize status:\n    State:    SD0 Sanitize Idle\n"
_STATUS_DONE = _STATUS_IDLE + "    Last Sanitize Operation Completed Without Error\n"
_REJECTED = (
    "SANITIZE failed: Input/output error\n"
    "SANITIZE device error reason: Last Sanitize Command completed unsuccessfully\n"
    "Drive in SD3 Sanitize operation Failed state\n\n/dev/sda:\nIssuing SANITIZE_STATUS command\n"
)


def session(machine: Machine, started: datetime, *, fails: bool = False) -> bytes:
    """Return the on-site session document of one drive, completed or failed."""
    documents = _nvme(machine, fails=fails) if machine.drive == "nvme" else _ata(machine, fails=fails)
    finished = started + LASTS
    for nth, document in enumerate(documents):
        elapsed = 20 + 30 * nth
        document |= {"at": (started + timedelta(seconds=elapsed)).isoformat(), "elapsed": elapsed}
    return json.dumps(
        {
            "meguru-session": 1,
            "serial": machine.drive_serial,
            "model": machine.drive_model,
            "host_serial": machine.serial,
            "started": started.isoformat(),
            "finished": finished.isoformat(),
            "elapsed": int(LASTS.total_seconds()),
            "documents": documents,
        },
        ensure_ascii=False,
        indent=1,
    ).encode()


def _nvme(machine: Machine, *, fails: bool) -> list[dict[str, Any]]:
    identify = {
        "vid": 5197,
        "ssvid": 5197,
        "sn": f"{machine.drive_serial:<20}",
        "mn": f"{machine.drive_model:<40}",
        "fr": "GXA7401Q",
        "sanicap": 3221225475,
        "fna": 4,
    }
    after = (
        _sanitize_log(3, "(3) Most Recent Sanitize Command Failed.")
        if fails
        else _sanitize_log(1, "(1) Most Recent Sanitize Command Completed Successfully.")
    )
    return [
        _document("identify", "nvme-id-ctrl.json", json.dumps(identify, indent=2)),
        _document(
            "before", "nvme-sanitize-log-before.json", _sanitize_log(0, "(0) NVM Subsystem has never been sanitized.")
        ),
        _document("command", "nvme-sanitize.txt", ""),
        _document("after", "nvme-sanitize-log-after.json", after),
    ]


def _sanitize_log(status: int, words: str) -> str:
    done = status == 1
    return json.dumps(
        {
            "nvme0": {
                "sprog": 65535,
                "sstat": {"global_erased": int(done), "no_cmplted_passes": 0, "status": words},
                "cdw10_info": 2 if status else 0,
                "time_over_write": 4294967295,
                "time_block_erase": 120,
                "time_crypto_erase": 2,
                "time_over_write_no_dealloc": 4294967295,
                "time_block_erase_no_dealloc": 4294967295,
                "time_crypto_erase_no_dealloc": 4294967295,
            }
        },
        indent=2,
    )


def _ata(machine: Machine, *, fails: bool) -> list[dict[str, Any]]:
    solid = machine.drive == "ssd"
    rotation = "Solid State Device" if solid else "5400"
    feature = "BLOCK_ERASE_EXT" if solid else "OVERWRITE_EXT"
    command = "SANITIZE_BLOCK_ERASE" if solid else "SANITIZE_OVERWRITE"
    started = (
        f"\n/dev/sda:\nIssuing {command} command\nOperation started in background\n"
        "You may use `--sanitize-status` to check progress\n"
    )
    identify = (
        "\n/dev/sda:\n\nATA device, with non-removable media\n"
        f"\tModel Number:       {machine.drive_model:<40}\n\tSerial Number:      {machine.drive_serial}\n"
        "\tFirmware Revision:  HB0021  \nConfiguration:\n"
        "\tLogical\t\tmax\tcurrent\n\tcylinders\t16383\t16383\n"
        f"\tNominal Media Rotation Rate: {rotation}\nCommands/features:\n\tEnabled\tSupported:\n"
        "\t   *\tSANITIZE feature set\n"
        f"\t   *\t{feature} command\nSecurity: \n\tMaster password revision code = 65534\n"
        "\t\tsupported\n\tnot\tenabled\n"
        "\tnot\tlocked\n\tnot\tfrozen\n\tnot\texpired: security count\n"
        "\t\tsupported: enhanced erase\nChecksum: correct\n"
    )
    return [
        _document("identify", "hdparm-I.txt", identify),
        _document("identify", "hdparm-N.txt", "\n/dev/sda:\n max sectors   = 976773168/976773168, HPA is disabled\n"),
        _document("before", "hdparm-sanitize-status-before.txt", _STATUS_IDLE),
        _document("command", "hdparm-sanitize.txt", started),
        _document("after", "hdparm-sanitize-status-after.txt", _REJECTED if fails else _STATUS_DONE),
    ]


def _document(role: str, filename: str, content: str) -> dict[str, Any]:
    return {"role": role, "filename": filename, "content": content}
