"""The chart renders what the house says, for every example, and refuses values it does not know."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from services.certificates.signing import Means
from services.certificates.timestamps import Authority
from shared.jetstream import of as durables_of
from shared.mail import Postman
from shared.settings import SERVICES, Settings
from tests.deploy.chart import CHART, EXAMPLES, Document, documents, helm, render
from tests.deploy.semantics import amount, called, containers, defects, of_kind, pods

EVERY = [None, *EXAMPLES]
CUSTOM = {"ScaledObject", "HTTPRoute"}  # their schemas are not in the wheel; semantics.py looks at their structure
VERSIONS = ("1.30", "1.37")
PATHS = {
    "/": "tracking",
    "/api/certificates": "certificates",
    "/api/donations": "donations",
    "/api/erasure": "erasure",
    "/api/refurb": "refurb",
    "/calls": "donations",
    "/certificates": "certificates",
    "/donations": "donations",
    "/erasure": "erasure",
    "/refurb": "refurb",
    "/verify": "certificates",
}


def arguments(values: Path | None) -> list[str]:
    return ["--values", str(values)] if values else []


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return loaded


def variables(container: Document) -> dict[str, Any]:
    return {variable["name"]: variable for variable in container.get("env", [])}


@pytest.mark.parametrize("values", EVERY, ids=lambda path: path.stem if path else "defaults")
def test_lint_is_clean(values: Path | None) -> None:
    done = helm("lint", "--strict", str(CHART), *arguments(values))
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", EVERY, ids=lambda path: path.stem if path else "defaults")
def test_every_document_fits_its_schema(values: Path | None, version: str) -> None:
    rendered = [document for document in render(*arguments(values)) if document["kind"] not in CUSTOM]
    for document in rendered:  # an unknown kind raises too: nothing passes unseen
        kubernetes_validate.validate(document, version, strict=True)
    assert len(rendered) > len(SERVICES)


@pytest.mark.parametrize("values", EVERY, ids=lambda path: path.stem if path else "defaults")
def test_nothing_is_defective(values: Path | None) -> None:
    assert defects(render(*arguments(values))) == []


def test_five_services_each_as_api_and_worker() -> None:
    commands = {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]["command"][:2]
        for document in of_kind(render(), "Deployment")
    }
    assert commands == {
        f"pilot-{service}-{process}": ["uvicorn", f"services.{service}.{module}:app"]
        for service in SERVICES
        for process, module in (("api", "app"), ("worker", "worker"))
    }


def test_each_process_knows_only_what_it_needs() -> None:
    for words, container, _ in containers(render()):
        names = set(variables(container))
        owner, consumer = "MEGURU_OWNER_PASSWORD" in names, "MEGURU_CONSUMER_PASSWORD" in names
        bus, app = "MEGURU_NATS_PASSWORD" in names, "MEGURU_APP_PASSWORD" in names
        assert owner == ("-migrate-" in words), words
        assert consumer == ("-worker container" in words), words
        assert bus == ("-worker container" in words or "-streams-" in words), words
        assert app == ("-worker container" in words or "-api container" in words), words
        roles = [one["value"] for one in container.get("env", ()) if one["name"] == "MEGURU_ROLE"]
        assert roles == [role for role in ("api", "worker") if f"-{role} container" in words], words


def test_keys_reach_their_service_only() -> None:
    held = {
        called(document): {source["secret"]["name"] for source in volume["projected"]["sources"]}
        for document, pod in pods(render())
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "keys"
    }
    assert held == {
        f"Deployment/pilot-{service}-{process}": keys
        for service, keys in (
            ("tracking", {"meguru-identity-key", "meguru-log-key"}),
            ("certificates", {"meguru-signing-keys"}),
        )
        for process in ("api", "worker")
    }


MAIL = ("--set", "mail.host=smtp.example,mail.from=noreply@example.jp,mail.secret=meguru-mail")


def test_the_password_of_the_mail_server_reaches_the_two_processes_that_write() -> None:
    without, rendered = render(), render(*MAIL)
    assert not any("SMTP" in name for _, container, _ in containers(without) for name in variables(container))
    held = {words for words, container, _ in containers(rendered) if "MEGURU_SMTP_PASSWORD" in variables(container)}
    writers = ("pilot-certificates-worker", "pilot-donations-worker")
    assert sorted(next(one for one in writers if one in words) for words in held) == sorted(writers)
    doors = [one for one in of_kind(rendered, "NetworkPolicy") if one["metadata"]["name"] == "pilot-to-mail"]
    assert doors[0]["spec"]["egress"][0]["ports"] == [{"port": 587, "protocol": "TCP"}]
    assert not [one for one in of_kind(without, "NetworkPolicy") if one["metadata"]["name"] == "pilot-to-mail"]


STAMPS = ("--set", f"timestamps.url=https://tsa.example/tsr,timestamps.certificates={{{'ab' * 32},{'cd' * 32}}}")
DEVICE = (
    "--set",
    "device.module=/usr/lib/softhsm/libsofthsm2.so,device.token=meguru,device.label=pdf,device.secret=meguru-pin,device.port=9000",
)
ALL = (*MAIL, "--set", "mail.return=bounces@example.jp,mail.authorities=meguru-mail-ca", *STAMPS, *DEVICE)


def test_what_signs_reaches_the_process_that_signs_and_the_pin_by_name_alone() -> None:
    rendered = render(*ALL)
    given = {
        words: {name: one for name, one in variables(container).items() if "TSA" in name or "PKCS11" in name}
        for words, container, _ in containers(rendered)
    }
    ((words, held),) = [(words, held) for words, held in given.items() if held]
    assert "pilot-certificates-worker" in words
    assert held.pop("MEGURU_PKCS11_PIN")["valueFrom"] == {"secretKeyRef": {"name": "meguru-pin", "key": "pin"}}
    assert {name: one["value"] for name, one in held.items()} == {
        "MEGURU_TSA": "https://tsa.example/tsr",
        "MEGURU_TSA_CERTIFICATE_SHA256": f"{'ab' * 32},{'cd' * 32}",
        "MEGURU_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so",
        "MEGURU_PKCS11_TOKEN": "meguru",
        "MEGURU_PKCS11_LABEL": "pdf",
    }
    doors = {
        one["metadata"]["name"].removeprefix("pilot-to-"): one["spec"]["egress"][0]["ports"]
        for one in of_kind(rendered, "NetworkPolicy")
        if one["spec"].get("egress")
    }
    assert doors["timestamps"] == [{"port": 443, "protocol": "TCP"}]
    assert doors["device"] == [{"port": 9000, "protocol": "TCP"}]
    without = render()
    names = [one["metadata"]["name"] for one in of_kind(without, "NetworkPolicy")]
    assert not [name for name in names if name.endswith(("-timestamps", "-device"))]
    assert not any("TSA" in name or "PKCS11" in name for _, one, _ in containers(without) for name in variables(one))
    assert defects(rendered) == []
    for document in rendered:
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


def test_settings_of_what_signs_and_of_mail_are_settings_the_service_accepts() -> None:
    rendered = render(*ALL)
    (shared,) = of_kind(rendered, "ConfigMap")
    ((_, worker, _),) = [one for one in containers(rendered) if "pilot-certificates-worker container" in one[0]]
    named = {name: one.get("value", "secret") for name, one in variables(worker).items()} | shared["data"]
    known = Settings(**{name.removeprefix("MEGURU_").lower(): value for name, value in named.items()})
    assert Means.of(known).authority == Authority("https://tsa.example/tsr", frozenset({"ab" * 32, "cd" * 32}))
    assert (device := Means.of(known).device)
    assert (device.token, device.label, device.pin.get_secret_value()) == ("meguru", "pdf", "secret")
    assert (postman := Postman.of(known))
    assert (postman.returns, postman.authorities) == ("bounces@example.jp", Path("/etc/meguru/mail/ca.pem"))
    mounts = {one["name"]: one["mountPath"] for one in worker["volumeMounts"]}
    assert mounts["mail"] == "/etc/meguru/mail"


@pytest.mark.parametrize("given", [(), MAIL, ALL])
def test_settings_read_every_variable(given: tuple[str, ...]) -> None:
    (shared,) = of_kind(render(*given), "ConfigMap")
    for words, container, _ in containers(render(*given)):
        names = {*variables(container), *shared["data"]}
        strangers = {n for n in names if n.removeprefix("MEGURU_").lower() not in Settings.model_fields}
        assert {n for n in strangers if not n.startswith("AWS_")} == set(), words


@pytest.mark.parametrize("kind", ["ingress", "httproute"])
def test_the_gateway_leads_each_path_to_its_service(kind: str) -> None:
    rendered = render("--set", f"route.kind={kind}")
    table = {
        path["path"]: path["backend"]["service"]["name"]
        for ingress in of_kind(rendered, "Ingress")
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    } | {
        match["path"]["value"]: rule["backendRefs"][0]["name"]
        for route in of_kind(rendered, "HTTPRoute")
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    }
    assert table == {path: f"pilot-{service}-api" for path, service in PATHS.items()}
    assert len([*of_kind(rendered, "Ingress", "HTTPRoute")]) == 1


def test_no_route_when_none_is_wanted() -> None:
    assert [*of_kind(render("--set", "route.kind=none"), "Ingress", "HTTPRoute")] == []


def test_workers_scale_on_the_durables_that_exist() -> None:
    scaled = {
        document["metadata"]["name"]: {
            (trigger["metadata"]["stream"], trigger["metadata"]["consumer"]) for trigger in document["spec"]["triggers"]
        }
        for document in of_kind(render("--set", "worker.autoscaling.enabled=true"), "ScaledObject")
    }
    assert scaled == {
        f"pilot-{service}-worker": {
            (d.stream, d.name) for d in durables_of(service) if d.stream in {"CUSTODY", "NOTICE"}
        }
        for service in SERVICES
    }


def test_a_service_overrides_what_holds_for_all() -> None:
    rendered = render("--set", "services.erasure.api.autoscaling.enabled=false,services.erasure.api.replicas=3")
    replicas = {d["metadata"]["name"]: d["spec"].get("replicas") for d in of_kind(rendered, "Deployment")}
    assert replicas["pilot-erasure-api"] == 3
    assert replicas["pilot-refurb-api"] is None


def test_jobs_are_named_by_revision_and_are_no_hooks() -> None:
    jobs = {document["metadata"]["name"]: document for document in of_kind(render(), "Job")}
    assert jobs.keys() == {"pilot-migrate-1", "pilot-streams-1"}
    assert not any("annotations" in job["metadata"] for job in jobs.values())
    migrate = jobs["pilot-migrate-1"]["spec"]["template"]["spec"]["containers"]
    assert {c["name"] for c in migrate} == set(SERVICES)
    assert {tuple(c["command"]) for c in migrate} == {("python", "-m", "meguru", "migrate")}


def test_changed_settings_restart_the_pods() -> None:
    def sums(*extra: str) -> set[str]:
        deployments = of_kind(render(*extra), "Deployment")
        return {d["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for d in deployments}

    assert len(sums()) == 1
    assert sums().isdisjoint(sums("--set", "database.host=elsewhere"))


def test_a_digest_wins_over_the_tag() -> None:
    digest = "sha256:" + "a" * 64
    images = {c["image"] for _, c, _ in containers(render("--set", f"image.digest={digest},image.tag=1.2"))}
    assert images == {f"meguru@{digest}"}


def test_the_notes_name_every_secret_that_must_exist(tmp_path: Path) -> None:
    copied = shutil.copytree(CHART, tmp_path / "meguru")
    (copied / "templates" / "notes.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  notes: |\n"
        '{{ include (print .Template.BasePath "/NOTES.txt") . | indent 4 }}\n'
    )
    done = helm("template", "pilot", str(copied), "--show-only", "templates/notes.yaml")
    assert done.returncode == 0, done.stderr
    (notes,) = documents(done.stdout)
    text = notes["data"]["notes"]
    named = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for _, container, _ in containers(render())
        for variable in container.get("env", [])
        if "valueFrom" in variable
    }
    keys = {"meguru-identity-key", "meguru-log-key", "meguru-signing-keys", "meguru-jwks"}
    assert len(named) > 2 * len(SERVICES)
    assert {name for name in named | keys if name not in text} == set()
    assert "job/pilot-migrate-1" in text


def test_data_outlives_the_release() -> None:
    (claim,) = of_kind(render("--values", str(CHART / "examples" / "kind.yaml")), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("release", ["a" * 53, "a" * 52 + "b", "1st", "north.east", "north-east", "pilot"])
def test_names_stay_legal_under_any_release(release: str) -> None:
    assert defects(render("--set", "worker.autoscaling.enabled=true,route.kind=httproute", release=release)) == []


def test_names_of_two_releases_never_meet() -> None:
    releases = ["a" * 53, "a" * 52 + "b", "north.east", "north-east", "pilot", "pilot-tracking", "pilot-to"]
    names = [name for release in releases for name in {called(document) for document in render(release=release)}]
    assert len(names) == len(set(names))


def test_revisions_leave_room_in_the_longest_name() -> None:
    (migrate, _) = of_kind(render(release="a" * 53), "Job")
    assert len(migrate["metadata"]["name"].removesuffix("1") + "9999999") <= 63


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("bogus=1", "bogus is not allowed"),
        ("services.erasure.bogus=1", "bogus is not allowed"),
        ("services.erasure.api.replica=1", "replica is not allowed"),
        ("services.sixth.keys=null", "sixth is not allowed"),
        ("image.pullPolicy=Sometimes", "image.pullPolicy"),
        ("image.digest=sha256:abc", "image.digest"),
        ("route.kind=gateway", "route.kind"),
        ("api.replicas=two", "api.replicas"),
        ("api.resources.requests.cpu=100mm", "cpu"),
        ("worker.autoscaling.minReplicas=0", "minReplicas"),
        ("worker.autoscaling.lagThreshold=500", "lagThreshold"),
        ("blobs.volume.enabled=true", "blobs"),
        ("network.nats.to=null", "network.nats"),
        ("mail.host=smtp.example", "mail"),  # and no address to send from
        ("mail.tls=maybe", "mail"),
        ("mail.return=nobody", "mail.return"),
        ("timestamps.url=https://tsa.example", "timestamps"),  # and no certificate to know its stamps by
        ("timestamps.certificates={abc}", "timestamps"),
        ("device.module=/usr/lib/module.so", "device"),  # and neither token nor label
        ("device.pin=1234", "pin is not allowed"),  # a secret's value is no value of the chart
        ("api.autoscaling.minReplicas=30", "is above maxReplicas"),
        ("worker.autoscaling.minReplicas=30,worker.autoscaling.enabled=true", "is above maxReplicas"),
    ],
)
def test_wrong_values_are_refused_by_name(setting: str, words: str) -> None:
    done = helm("template", "pilot", str(CHART), "--set", setting)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_schema_closes_every_object() -> None:
    def open_objects(node: object, path: str) -> list[str]:
        if isinstance(node, list):
            return [found for item in node for found in open_objects(item, path)]
        if not isinstance(node, dict):
            return []
        mine = [path] if node.get("type") == "object" and not closed(node) else []
        return mine + [found for key, value in node.items() for found in open_objects(value, f"{path}/{key}")]

    def closed(node: dict[str, Any]) -> bool:  # a map of strings says what its values are
        rest = node.get("additionalProperties")
        return rest is False or (isinstance(rest, dict) and rest.get("type") == "string")

    assert open_objects(schema(), "") == []


def test_every_default_is_in_the_schema_and_back() -> None:
    (values,) = documents((CHART / "values.yaml").read_text())
    known = schema()["properties"]
    assert values.keys() == known.keys() - {"global"}
    for name, facts in values.items():
        if isinstance(facts, dict) and "properties" in known[name]:
            assert facts.keys() == known[name]["properties"].keys(), name


def test_quantities_of_the_schema_are_quantities() -> None:
    pattern = re.compile(schema()["definitions"]["quantity"]["pattern"])
    for text in ("100m", "1", "1.5", "192Mi", "2G", "100mm", "1 Gi", "", "Mi"):
        assert (amount(text) is not None) == bool(pattern.search(text)), text
