"""XML read strictly into plain nodes: no document type, no entities, bounded depth, count and text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from services.erasure.reports.report import Unreadable
from services.erasure.reports.text import DEPTH_MAX

NODES_MAX = 100_000  # of one document; a report of a server with 24 disks has some thousands
TEXT_MAX = 4_096  # characters of one node; longer ones (signatures) are cut


@dataclass(slots=True)
class Node:
    """An element: its tag, attributes, own text and children."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """Give this node and all below it, in the order of the document."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def xml_of(text: str) -> Node:
    """Read a document. Raises Unreadable for what is no XML, names a document type, or passes a limit."""
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.take
    try:
        parser.Parse(_without_declaration(text), True)
    except expat.ExpatError as error:
        raise Unreadable(
            "XML として読めません。途中で切れていないか確認し、報告をそのまま保存して登録し直してください。"
        ) from error
    return reading.top.children[0]


def _without_declaration(text: str) -> str:
    """Drop `<?xml … encoding="…"?>`: the text is decoded already."""
    text = text.lstrip("\ufeff \t\r\n")
    head, end, rest = text.partition("?>")
    return rest if text.startswith("<?xml") and end and len(head) < TEXT_MAX else text


def _refuse(*_: object) -> None:
    raise Unreadable(
        "XML に文書型宣言（DOCTYPE）があります。改変の疑いがあるため読みません。報告を取り直して登録してください。"
    )


@dataclass(slots=True)
class _Reading:
    """The nodes that are open, and the limits."""

    top: Node = field(default_factory=lambda: Node(""))
    open: list[Node] = field(default_factory=list)
    count: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Open a node below the innermost."""
        self.count += 1
        if self.count > NODES_MAX or len(self.open) > DEPTH_MAX:
            raise Unreadable("XML が大きすぎるか、入れ子が深すぎます。報告をドライブごとに分けて登録してください。")
        node = Node(tag, attributes)
        (self.open[-1] if self.open else self.top).children.append(node)
        self.open.append(node)

    def end(self, _: str) -> None:
        """Close the innermost."""
        self.open.pop()

    def take(self, text: str) -> None:
        """Add to the innermost node's text, up to the limit."""
        if self.open and len(self.open[-1].text) < TEXT_MAX:
            self.open[-1].text = (self.open[-1].text + text)[:TEXT_MAX]
