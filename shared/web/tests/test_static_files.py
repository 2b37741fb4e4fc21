from shared.web import static_files
from shared.web.gallery import gallery
from shared.web.static_files import static_url
from shared.web.tests.conftest import Opening


async def test_a_hashed_file_is_kept_for_a_year_and_a_plain_one_asked_again(opened: Opening) -> None:
    async with opened(gallery()) as client:
        hashed = await client.get(static_url("capture.js"))
        plain = await client.get("/static/capture.js")
        stale = await client.get("/static/capture.js?v=000000000000")
        again = await client.get("/static/capture.js", headers={"if-none-match": plain.headers["etag"]})
    assert "immutable" in hashed.headers["cache-control"]
    assert hashed.headers["content-type"].startswith("text/javascript")
    assert plain.headers["cache-control"] == stale.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


async def test_the_sheet_is_one_file(opened: Opening) -> None:
    async with opened(gallery()) as client:
        sheet = (await client.get(static_url("meguru.css"))).text
    tokens = static_files.FOLDER / "vendor" / "tokens.css"
    assert ("@import" in sheet) is not tokens.exists()
    assert ".mg-route" in sheet


async def test_the_worker_may_rule_the_capture_page_and_is_never_stale(opened: Opening) -> None:
    async with opened(gallery()) as client:
        worker = await client.get(static_url("service-worker.js"))
    assert worker.headers["service-worker-allowed"] == "/"
    assert worker.headers["cache-control"] == "no-cache"


async def test_nothing_outside_the_folder_is_served(opened: Opening) -> None:
    async with opened(gallery()) as client:
        for name in ("../recipe.py", "%2e%2e/recipe.py", "nothing.css", ""):
            assert (await client.get(f"/static/{name}")).status_code == 404
