"""What the property tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from backend.model.host import Host
from backend.report.document import document_of, encode, json_schema
from tests.properties.schema import Validator


@pytest.fixture(scope="session")
def valid_document() -> Callable[[Host], Any]:
    """Return the function that makes a host's JSON, demands that it is valid, and returns it decoded."""
    validate = Validator(json_schema())

    def check(host: Host) -> Any:
        document = json.loads(encode(document_of(host)))
        validate(document)
        return document

    return check
