"""Each check is proved by one defect planted into the rendered chart, and by nothing else being said."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import kubernetes_validate
import pytest

from tests.deploy.chart import Document, render
from tests.deploy.semantics import defects, of_kind

Plant = Callable[[list[Document]], object]


@cache
def _rendered(route: str) -> list[Document]:
    return render("--set", f"worker.autoscaling.enabled=true,route.kind={route}")


def sound(route: str = "ingress") -> list[Document]:
    return copy.deepcopy(_rendered(route))


def get(documents: list[Document], kind: str, name: str = "pilot-tracking-api") -> Document:
    return next(d for d in of_kind(documents, kind) if d["metadata"]["name"] == name)


def pod(documents: list[Document]) -> Document:
    found: Document = get(documents, "Deployment")["spec"]["template"]
    return found


def api(documents: list[Document]) -> Document:
    found: Document = pod(documents)["spec"]["containers"][0]
    return found


def hpa(documents: list[Document]) -> Document:
    found: Document = get(documents, "HorizontalPodAutoscaler")["spec"]
    return found


def trigger(documents: list[Document]) -> Document:
    found: Document = get(documents, "ScaledObject", "pilot-tracking-worker")["spec"]["triggers"][0]
    return found


def policy(documents: list[Document], name: str) -> Document:
    found: Document = get(documents, "NetworkPolicy", f"pilot-{name}")["spec"]
    return found


def job(documents: list[Document]) -> Document:
    return get(documents, "Job", "pilot-migrate-1")


def set_(*path: str | int, to: Any, at: Callable[[list[Document]], Any]) -> Plant:
    """Return a plant that sets one field, found from `at` along the path."""

    def plant(documents: list[Document]) -> None:
        node = at(documents)
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = to

    return plant


def path_(documents: list[Document]) -> Document:
    found: Document = get(documents, "Ingress", "pilot")["spec"]["rules"][0]["http"]["paths"][0]
    return found


PLANTED: dict[str, tuple[Plant, str]] = {
    "selector differs": (
        set_("spec", "selector", "matchLabels", "tier", to="front", at=lambda d: get(d, "Deployment")),
        "selector and template labels differ",
    ),
    "selector too wide": (
        set_(
            "spec",
            "selector",
            "matchLabels",
            to={"app.kubernetes.io/name": "tracking"},
            at=lambda d: get(d, "Deployment"),
        ),
        "also matches pods of others",
    ),
    "service selects nothing": (
        set_("spec", "selector", to={"app": "x"}, at=lambda d: get(d, "Service")),
        "matches no pod",
    ),
    "budget selects nothing": (
        set_("spec", "selector", "matchLabels", to={"app": "x"}, at=lambda d: get(d, "PodDisruptionBudget")),
        "matches no pod",
    ),
    "spread counts others": (
        set_("spec", "topologySpreadConstraints", 0, "labelSelector", "matchLabels", to={"app": "x"}, at=pod),
        "does not count its own",
    ),
    "port name too long": (
        lambda d: api(d)["ports"].append({"name": "sixteen-letters-", "containerPort": 9}),
        "is illegal",
    ),
    "service port name too long": (
        set_("spec", "ports", 0, "name", to="a-very-long-name", at=lambda d: get(d, "Service")),
        "is illegal",
    ),
    "port name twice": (
        lambda d: api(d)["ports"].append({"name": "http", "containerPort": 9}),
        "stands twice",
    ),
    "target port missing": (
        set_("spec", "ports", 0, "targetPort", to="web", at=lambda d: get(d, "Service")),
        "target port 'web'",
    ),
    "probe port missing": (set_("livenessProbe", "httpGet", "port", to="web", at=api), "asks port 'web'"),
    "bad quantity": (set_("resources", "requests", "cpu", to="100mm", at=api), "is no quantity"),
    "bad volume size": (set_("spec", "volumes", 0, "emptyDir", "sizeLimit", to="1 GB", at=pod), "is no quantity"),
    "request above limit": (set_("resources", "requests", "memory", to="1Gi", at=api), "is above its limit"),
    "no memory limit": (lambda d: api(d)["resources"]["limits"].clear(), "a limit for memory"),
    "mount without volume": (
        lambda d: api(d)["volumeMounts"].append({"name": "gone", "mountPath": "/x"}),
        "which is no volume",
    ),
    "volume without mount": (
        lambda d: pod(d)["spec"]["volumes"].append({"name": "idle", "emptyDir": {}}),
        "is mounted nowhere",
    ),
    "path mounted twice": (
        lambda d: api(d)["volumeMounts"].append({"name": "tmp", "mountPath": "/tmp"}),  # noqa: S108 - a path in the container
        "is mounted twice",
    ),
    "no tmp": (set_("volumeMounts", 0, "mountPath", to="/scratch", at=api), "has no /tmp"),
    "label value": (
        set_("metadata", "labels", "note", to="not a label", at=lambda d: get(d, "Service")),
        "illegal label",
    ),
    "label is a number": (set_("metadata", "labels", "year", to=2026, at=lambda d: get(d, "Service")), "illegal label"),
    "upper-case name": (set_("metadata", "name", to="Migrate", at=job), "not a DNS label"),
    "underscore in name": (set_("metadata", "name", to="migrate_1", at=job), "not a DNS label"),
    "name too long": (set_("metadata", "name", to="m" * 64, at=job), "not a DNS label"),
    "service name begins with a digit": (
        lambda d: d.append(copy.deepcopy(get(d, "Service")) | {"metadata": {"name": "1st"}}),
        "not a DNS label",
    ),
    "name shared": (lambda d: d.append(copy.deepcopy(job(d))), "2 objects share"),
    "budget with both bounds": (
        set_("spec", "minAvailable", to=1, at=lambda d: get(d, "PodDisruptionBudget")),
        "one of minAvailable",
    ),
    "minimum above maximum": (set_("minReplicas", to=11, at=hpa), "is no range"),
    "scales nothing": (set_("scaleTargetRef", "name", to="gone", at=hpa), "scales 'gone'"),
    "replicas beside an autoscaler": (
        set_("spec", "replicas", to=2, at=lambda d: get(d, "Deployment")),
        "that the autoscaler owns",
    ),
    "two autoscalers": (
        lambda d: d.append(copy.deepcopy(get(d, "HorizontalPodAutoscaler")) | {"metadata": {"name": "second"}}),
        "2 autoscalers own it",
    ),
    "two handlers": (set_("livenessProbe", "tcpSocket", to={"port": 8000}, at=api), "exactly one handler"),
    "liveness success": (set_("livenessProbe", "successThreshold", to=2, at=api), "successThreshold other than 1"),
    "probe forgotten": (lambda d: api(d).pop("startupProbe"), "without all three probes"),
    "no such protocol": (
        lambda d: policy(d, "to-postgres")["egress"][0]["ports"][0].update(protocol="HTTP"),
        "'HTTP' is no protocol",
    ),
    "open to everybody": (lambda d: policy(d, "to-postgres")["egress"][0].pop("to"), "is open to everybody"),
    "rules switched off": (set_("policyTypes", to=["Ingress"], at=lambda d: policy(d, "to-nats")), "switch off"),
    "policy selects nothing": (
        set_("podSelector", "matchLabels", to={"app": "x"}, at=lambda d: policy(d, "to-nats")),
        "selects no pod",
    ),
    "policy port missing": (
        lambda d: policy(d, "from-gateway")["ingress"][0]["ports"][0].update(port="web"),
        "port 'web' is not there",
    ),
    "block with a selector": (
        lambda d: policy(d, "to-blobs")["egress"][0]["to"][0].update(podSelector={}),
        "an ipBlock stands alone",
    ),
    "nobody is closed": (
        lambda d: d.remove(get(d, "NetworkPolicy", "pilot-closed")),
        "no policy closes it both ways",
    ),
    "job restarts always": (
        set_("spec", "template", "spec", "restartPolicy", to="Always", at=job),
        "cannot have restartPolicy",
    ),
    "removed version": (
        set_("apiVersion", to="policy/v1beta1", at=lambda d: get(d, "PodDisruptionBudget")),
        "is not served",
    ),
    "privileged": (set_("securityContext", "privileged", to=True, at=api), "is privileged"),
    "may escalate": (lambda d: api(d)["securityContext"].pop("allowPrivilegeEscalation"), "may escalate"),
    "keeps capabilities": (
        set_("securityContext", "capabilities", "add", to=["NET_ADMIN"], at=api),
        "keeps capabilities",
    ),
    "root allowed": (set_("spec", "securityContext", "runAsNonRoot", to=False, at=pod), "not restricted"),
    "token mounted": (lambda d: pod(d)["spec"].pop("automountServiceAccountToken"), "service-account token"),
    "host network": (set_("spec", "hostNetwork", to=True, at=pod), "namespace of the host"),
    "latest": (set_("image", to="meguru:latest", at=api), "neither tag nor digest"),
    "secret made": (
        lambda d: d.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "made"}}),
        "made by the chart",
    ),
    "variable twice": (lambda d: api(d)["env"].append({"name": "MEGURU_ROLE", "value": "all"}), "is set 2 times"),
    "variable hides the settings": (
        lambda d: api(d)["env"].append({"name": "MEGURU_ORIGIN", "value": "x"}),
        "is set 2 times",
    ),
    "password spelt out": (
        lambda d: api(d)["env"].append({"name": "MEGURU_NATS_PASSWORD", "value": "hunter2"}),
        "spelt out",
    ),
    "pin spelt out": (
        lambda d: api(d)["env"].append({"name": "MEGURU_PKCS11_PIN", "value": "1234"}),
        "spelt out",
    ),
    "value and source": (set_("env", 3, "value", to="x", at=api), "a value or a source"),
    "settings missing": (set_("envFrom", 0, "configMapRef", "name", to="gone", at=api), "which is not there"),
    "settings not text": (
        set_("data", "MEGURU_DATABASE_PORT", to=5432, at=lambda d: get(d, "ConfigMap", "pilot-config")),
        "not text",
    ),
    "grace too short": (set_("spec", "terminationGracePeriodSeconds", to=20, at=pod), "do not fit into the grace"),
    "unknown trigger": (set_("type", to="nats-jetstreams", at=trigger), "unknown trigger"),
    "trigger without stream": (lambda d: trigger(d)["metadata"].pop("stream"), "stream is missing"),
    "trigger with a number": (set_("metadata", "lagThreshold", to=500, at=trigger), "KEDA takes strings"),
    "trigger with a word": (set_("metadata", "lagThreshold", to="many", at=trigger), "no number in a string"),
    "trigger with a typing error": (set_("metadata", "lagTreshold", to="5", at=trigger), "unknown field"),
    "scaled object with a typing error": (
        set_("spec", "maxReplicas", to=3, at=lambda d: get(d, "ScaledObject", "pilot-tracking-worker")),
        "unknown field maxReplicas",
    ),
    "ingress leads nowhere": (set_("backend", "service", "name", to="gone", at=path_), "which is not there"),
    "path twice": (set_("path", to="/verify", at=path_), "stands twice"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_defect_is_found(planted: str) -> None:
    plant, words = PLANTED[planted]
    documents = sound()
    assert defects(documents) == []
    plant(documents)
    assert any(words in sentence for sentence in defects(documents)), defects(documents)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {
                "matches": [{"path": {"type": "Exact", "value": "/x"}}],
                "filters": [{"urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}],
            },
            "ReplacePrefixMatch without PathPrefix",
        ),
        ({"matches": [{"path": {"type": "Prefix", "value": "/x"}}]}, "unknown kind of path"),
        ({"matches": [{"path": {"type": "PathPrefix", "value": "x"}}]}, "does not begin with /"),
        ({"backendRefs": [{"name": "pilot-tracking-api", "port": 8000}]}, "which is not there"),
    ],
)
def test_a_planted_defect_in_a_route_is_found(rule: Document, words: str) -> None:
    documents = sound("httproute")
    assert defects(documents) == []
    get(documents, "HTTPRoute", "pilot")["spec"]["rules"][0].update(rule)
    assert any(words in sentence for sentence in defects(documents)), defects(documents)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (set_("livenessProbes", to={}, at=api), "livenessProbes"),
        (set_("ports", 0, "containerPort", to="8000", at=api), "integer"),
    ],
    ids=["unknown field", "wrong type"],
)
def test_the_schema_finds_its_own(plant: Plant, words: str) -> None:
    documents = sound()
    plant(documents)
    with pytest.raises(kubernetes_validate.ValidationError, match=words):
        kubernetes_validate.validate(get(documents, "Deployment"), "1.37", strict=True)


def test_an_unknown_kind_does_not_pass_unseen() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate(get(sound(), "ScaledObject", "pilot-tracking-worker"), "1.37", strict=True)
