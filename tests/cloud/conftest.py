"""The link logs every failure; stories have thousands."""

import logging

import pytest


@pytest.fixture(autouse=True)
def quiet_link():
    logger = logging.getLogger("prjobs.cloud.link")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)
