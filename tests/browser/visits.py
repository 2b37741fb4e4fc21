"""Which pages there are, by the applications themselves, and who opens which address of each.

A page that nobody visits here turns `test_every_page_is_visited` red: add a line to VISITS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from fastapi.routing import iter_route_contexts

from shared.settings import SERVICES
from shared.stack import traces

PUBLIC = ""
ADMIN, CLERK, WITNESS, APPROVER = "mogami-admin", "mogami-clerk", "mogami-witness", "mogami-approver"
MANAGER, WORKER, REFURBISHER, OPERATOR = "itad-manager", "itad-worker", "itad-refurbisher", "operator"


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody opens an address of a route. `{names}` are filled from the replayed data."""

    route: str
    who: str
    address: str
    status: int = 200


def page_routes() -> set[str]:
    """Return the path of every GET route that is no JSON API and no stream, of the five services and of the traces."""
    apps = [import_module(f"services.{name}.app").app for name in SERVICES] + [traces.app]
    return {path for app in apps for path in _paths(app.routes)}


def _paths(routes: list[object]) -> Iterator[str]:
    for route in iter_route_contexts(routes):  # type: ignore[arg-type]  # Starlette types its routes as BaseRoute
        path = route.path or ""
        if "GET" in (route.methods or ()) and not path.startswith(("/api/", "/traces/api/", "/static/", "/live/")):
            yield path


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# What is fetched and not looked at: route → (who, address, the answer's status and media type).
FILES: dict[str, tuple[str, str, int, str]] = {
    "/healthz": (PUBLIC, "/healthz", 200, "application/json"),
    "/readyz": (PUBLIC, "/readyz", 200, "application/json"),
    "/session/token": (CLERK, "/session/token", 404, ""),  # for the gateway alone
    "/log/checkpoint": (PUBLIC, "/log/checkpoint", 200, "text/plain"),
    "/log/witnessed": (PUBLIC, "/log/witnessed", 404, "application/problem+json"),  # nobody cosigned here
    "/log/key": (PUBLIC, "/log/key", 200, "text/plain"),
    "/log/{path:path}": (PUBLIC, "/log/tile/0/000", 200, "application/octet-stream"),
    "/erasure/reports/{sha256}": (WORKER, "/erasure/reports/{report}?town={town}", 200, "application/octet-stream"),
    "/erasure/photos/{sha256}": (WORKER, "/erasure/photos/{photo}?town={town}", 200, "image/jpeg"),
    "/cages/{cage}/photos/{sha256}": (WORKER, "/cages/{cage}/photos/{seal_photo}?town={town}", 200, "image/jpeg"),
    "/inventory/items.csv": (CLERK, "/inventory/items.csv?town={town}&engagement={engagement}", 200, "text/csv"),
    "/inventory/items.xlsx": (CLERK, "/inventory/items.xlsx?town={town}&engagement={engagement}", 200, XLSX),
    "/inventory/template.xlsx": (CLERK, "/inventory/template.xlsx", 200, XLSX),
    "/calls/{number}/circular.pdf": (PUBLIC, "/calls/{open}/circular.pdf", 200, "application/pdf"),
    "/donations/calls/{number}/uses/{report}.jpg": (
        CLERK,
        "/donations/calls/{settled}/uses/00000000-0000-7000-8000-000000000000.jpg",
        404,
        "application/problem+json",
    ),
    "/donations/cases/{town}/{report}.jpg": (
        PUBLIC,
        "/donations/cases/{town}/00000000-0000-7000-8000-000000000000.jpg",
        404,
        "application/problem+json",
    ),
    "/donations/register.csv": (CLERK, "/donations/register.csv", 200, "text/csv"),
    "/donations/calls/{number}/letters.pdf": (CLERK, "/donations/calls/{settled}/letters.pdf", 200, "application/pdf"),
    "/calls/{number}/form.pdf": (PUBLIC, "/calls/{open}/form.pdf", 200, "application/pdf"),
    "/calls/{number}/postal/{code}": (PUBLIC, "/calls/{open}/postal/9996101", 200, "application/json"),
    "/calls/{number}/log.json": (PUBLIC, "/calls/{settled}/log.json", 200, "application/json"),
    "/certificates/deadlines.ics": (  # opened by its link alone
        PUBLIC,
        "/certificates/deadlines.ics?key=nobody-s",
        404,
        "application/problem+json",
    ),
    "/refurb/items/{label}/photos/{sha256}": (
        CLERK,
        "/refurb/items/{undelivered}/photos/{lid}",
        200,
        "image/jpeg",
    ),
    "/refurb/consignments/certificates/{sha256}": (
        CLERK,
        "/refurb/consignments/certificates/{paper}?town={town}",
        200,
        "application/octet-stream",
    ),
    "/certificates/keys.txt": (PUBLIC, "/certificates/keys.txt", 200, "text/plain"),
    "/certificates/revoked.json": (PUBLIC, "/certificates/revoked.json", 200, "application/json"),
    "/certificates/all.zip": (
        CLERK,
        "/certificates/all.zip?town={town}&engagement={engagement}",
        200,
        "application/zip",
    ),
    "/certificates/bundles/{bundle}.zip": (
        CLERK,
        "/certificates/bundles/00000000-0000-7000-8000-000000000000.zip",
        404,
        "application/problem+json",
    ),
    "/certificates/{number}.pdf": (CLERK, "/certificates/{certificate}.pdf", 200, "application/pdf"),
    "/certificates/{number}.json": (CLERK, "/certificates/{certificate}.json", 200, "application/json"),
}

VISITS = (
    # everybody
    Visit("/", PUBLIC, "/"),
    Visit("/", CLERK, "/"),
    Visit("/", OPERATOR, "/"),
    Visit("/lookup", PUBLIC, "/lookup"),
    Visit("/lookup", PUBLIC, "/lookup?id={closed}+{recycled}+7K3D9Q2MX+nonsense"),
    Visit("/lookup", PUBLIC, "/lookup?id=nonsense", 422),
    Visit("/t/{label}", PUBLIC, "/t/{closed}"),
    Visit("/t/{label}", PUBLIC, "/t/{unknown}", 404),
    Visit("/T/{label}", PUBLIC, "/T/{recycled}"),
    Visit("/t/{label}/{token}", PUBLIC, "/t/{closed}/{token}"),
    Visit("/T/{label}/{token}", PUBLIC, "/T/{closed}/{token}"),
    Visit("/log", PUBLIC, "/log"),
    Visit("/keys", PUBLIC, "/keys"),
    Visit("/keys", OPERATOR, "/keys"),
    Visit("/signin", PUBLIC, "/signin"),
    Visit("/signin", CLERK, "/signin"),
    Visit("/calls", PUBLIC, "/calls"),
    Visit("/calls", CLERK, "/calls"),
    Visit("/calls/receipt", PUBLIC, "/calls/receipt"),
    Visit("/calls/receipt/correct", PUBLIC, "/calls/receipt/correct", 404),  # without a receipt
    Visit("/calls/mine/{receipt}/{token}", PUBLIC, "/calls/mine/063622-0001/guessed", 422),
    Visit("/calls/{number}", PUBLIC, "/calls/{open}"),
    Visit("/calls/{number}", PUBLIC, "/calls/{settled}"),
    Visit("/calls/{number}/apply", PUBLIC, "/calls/{open}/apply"),
    Visit("/donations", PUBLIC, "/donations"),
    Visit("/donations", PUBLIC, "/donations?town={town}"),
    Visit("/verify", PUBLIC, "/verify"),
    Visit("/verify/{number}", PUBLIC, "/verify/{certificate}"),
    Visit("/verify/{number}", PUBLIC, "/verify/D-0000-0000-0", 422),
    Visit("/verify/{number}", PUBLIC, "/verify/D-{unknown}", 404),
    Visit("/VERIFY/{number}", PUBLIC, "/VERIFY/{certificate}"),
    # the town
    Visit("/dashboard", PUBLIC, "/dashboard", 401),
    Visit("/dashboard", CLERK, "/dashboard"),
    Visit("/dashboard", APPROVER, "/dashboard"),
    Visit("/dashboard", WITNESS, "/dashboard"),
    Visit("/dashboard", MANAGER, "/dashboard"),
    Visit("/dashboard", WORKER, "/dashboard"),
    Visit("/differences/{difference}", ADMIN, "/differences/{difference}?town={town}"),
    Visit("/losses/{loss}", CLERK, "/losses/00000000-0000-0000-0000-000000000000?town={town}", 404),  # none was lost
    Visit("/reports", ADMIN, "/reports"),
    Visit("/items", CLERK, "/items"),
    Visit("/items", WORKER, "/items?place=recycled&step=recycled"),
    Visit("/items/{label}", CLERK, "/items/{closed}"),
    Visit("/items/{label}", CLERK, "/items/{undelivered}"),
    Visit("/items/{label}", ADMIN, "/items/{recycled}"),
    Visit("/items/{label}", WORKER, "/items/{closed}"),
    Visit("/items/{label}", APPROVER, "/items/{excepted}"),
    Visit("/items/{label}", CLERK, "/items/{unknown}", 404),
    Visit("/inventory", CLERK, "/inventory"),
    Visit("/labels", CLERK, "/labels"),
    Visit("/labels", WORKER, "/labels?label={closed}"),
    Visit("/labels/bind", WORKER, "/labels/bind"),
    Visit("/labels/bind", CLERK, "/labels/bind?bound={closed}"),
    Visit("/labels/bind", WITNESS, "/labels/bind", 403),
    Visit("/engagements", ADMIN, "/engagements"),
    Visit("/engagements/{engagement}/end", ADMIN, "/engagements/{engagement}/end"),
    Visit("/engagements/{engagement}/requirement", ADMIN, "/engagements/{engagement}/requirement"),
    Visit("/policy", ADMIN, "/policy"),
    Visit("/people", ADMIN, "/people"),
    Visit("/people", OPERATOR, "/people"),
    Visit("/certificates/letters", OPERATOR, "/certificates/letters"),
    Visit("/certificates/letters", ADMIN, "/certificates/letters", 403),
    Visit("/capture", CLERK, "/capture"),
    Visit("/capture/{work}", CLERK, "/capture/taken-over"),
    Visit("/certificates", CLERK, "/certificates"),
    Visit("/certificates", ADMIN, "/certificates?kind=tracking&state=issued"),
    Visit("/certificates/bundles", CLERK, "/certificates/bundles"),
    Visit("/certificates/deadlines", CLERK, "/certificates/deadlines"),
    Visit("/certificates/deadlines", ADMIN, "/certificates/deadlines?show=soon&within=40&engagement={engagement}"),
    Visit("/certificates/deadlines", MANAGER, "/certificates/deadlines?show=overdue"),
    Visit("/certificates/{number}", CLERK, "/certificates/{certificate}"),
    Visit("/certificates/{number}", MANAGER, "/certificates/{certificate}"),
    Visit("/certificates/{number}", ADMIN, "/certificates/{certificate}"),  # who may revoke, reissue and validate
    Visit("/donations/calls", CLERK, "/donations/calls"),
    Visit("/donations/calls/{number}", CLERK, "/donations/calls/{settled}"),
    Visit("/donations/calls/{number}", CLERK, "/donations/calls/{open}"),
    Visit("/donations/cases", PUBLIC, "/donations/cases?town={town}"),
    Visit("/donations/calls/{number}/uses", CLERK, "/donations/calls/{settled}/uses"),
    Visit("/donations/personal", CLERK, "/donations/personal"),
    Visit(
        "/donations/calls/{number}/applications/{receipt}/personal",
        CLERK,
        "/donations/calls/{settled}/applications/063622-0001/personal",
    ),
    Visit("/donations/register", CLERK, "/donations/register"),
    Visit(
        "/donations/calls/{number}/applications/{receipt}/hand-over",
        CLERK,
        "/donations/calls/{settled}/applications/063622-0001/hand-over",
    ),
    Visit("/donations/calls/{number}/letters", CLERK, "/donations/calls/{settled}/letters"),
    # the centre
    Visit("/capture", WORKER, "/capture"),
    Visit("/capture/{work}", WORKER, "/capture/received"),
    Visit("/capture/{work}", WORKER, "/capture/received?scan={closed}"),
    Visit("/capture/{work}", WORKER, "/capture/taken-over", 403),
    Visit("/receiving", WORKER, "/receiving"),
    Visit("/cages", WORKER, "/cages"),
    Visit("/erasure", WORKER, "/erasure"),
    Visit("/erasure", CLERK, "/erasure"),
    Visit("/erasure/unmatched", WORKER, "/erasure/unmatched"),
    Visit("/erasure/recheck", WORKER, "/erasure/recheck"),
    Visit("/erasure/sessions", WORKER, "/erasure/sessions"),
    Visit("/erasure/sessions/{session}", WORKER, "/erasure/sessions/{session}?engagement={engagement}&rack=R1"),
    Visit("/erasure/recheck", CLERK, "/erasure/recheck?engagement={engagement}"),
    Visit("/erasure/destroy", WORKER, "/erasure/destroy"),
    Visit("/erasure/destroy/tray", WORKER, "/erasure/destroy/tray"),
    Visit("/erasure/destroy", WORKER, "/erasure/destroy?label={closed}"),
    Visit("/erasure/destroy", WORKER, "/erasure/destroy?done={closed}"),
    Visit("/erasure/destroy", WORKER, "/erasure/destroy?label={unknown}", 404),
    Visit("/erasure/media/{label}", WORKER, "/erasure/media/{closed}"),
    Visit("/erasure/media/{label}", CLERK, "/erasure/media/{excepted}"),
    Visit("/refurb", REFURBISHER, "/refurb"),
    Visit("/refurb", CLERK, "/refurb"),
    Visit("/refurb/plans", REFURBISHER, "/refurb/plans"),
    Visit("/refurb/plans", CLERK, "/refurb/plans?town={town}"),
    Visit("/refurb/figures", REFURBISHER, "/refurb/figures"),
    Visit("/refurb/figures", CLERK, "/refurb/figures?town={town}"),
    Visit("/refurb/consignments", REFURBISHER, "/refurb/consignments"),
    Visit("/refurb/consignments", CLERK, "/refurb/consignments?town={town}"),
    Visit("/refurb/consignments/{consignment}", REFURBISHER, "/refurb/consignments/{consignment}?town={town}"),
    Visit("/refurb/consignments/{consignment}", CLERK, "/refurb/consignments/{consignment}?town={town}"),
    Visit("/refurb/open", REFURBISHER, "/refurb/open?scan={closed}"),
    Visit("/refurb/items/{label}", REFURBISHER, "/refurb/items/{closed}"),
    Visit("/refurb/items/{label}", REFURBISHER, "/refurb/items/{undelivered}"),
    Visit("/refurb/items/{label}", REFURBISHER, "/refurb/items/{recycled}"),
    Visit("/refurb/items/{label}/sheet", REFURBISHER, "/refurb/items/{closed}/sheet"),
    # the platform
    Visit("/towns", OPERATOR, "/towns"),
    Visit("/towns", OPERATOR, "/towns?q=最上"),
    Visit("/traces{rest:path}", PUBLIC, "/traces", 401),
    Visit("/traces{rest:path}", CLERK, "/traces/{trace}", 403),
    Visit("/traces", OPERATOR, "/traces"),
    Visit("/traces/{trace}", OPERATOR, "/traces/{trace}"),
    Visit("/traces/{trace}", OPERATOR, "/traces/00000000000000000000000000000000", 404),
)
