"""The chart, rendered by helm itself."""

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "meguru"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
HELM = Path(sysconfig.get_path("scripts")) / "helm"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the helm of the wheel; the caller looks at what came of it."""
    return subprocess.run([str(HELM), *arguments], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own arguments


def render(*arguments: str, release: str = "pilot") -> list[Document]:
    """Return the documents of `helm template`; raises AssertionError with helm's own words."""
    done = helm("template", release, str(CHART), *arguments)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def documents(text: str) -> list[Document]:
    """Return the YAML documents that are not empty."""
    return [document for document in yaml.safe_load_all(text) if document]


def containers_of(document: Document) -> list[Document]:
    """Return the containers of a document that makes pods."""
    found: list[Document] = document["spec"]["template"]["spec"]["containers"]
    return found
