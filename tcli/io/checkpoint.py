"""PyTorch's checkpoints, `.pt .pth .bin .ckpt`: what `torch.save` wrote, now and since 2017.

A checkpoint is a pickle beside raw storages: in a zip archive, or before PyTorch 1.6 one after the
other in a stream. The pickle is read by `pickles.Reader` with the table below: tensors, storages and
plain containers, nothing else, so no code of the file ever runs. What it yields are `TensorRef`s, which
are enough to list a file; `checkpoint_values` makes tensors of them.
"""

from __future__ import annotations

from ..errors import FileError
from .checkpoint_refs import ArrayRef, Budget, Globals, StorageRef, TensorRef
from .formats import format
from .listing import Entry, Listing
from .pickles import PickleProblem, Reader, Stub
from .source import Input, clean
from .zips import STORED, ZipFile

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MAX_PICKLE = 1 << 30
MAX_NODES = 5_000_000
MAX_DEPTH = 200


class Checkpoint:
    """A checkpoint that has been read but for its values: `tree` and the storages that it refers to."""

    def __init__(self, file: Input, *, lenient: bool = False):
        self.file, self.lenient = file, lenient
        self.storages: dict[str, StorageRef] = {}
        self.unknown: list[str] = []
        self.big = False
        self.archive: ZipFile | None = None
        try:
            self.tree = self._zip() if file.head(4)[:2] == b"PK" else self._stream()
            check_tree(self.tree)
        except PickleProblem as error:
            raise self._explained(error) from None
        except RecursionError:
            raise file.broken("the pickle is nested too deeply") from None

    def _explained(self, error: PickleProblem) -> FileError:
        if error.global_name is not None:
            return self.file.broken(f"Weights only load failed. {clean(error, 200)}", help=(
                "tcli reads tensors and plain containers and runs no code of a file; in PyTorch, save "
                "model.state_dict() instead of the model"))
        return self.file.broken(clean(error, 200) + (f" (byte {error.at} of the pickle)" if error.at else ""))

    def _reader(self, data, at: int = 0) -> Reader:
        self.globals = Globals(self, Budget(len(data)))
        return Reader(data, self.globals.table, self._persistent, at=at, lenient=self.lenient)

    # ------------------------------------------------------------ the archive

    def _zip(self):
        archive = self.archive = ZipFile(self.file)
        pickle = next((m for m in archive.members if m.name == "data.pkl" or m.name.endswith("/data.pkl")), None)
        if pickle is None:
            raise self.file.broken("the archive holds no data.pkl: it is no checkpoint")
        if pickle.size > MAX_PICKLE or pickle.size > max(16 << 20, 50 * pickle.packed):
            raise self.file.broken(f"data.pkl claims {pickle.size} bytes, packed in {pickle.packed}: "
                                   "that is no honest data")
        self.folder = pickle.name.removesuffix("data.pkl")
        order = archive.get(self.folder + "byteorder")
        self.big = order is not None and archive.read(order).strip() == b"big"
        if archive.get(self.folder + "constants.pkl") is not None and not self.lenient:
            raise self.file.broken("this is a TorchScript program, not a checkpoint of tensors",
                                   help="in PyTorch: torch.save(model.state_dict(), path)")
        reader = self._reader(archive.read(pickle))
        tree = reader.load()
        self.unknown = reader.unknown
        return tree

    def _persistent(self, pid) -> StorageRef:
        """The storage that a persistent id names; the same object each time, so that sharing is kept."""
        if not (type(pid) is tuple and len(pid) >= 5 and pid[0] == "storage"):
            if type(pid) is tuple and len(pid) == 4 and pid[0] == "module" and self.archive is None:
                return pid[1]
            raise PickleProblem("a persistent id is no storage")
        _, kind, key, location, count = pid[:5]
        storage = self.globals.storage(kind, key, location, count)
        found = self.storages.setdefault(storage.key, storage)
        if found.dtype != storage.dtype or found.nbytes != storage.nbytes:
            raise PickleProblem(f"storage {clean(storage.key)} has two sizes or types")
        if self.archive is not None and found.start is None and found.member is None:
            self._place_in_archive(found)
        view = pid[5] if len(pid) > 5 else None
        return found if view is None else found.part(view)

    def _place_in_archive(self, storage: StorageRef) -> None:
        member = self.archive.get(f"{self.folder}data/{storage.key}") or \
            self.archive.get(f"{self.folder}tensors/{storage.key}")
        if member is None:
            raise PickleProblem(f"storage {clean(storage.key)!r} is not in the archive")
        if member.size < storage.nbytes:
            raise PickleProblem(f"storage {clean(storage.key)!r} needs {storage.nbytes} bytes, "
                                f"{member.size} are there")
        storage.member = member
        if member.method == STORED:
            storage.start = self.archive.start_of(member)

    # ------------------------------------------------------------ before PyTorch 1.6

    def _stream(self):
        """Magic number, version, system facts, the value, the storages' keys: five pickles; then raw data."""
        file = self.file
        data = file.buffer()
        if file.head(6)[:1] != b"\x80" or file.size < 16:
            raise file.broken("it is neither a zip archive nor a pickle: not a PyTorch checkpoint")
        reader = self._reader(data)
        if reader.load() != LEGACY_MAGIC:
            raise file.broken("this pickle was not written by torch.save", help="tcli reads no other pickles")
        version, facts = reader.load(), reader.load()
        self.big = isinstance(facts, dict) and facts.get("little_endian") is False
        if version != 1001:
            raise file.broken(f"version {clean(version)} of the old checkpoint format is not known")
        tree, keys = reader.load(), reader.load()
        self.unknown = reader.unknown
        self._place_in_stream(keys, reader.at)
        return tree

    def _place_in_stream(self, keys, at: int) -> None:
        """Each storage stands as its number of elements and their bytes, in the order of the keys."""
        file = self.file
        if type(keys) is not list or not all(isinstance(key, str) for key in keys):
            raise file.broken("the list of storages is damaged")
        for key in keys:
            storage = self.storages.get(key)
            count = int.from_bytes(file.exactly(at, 8, f"storage {clean(key)!r}"), "little")
            if storage is None:
                raise file.broken(f"storage {clean(key)!r} belongs to no tensor")
            if count * storage.itemsize != storage.nbytes or at + 8 + storage.nbytes > file.size:
                raise file.broken(f"storage {clean(key)!r} claims {count} elements, its tensors "
                                  f"{storage.nbytes // storage.itemsize}, {file.size - at - 8} bytes are left")
            storage.start = at + 8
            at += 8 + storage.nbytes
        missing = next((s for s in self.storages.values() if s.start is None), None)
        if missing is not None:
            raise file.broken(f"storage {clean(missing.key)!r} is not in the file")


def check_tree(tree) -> None:
    """Bounds what a pickle can unfold to: references are cheap in it, but whoever walks the value pays.

    Counts each value as often as it is reached; refuses cycles, deep nesting and exponential sharing.
    """
    sizes: dict[int, int] = {}
    open_now: set[int] = set()
    todo = [(tree, False)]
    while todo:
        value, done = todo.pop()
        key = id(value)
        if done:
            open_now.discard(key)
            sizes[key] = 1 + sum(sizes.get(id(each), 1) for each in children(value))
            if sizes[key] > MAX_NODES:
                raise PickleProblem("the pickle unfolds to more than five million values")
        elif key in open_now:
            raise PickleProblem("the pickle refers to itself: a cycle")
        elif key not in sizes and has_children(value):
            open_now.add(key)
            if len(open_now) > MAX_DEPTH:
                raise PickleProblem(f"the pickle is nested more than {MAX_DEPTH} levels deep")
            todo.append((value, True))
            todo.extend((each, False) for each in children(value) if has_children(each))


def has_children(value) -> bool:
    return isinstance(value, (dict, list, tuple, set, frozenset)) or type(value) is Stub


def children(value):
    if isinstance(value, dict):
        return value.values()
    if type(value) is Stub:
        return [value.args, value.state, [list(each) if type(each) is tuple else each for each in value.items]]
    return value if has_children(value) else ()


_MODULE_PARTS = ("_parameters", "_buffers", "_modules")


def leaves(tree):
    """(dotted name, value) of everything that is no container, in the order of the file."""
    todo = [("", tree)]
    while todo:
        name, value = todo.pop()
        dot = name + "." if name else ""
        if isinstance(value, dict):
            # A module keeps its tensors in these; its own names do without them.
            todo.extend(reversed([(name if key in _MODULE_PARTS else f"{dot}{clean(key)}", each)
                                  for key, each in value.items()]))
        elif isinstance(value, (list, tuple)) and len(value) <= 100_000 and not _is_plain(value):
            todo.extend(reversed([(f"{dot}{i}", each) for i, each in enumerate(value)]))
        elif type(value) is Stub:
            todo.extend(reversed([(name, each) for each in (value.args, value.state) if each]))
        else:
            yield name, value


def _is_plain(value) -> bool:
    return all(type(each) in (int, float, bool, str, type(None)) for each in value)


@format("pt")
class Pt:
    """What torch.save wrote: tensors in dicts, lists and tuples, with numbers and texts."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        checkpoint = Checkpoint(file, lenient=True)
        entries, metadata = [], checkpoint.archive.metadata() if checkpoint.archive else {}
        for name, value in leaves(checkpoint.tree):
            if type(value) is TensorRef:
                start = value.place() if not checkpoint.big else None
                entries.append(Entry(name, value.dtype, value.shape, start=start, source=value))
            elif type(value) is ArrayRef:
                entries.append(Entry(name, value.dtype_name(), value.shape, len(value.data or b""), source=value))
            elif isinstance(value, (str, int, float, bool)) or value is None or _is_plain_list(value):
                metadata[name or "value"] = value if isinstance(value, (int, float)) else clean(value, 200)
        kind = "PyTorch checkpoint" if checkpoint.archive else "PyTorch checkpoint (before 1.6)"
        return Listing(kind, entries, metadata, notes=_remarks(checkpoint))

    @staticmethod
    def load(file: Input):
        from .checkpoint_values import values_of

        return values_of(Checkpoint(file))

    @staticmethod
    def load_one(file: Input, entry: Entry):
        from .checkpoint_values import one_value

        return one_value(Checkpoint(file, lenient=True), entry.name)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .checkpoint_writer import folder_of, write

        options = options or {}
        write(value, stream, options.get("metadata"), folder_of(options.get("path", "")))


def _is_plain_list(value) -> bool:
    return isinstance(value, (list, tuple)) and _is_plain(value)


def _remarks(checkpoint: Checkpoint) -> list[str]:
    notes = []
    if checkpoint.unknown:
        names = ", ".join(clean(name) for name in dict.fromkeys(checkpoint.unknown[:1000]))
        notes.append(f"holds objects that are not loaded: {clean(names, 200)}")
    if checkpoint.big:
        notes.append("big-endian")
    places = sorted({s.location for s in checkpoint.storages.values() if s.location != "cpu"})
    if places:
        notes.append(f"saved on {', '.join(clean(each) for each in places[:4])}")
    return notes
