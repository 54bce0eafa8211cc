"""A part of the matrix of Parquet files by other writers, for `make test`; all of it is test_parquet_matrix.py's."""
import parquet_matrix


def test_a_sample_of_the_matrix_reads_equal(tmp_path):
    print(parquet_matrix.read_equal(parquet_matrix.some_of(parquet_matrix.cases(), 23), tmp_path))
