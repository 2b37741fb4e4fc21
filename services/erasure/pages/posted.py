"""What a posted form says, and where its answer leads."""

from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from services.erasure.intake import TEXT_MAX
from shared.refused import Invalid, Refused, Unknown


def files(form: FormData, name: str) -> list[UploadFile]:
    """Return the files of a field; a browser sends an empty one where nothing was chosen."""
    return [file for file in form.getlist(name) if isinstance(file, UploadFile) and file.filename]


def text(form: FormData, name: str) -> str | None:
    """Return the text of a field, trimmed; None for an empty one."""
    said = form.get(name)
    return said.strip()[:TEXT_MAX] or None if isinstance(said, str) else None


def uuid(form: FormData, name: str) -> UUID | None:
    """Return the id in a field; None for anything else."""
    return as_uuid(text(form, name) or "")


def as_uuid(said: str) -> UUID | None:
    """Return the id that a text is; None for anything else."""
    try:
        return UUID(said)
    except ValueError:
        return None


def status(refusal: Refused | None) -> int:
    """Return the HTTP status of a page that shows a refusal, or none."""
    if refusal is None:
        return 200
    return 404 if isinstance(refusal, Unknown) else 422 if isinstance(refusal, Invalid) else 409


def to(path: str, **query: str) -> Response:
    """Lead on to a page (303), with what is said of it."""
    said: Mapping[str, str] = {key: value for key, value in query.items() if value}
    return RedirectResponse(f"{path}?{urlencode(said)}", 303)
