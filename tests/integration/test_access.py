"""Who may do what, asked at the gateway of the whole stack; every refusal has a sentence in both languages."""

import asyncio
import base64
import csv
import hashlib
import hmac
import io
import json
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import OKPKey

from bench.world import Town, town
from meguru.allocations import recompute_file
from meguru.exported import log_keys
from meguru.founding import PREPARE
from meguru.replay import inputs, pilot
from meguru.replay.acting import until_heard
from meguru.replay.actor import Actor
from meguru.replay.story import TOKYO
from services.tracking.commands.parties import engagement_of
from services.tracking.log.note import NoteSigner
from shared.identity import Principal, issue
from shared.ids import new_label, uuid7
from shared.stack.stack import Stack

OTHER_TOWN, OTHER_CODE = "town-063631", "063631"
CENTRES = {"centre-none": "none-worker", "centre-past": "past-worker", "centre-ended": "ended-worker"}
ENDED = "R8-終-1"
ROLES = ("worker", "centre-manager", "refurbisher")
JAPANESE = ("。", "）")


@dataclass(slots=True)
class World:
    """Two towns and four centres on one stack; the first town has a crushed medium, its certificate and a call."""

    stack: Stack
    made: Town
    client: httpx.AsyncClient
    certificate: str = ""
    call: str = "063622-R8-9"

    @property
    def label(self) -> str:
        """The label of the item that went all the way."""
        return self.made.labels[0]

    def token(self, person: str, party: str, *roles: str, kind: str = "town", **said: Any) -> str:
        """Sign a token with tracking's own key, as a device of the person would hold it."""
        key = OKPKey.import_key(json.loads((self.stack.folder / "keys" / "identity.jwk").read_text()))
        return issue(key, Principal(person, party, frozenset(roles), kind), **{"issuer": self.stack.origin} | said)

    async def ask(self, method: str, path: str, token: str = "", *, lang: str = "ja", **given: Any) -> httpx.Response:
        """Send a request as it is; the client keeps no cookie."""
        headers = {"accept-language": lang} | ({"authorization": f"Bearer {token}"} if token else {})
        self.client.cookies.clear()
        return await self.client.request(method, path, headers=headers | given.pop("headers", {}), **given)

    async def refused(self, wanted: int, code: str, method: str, path: str, token: str = "", **given: Any) -> str:
        """Expect the same refusal in both languages; return the Japanese sentence."""
        said = {}
        for lang in ("ja", "en"):
            answer = await self.ask(method, path, token, lang=lang, **given)
            assert answer.status_code == wanted, (path, answer.status_code, answer.text[:300])
            assert answer.headers["content-type"].startswith("application/problem+json"), path
            said[lang] = answer.json()["detail"]
            assert answer.json()["code"] == code, answer.json()
        assert said["ja"].endswith(JAPANESE), said["ja"]
        assert said["en"][:1].isascii(), said["en"]
        assert said["en"].endswith("."), said["en"]
        return str(said["ja"])


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("access")
    async with Stack(folder / "data", prepare=PREPARE, development_login=True) as stack:
        made = await town(stack, folder, 4)
        trusted = ssl.create_default_context(cafile=str(stack.certificate_authority))
        async with httpx.AsyncClient(base_url=stack.origin, verify=trusted, timeout=30) as client:
            world = World(stack, made, client)
            await found_others(world)
            await go_all_the_way(world)
            yield world


async def found_others(world: World) -> None:
    """Add a second town with an item of its own, and three centres that may not act for the first."""
    stack = world.stack
    async with Actor(stack.origin, stack.certificate_authority, "operator") as operator:
        await operator.do("/api/tracking/towns", {"code": OTHER_CODE})
        cards = [("other-admin", OTHER_TOWN, ["town-admin", "clerk"])]
        for centre, person in CENTRES.items():
            await operator.do("/api/tracking/parties", {"party": centre, "kind": "centre", "name": centre})
            cards.append((person, centre, list(ROLES)))
        for person, party, roles in cards:
            card = {"person": person, "party": party, "name": person, "roles": roles}
            await operator.put(f"/api/tracking/people/{person}", card)
    async with Actor(stack.origin, stack.certificate_authority, "mogami-admin") as admin:
        await admin.do("/api/tracking/engagements", contract("centre-past", "R8-昔-1", -30, -1))
        await admin.do("/api/tracking/engagements", contract("centre-ended", ENDED, 0, 30))
    async with Actor(stack.origin, stack.certificate_authority, "other-admin") as other:
        await other.do("/api/tracking/engagements", contract("centre-none", "R8-他-1", 0, 30))
        await other.do("/api/tracking/policies", {"version": "1"})
        engagement = engagement_of(OTHER_TOWN, "centre-none", "R8-他-1")
        answer = await other.upload("/api/tracking/inventories", {"engagement": str(engagement)}, listed("T1"))
        assert answer.status == 201, answer.body


def contract(centre: str, number: str, first: int, last: int) -> dict[str, Any]:
    today = datetime.now(TOKYO).date()
    dates = {"starts_on": str(today + timedelta(days=first)), "ends_on": str(today + timedelta(days=last))}
    return {"centre": centre, "title": "試行", "contract": number} | dates


def listed(*serials: str, zone: str = "個人番号利用事務系") -> list[tuple[str, tuple[str, bytes, str]]]:
    """Return a town's list with one plain desktop for each serial of its drive."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(inputs.HEADS)
    for nth, serial in enumerate(serials):
        row = ["", "デスクトップ", "ミナト電機", "MD-7100", f"C{serial}{nth}", "総務課", zone, "3", "", "", "HDD"]
        writer.writerow([*row, "", "", serial, ""])
    return [("file", ("list.csv", out.getvalue().encode("cp932"), "text/csv"))]


async def go_all_the_way(world: World) -> None:
    """Crush the first item's medium, wait for its certificate, and open a call with one application on paper."""
    stack = world.stack
    photo = inputs.photo(pilot.machines()[0], "after", datetime.now(TOKYO))
    async with Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker:
        path = f"/api/erasure/media/{world.label}/destructions"

        async def crush() -> Any:
            shots = [("after", ("after.jpg", photo, "image/jpeg"))]
            return await worker.upload(path, {"technique": "crush", "machine": "粉砕機1号"}, shots)

        await until_heard(crush, lambda answer: answer.status in (200, 201))
        seen = await until_heard(
            lambda: worker.get("/api/certificates", town=pilot.TOWN),
            lambda said: any(one["state"] == "issued" for one in said["certificates"]),
        )
        world.certificate = seen["certificates"][0]["number"]
    async with Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk:
        opens = datetime.now(UTC).replace(microsecond=0)
        await clerk.do(
            "/api/donations/calls",
            {
                "number": world.call,
                "title": "再生パソコンをお譲りします",
                "rule": "first-come",
                "item_kinds": ["desktop"],
                "units": 1,
                "opens_at": opens.isoformat(),
                "closes_at": (opens + timedelta(days=9)).isoformat(),
                "spec": {"os": "Windows 11", "ssd_gb": 240, "memory_gb": 8, "office": "x", "support_months": 3},
                "categories": [{"code": "hamlet", "name": "集落", "cap": 1}],
                "consent": "掲載にご協力ください。",
                "consent_version": "1",
                "contact": "情報企画係",
            },
        )


def own_pages(world: World) -> list[str]:
    """What each of the five services keeps for those who act for the first town."""
    engagement = world.made.world.engagement
    return [
        f"/api/tracking/items?town={pilot.TOWN}&engagement={engagement}",
        f"/api/tracking/overview?town={pilot.TOWN}&engagement={engagement}",
        f"/api/erasure/overview?town={pilot.TOWN}",
        f"/api/certificates?town={pilot.TOWN}",
        f"/api/refurb/board?town={pilot.TOWN}",
        f"/api/donations/overview?town={pilot.TOWN}",
    ]


def writes(world: World) -> list[tuple[str, dict[str, Any]]]:
    """One write at each of the five services."""
    form = {"request": str(uuid7()), "machine": "1"}
    body = {"request": str(uuid7())}
    return [
        (f"/api/tracking/items/{world.label}/candidate", {"json": body}),
        (f"/api/erasure/media/{world.label}/destructions", {"data": form}),
        (f"/api/certificates/{world.certificate}/revocations", {"json": body | {"reason": "試し"}}),
        (f"/api/refurb/items/{world.label}/deliver", {"json": body}),
        (f"/api/donations/calls/{world.call}/close", {"json": body}),
    ]


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def bad_tokens(world: World) -> dict[str, str]:
    """Tokens that look right and are not."""
    good = world.token("itad-worker", pilot.CENTRE, "worker", kind="centre")
    head, claims, signature = good.split(".")
    public = (world.stack.folder / "keys" / "jwks.json").read_bytes()
    kid = json.loads(public)["keys"][0]["kid"]
    stranger = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": kid}, private=True)
    who = Principal("itad-worker", pilot.CENTRE, frozenset({"worker"}), "centre")
    more = json.loads(base64.urlsafe_b64decode(claims + "=="))
    more = b64(json.dumps(more | {"roles": ["platform-operator"], "party": "platform"}).encode())
    confused = f"{b64(json.dumps({'alg': 'HS256', 'kid': kid}).encode())}.{claims}"
    unsigned = b64(json.dumps({"alg": "none", "kid": kid}).encode())
    raw = base64.urlsafe_b64decode(json.loads(public)["keys"][0]["x"] + "==")
    macs = {f"hs256-{n}": hmac.new(key, confused.encode(), hashlib.sha256) for n, key in (("x", raw), ("jwks", public))}
    return {
        "garbage": "not.a.token",
        "another key": issue(stranger, who, issuer=world.stack.origin),
        "another issuer": world.token(who.person, who.party, "worker", kind="centre", issuer="https://else.example"),
        "expired": world.token(who.person, who.party, "worker", kind="centre", now=int(time.time()) - 3600),
        "no algorithm": f"{unsigned}.{claims}.",
        "changed claims": f"{head}.{more}.{signature}",
        "cut signature": f"{head}.{claims}.{signature[:-6]}",
    } | {name: f"{confused}.{b64(mac.digest())}" for name, mac in macs.items()}


async def test_the_public_gets_nothing_of_a_town_from_any_service(world: World) -> None:
    for path in own_pages(world):
        await world.refused(401, "sign-in", "GET", path)
    for path, given in writes(world):
        await world.refused(401, "sign-in", "POST", path, **given)


async def test_a_token_that_does_not_verify_is_refused_by_all_five(world: World) -> None:
    good = world.token("itad-worker", pilot.CENTRE, "worker", kind="centre")
    for path in own_pages(world):
        assert (await world.ask("GET", path, good)).status_code == 200, path
    for name, token in bad_tokens(world).items():
        for path in own_pages(world):
            answer = await world.ask("GET", path, token)
            assert (answer.status_code, answer.json()["code"]) == (401, "sign-in"), (name, path)
    await world.refused(401, "sign-in", "GET", own_pages(world)[0], bad_tokens(world)["expired"])


async def test_no_header_and_no_cookie_makes_a_principal(world: World) -> None:
    smuggled = {
        "x-forwarded-user": "operator",
        "x-user": "operator",
        "x-principal": "operator",
        "x-forwarded-authorization": f"Bearer {world.token('operator', 'platform', 'platform-operator')}",
        "cookie": "__Host-session=0123456789abcdef; session=operator; Authorization=Bearer x",
    }
    for path in own_pages(world):
        for headers in (smuggled, {"cookie": smuggled["cookie"]}):
            assert (await world.ask("GET", path, headers=headers)).status_code == 401, path
    assert (await world.ask("GET", "/session/token", headers=smuggled)).status_code == 404
    assert (await world.ask("GET", "/session/token/", headers=smuggled)).headers.get("authorization") is None


async def test_the_traces_of_everybody_s_work_are_the_operator_s_alone(world: World) -> None:
    clerk = world.token("mogami-clerk", pilot.TOWN, "clerk", "town-admin")
    manager = world.token("itad-manager", pilot.CENTRE, "centre-manager", kind="centre")
    for path in ("/traces", f"/traces/{'0' * 32}", "/traces/api/traces", f"/traces/api/traces/{'0' * 32}"):
        await world.refused(401, "sign-in", "GET", path)
        for token in (clerk, manager):
            await world.refused(403, "role", "GET", path, token)
    for detour in ("/TRACES", "/lookup/../traces", "/./traces", "/traces;x", "/traces%2f..%2ftraces"):
        assert (await world.ask("GET", detour)).status_code in (401, 404), detour
    async with Actor(world.stack.origin, world.stack.certificate_authority, "operator") as operator:
        assert (await operator.get("/traces/api/traces"))["traces"]
        assert "最近の経路".encode() in await operator.fetch("/traces")
    async with httpx.AsyncClient() as beside:  # the exporters' own port, on the loopback alone, asks nobody
        sink = f"http://127.0.0.1:{world.stack.ports['traces']}/v1/traces"
        answer = await beside.post(sink, content=b"", headers={"content-type": "application/x-protobuf"})
        assert answer.status_code == 200


async def test_a_centre_acts_inside_its_engagement_alone(world: World) -> None:
    async with Actor(world.stack.origin, world.stack.certificate_authority, "ended-worker") as worker:
        body = await until_heard(
            lambda: worker.ask("/api/certificates", method="GET", params={"town": pilot.TOWN}),
            lambda answer: answer.status == 200,
        )
        assert body.status == 200
    async with Actor(world.stack.origin, world.stack.certificate_authority, "mogami-admin") as admin:
        ended = engagement_of(pilot.TOWN, "centre-ended", ENDED)
        await admin.do(f"/api/tracking/engagements/{ended}/end")
        answer = await admin.ask(f"/api/tracking/engagements/{ended}/end")
        assert answer.refused.endswith("。"), "what has ended ends once"
    await asyncio.sleep(1)  # the end comes to the other four over the bus
    for centre, person in CENTRES.items():
        token = world.token(person, centre, *ROLES, kind="centre")
        for path in own_pages(world):
            sentence = await world.refused(403, "no-engagement", "GET", path, token)
            assert "契約" in sentence
        for path, given in writes(world)[:4]:
            given = {**given, "files": {"after": ("a.jpg", b"x", "image/jpeg")}} if "data" in given else given  # noqa: PLW2901 - one more field
            wrong = await world.ask("POST", path, token, **given)
            assert wrong.status_code in (403, 404), (centre, path, wrong.text[:200])
        scans = {"scans": [{"requestId": str(uuid7()), "work": "received", "label": world.label}]}
        for lang, end in (("ja", "。"), ("en", ".")):
            (result,) = (await world.ask("POST", "/api/tracking/scans", token, lang=lang, json=scans)).json()["results"]
            assert (result["status"], result["code"]) == (404, "unknown-label")
            assert result["detail"].endswith(end)


async def test_a_role_that_is_not_held_is_refused_with_a_sentence(world: World) -> None:
    witness = world.token("mogami-witness", pilot.TOWN, "witness")
    for path, given in writes(world):
        if "/candidate" in path or "/destructions" in path:
            continue  # those two are the centre's: tried below
        await world.refused(403, "role", "POST", path, witness, **given)
    clerk = world.token("mogami-clerk", pilot.TOWN, "clerk")
    for path, given in writes(world)[:4]:
        await world.refused(403, "role", "POST", path, clerk, **given)
    worker = world.token("itad-worker", pilot.CENTRE, "worker", kind="centre")
    await world.refused(403, "role", "POST", writes(world)[4][0], worker, **writes(world)[4][1])
    person = {"person": "mine", "party": pilot.CENTRE, "name": "x", "roles": ["worker"]}
    await world.refused(403, "role", "PUT", "/api/tracking/people/mine", worker, json=person)


async def test_nobody_gives_himself_what_is_not_his(world: World) -> None:
    manager = world.token("itad-manager", pilot.CENTRE, "centre-manager", kind="centre")
    card = {"person": "mine", "party": pilot.TOWN, "name": "x", "roles": ["town-admin"]}
    await world.refused(403, "forbidden", "PUT", "/api/tracking/people/mine", manager, json=card)
    card |= {"party": pilot.CENTRE, "roles": ["platform-operator"]}
    await world.refused(403, "forbidden", "PUT", "/api/tracking/people/mine", manager, json=card)
    card |= {"person": "mogami-admin", "roles": ["centre-manager"]}
    await world.refused(409, "person-taken", "PUT", "/api/tracking/people/mogami-admin", manager, json=card)
    async with Actor(world.stack.origin, world.stack.certificate_authority, "mogami-admin") as admin:
        seen = await admin.get("/api/tracking/items", town=pilot.TOWN, engagement=world.made.world.engagement)
    assert seen["items"], "the person is still the town's"


async def test_a_town_never_sees_another_towns_things(world: World) -> None:
    token = world.token("other-admin", OTHER_TOWN, "town-admin", "clerk")
    for path in own_pages(world):
        await world.refused(403, "no-engagement", "GET", path, token)
        own = path.split("?")[0] + f"?town={OTHER_TOWN}&engagement={world.made.world.engagement}"
        answer = await world.ask("GET", own, token)
        assert answer.status_code == 200, own
        for known in (*world.made.labels, world.certificate, world.call):
            assert known not in answer.text, (own, known)
    for path in ("tracking/items", "erasure/media", "refurb/items"):
        await world.refused(404, "unknown-label", "GET", f"/api/{path}/{world.label}", token)
    await world.refused(404, "unknown-label", "GET", f"/api/certificates?item={world.label}", token)
    assert set((await world.ask("GET", f"/api/certificates/{world.certificate}", token)).json()) == {
        "number",
        "kind",
        "state",
        "issued_at",
        "replaces",  # a number, where it stands in the place of another
        "replaced_by",
    }, "of another town's certificate only what everybody may see"
    queue = await world.ask("GET", f"/api/donations/calls/{world.call}/queue", token)
    assert queue.status_code in (403, 404)
    assert queue.json()["detail"].endswith("。")
    mine = world.token("mogami-clerk", pilot.TOWN, "clerk")
    assert (await world.ask("GET", f"/api/donations/calls/{world.call}/queue", mine)).status_code == 200


async def test_an_ended_session_is_dead_at_once(world: World) -> None:
    async with Actor(world.stack.origin, world.stack.certificate_authority, "mogami-clerk") as clerk:
        assert await clerk.get("/api/certificates", town=pilot.TOWN)
        kept = dict(clerk._client.cookies)
        assert kept
        ended = await clerk._client.post("/session/end")
        assert ended.status_code == 303
        again = {"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    for path in own_pages(world):
        assert (await world.ask("GET", path, headers=again)).status_code == 401, path


async def test_wrong_input_gets_a_sentence_that_says_what_to_do(world: World) -> None:
    clerk = world.token("mogami-clerk", pilot.TOWN, "clerk")
    worker = world.token("itad-worker", pilot.CENTRE, "worker", kind="centre")
    engagement = world.made.world.engagement
    form = {"engagement": engagement, "request": str(uuid7())}
    spoilt = dict(listed("W1", "W2", zone="どこか"))
    said = await world.refused(422, "inventory", "POST", "/api/tracking/inventories", clerk, data=form, files=spoilt)
    assert "2行目" in said
    await world.refused(404, "unknown-label", "GET", f"/api/tracking/items/{new_label()}", worker)
    mistyped = world.label[:-1] + ("0" if world.label[-1] != "0" else "1")
    assert "最後の文字" in await world.refused(422, "bad-label", "GET", f"/api/tracking/items/{mistyped}", worker)
    path = f"/api/erasure/media/{world.made.labels[1]}/destructions"
    fields = {"request": str(uuid7()), "machine": "1", "technique": "crush"}
    for content in (b"", b"\xff\xd8\xff\xe0 not a picture", b"%PDF-1.7"):
        answers = [
            await world.ask(
                "POST", path, worker, lang=lang, data=fields, files={"after": ("a.jpg", content, "image/jpeg")}
            )
            for lang in ("ja", "en")
        ]
        assert [answer.status_code for answer in answers] == [422, 422], content
        assert [answer.json()["detail"][-1] for answer in answers] == ["。", "."], content


async def test_the_seed_of_a_lottery_comes_by_the_road_of_the_log_and_anybody_draws_it_again(
    world: World, tmp_path: Path
) -> None:
    number = "063622-R8-7"
    async with Actor(world.stack.origin, world.stack.certificate_authority, "mogami-clerk") as clerk:
        call = await clerk.get(f"/api/donations/calls/{world.call}")
        kept = ("title", "item_kinds", "units", "opens_at", "closes_at", "spec", "categories", "consent", "contact")
        asked = {name: call[name] for name in kept} | {"consent_version": "1", "number": number, "rule": "lottery"}
        await clerk.do("/api/donations/calls", asked)
        receipts = []
        for n in range(5):
            form = {"category": "hamlet", "units": 1, "group": f"区{n}", "representative": "見本", "address": "向町"}
            paper = form | {"phone": f"0233-43-000{n}", "arrived_at": call["opens_at"], "channel": "fax"}
            receipts.append((await clerk.do(f"/api/donations/calls/{number}/paper", paper))["receipt"])
        await clerk.do(f"/api/donations/calls/{number}/close")
        settling = await until_heard(
            lambda: clerk.ask(f"/api/donations/calls/{number}/settle"), lambda answer: answer.status == 201
        )
        assert settling.status == 201
        clerk_knows = await clerk.get(f"/api/donations/calls/{number}/allocation")
    answer = await world.ask("GET", f"/calls/{number}/log.json")
    assert answer.json() == clerk_knows
    drawn = next(step for step in answer.json()["steps"] if step["step"] == "drawn")
    file = tmp_path / "log.json"
    file.write_bytes(answer.content)
    verdict = recompute_file(file)
    assert verdict is not None
    assert (verdict.code, sorted(verdict.facts["waiting"])) == (0, receipts)
    assert "--key" in verdict.sentence, "the file alone vouches for its own heads, and says so"
    key = tmp_path / "key.txt"
    key.write_bytes((world.stack.folder / "keys" / "log.vkey").read_bytes())
    held = recompute_file(file, log_keys(key))
    assert held is not None
    assert (held.code, "--key" in held.sentence) == (0, False)
    key.write_text(f"{NoteSigner.new(log_keys(key)[0].key.name).vkey}\n", encoding="utf-8")
    forged = recompute_file(file, log_keys(key))
    assert forged is not None
    assert (forged.code, "is not the log's" in forged.sentence) == (1, True)
    tile = (await world.ask("GET", "/log/checkpoint")).text.split("\n")
    assert int(tile[1]) > drawn["index"]
    digests = {each["entry"]: each["digest"] for each in answer.json()["entries"]}
    bundle = await world.ask("GET", f"/log/tile/entries/{_bundle(drawn['index'], int(tile[1]))}")
    assert bytes.fromhex(digests[drawn["closing"]]) in bundle.content, "the log holds the digest that is cited"


def _bundle(index: int, size: int) -> str:
    """Return the path of the entries that hold a leaf (C2SP tlog-tiles), for a log of fewer than 256,000 leaves."""
    full, nth = size // 256, index // 256
    return f"{nth:03}" if nth < full else f"{nth:03}.p/{size % 256}"


async def test_what_is_not_proved_is_not_shipped_and_what_is_closed_is_not_closed_again(world: World) -> None:
    worker = world.token("itad-worker", pilot.CENTRE, "worker", kind="centre")
    town_, engagement = {"town": pilot.TOWN}, world.made.world.engagement
    sealing = {"engagement": engagement, "number": "カゴ車9", "seal": "S-9", "labels": world.made.labels[2:3]}
    sealed = await world.ask(
        "POST", "/api/tracking/cages", worker, params=town_, json=sealing | {"request": str(uuid7())}
    )
    assert sealed.status_code == 201, sealed.text
    cage = sealed.json()["stream"]
    path = f"/api/tracking/cages/{cage}/hand-over?town={pilot.TOWN}"
    said = await world.refused(409, "evidence-missing", "POST", path, worker, json={"request": str(uuid7())})
    assert "まだ出庫できません" in said
    opened = {"request": str(uuid7()), "seal_seen": "S-9", "labels": world.made.labels[2:3]}
    path = f"/api/tracking/cages/{cage}/receipt?town={pilot.TOWN}"
    assert (await world.ask("POST", path, worker, json=opened)).status_code == 201
    assert (await world.ask("POST", path, worker, json=opened)).status_code == 200, "the same request again"
    again = opened | {"request": str(uuid7())}
    await world.refused(409, "already-opened", "POST", path, worker, json=again)
    clerk = world.token("mogami-clerk", pilot.TOWN, "clerk")
    close = f"/api/donations/calls/{world.call}/close"
    assert (await world.ask("POST", close, clerk, json={"request": str(uuid7())})).status_code == 201
    answer = await world.ask("POST", close, clerk, lang="en", json={"request": str(uuid7())})
    assert (answer.status_code, answer.json()["detail"][-1]) == (409, ".")
