"""What rows offer: every form that can be opened makes requests that mean something."""

from __future__ import annotations

import pytest

from backend.model.ids import BadIdError
from backend.model.requests import REQUESTS
from backend.ops.codec import request_of
from backend.ops.errors import BadRequest
from backend.present.tree import project
from backend.present.view import View
from tests.pictures import SCENARIOS, picture, simulated
from tui.actions import ACTIONS, Scope
from tui.changes import CHANGES
from tui.dialogs.form import FieldKind

_FREE_TEXT = {"bind": {"named": "vfio-pci"}}


@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_form_as_it_opens_makes_requests_that_can_be_planned(spec: str) -> None:
    doors, _ = simulated(spec)
    host = picture(doors)
    made: set[str] = set()
    for view in View:
        for row in project(host, view).rows.values():
            for verb, change in CHANGES.items():
                if change.why_not(host, row.subject):
                    continue
                form = change.form(host, row.subject)
                values = {field.name: field.value for field in form.fields}
                for field in form.fields:
                    if field.kind is FieldKind.CHOICE:
                        assert field.value in [choice.value for choice in field.choices], (verb, field.name)
                for asked in change.requests(host, row.subject, values | _FREE_TEXT.get(verb, {})):
                    made.add(type(request_of(asked)).verb)
    assert made >= {"bind", "unbind"}


def test_a_device_that_is_none_gives_its_reason() -> None:
    doors, _ = simulated("lab")
    host = picture(doors)
    group = next(iter(host.groups.values()))
    for verb, change in CHANGES.items():
        if not verb.startswith("group"):
            assert change.why_not(host, group), verb


def test_every_change_has_one_action_in_the_menu_and_every_verb_that_rows_can_offer_is_offered() -> None:
    others = {"undo", "migrate", "evacuate"}
    offered = {action.id.partition(".")[2] for action in ACTIONS if action.scope is Scope.MENU} - others
    assert offered == CHANGES.keys()
    assert CHANGES.keys() <= REQUESTS.keys()


def test_keys_of_the_menu_mean_one_thing() -> None:
    keys = [key for action in ACTIONS if action.row for key in action.keys]
    assert len(keys) == len(set(keys))


def test_text_that_is_no_number_is_refused_with_the_name_of_the_field() -> None:
    doors, _ = simulated("duo:hv07")
    host = picture(doors)
    vf = next(device for device in host.devices.values() if device.index is not None)
    change = CHANGES["vf set"]
    form = change.form(host, vf)
    values = {field.name: field.value for field in form.fields} | {"vlan": "forty"}
    with pytest.raises((BadRequest, BadIdError), match="vlan"):
        request_of(change.requests(host, vf, values)[0])
