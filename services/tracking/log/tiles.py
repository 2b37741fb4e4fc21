"""The tree in tiles (C2SP tlog-tiles): static files of 256 hashes that anybody may fetch, cache and check.

Log entries are 32-byte digests, so the entry bundle of a level-0 tile holds those digests, each behind its length.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from services.tracking.log import merkle
from services.tracking.log.merkle import HASH_SIZE

WIDTH = 256  # hashes in a full tile
HEIGHT = 8  # levels of the tree in one tile
LEVEL_MAX = 63  # tlog-tiles: "a decimal ASCII integer between 0 and 63"
BUNDLED_SIZE = 2 + HASH_SIZE  # bytes of one digest in a bundle: uint16 length, then the digest

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Tree:
    """What an appender keeps of the tree: its size, the partial tile of each level, the partial entry bundle."""

    size: int = 0
    edge: tuple[bytes, ...] = ()
    bundle: bytes = b""

    @property
    def root(self) -> bytes:
        """The Merkle tree hash, from the edge alone."""
        return merkle.join([part for tile in reversed(self.edge) for part in _subtrees(tile)])


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """Return where a tile of hashes is served: `tile/<L>/<N>[.p/<W>]`."""
    if not 0 <= level <= LEVEL_MAX:
        raise ValueError(f"a tile's level lies between 0 and {LEVEL_MAX}, not {level}")
    return f"tile/{level}/{_place(n, width)}"


def bundle_path(n: int, width: int = WIDTH) -> str:
    """Return where a bundle of log entries is served: `tile/entries/<N>[.p/<W>]`."""
    return f"tile/entries/{_place(n, width)}"


def append(tree: Tree, digests: Sequence[bytes]) -> tuple[Tree, dict[str, bytes]]:
    """Append log entries; return the tree that follows and the files that are new, the entries' bundles first.

    Raises ValueError for a digest that is not 32 bytes.
    """
    if any(len(digest) != HASH_SIZE for digest in digests):
        raise ValueError(f"a log entry is a digest of {HASH_SIZE} bytes")
    if not digests:
        return tree, {}
    bundled = b"".join(len(digest).to_bytes(2) + digest for digest in digests)
    files: dict[str, bytes] = {}
    bundle = b""
    for n, rows in _rows(tree.size, tree.bundle + bundled, BUNDLED_SIZE):
        width = len(rows) // BUNDLED_SIZE
        files[bundle_path(n, width)] = rows
        bundle = rows if width < WIDTH else b""
    edge = list(tree.edge)
    fresh = b"".join(merkle.leaf_hash(digest) for digest in digests)
    level = 0
    while fresh:
        kept = edge[level] if level < len(edge) else b""
        rest, above = b"", b""
        for n, rows in _rows(tree.size >> HEIGHT * level, kept + fresh, HASH_SIZE):
            width = len(rows) // HASH_SIZE
            files[tile_path(level, n, width)] = rows
            if width == WIDTH:
                above += _subtrees(rows)[0]
            else:
                rest = rows
        edge[level : level + 1] = [rest]
        fresh, level = above, level + 1
    return Tree(tree.size + len(digests), tuple(edge), bundle), files


def load(size: int, read: Read) -> Tree:
    """Read the edge of a tree of `size` leaves back from its tiles: what a sequencer does when it starts."""
    levels = range((size.bit_length() + HEIGHT - 1) // HEIGHT)
    edge = (_partial(read, partial(tile_path, level), size >> HEIGHT * level, HASH_SIZE) for level in levels)
    return Tree(size, tuple(edge), _partial(read, bundle_path, size, BUNDLED_SIZE))


def subtree(read: Read, size: int) -> merkle.Subtree:
    """See the tree of `size` leaves through its tiles; each file is read once and each hash computed once."""
    files: dict[tuple[int, int], bytes] = {}
    hashes: dict[tuple[int, int], bytes] = {}  # neighbours' paths share most of theirs

    def tile(level: int, n: int) -> bytes:
        if (level, n) not in files:
            width = min(WIDTH, (size >> HEIGHT * level) - n * WIDTH)
            files[level, n] = _fetch(read, partial(tile_path, level, n), width, HASH_SIZE)
        return files[level, n]

    def hash_of(height: int, n: int) -> bytes:
        if (height, n) not in hashes:
            level, within = divmod(height, HEIGHT)
            if within:
                hashes[height, n] = merkle.node_hash(hash_of(height - 1, 2 * n), hash_of(height - 1, 2 * n + 1))
            else:
                at = n % WIDTH * HASH_SIZE
                hashes[height, n] = tile(level, n // WIDTH)[at : at + HASH_SIZE]
        return hashes[height, n]

    return hash_of


def root(read: Read, size: int) -> bytes:
    """Return the root of `size` leaves from the tiles."""
    return merkle.root(subtree(read, size), size)


def inclusion(read: Read, index: int, size: int) -> list[bytes]:
    """Return the inclusion path of a leaf from the tiles. Raises ValueError when it is not in the tree."""
    return merkle.inclusion(subtree(read, size), index, size)


def consistency(read: Read, first: int, second: int) -> list[bytes]:
    """Return the consistency proof between two sizes from the tiles of the second. Raises ValueError."""
    return merkle.consistency(subtree(read, second), first, second)


def needed(indexes: Iterable[int], size: int) -> list[str]:
    """Name the tiles that the inclusion paths of these leaves read, so that a caller can load them together."""
    paths: dict[str, None] = {}
    tree = subtree(_noting(paths), size)
    for index in indexes:
        merkle.inclusion(tree, index, size)
    return list(paths)


def proving(first: int, second: int) -> list[str]:
    """Name the tiles that the consistency proof between two sizes reads, so that a caller can load them together."""
    paths: dict[str, None] = {}
    consistency(_noting(paths), first, second)
    return list(paths)


def digests(bundle: bytes) -> list[bytes]:
    """Read the log entries of a bundle. Raises ValueError for a bundle that is not made of 32-byte entries."""
    rows = [bundle[at : at + BUNDLED_SIZE] for at in range(0, len(bundle), BUNDLED_SIZE)]
    if any(len(row) != BUNDLED_SIZE or row[:2] != HASH_SIZE.to_bytes(2) for row in rows):
        raise ValueError("an entry bundle holds 32-byte digests, each behind its length")
    return [row[2:] for row in rows]


def _noting(paths: dict[str, None]) -> Read:
    def note(path: str) -> bytes:
        paths[path] = None
        return bytes(WIDTH * HASH_SIZE)

    return note


def _place(n: int, width: int) -> str:
    if n < 0 or not 1 <= width <= WIDTH:
        raise ValueError(f"there is no tile {n} of width {width}")
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03}")
    return "/".join(reversed(groups)) + (f".p/{width}" if width < WIDTH else "")


def _rows(count: int, rows: bytes, row_size: int) -> Iterator[tuple[int, bytes]]:
    """Cut rows that begin with the partial tile of a level holding `count` of them into tiles, numbered."""
    step = WIDTH * row_size
    return ((count // WIDTH + i, rows[at : at + step]) for i, at in enumerate(range(0, len(rows), step)))


def _subtrees(rows: bytes) -> list[bytes]:
    """Hash neighbours upwards into the fewest complete subtrees, the largest first."""
    found: list[bytes] = []
    level = [rows[at : at + HASH_SIZE] for at in range(0, len(rows), HASH_SIZE)]
    while level:
        if len(level) % 2:
            found.append(level.pop())
        level = [merkle.node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return found[::-1]


def _partial(read: Read, path: Callable[[int, int], str], count: int, row_size: int) -> bytes:
    n, width = divmod(count, WIDTH)
    return _fetch(read, partial(path, n), width, row_size) if width else b""


def _fetch(read: Read, path: Callable[[int], str], width: int, row_size: int) -> bytes:
    """Read a tile of this width, or the full tile that has since replaced it (tlog-tiles, Partial Tiles)."""
    try:
        rows = read(path(width))
    except (KeyError, FileNotFoundError):
        if width == WIDTH:
            raise
        rows = read(path(WIDTH))
    if len(rows) < width * row_size:
        raise ValueError(f"{path(width)} is cut: {len(rows)} bytes")
    return rows[: width * row_size]
