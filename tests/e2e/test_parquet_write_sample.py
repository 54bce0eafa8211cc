"""A part of the matrix of Parquet files that we write, for `make test`; all of it is test_parquet_write.py's."""
import parquet_write_matrix


def test_a_sample_of_what_we_write_is_read_equal(tmp_path):
    print(parquet_write_matrix.read_equal(parquet_write_matrix.some_of(parquet_write_matrix.cases(), 41), tmp_path))
