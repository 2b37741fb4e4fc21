from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.tracking.log import merkle, tiles
from services.tracking.log.tiles import Tree


def digest(n: int) -> bytes:
    return sha256(n.to_bytes(8)).digest()


def grow(*batches: int) -> tuple[Tree, dict[str, bytes]]:
    tree, files = Tree(), {}
    for count in batches:
        tree, new = tiles.append(tree, [digest(tree.size + n) for n in range(count)])
        files.update(new)
    return tree, files


LEAVES = [merkle.leaf_hash(digest(n)) for n in range(1400)]


def test_paths_follow_tlog_tiles() -> None:
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert tiles.bundle_path(1000) == "tile/entries/x001/000"
    assert tiles.bundle_path(273, 112) == "tile/entries/273.p/112"
    for wrong in [(64, 0, 256), (0, -1, 256), (0, 0, 0), (0, 0, 257)]:
        with pytest.raises(ValueError, match=r"tile"):
            tiles.tile_path(*wrong)


def test_a_tree_of_70000_has_the_tiles_the_specification_counts() -> None:
    tree, files = grow(70_000)
    hashes = {path: len(body) // 32 for path, body in files.items() if "entries" not in path}
    assert sum(path.startswith("tile/0/") and width == 256 for path, width in hashes.items()) == 273
    assert hashes["tile/0/273.p/112"] == 112
    assert hashes["tile/1/000"] == 256
    assert hashes["tile/1/001.p/17"] == 17
    assert hashes["tile/2/000.p/1"] == 1
    assert tree.root == tiles.root(files.__getitem__, 70_000)


def test_a_tree_of_256_has_a_partial_tile_above() -> None:
    _, files = grow(256)
    assert sorted(files) == ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]
    assert files["tile/1/000.p/1"] == merkle.root(merkle.in_memory(LEAVES), 256)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=5), st.data())
def test_however_it_grew_the_tree_is_the_same_and_its_proofs_hold(batches: list[int], data: st.DataObject) -> None:
    tree, files = grow(*[min(count, 280) for count in batches])
    read = merkle.in_memory(LEAVES)
    assert tree.root == merkle.root(read, tree.size)
    assert tiles.load(tree.size, files.__getitem__) == tree
    if not tree.size:
        return
    index = data.draw(st.integers(0, tree.size - 1))
    needed = {path: files[path] for path in tiles.needed([index], tree.size)}
    assert tiles.inclusion(needed.__getitem__, index, tree.size) == merkle.inclusion(read, index, tree.size)
    first = data.draw(st.integers(1, tree.size))
    assert tiles.consistency(files.__getitem__, first, tree.size) == merkle.consistency(read, first, tree.size)


def test_an_older_size_is_read_from_the_full_tile_that_replaced_its_partial_one() -> None:
    _, files = grow(100, 400)
    for path in [path for path in files if ".p/" in path and path != "tile/0/001.p/244"]:
        del files[path]
    assert tiles.root(files.__getitem__, 100) == merkle.root(merkle.in_memory(LEAVES), 100)


def test_bundles_hold_the_digests_in_order() -> None:
    _, files = grow(200, 100)
    assert tiles.digests(files["tile/entries/000"]) == [digest(n) for n in range(256)]
    assert tiles.digests(files["tile/entries/001.p/44"]) == [digest(n) for n in range(256, 300)]
    with pytest.raises(ValueError, match="32-byte"):
        tiles.digests(files["tile/entries/000"][:-1])


def test_only_digests_are_appended_and_nothing_changes_nothing() -> None:
    tree, _ = grow(3)
    assert tiles.append(tree, []) == (tree, {})
    with pytest.raises(ValueError, match="32 bytes"):
        tiles.append(tree, [b"short"])


def test_a_cut_tile_is_named() -> None:
    _, files = grow(5)
    files["tile/0/000.p/5"] = files["tile/0/000.p/5"][:-1]
    with pytest.raises(ValueError, match=r"tile/0/000\.p/5 is cut"):
        tiles.root(files.__getitem__, 5)
