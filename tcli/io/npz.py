"""NumPy's `.npz`: a zip of .npy members. Stored members are mapped, deflated ones unpacked with bounds."""

from __future__ import annotations

from .formats import format
from .listing import Entry, Listing
from .npy import npy_header_bytes, read_npy_header
from .source import BytesInput, Input, clean
from .zips import STORED, ZipFile, metadata_comment

_HEAD = 4096  # enough for any header that NumPy writes


def _entry(archive: ZipFile, member) -> Entry:
    name = member.name.removesuffix(".npy")
    file = archive.file
    head = archive.head(member, _HEAD)
    if len(head) >= 10 and head[6:7] == b"\1" and int.from_bytes(head[8:10], "little") + 10 > len(head):
        head = archive.head(member, 66_000)
    header = read_npy_header(file, f"member {clean(member.name)!r}", head)
    plain = member.method == STORED and not header.big and not header.fortran
    start = archive.start_of(member) + header.start if plain else None
    entry = Entry(name, header.dtype, header.shape, start=start, source=(member, header))
    if header.start + entry.nbytes > member.size:
        raise file.broken(f"member {clean(member.name)!r} claims {entry.nbytes} bytes of values, "
                          f"{member.size - header.start} are there")
    return entry


def _tensor(archive: ZipFile, entry: Entry, buffer):
    from .arrays import mapped_tensor

    member, header = entry.source
    if member.method == STORED:
        data, start = buffer, archive.start_of(member) + header.start
    else:
        data, start = BytesInput(archive.read(member)).buffer(), header.start
    return mapped_tensor(data, entry.dtype, entry.shape, start, big=header.big, fortran=header.fortran)


@format("npz")
class Npz:
    """Arrays by name; comes as a dict of tensors."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        archive = ZipFile(file)
        entries = [_entry(archive, member) for member in archive.members if member.name.endswith(".npy")]
        others = [member.name for member in archive.members if not member.name.endswith(".npy")]
        notes = [f"{len(others)} members are no .npy"] if others else []
        return Listing("npz", entries, archive.metadata(), notes)

    @staticmethod
    def load(file: Input):
        listing = Npz.read_header(file)
        if not listing.entries:
            raise file.broken("the archive holds no .npy member")
        archive, buffer = ZipFile(file), file.buffer()
        return {entry.name: _tensor(archive, entry, buffer) for entry in listing.entries}

    @staticmethod
    def load_one(file: Input, entry: Entry):
        return _tensor(ZipFile(file), entry, file.buffer() if entry.source[0].method == STORED else None)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import named_tensors, prepared, write_values
        from .zip_writer import ZipWriter

        with ZipWriter(stream, metadata_comment((options or {}).get("metadata"))) as archive:
            for name, tensor in named_tensors(value, "a .npz file").items():
                array, dtype = prepared(tensor)
                fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
                header = npy_header_bytes(dtype, array.shape, fortran)
                with archive.member(name + ".npy", len(header) + array.nbytes) as out:
                    out.write(header)
                    write_values(array.T if fortran else array, out)
