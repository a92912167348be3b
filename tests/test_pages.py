"""The pages of the disk that a write costs: a count, the same on every machine."""

import pytest

from tests.bench.pages import count_pages

MOST = {"newjob": 7.7, "take": 7.4, "update": 3.1}


@pytest.fixture(scope="module")
def counted():
    return count_pages()


@pytest.mark.slow
@pytest.mark.parametrize("write", MOST)
def test_a_write_costs_few_pages(counted, write):
    assert counted[write] <= MOST[write], counted
