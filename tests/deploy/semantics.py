"""What a schema cannot see: defects that an API server accepts or refuses late, found in the rendered documents.

Each check takes all documents and yields sentences. `defects` runs them all.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

Document = dict[str, Any]
Found = Iterator[str]

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")  # RFC 1035, clause 2.3.1
PORT_NAME = re.compile(r"(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?")  # RFC 6335, clause 5.1
LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
SECRET = re.compile("PASSWORD|SECRET|(?<!PKCS11_)TOKEN|_PIN$")  # a device's token is a name printed on it
NAME_MAX = 63
PORT_NAME_MAX = 15
HANDLERS = {"httpGet", "tcpSocket", "exec", "grpc"}
FACTORS = {"": Decimal(1), "m": Decimal("0.001")} | {
    unit: Decimal(base) ** power
    for base, units in ((1000, ("k", "M", "G", "T", "P", "E")), (1024, ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")))
    for power, unit in enumerate(units, 1)
}
SERVED = {
    "ConfigMap": "v1", "CronJob": "batch/v1", "Deployment": "apps/v1", "HTTPRoute": "gateway.networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2", "Ingress": "networking.k8s.io/v1", "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1", "PersistentVolumeClaim": "v1", "Pod": "v1",
    "PodDisruptionBudget": "policy/v1", "ScaledObject": "keda.sh/v1alpha1", "Service": "v1", "ServiceAccount": "v1",
}  # fmt: skip
KEDA_FIELDS = {
    "natsServerMonitoringEndpoint", "account", "stream", "consumer", "lagThreshold", "activationLagThreshold",
}  # fmt: skip

CUSTOM_FIELDS = {  # what we use of custom resources, whose schemas are not at hand
    "ScaledObject": {
        "cooldownPeriod", "fallback", "maxReplicaCount", "minReplicaCount", "pollingInterval", "scaleTargetRef",
        "triggers",
    },
    "HTTPRoute": {"hostnames", "parentRefs", "rules"},
}  # fmt: skip


def defects(documents: list[Document]) -> list[str]:
    """Return every defect as a sentence that names the object; an empty list when there is none."""
    return [sentence for check in CHECKS for sentence in check(documents)]


def called(document: Document) -> str:
    """Return kind and name, as kubectl says them."""
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(documents: list[Document], *kinds: str) -> Iterator[Document]:
    """Return the documents of these kinds."""
    return (document for document in documents if document["kind"] in kinds)


def pods(documents: list[Document]) -> Iterator[tuple[Document, Document]]:
    """Return each document that makes pods, with the pod (its metadata and spec)."""
    for document in documents:
        if document["kind"] == "Pod":
            yield document, document
        elif "template" in document.get("spec", {}):
            yield document, document["spec"]["template"]


def containers(documents: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    """Return each container with the words to call it by and the spec of its pod."""
    for document, pod in pods(documents):
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            yield f"{called(document)} container {container['name']}", container, pod["spec"]


def selects(selector: Document, labels: Document) -> bool:
    """Tell whether a LabelSelector matches these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or []:
        value, values = labels.get(expression["key"]), expression.get("values", [])
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[expression["operator"]]:
            return False
    return True


def selected(documents: list[Document], selector: Document) -> list[Document]:
    """Return the pods that a LabelSelector matches."""
    return [pod for _, pod in pods(documents) if selects(selector, pod["metadata"].get("labels", {}))]


def port_names(pod: Document) -> set[str]:
    """Return the named ports of a pod."""
    return {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", []) if "name" in port}


def amount(quantity: object) -> Decimal | None:
    """Return a Kubernetes quantity as a number, None when it is not one."""
    match = QUANTITY.fullmatch(str(quantity))
    return Decimal(match[1]) * FACTORS[match[2] or ""] if match else None


def served_versions(documents: list[Document]) -> Found:
    """Every kind is known here and asked for in the version that clusters serve."""
    for document in documents:
        served = SERVED.get(document["kind"])
        if document["apiVersion"] != served:
            yield f"{called(document)}: {document['apiVersion']} is not served; {document['kind']} is in {served}"


def custom_fields(documents: list[Document]) -> Found:
    """A custom resource has the fields its kind knows."""
    for document in of_kind(documents, *CUSTOM_FIELDS):
        for field in sorted(document["spec"].keys() - CUSTOM_FIELDS[document["kind"]]):
            yield f"{called(document)}: unknown field {field}"


def names(documents: list[Document]) -> Found:
    """Names are DNS labels of at most 63 characters, and no two objects of a kind share one."""
    for document in documents:
        name = str(document["metadata"]["name"])
        pattern = SERVICE_NAME if document["kind"] == "Service" else NAME
        if not pattern.fullmatch(name) or len(name) > NAME_MAX:
            yield f"{called(document)}: the name is not a DNS label of at most {NAME_MAX} characters"
    for name, count in Counter(map(called, documents)).items():
        if count > 1:
            yield f"{name}: {count} objects share the name"


def labels(documents: list[Document]) -> Found:
    """Keys and values of labels are legal, on objects, pods and in selectors."""
    for document in documents:
        for key, value in _labels(document):
            if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value) or not LABEL_KEY.fullmatch(key):
                yield f"{called(document)}: illegal label {key}={value!r}"


def _labels(node: object) -> Iterator[tuple[str, object]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"labels", "matchLabels"}:
                yield from value.items()
            else:
                yield from _labels(value)
    elif isinstance(node, list):
        for item in node:
            yield from _labels(item)


def selectors(documents: list[Document]) -> Found:
    """Who selects pods finds some; a Deployment finds its own, and no two Deployments the same."""
    for document in of_kind(documents, "Deployment"):
        mine = document["spec"]["selector"]
        if not selects(mine, document["spec"]["template"]["metadata"]["labels"]):
            yield f"{called(document)}: selector and template labels differ"
        elif len(selected(documents, mine)) > 1:
            yield f"{called(document)}: the selector also matches pods of others"
    for document in of_kind(documents, "Service"):
        if not selected(documents, {"matchLabels": document["spec"]["selector"]}):
            yield f"{called(document)}: the selector matches no pod"
    for document in of_kind(documents, "PodDisruptionBudget"):
        if not selected(documents, document["spec"]["selector"]):
            yield f"{called(document)}: the selector matches no pod"


def spreads(documents: list[Document]) -> Found:
    """A pod that is spread counts its own kind."""
    for document, pod in pods(documents):
        for spread in pod["spec"].get("topologySpreadConstraints", []):
            if not selects(spread["labelSelector"], pod["metadata"]["labels"]):
                yield f"{called(document)}: topology spread does not count its own pods"


def ports(documents: list[Document]) -> Found:
    """Port names are short and legal, and a port asked for by name exists."""
    for words, container, _ in containers(documents):
        own = [port["name"] for port in container.get("ports", []) if "name" in port]
        yield from (f"{words}: port name {name!r} is illegal" for name in own if not _port_name(name))
        yield from (f"{words}: port name {name!r} stands twice" for name, count in Counter(own).items() if count > 1)
        for kind, probe in _probes(container):
            port = probe.get("httpGet", {}).get("port")
            if isinstance(port, str) and port not in own:
                yield f"{words}: {kind} asks port {port!r}, which is not there"
    for service in of_kind(documents, "Service"):
        there = set().union(*map(port_names, selected(documents, {"matchLabels": service["spec"]["selector"]})))
        for port in service["spec"]["ports"]:
            if not _port_name(port.get("name", "x")):
                yield f"{called(service)}: port name {port['name']!r} is illegal"
            if isinstance(port.get("targetPort"), str) and port["targetPort"] not in there:
                yield f"{called(service)}: target port {port['targetPort']!r} is not there"


def _port_name(name: str) -> bool:
    return len(name) <= PORT_NAME_MAX and bool(PORT_NAME.fullmatch(name))


def _probes(container: Document) -> Iterator[tuple[str, Document]]:
    return (
        (kind, container[kind]) for kind in ("startupProbe", "livenessProbe", "readinessProbe") if kind in container
    )


def probes(documents: list[Document]) -> Found:
    """A probe has exactly one handler; start and life need one success; a served port has all three."""
    for words, container, _ in containers(documents):
        there = dict(_probes(container))
        for kind, probe in there.items():
            if len(HANDLERS & probe.keys()) != 1:
                yield f"{words}: {kind} needs exactly one handler"
            if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
                yield f"{words}: {kind} has successThreshold other than 1"
        if container.get("ports") and len(there) < len(("startup", "liveness", "readiness")):
            yield f"{words}: serves a port without all three probes"


def quantities(documents: list[Document]) -> Found:
    """Quantities are quantities, memory is limited, and nothing asks for more than its limit."""
    for words, container, _ in containers(documents):
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        for name, quantity in [*requests.items(), *limits.items()]:
            if amount(quantity) is None:
                yield f"{words}: {name} {quantity!r} is no quantity"
        for name in requests.keys() & limits.keys():
            asked, limit = amount(requests[name]), amount(limits[name])
            if asked is not None and limit is not None and asked > limit:
                yield f"{words}: {name} request {requests[name]} is above its limit {limits[name]}"
        if "memory" not in limits or "memory" not in requests or "cpu" not in requests:
            yield f"{words}: needs requests for cpu and memory and a limit for memory"
    for document, pod in pods(documents):
        for volume in pod["spec"].get("volumes", []):
            size = volume.get("emptyDir", {}).get("sizeLimit", "0")
            if amount(size) is None:
                yield f"{called(document)}: volume {volume['name']} size {size!r} is no quantity"


def mounts(documents: list[Document]) -> Found:
    """What is mounted exists, what exists is mounted, no path twice; /tmp is writable beside a read-only root."""
    for words, container, pod in containers(documents):
        own = container.get("volumeMounts", [])
        missing = {mount["name"] for mount in own} - {volume["name"] for volume in pod.get("volumes", [])}
        yield from (f"{words}: mounts {name!r}, which is no volume" for name in sorted(missing))
        paths = Counter(mount["mountPath"] for mount in own)
        yield from (f"{words}: {path} is mounted twice" for path, count in paths.items() if count > 1)
        if "/tmp" not in paths:  # noqa: S108 - a path in the container
            yield f"{words}: has no /tmp"
    for document, pod in pods(documents):
        used = {mount["name"] for c in pod["spec"]["containers"] for mount in c.get("volumeMounts", [])}
        idle = {volume["name"] for volume in pod["spec"].get("volumes", [])} - used
        yield from (f"{called(document)}: volume {name!r} is mounted nowhere" for name in sorted(idle))


def environment(documents: list[Document]) -> Found:
    """No variable stands twice (the ConfigMap counts too), each has one source, no password is spelt out."""
    maps = {document["metadata"]["name"]: document["data"] for document in of_kind(documents, "ConfigMap")}
    for words, container, _ in containers(documents):
        own = [variable["name"] for variable in container.get("env", [])]
        for source in container.get("envFrom", []):
            name = source.get("configMapRef", {}).get("name")
            if name not in maps:
                yield f"{words}: takes its environment from {name!r}, which is not there"
            own += maps.get(name, {})
        yield from (f"{words}: {name} is set {count} times" for name, count in Counter(own).items() if count > 1)
        yield from (f"{words}: {name!r} is no variable's name" for name in own if not VARIABLE.fullmatch(name))
        for variable in container.get("env", []):
            if ("value" in variable) == ("valueFrom" in variable):
                yield f"{words}: {variable['name']} needs a value or a source, and not both"
            if "value" in variable and SECRET.search(variable["name"]):
                yield f"{words}: {variable['name']} is spelt out instead of named"


def security(documents: list[Document]) -> Found:
    """Every pod fits the restricted standard and has no service-account token; secrets come from elsewhere."""
    for document, pod in pods(documents):
        context = pod["spec"].get("securityContext", {})
        if pod["spec"].get("automountServiceAccountToken") is not False:
            yield f"{called(document)}: mounts a service-account token"
        if context.get("runAsNonRoot") is not True or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{called(document)}: the pod is not restricted (runAsNonRoot, seccompProfile)"
        if any(pod["spec"].get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{called(document)}: shares a namespace of the host"
        if any("hostPath" in volume for volume in pod["spec"].get("volumes", [])):
            yield f"{called(document)}: mounts a path of the host"
    yield from (f"{called(document)}: a secret is made by the chart" for document in of_kind(documents, "Secret"))


def confinement(documents: list[Document]) -> Found:
    """Every container is unprivileged, cannot escalate or write to its root, and its image is pinned."""
    for words, container, _ in containers(documents):
        context = container.get("securityContext", {})
        if context.get("privileged"):
            yield f"{words}: is privileged"
        if context.get("allowPrivilegeEscalation") is not False or context.get("readOnlyRootFilesystem") is not True:
            yield f"{words}: may escalate or write to its root"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{words}: keeps capabilities"
        image = container["image"]
        if "@sha256:" not in image and (":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest")):
            yield f"{words}: the image {image} is pinned by neither tag nor digest"


def lives(documents: list[Document]) -> Found:
    """Pods restart as their kind allows, and grace outlasts what is done before the stop."""
    for document, pod in pods(documents):
        policy = pod["spec"].get("restartPolicy", "Always")
        if document["kind"] == "Job" and policy not in {"OnFailure", "Never"}:
            yield f"{called(document)}: a Job cannot have restartPolicy {policy}"
        if document["kind"] == "Deployment" and policy != "Always":
            yield f"{called(document)}: a Deployment cannot have restartPolicy {policy}"
    for words, container, pod in containers(documents):
        command = container.get("command", [])
        flag = "--timeout-graceful-shutdown"
        drain = int(command[command.index(flag) + 1]) if flag in command else 0
        slept = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if slept + drain >= pod.get("terminationGracePeriodSeconds", 30):
            yield f"{words}: {slept} s before the stop and {drain} s of draining do not fit into the grace period"


def disruption(documents: list[Document]) -> Found:
    """A budget has one bound."""
    for document in of_kind(documents, "PodDisruptionBudget"):
        if ("minAvailable" in document["spec"]) == ("maxUnavailable" in document["spec"]):
            yield f"{called(document)}: needs one of minAvailable and maxUnavailable"


def scaling(documents: list[Document]) -> Found:
    """An autoscaler has a target that names no replicas of its own, and its least is not above its most."""
    deployments = {document["metadata"]["name"]: document["spec"] for document in of_kind(documents, "Deployment")}
    owned: Counter[str] = Counter()
    for document in of_kind(documents, "HorizontalPodAutoscaler", "ScaledObject"):
        spec, target = document["spec"], document["spec"]["scaleTargetRef"]["name"]
        owned[target] += 1
        keys = ("minReplicas", "maxReplicas") if "minReplicas" in spec else ("minReplicaCount", "maxReplicaCount")
        least, most = (spec.get(key, 1) for key in keys)
        if least > most or least < 1:
            yield f"{called(document)}: {least} to {most} replicas is no range from 1 up"
        if target not in deployments:
            yield f"{called(document)}: scales {target!r}, which is not there"
        elif "replicas" in deployments[target]:
            yield f"{called(document)}: Deployment/{target} sets replicas that the autoscaler owns"
    yield from (f"Deployment/{name}: {count} autoscalers own it" for name, count in owned.items() if count > 1)


def keda(documents: list[Document]) -> Found:
    """KEDA's triggers are of the kind we use, complete, and all strings."""
    for document in of_kind(documents, "ScaledObject"):
        triggers = document["spec"].get("triggers")
        if not triggers:
            yield f"{called(document)}: has no trigger"
        for trigger in triggers or []:
            facts = trigger["metadata"]
            if trigger["type"] != "nats-jetstream":
                yield f"{called(document)}: unknown trigger {trigger['type']!r}"
            yield from (f"{called(document)}: {field} is missing" for field in sorted(KEDA_FIELDS - facts.keys()))
            yield from (f"{called(document)}: unknown field {field}" for field in sorted(facts.keys() - KEDA_FIELDS))
            for field, value in facts.items():
                if not isinstance(value, str):
                    yield f"{called(document)}: {field} is a {type(value).__name__}, KEDA takes strings"
            for field in ("lagThreshold", "activationLagThreshold"):
                if not str(facts.get(field, "0")).isdigit():
                    yield f"{called(document)}: {field} is no number in a string"


def network(documents: list[Document]) -> Found:
    """Every pod is closed both ways by default; the doors name a known protocol, a peer and a port that exists."""
    policies = list(of_kind(documents, "NetworkPolicy"))
    for document, pod in pods(documents) if policies else ():
        own = [p["spec"] for p in policies if selects(p["spec"]["podSelector"], pod["metadata"]["labels"])]
        if {"Ingress", "Egress"} - {way for spec in own for way in spec.get("policyTypes", [])}:
            yield f"{called(document)}: no policy closes it both ways"
    for policy in policies:
        spec = policy["spec"]
        if not selected(documents, spec["podSelector"]):
            yield f"{called(policy)}: selects no pod"
        for way, peers in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(way, []):
                yield from _rule(documents, policy, rule, way, peers)


def _rule(documents: list[Document], policy: Document, rule: Document, way: str, peers: str) -> Found:
    if not rule.get(peers):
        yield f"{called(policy)}: a rule without `{peers}` is open to everybody"
    if way.capitalize() not in policy["spec"]["policyTypes"]:
        yield f"{called(policy)}: has {way} rules that its policyTypes switch off"
    for peer in rule.get(peers, []):
        if "ipBlock" in peer and len(peer) > 1:
            yield f"{called(policy)}: an ipBlock stands alone"
        if peer.keys() == {"podSelector"} and not selected(documents, peer["podSelector"]):
            yield f"{called(policy)}: a peer of this release matches no pod"
    near = selected(documents, policy["spec"]["podSelector"])
    for peer in rule.get(peers, []) if way == "egress" else ():
        near = selected(documents, peer["podSelector"]) if peer.keys() == {"podSelector"} else near
    for port in rule.get("ports", []):
        if port.get("protocol", "TCP") not in {"TCP", "UDP", "SCTP"}:
            yield f"{called(policy)}: {port['protocol']!r} is no protocol"
        if isinstance(port.get("port"), str) and not any(port["port"] in port_names(pod) for pod in near):
            yield f"{called(policy)}: port {port['port']!r} is not there"


def routes(documents: list[Document]) -> Found:
    """Each path leads to a Service and port of ours, no path twice; prefixes are rewritten only where matched."""
    services = {document["metadata"]["name"]: document["spec"]["ports"] for document in of_kind(documents, "Service")}
    for ingress in of_kind(documents, "Ingress"):
        paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        yield from _paths(ingress, [path["path"] for path in paths])
        for path in paths:
            backend = path["backend"]["service"]
            wanted = backend["port"].get("name", backend["port"].get("number"))
            if not any(wanted in (port["name"], port["port"]) for port in services.get(backend["name"], [])):
                yield f"{called(ingress)}: {path['path']} leads to {backend['name']}:{wanted}, which is not there"
    for route in of_kind(documents, "HTTPRoute"):
        matches = [match["path"] for rule in route["spec"]["rules"] for match in rule["matches"]]
        yield from _paths(route, [path["value"] for path in matches])
        for rule in route["spec"]["rules"]:
            yield from _http_rule(route, rule, services)


def _paths(document: Document, paths: list[str]) -> Found:
    yield from (f"{called(document)}: {path} stands twice" for path, count in Counter(paths).items() if count > 1)
    yield from (f"{called(document)}: {path!r} does not begin with /" for path in paths if not path.startswith("/"))


def _http_rule(route: Document, rule: Document, services: dict[str, list[Document]]) -> Found:
    types = {match["path"]["type"] for match in rule["matches"]}
    if types - {"PathPrefix", "Exact", "RegularExpression"}:
        yield f"{called(route)}: unknown kind of path in {sorted(types)}"
    for change in rule.get("filters", []):
        rewritten = change.get("urlRewrite", change.get("requestRedirect", {})).get("path", {}).get("type")
        if rewritten == "ReplacePrefixMatch" and types != {"PathPrefix"}:
            yield f"{called(route)}: ReplacePrefixMatch without PathPrefix"
    for backend in rule["backendRefs"]:
        if not any(backend["port"] == port["port"] for port in services.get(backend["name"], [])):
            yield f"{called(route)}: leads to {backend['name']}:{backend['port']}, which is not there"


def settings_text(documents: list[Document]) -> Found:
    """A ConfigMap holds text only."""
    for document in of_kind(documents, "ConfigMap"):
        for key, value in document["data"].items():
            if not isinstance(value, str):
                yield f"{called(document)}: {key} is a {type(value).__name__}, not text"


CHECKS: tuple[Callable[[list[Document]], Found], ...] = (
    served_versions, custom_fields, names, labels, selectors, spreads, ports, probes, quantities, mounts, environment,
    security, confinement, lives, disruption, scaling, keda, network, routes, settings_text,
)  # fmt: skip
