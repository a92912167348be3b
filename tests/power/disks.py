"""The disks that a power cut can leave, rebuilt from recorded steps.

Contents: a write that no sync of its file followed is missing, or there, or torn (whole sectors of 512 bytes from its
beginning), or its sectors and those of other such writes arrived in any order.

Names (creations, renames, links, removals): in the order of a file system's journal, where a sync of any folder or new
file brings everything before; or as POSIX alone promises, where a name is durable only by a sync of its folder. A
rename within a folder is atomic. A rename between folders may leave both names; no file system leaves neither.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.power.recording import CREATE, FOLDER, LINK, MARK, REMOVE, RENAME, SYNC, TRUNCATE, WRITE, Recording, Step

SECTOR = 512
CONTENTS = ("none", "all", "torn", "reordered", "mixed")
JOURNAL, STRICT = "journal", "strict"
NAMES = tuple(f"{order}, {kept}" for order in (JOURNAL, STRICT) for kept in ("none", "all", "some"))


@dataclass
class File:
    """A file: its changes in their order, and how many of them a sync has made durable."""

    changes: list[Step] = field(default_factory=list)
    synced: int = 0


@dataclass
class Directory:
    """A folder: the number of the name changes that a sync of the folder has made durable."""

    synced: int = 0


Node = File | Directory


@dataclass(frozen=True)
class Change:
    """A change of names in one folder, whole or not at all: name → node, None for a name that goes.

    `needs` are the changes without which this one is on no disk.
    """

    folder: Directory
    names: dict[str, Node | None]
    needs: tuple[int, ...] = ()


@dataclass(frozen=True)
class State:
    """A disk after a cut: the step after the cut, the rest of contents and names, and the seed of chance."""

    cut: int
    contents: str
    names: str
    seed: int

    def __str__(self) -> str:
        return f"cut {self.cut}, contents {self.contents}, names {self.names}, seed {self.seed}"


def rebuild(recording: Recording, state: State, target: Path) -> None:
    """Write the disk after the cut into a new folder."""
    disk = Disk(recording.root_inode).replay(recording.steps[: state.cut])
    disk.write_to(target, state.contents, state.names, random.Random(state.seed))


class Disk:
    """All that the steps before the cut did, and what of that was synced."""

    def __init__(self, root_inode: int) -> None:
        self.root = Directory()
        self.changes: list[Change] = []
        self._entries: dict[int, dict[str, Node]] = {id(self.root): {}}
        self._made: dict[int, int] = {}
        self._by_inode: dict[int, Node] = {root_inode: self.root}
        # In a journal everything before this change is durable.
        self._journalled = 0

    def replay(self, steps: Iterable[Step]) -> "Disk":
        """Do the steps."""
        for step in steps:
            if step.kind != MARK:
                getattr(self, f"_{STEPS[step.kind]}")(step)
        return self

    # ---- steps

    def _create(self, step: Step) -> None:
        self._add(step.path, File(), step.inode)

    def _make_folder(self, step: Step) -> None:
        made = Directory()
        self._entries[id(made)] = {}
        self._add(step.path, made, step.inode)

    def _link(self, step: Step) -> None:
        self._add(step.path, self._by_inode[step.inode], step.inode)

    def _add(self, path: str, node: Node, inode: int) -> None:
        self._by_inode[inode] = node
        folder, name = self._find(path)
        self._made[id(node)] = len(self.changes)
        self._change(folder, {name: node})

    def _remove(self, step: Step) -> None:
        folder, name = self._find(step.path)
        self._change(folder, {name: None})

    def _rename(self, step: Step) -> None:
        old_folder, old = self._find(step.first.decode())
        folder, name = self._find(step.path)
        node = self._entries[id(old_folder)][old]
        if folder is old_folder:
            self._change(folder, {old: None, name: node})
            return
        self._change(folder, {name: node})
        self._change(old_folder, {old: None}, (len(self.changes) - 1, *self._made_above(folder)))

    def _find(self, path: str) -> tuple[Directory, str]:
        *folders, name = path.split("/")
        found = self.root
        for one in folders:
            inner = self._entries[id(found)][one]
            assert isinstance(inner, Directory)
            found = inner
        return found, name

    def _made_above(self, folder: Directory) -> Iterator[int]:
        """Yield the changes that made the folder and the folders above."""
        while (made := self._made.get(id(folder))) is not None:
            yield made
            folder = self.changes[made].folder

    def _change(self, folder: Directory, names: dict[str, Node | None], needs: tuple[int, ...] = ()) -> None:
        self.changes.append(Change(folder, names, needs))
        _apply(self._entries[id(folder)], names)

    def _write(self, step: Step) -> None:
        if step.first or step.kind == TRUNCATE:
            self._file(step).changes.append(step)

    def _file(self, step: Step) -> File:
        found = self._by_inode[step.inode]
        assert isinstance(found, File)
        return found

    def _sync(self, step: Step) -> None:
        node = self._by_inode[step.inode]
        if isinstance(node, File):
            node.synced = len(node.changes)
            self._journalled = max(self._journalled, self._made[id(node)] + 1)
        else:
            node.synced = self._journalled = len(self.changes)

    # ---- what is left

    def names_left(self, names: str, chance: random.Random) -> list[int]:
        """Return the numbers of the name changes that are on the disk, in their order."""
        order, kept = names.split(", ")
        if order == JOURNAL:
            least, most = self._journalled, len(self.changes)
            return list(range({"none": least, "all": most, "some": chance.randint(least, most)}[kept]))
        share = {"none": 0.0, "all": 1.0, "some": chance.random()}[kept]
        left: set[int] = set()
        for number, change in enumerate(self.changes):
            if number < change.folder.synced or chance.random() < share:
                left |= {number, *change.needs}
        return sorted(left)

    def write_to(self, target: Path, contents: str, names: str, chance: random.Random) -> None:
        """Write such a disk into a new folder."""
        entries: dict[int, dict[str, Node]] = {}
        for number in self.names_left(names, chance):
            change = self.changes[number]
            _apply(entries.setdefault(id(change.folder), {}), change.names)
        written: dict[int, Path] = {}

        def write_folder(folder: Directory, path: Path) -> None:
            path.mkdir(mode=0o700)
            for name, node in sorted(entries.get(id(folder), {}).items()):
                if isinstance(node, Directory):
                    write_folder(node, path / name)
                elif id(node) in written:
                    (path / name).hardlink_to(written[id(node)])
                else:
                    written[id(node)] = path / name
                    (path / name).write_bytes(content_left(node, contents, chance))
                    (path / name).chmod(0o600)

        write_folder(self.root, target)


STEPS = {
    CREATE: "create",
    WRITE: "write",
    TRUNCATE: "write",
    SYNC: "sync",
    RENAME: "rename",
    LINK: "link",
    REMOVE: "remove",
    FOLDER: "make_folder",
}


def _apply(entries: dict[str, Node], names: dict[str, Node | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


# ---- contents


def content_left(file: File, contents: str, chance: random.Random) -> bytes:
    """Return the content of a file after the cut."""
    if contents == "mixed":
        contents = chance.choice(CONTENTS[:-1])
    durable, unsynced = file.changes[: file.synced], file.changes[file.synced :]
    content = bytearray()
    _do(content, durable)
    if contents == "all":
        _do(content, unsynced)
    elif contents == "torn":
        _do(content, _torn(unsynced, chance))
    elif contents == "reordered":
        _reorder(content, unsynced, chance)
    return bytes(content)


def _do(content: bytearray, changes: Iterable[Step]) -> None:
    for change in changes:
        if change.kind == TRUNCATE:
            _resize(content, change.offset)
        else:
            _put(content, change.offset, change.first)


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _put(content: bytearray, offset: int, written: bytes) -> None:
    if len(content) < offset:
        _resize(content, offset)
    content[offset : offset + len(written)] = written


def _torn(unsynced: list[Step], chance: random.Random) -> list[Step]:
    """Return the first of the writes, the last of them cut at a sector."""
    if not unsynced:
        return []
    whole = unsynced[: chance.randrange(len(unsynced))]
    pieces = sectors(unsynced[len(whole)])
    return whole + pieces[: chance.randrange(len(pieces) + 1)]


def _reorder(content: bytearray, unsynced: list[Step], chance: random.Random) -> None:
    """Do some sectors of the writes. The file may have its new size although sectors are missing: those are zeros."""
    after = bytearray(content)
    _do(after, unsynced)
    share = chance.choice((0.2, 0.5, 0.8))
    _do(content, [piece for change in unsynced for piece in sectors(change) if chance.random() < share])
    if len(content) < len(after) and chance.random() < 0.5:
        _resize(content, len(after))


def sectors(change: Step) -> list[Step]:
    """Return a write as the writes of its sectors; the change of a size is a single one."""
    if change.kind == TRUNCATE:
        return [change]
    pieces, place = [], 0
    while place < len(change.first):
        end = place + SECTOR - (change.offset + place) % SECTOR
        pieces.append(Step(WRITE, change.inode, change.offset + place, change.first[place:end], b""))
        place = end
    return pieces
