"""Blancco's XML by name, whichever of its two shapes it has: `<entry name="state">` or `<state>`."""

from services.erasure.reports.markup import Node


def name_of(node: Node) -> str:
    """One name for both shapes: the attribute of `entry` and `entries`, else the tag."""
    return node.attributes.get("name", "") if node.tag in ("entry", "entries") else node.tag


def below(node: Node, *names: str) -> list[Node]:
    """Walk down by names, one level each: a document that nests a part in itself is not walked again and again."""
    nodes = [node]
    for name in names:
        nodes = [child for one in nodes for child in one.children if name_of(child) == name]
    return nodes


def values(node: Node, name: str) -> list[str]:
    """Give what a node's own fields of this name say, without ASCII padding."""
    return [child.text.strip(" \t\r\n") for child in node.children if name_of(child) == name]


def value(node: Node, name: str) -> str:
    """Give the first of them that says anything, or nothing."""
    return next((said for said in values(node, name) if said), "")
