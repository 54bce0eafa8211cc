"""What fastparquet reads, compared with the source of a file, in a process of its own: some files it does not survive.

It is a program: a line of JSON in (path, source, names), a line out: null, or what is wrong. It reads decimals as
floats, NaN and null as one, and elements of lists as the physical type has them."""
import decimal
import functools
import itertools
import json
import subprocess
import sys
import threading

import fastparquet
import numpy
import pyarrow as pa
import pyarrow.parquet as pq

NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def is_list(kind):
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def whole(values):
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    values = values.storage if isinstance(values, pa.BaseExtensionType) or isinstance(values.type, pa.BaseExtensionType) else values
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def exactly(nanoseconds, kind):
    """Nanoseconds in the unit of the type."""
    factor = 86400 * 10**9 if pa.types.is_date32(kind) else NS[kind.unit]
    assert nanoseconds % factor == 0, nanoseconds
    return nanoseconds // factor


def alike(found, wanted, kind):
    """Decimals are floats to it, but not always."""
    if pa.types.is_decimal(kind) and isinstance(found, float) and wanted is not None:
        return abs(found - wanted / 10**kind.scale) <= 1e-14 * abs(found)
    return repr(found) == repr(wanted)


def all_alike(found, wanted, kind):
    if found is None or wanted is None:
        return found is wanted
    return len(found) == len(wanted) and all(alike(a, b, kind) for a, b in zip(found, wanted))


def raw(value, kind):
    """A value of fastparquet's, as the physical type has it where it does not know better."""
    if value is None:
        return None
    if isinstance(value, bytes) and not pa.types.is_binary(kind) and not pa.types.is_string(kind):
        value = value.ljust(16 if pa.types.is_decimal(kind) else kind.byte_width, b"\0")  # numpy cuts zeros at the end
    if pa.types.is_float16(kind):
        value = float(numpy.frombuffer(value, "<f2")[0])
    if pa.types.is_unsigned_integer(kind):
        return int(value) % 2**kind.bit_width
    if pa.types.is_decimal(kind) and isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)
    if isinstance(value, numpy.datetime64):
        return exactly(int(value.astype("datetime64[ns]").astype("int64")), kind)
    value = value.item() if isinstance(value, numpy.generic) else value
    return None if value != value else value


def wanted_raw(value, kind):
    """NaN and null are one to it."""
    if value is None or value != value:
        return None
    if pa.types.is_decimal(kind):
        return int(value.scaleb(kind.scale, decimal.Context(prec=60)))
    return value


def plain_of(values):
    """As Python values: times, dates and decimals as integers."""
    values = whole(values)
    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        values = values.cast(pa.int64())
    elif pa.types.is_date32(kind) or pa.types.is_time32(kind):
        values = values.cast(pa.int32())
    return [wanted_raw(value, kind) for value in values.to_pylist()]


def series_values(series, kind):
    """A flat column of fastparquet's."""
    missing = series.isna().tolist()
    if series.dtype.kind == "M":
        unit = numpy.datetime_data(series.dtype)[0] if isinstance(series.dtype, numpy.dtype) else series.dt.unit
        numbers = [value * NS[unit] for value in series.astype("int64").tolist()]
        return [None if none else exactly(value, kind) for none, value in zip(missing, numbers)]
    return [None if none else raw(value, kind) for none, value in zip(missing, series.tolist())]


def same_as_given(series, given):
    kind = given.type
    if is_list(kind):
        element = kind.value_type.storage_type if isinstance(kind.value_type, pa.BaseExtensionType) else kind.value_type
        lengths, elements = whole(given).value_lengths().to_pylist(), iter(plain_of(whole(given).flatten()))
        wanted = [None if length is None else list(itertools.islice(elements, length)) for length in lengths]
        found = [None if value is None or isinstance(value, float) else [raw(one, element) for one in value] for value in series.tolist()]
        return len(found) == len(wanted) and all(all_alike(a, b, element) for a, b in zip(found, wanted))
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return all_alike(series_values(series, kind), plain_of(given), kind)


# ---- the program ----


@functools.lru_cache(maxsize=8)
def source(path):
    return pq.ParquetFile(path).read()


def problem_of(path, origin, names):
    given = source(origin)
    try:
        frame = fastparquet.ParquetFile(path).to_pandas(columns=names)
        wrong = [name for name in names if not same_as_given(frame[name], given[name])]
    except Exception as error:  # noqa: BLE001: whatever it is, it is not read
        return f"{type(error).__name__}: {error}"
    return f"{wrong} have other values" if wrong else None


def main():
    for line in sys.stdin:
        print(json.dumps(problem_of(*json.loads(line))), flush=True)


class Worker:
    """The program; one that ends or hangs is a problem of the file, and the next file has a new one."""

    def __init__(self, timeout_s=60):
        self.process, self.timeout_s = None, timeout_s

    def problem_of(self, path, origin, names):
        if not self.process:
            self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        timer = threading.Timer(self.timeout_s, self.process.kill)
        timer.start()
        self.process.stdin.write((json.dumps([str(path), str(origin), names]) + "\n").encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        timer.cancel()
        if line:
            return json.loads(line)
        return f"it ended with {self.close()}"

    def close(self):
        if not self.process:
            return None
        self.process.stdin.close()
        code = self.process.wait(self.timeout_s)
        self.process.stdout.close()
        self.process = None
        return code


if __name__ == "__main__":
    main()
