"""The rebuilt disks, of steps made by hand."""

import random

from tests.power import disks
from tests.power.disks import SECTOR, Disk
from tests.power.recording import CREATE, FOLDER, RENAME, SYNC, WRITE, Step

ROOT, DATA, FILE, OTHER = 1, 2, 3, 4
PAGE = b"1" * 4096


def step(kind: str, inode: int = 0, first: bytes = b"", second: bytes = b"", offset: int = 0) -> Step:
    return Step(kind, inode, offset, first, second)


BEGUN = [step(FOLDER, DATA, b"data"), step(SYNC, ROOT), step(CREATE, FILE, b"data/a"), step(SYNC, DATA)]


def left_by(steps: list[Step], contents: str, names: str, tries: int = 30) -> list[dict[str, bytes]]:
    """The different disks that chance makes of the steps."""
    found: list[dict[str, bytes]] = []
    for seed in range(tries):
        chance, disk = random.Random(seed), Disk(ROOT).replay(steps)
        entries: dict[int, dict[str, disks.Node]] = {}
        for number in disk.names_left(names, chance):
            change = disk.changes[number]
            disks._apply(entries.setdefault(id(change.folder), {}), change.names)
        data = entries.get(id(disk.root), {}).get("data")
        inside = entries.get(id(data), {}) if data else {}
        left = {name: disks.content_left(node, contents, chance) for name, node in inside.items()}
        if left not in found:
            found.append(left)
    return found


def test_what_was_synced_is_on_every_disk():
    steps = [*BEGUN, step(WRITE, FILE, PAGE), step(SYNC, FILE)]
    for contents in disks.CONTENTS:
        for names in disks.NAMES:
            assert left_by(steps, contents, names) == [{"a": PAGE}]


def test_a_write_without_a_sync_is_there_or_not_or_in_part():
    steps = [*BEGUN, step(WRITE, FILE, PAGE), step(SYNC, FILE), step(WRITE, FILE, b"2" * 4096)]
    assert left_by(steps, "none", "strict, none") == [{"a": PAGE}]
    assert left_by(steps, "all", "strict, none") == [{"a": b"2" * 4096}]
    torn = [left["a"] for left in left_by(steps, "torn", "strict, none")]
    assert len(torn) > 5 and all(page == page.replace(b"1", b"").ljust(4096, b"1") for page in torn)
    assert {page.count(b"2") % SECTOR for page in torn} == {0}
    reordered = [left["a"] for left in left_by(steps, "reordered", "strict, none")]
    assert any(page.startswith(b"1") and b"2" in page for page in reordered)


def test_a_rename_before_the_sync_of_its_file_leaves_an_empty_file():
    steps = [
        *BEGUN,
        step(CREATE, OTHER, b"data/b"),
        step(WRITE, OTHER, PAGE),
        step(RENAME, OTHER, b"data/b", b"data/a"),
    ]
    assert left_by(steps, "none", "journal, all") == [{"a": b""}]
    assert left_by(steps, "none", "journal, none") == [{"a": b""}]
    assert {"a": b"", "b": b""} in left_by(steps, "none", "journal, some")


def test_strict_names_need_the_sync_of_their_folder_and_journalled_ones_of_any():
    steps = [*BEGUN, step(CREATE, OTHER, b"data/b"), step(WRITE, OTHER, PAGE), step(SYNC, OTHER)]
    assert left_by(steps, "all", "strict, none") == [{"a": b""}]
    assert left_by(steps, "all", "journal, none") == [{"a": b"", "b": PAGE}]
    assert left_by([*steps, step(SYNC, DATA)], "all", "strict, none") == [{"a": b"", "b": PAGE}]
    assert left_by(
        [step(FOLDER, DATA, b"data"), step(CREATE, FILE, b"data/a"), step(SYNC, DATA)], "all", "strict, none"
    ) == [{}]


def test_a_rename_between_folders_never_loses_the_file():
    other = [step(FOLDER, OTHER, b"data/aside"), step(RENAME, FILE, b"data/a", b"data/aside/a"), step(SYNC, DATA)]
    disk = Disk(ROOT).replay([*BEGUN, *other])
    assert disk.names_left("strict, none", random.Random(0)) == [0, 1, 2, 3, 4]
