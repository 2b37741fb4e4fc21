"""`nvme id-ns`, `nvme error-log`, `nvme smart-log` as JSON: pages that name no drive and speak of no erasure."""

from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report
from services.erasure.reports.text import json_of

SOURCE = "nvme-page"

# A page by the keys that only it has (NVM Express Base Specification 2.0, 5.17.2.1, 5.16.1.2, 5.16.1.3)
_PAGES = {
    "id-ns": ("nsze", "lbafs"),
    "error-log": ("errors", "error_count"),
    "smart-log": ("critical_warning", "data_units_written"),
}


def recognises(text: str) -> bool:
    """Whether the object has the keys of one of these pages."""
    return text[:64].lstrip().startswith("{") and _page(text) != ""


def read(text: str) -> Report:
    """Say which page it is. Raises Unreadable for what is no JSON object."""
    json_of(text)
    return inventory("nvme-cli", SOURCE, [identity(f"nvme {_page(text)}", kind=MediumKind.NVME)])


def _page(text: str) -> str:
    head = text[:4096]
    return next((page for page, keys in _PAGES.items() if all(f'"{key}"' in head for key in keys)), "")
