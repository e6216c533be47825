"""The one registry of actions: bindings, footer, help, command palette and the key table in the manual."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where an action's keys work."""

    TREE = "tree"
    DETAIL = "detail"
    MAIN = "main"
    MENU = "menu"
    """Only in the menu of actions: no stray key can change anything."""
    INPUT = "input"
    EVERYWHERE = "everywhere"


class Topic(StrEnum):
    """What an action is about: the headings of the help."""

    MOVE = "Move"
    VIEW = "View"
    FIND = "Find"
    MARK = "Mark"
    LIVE = "Live"
    CHANGE = "Change"
    PROGRAM = "Program"


class Action(NamedTuple):
    """Something that a key does. What changes the host is in the menu of actions only, behind a plan."""

    id: str
    """Also the name under which a user may give it other keys."""
    call: str
    """Textual's action, as in ``move(1)``."""
    keys: tuple[str, ...]
    title: str
    help: str
    scope: Scope
    topic: Topic
    footer: str = ""
    """The word for the footer; "" keeps it out."""
    priority: bool = False
    """Whether its keys come before those of whatever has the focus."""
    palette: bool = False
    """Whether the command palette offers it."""
    row: bool = False
    """Whether it is about the row under the cursor: the menu of actions offers it."""

    @property
    def shown_keys(self) -> str:
        """The keys as people write them."""
        return " ".join(_KEY_NAMES.get(key, key) for key in self.keys)


_KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "escape": "esc",
    "colon": ":",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "asterisk": "*",
    "exclamation_mark": "!",
    "backslash": "\\",
    "comma": ",",
    "full_stop": ".",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
}

LEAVE_KEYS = ("ctrl+c", "ctrl+q")
"""Keys that end the program wherever the focus is."""

_T, _D, _M, _I, _E = Scope.TREE, Scope.DETAIL, Scope.MAIN, Scope.INPUT, Scope.EVERYWHERE
_X = Scope.MENU


def _change(verb: str, key: str, title: str, text: str) -> Action:
    """Return the action that asks for a change: its key works in the menu of actions only."""
    return Action(f"change.{verb}", f"change('{verb}')", (key,), title, text, _X, Topic.CHANGE, row=True)


_CHANGES = (
    _change("numvfs", "v", "number of VFs", "Make or remove VFs of a PF."),
    _change("vf set", "a", "policy of the VF", "MAC, VLAN, trust, spoof check, rates and link of a VF."),
    _change("msix", "i", "MSI-X vectors of the VF", "How many interrupts a VF has."),
    _change("port", "o", "devlink port of the VF", "Migratable, state, MAC and queues of the function behind a port."),
    _change("eswitch", "w", "embedded switch", "legacy, or switchdev with representors."),
    _change("unmanaged", "U", "VFs without a host driver",
            "Put a PF on pci-pf-stub, or on vfio-pci with a VF token, and make VFs."),
    _change("bind", "b", "bind a driver", "Give a function a VFIO driver, the host's, or any other."),
    _change("unbind", "u", "unbind the driver", "Take the driver of a function away."),
    _change("group bind", "B", "bind the whole group",
            "Put every function of the IOMMU group on a VFIO driver, bridges left alone."),
    _change("path", "p", "data path",
            "Give a function that nobody holds to the host, make it ready for a guest, or wrap it as an mdev."),
    _change("mdev create", "n", "new mdevs", "Make mdevs of a type."),
    _change("mdev remove", "d", "remove the mdev", "Take an mdev away; its definition stays."),
    _change("mdev define", "e", "define the mdev", "Keep a definition in mdevctl's own file, started at boot or not."),
    _change("mdev undefine", "E", "undefine the mdev", "Take its definition away."),
    _change("state save", "k", "keep the state", "Keep the state of an mdev that nobody holds in a file."),
    _change("state restore", "K", "give a kept state", "Let an mdev go on from a state that was kept."),
    _change("vgpu-type", "t", "vGPU type", "Set or clear the vendor vGPU type of a VF."),
    _change("reset", "r", "reset", "Reset a function; a PF takes its VFs with it."),
    _change("boot save", "S", "save to boot", "Make this device at every boot what it is now, VFs and policy too."),
    _change("boot remove", "F", "save it no more", "Take what is saved of this device out of the file for boot."),
    _change("group type", "g", "default domain of the group", "DMA, DMA-FQ, identity or auto."),
)  # fmt: skip

ACTIONS: tuple[Action, ...] = (
    Action("move.down", "move(1)", ("j", "down"), "down", "Next row.", _T, Topic.MOVE),
    Action("move.up", "move(-1)", ("k", "up"), "up", "Row before.", _T, Topic.MOVE),
    Action("move.collapse", "collapse", ("h", "left"), "close",
           "Close the row; on a closed row or a leaf, go to the row above it in the tree.", _T, Topic.MOVE),
    Action("move.expand", "expand", ("l", "right"), "open", "Open the row; on an open one, go to its first child.",
           _T, Topic.MOVE),
    Action("move.first", "edge(-1)", ("g", "home"), "first", "First row.", _T, Topic.MOVE),
    Action("move.last", "edge(1)", ("G", "end"), "last", "Last row.", _T, Topic.MOVE),
    Action("move.page_down", "page(1)", ("pagedown", "ctrl+f"), "page down", "One page down.", _T, Topic.MOVE),
    Action("move.page_up", "page(-1)", ("pageup", "ctrl+b"), "page up", "One page up.", _T, Topic.MOVE),
    Action("move.half_down", "half(1)", ("ctrl+d",), "half page down", "Half a page down.", _T, Topic.MOVE),
    Action("move.half_up", "half(-1)", ("ctrl+u",), "half page up", "Half a page up.", _T, Topic.MOVE),
    Action("detail.open", "detail", ("enter",), "detail", "Read everything about the row.", _T, Topic.MOVE,
           "detail", row=True),
    Action("detail.down", "scroll(1)", ("j", "down"), "down", "Next line of the detail.", _D, Topic.MOVE, "down"),
    Action("detail.up", "scroll(-1)", ("k", "up"), "up", "Line before.", _D, Topic.MOVE, "up"),
    Action("detail.page_down", "scroll_page(1)", ("pagedown", "ctrl+d", "ctrl+f"), "page down", "One page down.",
           _D, Topic.MOVE, "page"),
    Action("detail.page_up", "scroll_page(-1)", ("pageup", "ctrl+u", "ctrl+b"), "page up", "One page up.",
           _D, Topic.MOVE),
    Action("detail.first", "scroll_edge(-1)", ("g", "home"), "top", "Top of the detail.", _D, Topic.MOVE),
    Action("detail.last", "scroll_edge(1)", ("G", "end"), "bottom", "Bottom of the detail.", _D, Topic.MOVE),
    Action("detail.leave", "leave", ("escape", "enter", "tab", "h", "left"), "back", "Back to the tree.",
           _D, Topic.MOVE, "back to the tree"),
    Action("tab.next", "tab(1)", ("right_square_bracket",), "next tab of the detail",
           "Overview, regions, raw attributes, changes of the row.", _M, Topic.MOVE, "next tab", palette=True),
    Action("tab.previous", "tab(-1)", ("left_square_bracket",), "tab before of the detail", "The other way round.",
           _M, Topic.MOVE, palette=True),
    Action("view.devices", "view('devices')", ("1",), "devices", "Devices: PF, their VFs, mdev types and mdevs.",
           _M, Topic.VIEW, "devices", palette=True),
    Action("view.groups", "view('groups')", ("2",), "groups", "IOMMU groups and their members.",
           _M, Topic.VIEW, "groups", palette=True),
    Action("view.holders", "view('holders')", ("3",), "holders", "Who holds devices: VMs, programs, the host itself.",
           _M, Topic.VIEW, "holders", palette=True),
    Action("view.numa", "view('numa')", ("4",), "numa", "NUMA nodes, root ports and what is behind them.",
           _M, Topic.VIEW, "numa", palette=True),
    Action("view.pulse", "pulse", ("5",), "pulse",
           "Which functions do most: by bytes, interrupts, traps, drops, errors.", _M, Topic.VIEW,
           palette=True),
    Action("view.jobs", "jobs", ("6",), "migrations", "Which migrations go on, how far each is, how they ended.",
           _M, Topic.VIEW, palette=True),
    Action("view.sort", "sort", ("o",), "sort by the next column", "Order siblings by the next column; after the "
           "last, as the host numbers them.", _M, Topic.VIEW, palette=True),
    Action("view.reverse", "reverse", ("O",), "sort the other way", "Turn the order round.", _M, Topic.VIEW,
           palette=True),
    Action("view.wide", "wide", ("w",), "whole width", "Give the tree the whole width, or the detail its place again.",
           _M, Topic.VIEW, palette=True),
    Action("view.back", "back", ("less_than_sign", "backspace"), "back", "To the view, filter and row before.",
           _M, Topic.VIEW, palette=True),
    Action("view.forth", "forth", ("greater_than_sign",), "forth", "The other way again.", _M, Topic.VIEW,
           palette=True),
    Action("jump.holder", "jump('holder')", ("J",), "to its holder", "From a device to the row of who holds it.",
           _M, Topic.VIEW, palette=True, row=True),
    Action("jump.group", "jump('group')", ("I",), "to its IOMMU group", "From a device to its IOMMU group.",
           _M, Topic.VIEW, palette=True, row=True),
    Action("jump.device", "jump('device')", ("D",), "to the device", "From any view to the row among the devices.",
           _M, Topic.VIEW, palette=True, row=True),
    Action("jump.parent", "jump('parent')", ("P",), "to its PF or parent",
           "From a VF to its PF, from an mdev to its parent device.", _M, Topic.VIEW, palette=True, row=True),
    Action("find.filter", "filter", ("slash",), "filter",
           "Show only what matches. Words must all hold: driver:vfio* numa:1 !free vf \"web 2\".",
           _M, Topic.FIND, "filter", palette=True),
    Action("find.jump", "jump_to", ("colon",), "jump",
           "Go to a device, VM, interface, group or view by its name: c1:00.3, web-2, ens1f0, vf 3 of ens1f0.",
           _M, Topic.FIND, "jump", palette=True),
    Action("find.faults", "faults", ("z",), "faults only",
           "Show only what a finding names, as ! tells them; again: everything. In the filter: faulty.",
           _M, Topic.FIND, "faults", palette=True),
    Action("find.findings", "findings", ("exclamation_mark",), "findings",
           "Every finding in full, with its evidence and what to do; enter goes to what it is about.",
           _M, Topic.FIND, palette=True),
    Action("find.undo", "undo_layer", ("escape",), "undo", "Take back one layer: the filter, the pause, the marks.",
           _M, Topic.FIND),
    Action("input.complete", "complete", ("tab",), "complete", "In the filter: complete the word. In a jump: next.",
           _I, Topic.FIND, "complete, next"),
    Action("input.keep", "keep", ("enter", "down"), "keep", "In the filter: keep it. In a jump: go.", _I, Topic.FIND,
           "keep, go"),
    Action("input.cancel", "cancel", ("escape",), "cancel", "In an input: back to what was before.", _I, Topic.FIND,
           "cancel"),
    Action("mark.toggle", "mark", ("space",), "mark", "Mark the row, or take its mark away, and go on to the next.",
           _M, Topic.MARK, palette=True, row=True),
    Action("mark.range", "mark_range", ("v",), "mark up to here", "Mark the rows from the last marked one to here.",
           _M, Topic.MARK, palette=True),
    Action("mark.all", "mark_all", ("asterisk",), "mark all", "Mark every device that the filter leaves.",
           _M, Topic.MARK, palette=True),
    Action("mark.none", "mark_none", ("backslash",), "no marks", "Take all marks away.", _M, Topic.MARK, palette=True),
    Action("live.pause", "pause", ("p",), "pause",
           "Stop painting, keep watching; again: show what changed. In a replay: stop its time.",
           _M, Topic.LIVE, "pause", palette=True),
    Action("live.follow", "follow", ("f",), "follow", "Let the cursor go to whatever changes; again: let it be.",
           _M, Topic.LIVE, palette=True),
    Action("live.slower", "interval(1)", ("plus", "equals_sign"), "longer interval",
           "Look less often; in a replay: play faster.", _M, Topic.LIVE, palette=True),
    Action("live.faster", "interval(-1)", ("minus",), "shorter interval",
           "Look more often; in a replay: play more slowly.", _M, Topic.LIVE, palette=True),
    Action("replay.back", "seek(-10)", ("comma",), "ten seconds back", "In a replay: go ten seconds back.",
           _M, Topic.LIVE, palette=True),
    Action("replay.on", "seek(10)", ("full_stop",), "ten seconds on", "In a replay: go ten seconds on.",
           _M, Topic.LIVE, palette=True),
    Action("replay.far_back", "seek(-600)", ("left_curly_bracket",), "ten minutes back",
           "In a replay: go ten minutes back.", _M, Topic.LIVE, palette=True),
    Action("replay.far_on", "seek(600)", ("right_curly_bracket",), "ten minutes on",
           "In a replay: go ten minutes on.", _M, Topic.LIVE, palette=True),
    Action("change.mode", "write", ("W",), "write mode", "Allow changes of this host, or be read-only again. After ten "
           "minutes without a change it is read-only by itself.", _M, Topic.CHANGE, palette=True),
    Action("change.journal", "journal", ("L",), "journal", "What was changed, by whom, how it ended; z takes one back.",
           _M, Topic.CHANGE, palette=True),
    Action("change.running", "running", ("R",), "the change that is being made",
           "Show it again, with its steps: b there sends it to the background.", _M, Topic.CHANGE, palette=True),
    *_CHANGES,
    Action("change.migrate", "migrate", ("G",), "migrate the VM",
           "Move the VM of the row to a QEMU that waits for it, and follow it; 6 lists migrations.", _X, Topic.CHANGE,
           row=True),
    Action("change.evacuate", "evacuate", ("H",), "evacuate the host",
           "Move all VMs of this host away, some at a time; 6 lists migrations.", _X, Topic.CHANGE, row=True),
    Action("change.undo", "undo_change", ("z",), "undo the last change", "Plan the way back from the last change.",
           _X, Topic.CHANGE, row=True),
    Action("program.copy", "copy_id", ("y",), "copy the id",
           "Copy address, UUID or name, of all marked rows if there are any, to the clipboard of your terminal "
           "(OSC 52); the footer shows it too.", _M, Topic.PROGRAM, "copy", palette=True, row=True),
    Action("program.copy_command", "copy_command", ("Y",), "copy as command",
           "Copy the command that prints what is shown, narrowed to the marked rows or the one under the cursor.",
           _M, Topic.PROGRAM, palette=True, row=True),
    Action("program.menu", "menu", ("x",), "actions here",
           "Everything that can be done with the row, and why not what cannot.", _M, Topic.PROGRAM, "actions"),
    Action("program.theme", "app.next_theme", ("T",), "next theme", "Change colours.", _M, Topic.PROGRAM, palette=True),
    Action("program.palette", "command_palette", ("ctrl+p",), "commands", "Search all commands.",
           _E, Topic.PROGRAM),
    Action("program.help", "help", ("question_mark",), "help", "All keys.", _M, Topic.PROGRAM, "help", palette=True),
    Action("program.leave", "quit", LEAVE_KEYS, "leave whatever hangs",
           "Leave within a second, out of an input too, even when the terminal takes nothing any more.",
           _E, Topic.PROGRAM, priority=True),
    Action("program.quit", "quit", ("q",), "quit", "Leave at once.", _E, Topic.PROGRAM, "quit", palette=True),
)  # fmt: skip
"""Every action, in the order of the help."""


def bindings(scope: Scope) -> list[BindingType]:
    """Return Textual's bindings for the actions of one scope."""
    return [
        Binding(",".join(a.keys), a.call, a.title, show=False, priority=a.priority, id=a.id, tooltip=a.help)
        for a in ACTIONS
        if a.scope is scope
    ]


def footer_actions(scope: Scope = Scope.TREE) -> list[Action]:
    """Return the actions that the footer names while the focus is in the tree, in the detail, or in an input."""
    if scope is Scope.INPUT:
        return [action for action in ACTIONS if action.footer and action.scope is scope]
    if scope is Scope.DETAIL:
        always = {"tab.next", "program.menu", "program.help", "program.quit"}
        return [action for action in ACTIONS if action.footer and (action.scope is scope or action.id in always)]
    others = (Scope.DETAIL, Scope.INPUT)
    return [a for a in ACTIONS if a.footer and a.scope not in others and not a.id.startswith("tab.")]


def on_rows() -> list[Action]:
    """Return the actions about the row under the cursor."""
    return [action for action in ACTIONS if action.row]


def by_topic(actions: Iterable[Action] = ACTIONS) -> dict[Topic, list[Action]]:
    """Return the actions under the headings of the help."""
    topics: dict[Topic, list[Action]] = {topic: [] for topic in Topic}
    for action in actions:
        topics[action.topic].append(action)
    return topics


_PLACES = {
    Scope.TREE: "tree",
    Scope.DETAIL: "detail",
    Scope.MAIN: "tree, detail",
    Scope.MENU: "x, then",
    Scope.INPUT: "input",
    Scope.EVERYWHERE: "everywhere",
}


def key_table() -> str:
    """Return all keys as Markdown tables, one per topic."""
    lines: list[str] = []
    for topic, actions in by_topic().items():
        lines += [f"### {topic}", "", "| keys | where | what it does |", "| --- | --- | --- |"]
        for action in actions:
            keys = " ".join(f"`{key}`" for key in action.shown_keys.split(" "))
            lines.append(f"| {keys} | {_PLACES[action.scope]} | {action.help.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)
